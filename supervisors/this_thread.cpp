#include "supervisors/this_thread.hpp"

namespace snakebridge {

result<session_ptr> thread_client::own_session() {
  if (own_ && !own_->released)
    return own_;
  auto opened = self_.open({}, "auto_");
  if (opened)
    own_ = *opened;
  return opened;
}

result<session_ptr> thread_client::join(const std::string& id) {
  const auto place = joined_.find(id);
  if (place != joined_.end() && !place->second->calls->closed())
    return place->second;
  auto opened = self_.open({.id = id});
  if (!opened)
    return opened;
  std::erase_if(joined_,
                [](const auto& each) { return each.second->calls->closed(); });
  return joined_[id] = std::move(*opened);
}

this_thread_state& this_thread() {
  thread_local this_thread_state state;
  return state;
}

} // namespace snakebridge
