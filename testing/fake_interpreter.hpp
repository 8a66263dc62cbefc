#pragma once
// The host of fake Python: it asks the scripts of its fake_python first. It may
// stand for an interpreter of another node; then what it is asked and answers
// takes its way. Any thread; owned as a real host is.

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/event_based_actor.hpp>
#include <fmt/format.h>

#include <snakebridge/testing.hpp>

#include "bridge/bridge_core.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "testing/fake_host.hpp"

namespace snakebridge::testing {

struct fake_cluster_state;

/// Between a bridge and a node of a fake cluster.
class fake_way {
public:
  std::chrono::nanoseconds time() const {
    const std::lock_guard lock{mutex_};
    return time_;
  }
  void take(std::chrono::nanoseconds time) {
    const std::lock_guard lock{mutex_};
    time_ = time;
  }

  void fall_silent() {
    const std::lock_guard lock{mutex_};
    is_silent_ = true;
  }
  bool is_silent() const {
    const std::lock_guard lock{mutex_};
    return is_silent_;
  }
  /// True: nothing passes, and that runs when it does again.
  bool keeps(std::function<void()> passes) {
    const std::lock_guard lock{mutex_};
    if (is_silent_)
      kept_.push_back(std::move(passes));
    return is_silent_;
  }
  void pass_again() {
    std::vector<std::function<void()>> kept;
    {
      const std::lock_guard lock{mutex_};
      is_silent_ = false;
      kept.swap(kept_);
    }
    for (const auto& each : kept)
      each();
  }

private:
  mutable std::mutex mutex_;
  std::chrono::nanoseconds time_{0};
  bool is_silent_ = false;
  std::vector<std::function<void()>> kept_;
};

/// How an interpreter comes up, and how many calls it takes.
struct fake_start {
  std::chrono::nanoseconds delay{0};
  std::string failure; // empty: it comes up
  std::size_t calls_max = fake_manners{}.accepted_max;
};

/// Shared by a fake Python and the interpreters of its bridges.
struct fake_state {
  std::mutex mutex;
  fake_start next_start;
  std::map<std::string, fake_python::script, std::less<>> scripts;
  std::weak_ptr<fake_cluster_state> cluster; // of bridges that start next
  std::vector<std::weak_ptr<fake_host>> hosts;

  fake_python::script find(std::string_view function) {
    const std::lock_guard lock{mutex};
    const auto place = scripts.find(function);
    return place == scripts.end() ? fake_python::script{} : place->second;
  }

  std::shared_ptr<fake_cluster_state> cluster_of_next() {
    const std::lock_guard lock{mutex};
    return cluster.lock();
  }

  std::vector<std::shared_ptr<fake_host>> living() {
    std::vector<std::shared_ptr<fake_host>> found;
    {
      const std::lock_guard lock{mutex};
      std::erase_if(hosts, [](const auto& each) { return each.expired(); });
      for (const auto& each : hosts)
        if (auto host = each.lock())
          found.push_back(std::move(host));
    }
    // Without the lock: a host looks for its script with its own lock held.
    std::erase_if(found, [](const auto& host) { return !host->is_up(); });
    return found;
  }
};

/// A host that asks the scripts first.
class fake_interpreter final
    : public fake_host,
      public std::enable_shared_from_this<fake_interpreter> {
public:
  fake_interpreter(incarnation self, std::shared_ptr<fake_state> state,
                   caf::actor_system& system, fake_start how,
                   std::chrono::milliseconds start_timeout,
                   std::shared_ptr<fake_way> way = {})
      : fake_host{std::move(self),
                  {.ready_at_once =
                     how.failure.empty() && how.delay.count() == 0,
                   .accepted_max = how.calls_max}},
        state_{std::move(state)},
        system_{system},
        how_{std::move(how)},
        start_timeout_{start_timeout},
        way_{std::move(way)} {}

  void start(host_events events) override {
    fake_host::start(std::move(events));
    if (!how_.failure.empty())
      die(error{errc::startup_failed, how_.failure});
    else if (how_.delay > start_timeout_)
      later(start_timeout_, [this] {
        die(error{errc::startup_failed, fmt::format("not ready within {} ms",
                                                    start_timeout_.count())});
      });
    else if (how_.delay.count() > 0)
      later(how_.delay, [this] { ready(); });
  }

private:
  // What is asked of another node is there once that hears it, and its answer
  // here later by the time of the way.
  std::optional<result<value>> perform(const exchange_ptr& taken) override {
    if (!way_)
      return perform_here(taken);
    if (way_->keeps([this, taken, self = weak_from_this()] {
          if (const auto here = self.lock())
            perform_late(taken);
        }))
      return {};
    auto outcome = perform_here(taken);
    if (!outcome || way_->time() == std::chrono::nanoseconds{0})
      return outcome;
    later({}, [this, taken, outcome] { finish_as(*outcome, taken.get()); });
    return {};
  }

  std::optional<result<value>> perform_here(const exchange_ptr& taken) {
    const auto& what = taken->asked;
    if (auto why = gone(*taken))
      return tl::unexpected{std::move(*why)};
    if (const auto* stream = what.target.get_if<ref>();
        what.what == verb::next && stream != nullptr
        && pace_of(stream->slot).count() > 0) {
      produce(taken, stream->slot, 0);
      return {};
    }
    const auto name = describe(what);
    if (const auto how = state_->find(name))
      return answer(
        taken,
        how(fake_call{what, taken->session->id, [&](std::string type_name) {
                        return make_object(*taken->session,
                                           std::move(type_name));
                      }}));
    if (names_function(what))
      return raised("AttributeError", "no script for '" + name + "'");
    return fake_host::perform(taken);
  }

  std::optional<result<value>> answer(const exchange_ptr& taken,
                                      fake_answer chosen) {
    if (taken->asked.what == verb::stream && chosen.answer_ && *chosen.answer_)
      chosen.answer_ =
        make_stream(*taken->session, **chosen.answer_, chosen.each_);
    const bool dies = !chosen.crash_.empty();
    const bool is_now = chosen.delay_.count() == 0 && !chosen.awaits_;
    if (!dies && !chosen.callback_ && (is_now || !chosen.answer_))
      return std::move(chosen.answer_);
    if (chosen.awaits_)
      let_it_await();
    // Not before we have returned: a host cannot end within `accept`.
    const auto delay = chosen.delay_;
    later(delay, [this, taken, chosen = std::move(chosen)] {
      if (chosen.callback_)
        finish_as(called_back(*taken, chosen), taken.get());
      else if (chosen.answer_)
        finish_as(*chosen.answer_, taken.get());
      else
        die(chosen.crash_);
    });
    return {};
  }

  // One item after the other, until the batch is full or there are no more.
  void produce(const exchange_ptr& taken, std::uint64_t stream,
               std::size_t count) {
    later(pace_of(stream), [this, taken, stream, count] {
      if (taken->answered())
        finish_as(value{}, taken.get()); // its interruption
      else if (!deliver_one(*taken, stream))
        finish_as(value{false}, taken.get());
      else if (count + 1 >= taken->asked.batch.items)
        finish_as(value{true}, taken.get());
      else
        produce(taken, stream, count + 1);
    });
  }

  static result<value> callback_error(std::string message) {
    python_error told;
    told.type = "CallbackError";
    told.module = "snakebridge";
    told.message = std::move(message);
    return tl::unexpected{error{std::move(told)}};
  }

  result<value> called_back(const exchange& in, const fake_answer& chosen) {
    callback_answer told;
    detail::callback_arguments given;
    for (const auto& each : chosen.callback_args_)
      given.positional.push_back(each);
    in.session->callbacks->run_here([&] {
      const callback_scope scope{{.host = shared_from_this(),
                                  .interpreter = in.interpreter,
                                  .executor = in.executor,
                                  .session = in.session->number,
                                  .session_id = in.session->id,
                                  .deadline = in.deadline,
                                  .cancel = in.asked.cancel,
                                  .asked = &in.asked}};
      told = call_back(*chosen.callback_, std::move(given));
    });
    auto outcome = !told.failed ? result<value>{std::move(told.outcome)}
                   : told.type == "TypeError"
                     ? raised("TypeError", told.message)
                     : callback_error(told.message);
    return chosen.then_ ? chosen.then_(std::move(outcome)) : outcome;
  }

  // After that time of the actor system's clock, if this host is there then.
  void later(std::chrono::nanoseconds delay, std::function<void()> due) {
    if (way_) {
      delay += way_->time();
      due = [way = way_, weak = weak_from_this(), due = std::move(due)] {
        const auto heard = [weak, due] {
          if (const auto here = weak.lock())
            due();
        };
        if (!way->keeps(heard))
          heard();
      };
    }
    system_.spawn([delay, weak = weak_from_this(), due = std::move(due)](
                    caf::event_based_actor* self) -> caf::behavior {
      if (delay.count() > 0)
        self->delayed_send(self, delay, caf::unit);
      else
        self->send(self, caf::unit);
      return {[self, weak, due](caf::unit_t) {
        self->quit();
        if (const auto host = weak.lock())
          due();
      }};
    });
  }

  const std::shared_ptr<fake_state> state_;
  caf::actor_system& system_;
  const fake_start how_;
  const std::chrono::milliseconds start_timeout_;
  const std::shared_ptr<fake_way> way_; // null: it is of this node
};

} // namespace snakebridge::testing
