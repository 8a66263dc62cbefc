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

void be_verbose() {
  const auto log = logger();
  if (log->level() > spdlog::level::debug)
    log->set_level(spdlog::level::debug);
}

spdlog::level::level_enum level_of(log_level level) {
  switch (level) {
  case log_level::debug:
    return spdlog::level::debug;
  case log_level::info:
    return spdlog::level::info;
  case log_level::warning:
    return spdlog::level::warn;
  case log_level::error:
    return spdlog::level::err;
  case log_level::off:
    break;
  }
  return spdlog::level::off;
}

} // namespace snakebridge
