#pragma once
// One call_queue, with a host that does what the test says.

#include <memory>
#include <string>

#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/trace.hpp"

namespace snakebridge::testing {

class queue_fixture : public ::testing::Test {
protected:
  /// Attaches the next incarnation.
  fake_host& attach(fake_manners how = {}) {
    const auto epoch = queue->next_epoch();
    host = std::make_shared<fake_host>(
      incarnation{"test", 7, epoch}, how,
      [this](std::string event) { happened.add(std::move(event)); });
    host->start({.on_ready = [this] { queue->attach(host); },
                 .on_room = [this] { queue->pump(); },
                 .on_end =
                   [this, epoch, which = host.get()](host_end end) {
                     queue->detach(which, epoch, std::move(end));
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
  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  trace happened;
  std::shared_ptr<timers> deadlines = std::make_shared<thread_timers>();
  std::shared_ptr<call_queue> queue =
    std::make_shared<call_queue>(7, 3, deadlines);
  std::shared_ptr<fake_host> host;
  test_session a{queue, "a"};
  test_session b{queue, "b"};
};

} // namespace snakebridge::testing
