#include "bridge/this_thread.hpp"

#include <cstddef>
#include <new>
#include <utility>

#include <caf/logger.hpp>

#include "runtime/base/thread_end.hpp"

namespace snakebridge {

result<session_ptr> thread_client::own_session(call_options& of_call) {
  if (own_ && !own_->released)
    return own_;
  auto opened = self_.open({}, of_call, "auto_");
  if (opened)
    own_ = *opened;
  return opened;
}

result<session_ptr> thread_client::join(const std::string& id,
                                        call_options& of_call) {
  if (auto owned = self_.find(id))
    return owned;
  return self_.open({.id = id}, of_call);
}

session_ptr thread_client::session_at(const std::string& node) const {
  const auto place = elsewhere_.find(node);
  const bool is_open = place != elsewhere_.end() && !place->second->closed()
                       && !place->second->released;
  return is_open ? place->second : nullptr;
}

void thread_client::own_at(const std::string& node, const session_ptr& opened) {
  std::erase_if(elsewhere_,
                [](const auto& each) { return each.second->closed(); });
  elsewhere_[node] = opened;
  self_.own(opened);
}

std::vector<session_ptr> thread_client::take_elsewhere() {
  std::vector<session_ptr> taken;
  for (auto& [node, each] : std::exchange(elsewhere_, {}))
    if (!each->closed())
      taken.push_back(std::move(each));
  return taken;
}

namespace {

// Neither has a destructor: they can be read until the thread's last step.
thread_local this_thread_state* here = nullptr;
thread_local bool has_ended = false;

struct until_the_end {
  struct mark {
    ~mark() {
      has_ended = true;
      here = nullptr;
    }
  } after_its_end;
  this_thread_state state;
};

// Never destroyed: the sessions of a thread are not in it.
this_thread_state& late_state() {
  alignas(this_thread_state) static thread_local std::byte
    room[sizeof(this_thread_state)];
  return *new (room) this_thread_state{.is_late = true};
}

this_thread_state& make_state() {
  if (thread_locals_are_gone() || has_ended)
    return late_state();
  // CAF's thread-local is made when it is first read. Older than this state, it
  // outlives it: who is not late may make actors.
  static_cast<void>(caf::logger::current_logger());
  static thread_local until_the_end mine;
  return mine.state;
}

} // namespace

this_thread_state& this_thread() {
  if (here == nullptr)
    here = &make_state();
  return *here;
}

} // namespace snakebridge
