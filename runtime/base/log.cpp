#include "runtime/base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace snakebridge {

std::shared_ptr<spdlog::logger> logger() {
  static constexpr const char* name = "snakebridge";
  if (auto known = spdlog::get(name))
    return known;
  try {
    return spdlog::stderr_color_mt(name);
  } catch (const spdlog::spdlog_ex&) {
    const auto theirs = spdlog::get(name); // another thread was first
    return theirs ? theirs : spdlog::default_logger();
  }
}

} // namespace snakebridge
