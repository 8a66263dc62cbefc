#pragma once
// A dispatcher of one interpreter, with a host that does what the test says.

#include <memory>
#include <string>

#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/manual_timers.hpp"
#include "tests/support/trace.hpp"

namespace snakebridge::testing {

class dispatcher_fixture : public ::testing::Test {
protected:
  /// Attaches the next incarnation.
  fake_host& attach(fake_manners how = {}) {
    const auto epoch = calls->next_epoch(number);
    host = std::make_shared<fake_host>(
      incarnation{"test", number, epoch}, how,
      [this](std::string event) { happened.add(std::move(event)); });
    host->start({.on_ready = [this] { calls->attach(number, host); },
                 .on_room = [this] { calls->pump(number); },
                 .on_end =
                   [this, epoch, which = host.get()](host_end end) {
                     calls->detach(number, which, epoch, std::move(end));
                   }});
    return *host;
  }

  static operation fake(const std::string& name, value argument = {}) {
    return asking(verb::call, "fake", name, std::move(argument));
  }
  /// Submits `fake.echo(text)`; its answer goes into the trace.
  void echo(test_session& from, const std::string& text) {
    from.submit(fake("echo", text), in_time(),
                [this, text](const result<value>& outcome) {
                  happened.add(text + ":"
                               + (outcome ? "answered"
                                          : std::string{to_string(
                                            outcome.error().code())}));
                });
  }
  interpreter_facts facts() const { return calls->look(number); }
  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  static constexpr std::uint32_t number = 7;

  trace happened;
  std::shared_ptr<manual_timers> clock = std::make_shared<manual_timers>();
  std::shared_ptr<dispatcher> calls = [this] {
    auto made = std::make_shared<dispatcher>(
      dispatcher_settings{.waiting_max = 3}, clock);
    made->add(number);
    made->bring_back(number);
    return made;
  }();
  std::shared_ptr<fake_host> host;
  test_session a{calls, "a", number};
  test_session b{calls, "b", number};
};

} // namespace snakebridge::testing
