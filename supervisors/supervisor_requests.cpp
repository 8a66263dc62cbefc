// What a supervisor is asked: OTP's API, one function per message.
#include "supervisors/supervisor_state.hpp"

#include <caf/exit_reason.hpp>

#include <fmt/format.h>

#include <utility>

namespace snakebridge {

caf::behavior supervisor_state::make_behavior() {
  self_->set_default_handler(caf::drop);
  self_->set_down_handler([this](caf::down_msg& down) { on_down(down); });
  self_->set_exit_handler([this](caf::exit_msg& exit) {
    if (exit.reason)
      shut_down(exit.reason);
  });
  // The first start is a message, so that nothing ends inside the spawn.
  self_->send(self_, tick_atom::value);
  return {
    [this](tick_atom) { pump(); },
    [this](tick_atom, std::uint64_t token) { on_tick(token); },
    [this](try_again_atom, key who, std::uint64_t token, bool is_counted) {
      on_try_again(who, token, is_counted);
    },
    [this](up_atom) { return await_started(); },
    [this](await_started_atom) { return await_started(); },
    [this](start_child_atom, child_spec& spec) {
      return ask_start(std::move(spec));
    },
    [this](start_child_atom, child_factory& start) {
      return ask_copy(std::move(start));
    },
    [this](start_child_atom) { return ask_copy({}); },
    [this](terminate_child_atom, const std::string& id) {
      return ask_terminate(id);
    },
    [this](terminate_child_atom, const caf::actor& handle) {
      return ask_terminate(handle);
    },
    [this](restart_child_atom, const std::string& id) {
      return ask_restart(id);
    },
    [this](delete_child_atom, const std::string& id) { return ask_delete(id); },
    [this](which_children_atom) { return children_.rows(); },
    [this](count_children_atom) { return counts(); },
  };
}

// Acts when its turn comes, at once if no procedure runs.
caf::response_promise
supervisor_state::defer(std::function<void(caf::response_promise)> act) {
  auto asker = self_->make_response_promise();
  if (ending_) {
    asker.deliver(
      make_error(supervisor_errc::stopping, "the supervisor is stopping"));
    return asker;
  }
  waiting_events_.push_back(
    {[act = std::move(act), asker] { act(asker); }, asker});
  pump();
  return asker;
}

caf::response_promise supervisor_state::await_started() {
  auto asker = self_->make_response_promise();
  if (!started_)
    awaiting_start_.push_back(asker);
  else if (ending_)
    asker.deliver(
      make_error(supervisor_errc::stopping, "the supervisor is stopping"));
  else
    asker.deliver(caf::unit);
  return asker;
}

caf::response_promise supervisor_state::ask_start(child_spec spec) {
  return defer([this, spec = std::move(spec)](caf::response_promise asker) {
    if (is_pool())
      return asker.deliver(
        refusal(supervisor_errc::simple_one_for_one, spec.id));
    if (auto bad = validate(spec, spec_.auto_shutdown))
      return asker.deliver(std::move(bad));
    if (auto present = children_.find_id(spec.id)) {
      auto& child = *children_.find(*present);
      if (child.guard)
        return asker.deliver(already_started_error(
          fmt::format("{}: child '{}' runs already", spec_.name, spec.id),
          child.guard.get()));
      return asker.deliver(refusal(supervisor_errc::already_present, spec.id));
    }
    start_new(children_.add(spec), std::move(asker));
  });
}

caf::response_promise supervisor_state::ask_copy(child_factory start) {
  return defer([this, start = std::move(start)](caf::response_promise asker) {
    if (!is_pool())
      return asker.deliver(refusal(supervisor_errc::missing_id, {}));
    auto copy = spec_.children.front();
    if (start)
      copy.start = start;
    if (!copy.start)
      return asker.deliver(refusal(supervisor_errc::missing_start, copy.id));
    start_new(children_.add_copy(std::move(copy)), std::move(asker));
  });
}

void supervisor_state::start_new(key who, caf::response_promise asker) {
  procedure next{aim::start};
  next.start.push_back(who);
  next.subject = who;
  next.asker = std::move(asker);
  next.is_new = true;
  procedure_ = std::move(next);
}

caf::response_promise supervisor_state::ask_terminate(const std::string& id) {
  auto asker = caf::response_promise{};
  if (cut_short(children_.find_id(id), asker))
    return asker;
  return defer([this, id](caf::response_promise asker) {
    if (is_pool())
      return asker.deliver(refusal(supervisor_errc::simple_one_for_one, id));
    terminate(children_.find_id(id), id, std::move(asker));
  });
}

caf::response_promise
supervisor_state::ask_terminate(const caf::actor& handle) {
  auto address = handle.address();
  auto asker = caf::response_promise{};
  if (cut_short(children_.find_address(address), asker))
    return asker;
  return defer([this, address](caf::response_promise asker) {
    terminate(children_.find_address(address), to_string(address),
              std::move(asker));
  });
}

// A restart that waits for `who` to be up waits no longer: `who` stops.
bool supervisor_state::cut_short(std::optional<key> who,
                                 caf::response_promise& asker) {
  if (!who || wait_.what != wait::up || wait_.who != *who || !procedure_
      || procedure_->what != aim::restart)
    return false;
  asker = self_->make_response_promise();
  stop_child(*who);
  wait_.terminator = asker;
  return true;
}

void supervisor_state::terminate(std::optional<key> who,
                                 const std::string& name,
                                 caf::response_promise asker) {
  if (!who)
    return asker.deliver(refusal(supervisor_errc::not_found, name));
  auto& child = *children_.find(*who);
  child.retry = 0;
  child.ended.reset();
  if (!child.guard)
    child.status = child_status::stopped;
  procedure_ = procedure{aim::terminate, {*who}, {}, {}, *who, asker};
}

caf::response_promise supervisor_state::ask_restart(const std::string& id) {
  return defer([this, id](caf::response_promise asker) {
    if (is_pool())
      return asker.deliver(refusal(supervisor_errc::simple_one_for_one, id));
    auto who = children_.find_id(id);
    if (!who)
      return asker.deliver(refusal(supervisor_errc::not_found, id));
    auto& child = *children_.find(*who);
    if (child.guard)
      return asker.deliver(refusal(supervisor_errc::running, id));
    if (child.status == child_status::restarting)
      return asker.deliver(refusal(supervisor_errc::restarting, id));
    start_new(*who, std::move(asker));
    procedure_->is_new = false;
  });
}

caf::response_promise supervisor_state::ask_delete(const std::string& id) {
  return defer([this, id](caf::response_promise asker) {
    if (is_pool())
      return asker.deliver(refusal(supervisor_errc::simple_one_for_one, id));
    auto who = children_.find_id(id);
    if (!who)
      return asker.deliver(refusal(supervisor_errc::not_found, id));
    auto& child = *children_.find(*who);
    if (child.guard)
      return asker.deliver(refusal(supervisor_errc::running, id));
    if (child.status == child_status::restarting)
      return asker.deliver(refusal(supervisor_errc::restarting, id));
    children_.forget(*who);
    asker.deliver(caf::unit);
  });
}

child_counts supervisor_state::counts() const {
  auto sums = children_.counts();
  if (is_pool())
    sums.specs = 1;
  return sums;
}

caf::error supervisor_state::refusal(supervisor_errc code,
                                     const std::string& id) const {
  return make_error(
    code, fmt::format("{}: child '{}': {}", spec_.name, id, to_string(code)));
}

} // namespace snakebridge
