#include "actors/timeout_profiles.hpp"

#include "config/settings.hpp"
#include "runtime/base/ensure.hpp"

namespace snakebridge {

std::string_view library_of(const operation& asked) {
  std::string_view path = asked.module;
  if (path.empty()) {
    const auto* object = asked.target.get_if<ref>();
    // Of built-in types just the name is told.
    if (object == nullptr || object->type_name.find('.') == std::string::npos)
      return {};
    path = object->type_name;
  }
  return path.substr(0, path.find('.'));
}

timeout_profiles::timeout_profiles(const config& of)
    : all_{of.profiles},
      by_library_{of.library_profiles.begin(), of.library_profiles.end()},
      default_{of.default_profile},
      usual_{of_profile(default_)} {}

const std::string& timeout_profiles::of_library(const operation& asked) const {
  if (by_library_.empty())
    return default_;
  const auto found = by_library_.find(library_of(asked));
  return found == by_library_.end() ? default_ : found->second;
}

result<timeout_profiles::times>
timeout_profiles::of(const operation& asked,
                     const call_options& options) const {
  if (!options.profile.empty())
    return of_profile(options.profile);
  const auto& name = of_library(asked);
  return &name == &default_ ? usual_ : of_profile(name);
}

result<timeout_profiles::times>
timeout_profiles::of_profile(const std::string& name) const {
  const auto found = all_.find(name);
  if (found == all_.end())
    return no_such_profile("profile", name, all_);
  const auto& [timeout, stream_timeout] = found->second;
  ensure(timeout && stream_timeout, "a checked profile has both times");
  return times{*timeout, *stream_timeout};
}

} // namespace snakebridge
