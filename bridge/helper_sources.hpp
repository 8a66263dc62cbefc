#pragma once
// Helpers that the program gives as source, while it runs. Interpreters ask for
// them (bridge/tools.hpp) when a call says that they have changed: so those
// that start later have them too. Any thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <snakebridge/result.hpp>
#include <snakebridge/value.hpp>

namespace snakebridge {

class helper_sources {
public:
  /// `enabled`: the setting `helper_inline_enabled`.
  explicit helper_sources(bool enabled) : enabled_{enabled} {}

  /// Errors: not_authorized, config_invalid, payload_too_large, overloaded.
  result<void> add(std::string_view name, std::string source);
  /// False: there are none of that name.
  bool remove(std::string_view name);

  /// How often they have changed.
  std::shared_ptr<const std::atomic<std::uint32_t>> changes() const {
    return changes_;
  }
  /// That number, and a dict of the names and sources.
  value all() const;

private:
  const bool enabled_;
  const std::shared_ptr<std::atomic<std::uint32_t>> changes_ =
    std::make_shared<std::atomic<std::uint32_t>>(0);
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> known_;
};

} // namespace snakebridge
