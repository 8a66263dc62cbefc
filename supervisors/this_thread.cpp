#include "supervisors/this_thread.hpp"

#include <algorithm>

namespace snakebridge {

result<session_ptr> thread_client::own_session() {
  if (own_ && !own_->released)
    return own_;
  auto opened = where_->open({}, "auto_", self_.address());
  if (!opened)
    return tl::unexpected{opened.error()};
  return own_ = std::move(opened->record);
}

result<session_ptr> thread_client::join(const std::string& id) {
  const auto place = joined_.find(id);
  if (place != joined_.end() && !place->second->calls->closed())
    return place->second;
  auto opened = where_->open(id, {}, self_.address());
  if (!opened)
    return tl::unexpected{opened.error()};
  std::erase_if(joined_,
                [](const auto& each) { return each.second->calls->closed(); });
  return joined_[id] = std::move(opened->record);
}

bool thread_client::owns(const session_ptr& which) const {
  return which == own_
         || std::any_of(joined_.begin(), joined_.end(),
                        [&](const auto& each) { return each.second == which; });
}

this_thread_state& this_thread() {
  thread_local this_thread_state state;
  return state;
}

} // namespace snakebridge
