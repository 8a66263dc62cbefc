#include <snakebridge/testing.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include <caf/event_based_actor.hpp>
#include <fmt/format.h>

#include "bridge/bridge_core.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "testing/actor_timers.hpp"
#include "testing/fake_host.hpp"

namespace snakebridge::testing {

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
  std::vector<std::weak_ptr<fake_host>> hosts;

  fake_python::script find(std::string_view function) {
    const std::lock_guard lock{mutex};
    const auto place = scripts.find(function);
    return place == scripts.end() ? fake_python::script{} : place->second;
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
                   std::chrono::milliseconds start_timeout)
      : fake_host{std::move(self),
                  {.ready_at_once =
                     how.failure.empty() && how.delay.count() == 0,
                   .accepted_max = how.calls_max}},
        state_{std::move(state)},
        system_{system},
        how_{std::move(how)},
        start_timeout_{start_timeout} {}

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
  std::optional<result<value>> perform(const exchange_ptr& taken) override {
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
};

namespace {

std::unique_ptr<bridge> started(const std::shared_ptr<fake_state>& state,
                                config wanted, caf::actor_system* users) {
  bridge_parts parts;
  parts.hosts = [state](caf::actor_system& system) -> pool_host_factory {
    return [state, &system](const pool& of) -> host_factory {
      return [state, &system,
              start_timeout = of.settings.start_timeout](incarnation self) {
        const std::lock_guard lock{state->mutex};
        auto made = std::make_shared<fake_interpreter>(
          std::move(self), state, system, state->next_start, start_timeout);
        state->hosts.push_back(made);
        return made;
      };
    };
  };
  if (users)
    parts.clock = std::make_shared<actor_timers>(*users);
  return bridge_access::wrap(
    or_throw(bridge_core::start(std::move(wanted), users, std::move(parts))));
}

std::string left_in(const bridge& of) {
  std::string left;
  for (const auto& pool : of.stats().pools)
    for (const auto& each : pool.interpreters)
      if (each.live_objects > 0)
        left += fmt::format("{}{} objects in interpreter {} of pool '{}'",
                            left.empty() ? "" : ", ", each.live_objects,
                            each.id, pool.name);
  if (left.empty())
    return left;
  const auto open = bridge_access::core(of).all_sessions().ids();
  return fmt::format("{}; open sessions: {}", left,
                     open.empty() ? "none"
                                  : fmt::format("{}", fmt::join(open, ", ")));
}

} // namespace

fake_answer fake_answer::raises(std::string type, std::string message) {
  python_error told;
  told.type = std::move(type);
  told.module = "builtins";
  told.message = std::move(message);
  return error{std::move(told)};
}

fake_answer fake_answer::yields(list items, std::chrono::nanoseconds each) {
  fake_answer made{value{std::move(items)}};
  made.each_ = each;
  return made;
}

fake_answer fake_answer::awaits(result<value> answer) {
  fake_answer made{std::move(answer)};
  made.awaits_ = true;
  return made;
}

fake_answer
fake_answer::calls(callback called, list args,
                   std::function<result<value>(result<value>)> then) {
  fake_answer made;
  made.callback_ = std::move(called);
  made.callback_args_ = std::move(args);
  made.then_ = std::move(then);
  return made;
}

fake_answer fake_answer::crash(std::string why) {
  fake_answer made;
  made.crash_ = why.empty() ? "it crashed" : std::move(why);
  return made;
}

fake_answer fake_answer::after(std::chrono::nanoseconds delay) && {
  delay_ = delay;
  return std::move(*this);
}

fake_python::fake_python() : state_{std::make_shared<fake_state>()} {}
fake_python::~fake_python() = default;

fake_python& fake_python::on(std::string function, script how) {
  const std::lock_guard lock{state_->mutex};
  state_->scripts.insert_or_assign(std::move(function), std::move(how));
  return *this;
}

fake_python& fake_python::starts_after(std::chrono::nanoseconds delay) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.failure.clear();
  state_->next_start.delay = delay;
  return *this;
}

fake_python& fake_python::fails_to_start(std::string why) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.failure =
    why.empty() ? "it does not start" : std::move(why);
  return *this;
}

fake_python& fake_python::takes_calls(std::size_t calls_max) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.calls_max = std::max<std::size_t>(calls_max, 1);
  return *this;
}

std::unique_ptr<bridge> fake_python::start(config wanted) const {
  return started(state_, std::move(wanted), nullptr);
}

std::unique_ptr<bridge> fake_python::start(caf::actor_system& on,
                                           config wanted) const {
  return started(state_, std::move(wanted), &on);
}

std::vector<std::string> fake_python::running() const {
  std::vector<std::string> names;
  for (const auto& each : state_->living())
    if (auto name = each->runs(); !name.empty())
      names.push_back(std::move(name));
  return names;
}

bool fake_python::finish(std::string_view function,
                         result<value> answer) const {
  for (const auto& each : state_->living())
    if (each->runs() == function)
      return each->finish_as(std::move(answer));
  return false;
}

void fake_python::crash(const std::string& why) const {
  for (const auto& each : state_->living())
    each->die(why);
}

std::string leaked_refs(const bridge& of, std::chrono::milliseconds patience) {
  static_cast<void>(of.release_auto_session());
  const auto until = steady_clock::now() + patience;
  auto left = left_in(of);
  while (!left.empty() && steady_clock::now() < until) {
    // Somebody else has to run: a session's actor, or a worker.
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    left = left_in(of);
  }
  return left;
}

} // namespace snakebridge::testing
