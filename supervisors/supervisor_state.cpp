#include "supervisors/supervisor_state.hpp"
#include "runtime/base/log.hpp"

#include <caf/exit_reason.hpp>

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace snakebridge {

namespace {

// A factory is user code: what it throws is a start that failed.
caf::expected<caf::actor> make_child(const child_factory& start,
                                     caf::event_based_actor* supervisor) {
  try {
    auto made = start(supervisor);
    if (made && !*made)
      return make_error(supervisor_errc::failed_to_start,
                        "the factory returned no actor");
    return made;
  } catch (const std::exception& thrown) {
    return make_error(supervisor_errc::failed_to_start,
                      fmt::format("the factory threw: {}", thrown.what()));
  } catch (...) {
    return make_error(supervisor_errc::failed_to_start, "the factory threw");
  }
}

void refuse(caf::response_promise& asker) {
  if (asker.pending())
    asker.deliver(
      make_error(supervisor_errc::stopping, "the supervisor is stopping"));
}

} // namespace

supervisor_state::~supervisor_state() {
  refuse_all_waiting();
  refuse_start();
}

caf::behavior supervisor_state::begin(supervisor_spec spec,
                                      caf::actor_addr parent) {
  spec_ = std::move(spec);
  parent_ = std::move(parent);
  window_ = restart_window{spec_.intensity, spec_.period};
  procedure first{aim::first_start};
  if (!is_pool()) {
    for (auto& child : spec_.children)
      first.start.push_back(children_.add(std::move(child)));
    spec_.children.clear();
  }
  for (auto who : first.start)
    children_.find(who)->status = child_status::starting;
  procedure_ = std::move(first);
  return make_behavior();
}

// Goes on until a message is needed. A loop, not a recursion: thousands of
// requests may have been waiting.
void supervisor_state::pump() {
  if (std::exchange(pumping_, true))
    return;
  while (!ended_) {
    if (procedure_ && wait_.what != wait::nothing)
      break;
    if (procedure_) {
      step();
    } else if (!waiting_events_.empty()) {
      auto next = std::move(waiting_events_.front());
      waiting_events_.pop_front();
      next.act();
    } else {
      break;
    }
  }
  pumping_ = false;
}

void supervisor_state::step() {
  auto take = [](std::deque<key>& keys) {
    auto first = keys.front();
    keys.pop_front();
    return first;
  };
  if (procedure_->what == aim::shutdown && is_pool() && !children_.none_alive())
    stop_pool();
  else if (!procedure_->stop.empty())
    stop_child(take(procedure_->stop));
  else if (!procedure_->forget.empty())
    children_.forget(take(procedure_->forget));
  else if (!procedure_->start.empty())
    start_child(take(procedure_->start));
  else
    finish();
}

void supervisor_state::finish() {
  auto done = std::move(*procedure_);
  procedure_.reset();
  auto subject = children_.find(done.subject);
  switch (done.what) {
  case aim::first_start:
    started_ = true;
    for (auto& asker : std::exchange(awaiting_start_, {}))
      asker.deliver(caf::unit);
    break;
  case aim::start:
    if (subject != nullptr && subject->guard)
      done.asker.deliver(subject->guard.get());
    else
      done.asker.deliver(
        make_error(supervisor_errc::declined, "the factory declined to start"));
    break;
  case aim::restart:
    break;
  case aim::terminate:
    if (is_pool() || subject->spec.restart == restart_type::temporary)
      children_.forget(done.subject);
    done.asker.deliver(caf::unit);
    break;
  case aim::shutdown:
    refuse_start();
    ended_ = true;
    self_->quit(std::move(*ending_));
    break;
  }
}

void supervisor_state::stop_child(key who) {
  auto child = children_.find(who);
  if (child == nullptr || !child->guard)
    return; // It went by itself.
  await(wait::down, who);
  auto limit = shutdown_of(child->spec);
  if (std::holds_alternative<brutal_kill_t>(limit)) {
    kill_awaited();
    return;
  }
  self_->send_exit(child->guard.get(), caf::exit_reason::user_shutdown);
  if (auto time = std::get_if<std::chrono::milliseconds>(&limit))
    set_timer(*time);
}

void supervisor_state::stop_pool() {
  await(wait::pool_down, 0);
  auto limit = shutdown_of(spec_.children.front());
  if (std::holds_alternative<brutal_kill_t>(limit)) {
    kill_awaited();
    return;
  }
  for (auto who : children_.living())
    self_->send_exit(children_.find(who)->guard.get(),
                     caf::exit_reason::user_shutdown);
  if (auto time = std::get_if<std::chrono::milliseconds>(&limit))
    set_timer(*time);
}

void supervisor_state::start_child(key who) {
  auto child = children_.find(who);
  child->ended.reset();
  child->retry = 0;
  child->status = procedure_->what == aim::restart ? child_status::restarting
                                                   : child_status::starting;
  auto made = make_child(child->spec.start, self_);
  if (!made && is(made.error(), supervisor_errc::declined)) {
    child->status = child_status::stopped;
    if (is_pool() || child->spec.restart == restart_type::temporary)
      children_.forget(who);
    return;
  }
  if (made && children_.find_address(made->address()))
    made = already_started_error("the factory returned a child we have", *made);
  if (!made) {
    fail_start(who, std::move(made.error()));
    return;
  }
  self_->monitor(*made);
  children_.began(who, *made);
  if (child->spec.up_timeout.count() == 0) {
    is_up(who);
    return;
  }
  await(wait::up, who);
  auto token = wait_.token;
  self_->request(*made, child->spec.up_timeout, up_atom::value)
    .then([this, token] { on_up(token); },
          [this, token](const caf::error& why) { on_not_up(token, why); });
}

void supervisor_state::is_up(key who) {
  auto child = children_.find(who);
  child->status = child_status::running;
  child->up_since = self_->clock().now();
  // It will never be started again: keep nothing its start has captured.
  if (child->spec.restart == restart_type::temporary)
    child->spec.start = nullptr;
}

// The child at `who` is not there; what that means depends on who wanted it.
void supervisor_state::fail_start(key who, caf::error why) {
  auto failed = std::move(*procedure_);
  procedure_.reset();
  auto child = children_.find(who);
  auto text = fmt::format("child '{}' failed to start: {}", child->spec.id,
                          describe(why));
  for (auto later : failed.start)
    children_.find(later)->status = child_status::stopped;
  child->status = child_status::stopped;
  switch (failed.what) {
  case aim::first_start: {
    auto full = fmt::format("{}: {}", spec_.name, text);
    never_started_ = make_error(supervisor_errc::failed_to_start, full);
    shut_down(shutdown_because(std::move(full)));
    break;
  }
  case aim::start:
    if (failed.is_new)
      children_.forget(who);
    failed.asker.deliver(std::move(why));
    break;
  default:
    // Never again inside this handler: others get their turn first.
    child->status = child_status::restarting;
    child->last_end = std::move(text);
    child->retry = ++last_token_;
    self_->send(self_, try_again_atom::value, who, child->retry, false);
  }
}

void supervisor_state::await(wait what, key who) {
  wait_ = wait_state{};
  wait_.what = what;
  wait_.who = who;
  wait_.token = ++last_token_;
}

void supervisor_state::set_timer(std::chrono::milliseconds time) {
  self_->delayed_send(self_, time, tick_atom::value, wait_.token);
}

void supervisor_state::kill_awaited() {
  wait_.killed = true;
  wait_.token = ++last_token_;
  if (wait_.what == wait::down) {
    self_->send_exit(children_.find(wait_.who)->guard.get(),
                     caf::exit_reason::kill);
  } else {
    for (auto who : children_.living())
      self_->send_exit(children_.find(who)->guard.get(),
                       caf::exit_reason::kill);
  }
  set_timer(abandon_after);
}

// A handler that never returns keeps its thread, but not the tree.
void supervisor_state::abandon_awaited() {
  auto abandoned =
    wait_.what == wait::down ? std::vector<key>{wait_.who} : children_.living();
  for (auto who : abandoned) {
    logger()->error("{}: child '{}' is abandoned: killed, it still runs after "
                    "{} ms",
                    spec_.name, children_.find(who)->spec.id,
                    abandon_after.count());
    children_.went_down(who);
  }
  end_of_wait();
}

void supervisor_state::end_of_wait() {
  auto over = std::exchange(wait_, wait_state{});
  if (over.terminator.pending()) {
    over.terminator.deliver(caf::unit);
    if (is_pool())
      children_.forget(over.who);
  }
  if (procedure_ && procedure_->what == aim::restart)
    for (auto later : procedure_->start)
      if (auto child = children_.find(later); !child->guard)
        child->status = child_status::restarting;
  if (over.failure)
    fail_start(over.who, std::move(*over.failure));
  pump();
}

void supervisor_state::shut_down(caf::error reason) {
  if (ending_)
    return;
  ending_ = std::move(reason);
  refuse_all_waiting();
  wait_.failure.reset();
  // A child already told to go is waited for, the others follow in order.
  if (wait_.what != wait::down || is_pool())
    wait_ = wait_state{};
  procedure last{aim::shutdown};
  for (auto who : children_.living())
    if (wait_.what != wait::down || who != wait_.who)
      last.stop.push_back(who);
  procedure_ = std::move(last);
  pump();
}

void supervisor_state::refuse_all_waiting() {
  for (auto& event : std::exchange(waiting_events_, {}))
    refuse(event.asker);
  if (procedure_)
    refuse(procedure_->asker);
  refuse(wait_.terminator);
}

// Only when all children are down: a supervisor above that hears of a failed
// start has nothing to wait for, and must not cut short an end in order.
void supervisor_state::refuse_start() {
  for (auto& asker : std::exchange(awaiting_start_, {}))
    if (never_started_ && asker.pending())
      asker.deliver(never_started_);
    else
      refuse(asker);
}

} // namespace snakebridge
