#include "bridge/this_thread.hpp"

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

this_thread_state& this_thread() {
  thread_local this_thread_state state;
  return state;
}

} // namespace snakebridge
