#pragma once
// A dispatcher of two interpreters, with hosts that do what the test says, and
// one session, whose home is the first.

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/manual_timers.hpp"
#include "tests/support/trace.hpp"

namespace snakebridge::testing {

class any_fixture : public ::testing::Test {
protected:
  static constexpr std::uint32_t count = 2;
  static inline const destination anywhere{.anywhere = true};

  any_fixture() {
    for (std::uint32_t number = 1; number <= count; ++number) {
      calls->add(number);
      calls->bring_back(number);
    }
    hosts.resize(count);
  }
  ~any_fixture() override { end_session(); }

  fake_host& host(std::uint32_t number) { return *hosts[number - 1]; }
  interpreter_facts facts(std::uint32_t number) const {
    return calls->look(number);
  }

  /// Attaches the next incarnation of an interpreter.
  void attach(std::uint32_t number, fake_manners how = {}) {
    hosts[number - 1] = start(number, how, [=, this](std::string event) {
      happened.add(std::to_string(number) + ":" + std::move(event));
    });
    happened.take();
  }

  static destination at(std::uint32_t number) {
    return {.interpreter = number};
  }

  promised submit(const std::string& name, destination to,
                  steady_clock::time_point deadline = in_time(),
                  cancel_token cancel = {}) {
    auto told = std::make_shared<std::promise<result<value>>>();
    auto asked = asking(verb::call, "fake", name, name);
    asked.cancel = std::move(cancel);
    calls->submit(std::make_shared<exchange>(
      std::move(asked), gate, deadline, to,
      [told](result<value> outcome) { told->set_value(std::move(outcome)); }));
    return told->get_future();
  }

  void die_again_and_again(std::uint32_t number,
                           const std::atomic<bool>& over) {
    while (!over) {
      const auto made = start(number, {.answers_at_once = false}, {});
      for (int i = 0; i < 50; ++i)
        made->finish(i);
      made->die("again");
    }
    calls->close({errc::shutting_down, "over"});
  }

  void end_session() {
    gate->closed = true;
    calls->release(gate->number);
  }

  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  trace happened;
  std::shared_ptr<manual_timers> clock = std::make_shared<manual_timers>();
  std::shared_ptr<dispatcher> calls =
    std::make_shared<dispatcher>(dispatcher_settings{.waiting_max = 8}, clock);
  std::shared_ptr<session_gate> gate = std::make_shared<session_gate>(1, "a");
  std::vector<std::shared_ptr<fake_host>> hosts;

private:
  std::shared_ptr<fake_host> start(std::uint32_t number, fake_manners how,
                                   fake_host::tell trace) {
    const auto epoch = calls->next_epoch(number);
    const auto made = std::make_shared<fake_host>(
      incarnation{"test", number, epoch}, how, std::move(trace));
    made->start({.on_ready =
                   [=, this, weak = std::weak_ptr{made}] {
                     calls->attach(number, weak.lock());
                   },
                 .on_room = [=, this] { calls->pump(number); },
                 .on_end =
                   [=, this, which = made.get()](host_end end) {
                     calls->detach(number, which, epoch, std::move(end));
                   }});
    return made;
  }
};

} // namespace snakebridge::testing
