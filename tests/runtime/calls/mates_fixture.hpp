#pragma once
// The interpreters of a pool that run calls for one another, with hosts that do
// what the test says.

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/trace.hpp"

namespace snakebridge::testing {

class mates_fixture : public ::testing::Test {
protected:
  static constexpr std::uint32_t count = 2;

  mates_fixture() {
    for (std::uint32_t number = 1; number <= count; ++number) {
      queues.push_back(
        std::make_shared<call_queue>(number, 8, deadlines, mates));
      mates->all.emplace_back(queues.back());
    }
    mates->size = count;
    hosts.resize(count);
  }
  ~mates_fixture() override { end_session(); }

  call_queue& queue(std::uint32_t number) { return *queues[number - 1]; }
  fake_host& host(std::uint32_t number) { return *hosts[number - 1]; }

  /// Attaches the next incarnation of an interpreter.
  void attach(std::uint32_t number, fake_manners how = {}) {
    const auto epoch = queue(number).next_epoch();
    auto& made = hosts[number - 1];
    made = std::make_shared<fake_host>(
      incarnation{"test", number, epoch}, how, [=, this](std::string event) {
        happened.add(std::to_string(number) + ":" + std::move(event));
      });
    made->start(
      {.on_ready = [=, this] { queue(number).attach(hosts[number - 1]); },
       .on_room = [=, this] { queue(number).pump(); },
       .on_end =
         [=, this, which = made.get()](host_end end) {
           queue(number).detach(which, epoch, std::move(end));
         }});
    happened.take();
  }

  /// As a lane does.
  bool comes_to(const std::shared_ptr<call_queue>& other) {
    if (gate->closed || !other->join(gate))
      return false;
    joined.push_back(other->interpreter());
    return true;
  }
  call::joiner may_move() {
    return [this](const auto& other) { return comes_to(other); };
  }
  call::joiner stays() { return {}; }

  promised submit(std::uint32_t number, const std::string& name,
                  call::joiner join,
                  steady_clock::time_point deadline = in_time(),
                  cancel_token cancel = {}) {
    auto told = std::make_shared<std::promise<result<value>>>();
    auto asked = asking(verb::call, "fake", name, name);
    asked.cancel = std::move(cancel);
    const auto made = std::make_shared<call>(
      std::move(asked), gate, deadline,
      [told](result<value> outcome) { told->set_value(std::move(outcome)); });
    made->join = std::move(join);
    queue(number).submit(made);
    return told->get_future();
  }

  void die_again_and_again(std::uint32_t number,
                           const std::atomic<bool>& over) {
    auto& mine = queue(number);
    while (!over) {
      const auto epoch = mine.next_epoch();
      const auto made =
        std::make_shared<fake_host>(incarnation{"test", number, epoch},
                                    fake_manners{.answers_at_once = false});
      made->start({.on_ready = [&] { mine.attach(made); },
                   .on_room = [&] { mine.pump(); },
                   .on_end =
                     [&](host_end end) {
                       mine.detach(made.get(), epoch, std::move(end));
                     }});
      for (int i = 0; i < 50; ++i)
        made->finish(i);
      made->die("again");
    }
    mine.close({errc::shutting_down, "over"});
  }

  void end_session() {
    gate->closed = true;
    for (const auto& each : queues)
      each->release(gate->number);
  }

  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  trace happened;
  std::shared_ptr<timers> deadlines = std::make_shared<thread_timers>();
  std::shared_ptr<call_queue_mates> mates =
    std::make_shared<call_queue_mates>();
  std::shared_ptr<session_gate> gate = std::make_shared<session_gate>(1, "a");
  std::vector<std::shared_ptr<call_queue>> queues;
  std::vector<std::shared_ptr<fake_host>> hosts;
  std::vector<std::uint32_t> joined;
};

} // namespace snakebridge::testing
