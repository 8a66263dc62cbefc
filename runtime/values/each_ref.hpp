#pragma once
// The refs in a value, and in what a call has answered.

#include <snakebridge/convert_containers.hpp>
#include <snakebridge/error.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

/// Calls `take(ref)` for each, at any depth.
template <class Take>
void each_ref(const value& in, const Take& take) {
  if (!in.holds_refs())
    return;
  if (const auto* named = in.get_if<ref>()) {
    take(*named);
  } else if (const auto* items = detail::items_of(in)) {
    for (const auto& each : *items)
      each_ref(each, take);
  } else if (const auto* entries = in.get_if<dict>()) {
    for (const auto& [key, item] : *entries) {
      each_ref(key, take);
      each_ref(item, take);
    }
  }
}

/// The same, the exception that it kept included.
template <class Take>
void each_ref(const result<value>& answered, const Take& take) {
  if (answered)
    each_ref(*answered, take);
  else if (const auto* raised = answered.error().python();
           raised != nullptr && raised->object)
    take(*raised->object);
}

} // namespace snakebridge
