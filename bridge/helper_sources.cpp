#include "bridge/helper_sources.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/utf8.hpp"

namespace snakebridge {

namespace {

constexpr std::size_t name_bytes_max = 64;

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char each) {
    return std::isalnum(each) != 0 || each == '_';
  };
  return !text.empty() && text.size() <= name_bytes_max
         && std::all_of(text.begin(), text.end(), fits);
}

bool is_text(std::string_view source) {
  while (!source.empty()) {
    const auto [code, bytes] = utf8::first_character(source);
    if (bytes == 0 || utf8::is_surrogate(code))
      return false;
    source.remove_prefix(bytes);
  }
  return true;
}

} // namespace

result<void> helper_sources::add(std::string_view name, std::string source) {
  if (!enabled_)
    return error{errc::not_authorized,
                 fmt::format("helpers '{}' are given as source, which the "
                             "setting helper_inline_enabled does not allow; "
                             "set it, or put them into a file of helper_paths",
                             name.substr(0, name_bytes_max))};
  if (!is_name(name))
    return error{errc::config_invalid,
                 fmt::format("'{}' is no name of helpers: letters, digits and "
                             "'_', at most {} of them",
                             name.substr(0, name_bytes_max), name_bytes_max)};
  if (source.size() > limits::helper_bytes_max)
    return error{errc::payload_too_large,
                 fmt::format("the source of helpers '{}' has {} bytes; it may "
                             "have {}",
                             name, source.size(), limits::helper_bytes_max)};
  if (!is_text(source))
    return error{errc::config_invalid,
                 fmt::format("the source of helpers '{}' is not UTF-8", name)};
  const std::lock_guard lock{mutex_};
  const auto place = known_.find(name);
  if (place == known_.end() && known_.size() >= limits::helper_sources_max)
    return error{errc::overloaded,
                 fmt::format("the bridge has {} sources of helpers, and takes "
                             "no more; remove one",
                             known_.size())};
  if (place == known_.end())
    known_.emplace(name, std::move(source));
  else
    place->second = std::move(source);
  ++*changes_;
  return {};
}

bool helper_sources::remove(std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto place = known_.find(name);
  if (place == known_.end())
    return false;
  known_.erase(place);
  ++*changes_;
  return true;
}

value helper_sources::all() const {
  const std::lock_guard lock{mutex_};
  dict sources;
  for (const auto& [name, source] : known_)
    sources.set(name, source);
  return list{static_cast<std::int64_t>(changes_->load()), std::move(sources)};
}

} // namespace snakebridge
