#include "tools.hpp"

#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <snakebridge/environment.hpp>
#include <snakebridge/snakebridge.hpp>

#include "codegen/sources.hpp"
#include "sha256.hpp"

namespace snakebridge::codegen {

namespace {

namespace fs = std::filesystem;

constexpr auto pool_name = "tools";
constexpr std::chrono::minutes making{5};

config settings() {
  pool_config pool;
  pool.name = pool_name;
  pool.size = 1;
  pool.pass_env = {"*"}; // pip behaves as where it is called by hand
  config made;
  made.pools = {std::move(pool)};
  made.on_output = [](const log_line&) {};
  made.on_event = [](const interpreter_event&) {};
  return made;
}

fs::path variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

// By the version of Python and what is in it. Empty: the user has no cache.
fs::path place_of(const std::string& requirements) {
  constexpr std::size_t digits = 16;
  auto cache = variable("XDG_CACHE_HOME");
  if (!cache.is_absolute()) // as its specification has it
    cache = variable("HOME") / ".cache";
  if (!cache.is_absolute())
    return {};
  return cache / "snakebridge"
         / fmt::format("tools-{}-{}", python_built_for(),
                       sha256(requirements).substr(0, digits));
}

} // namespace

result<tools> make_tools(const std::string& requirements, bool offline) {
  const auto place = place_of(requirements);
  if (place.empty())
    return tools{{}, "neither XDG_CACHE_HOME nor HOME names a folder"};
  if (std::error_code unknown; fs::exists(place / "complete", unknown))
    return tools{place, {}};
  if (offline)
    return tools{{},
                 fmt::format("{} is not in the cache, and no index is asked "
                             "for it (--offline, --check, verify)",
                             place.string())};
  auto started = bridge::start(settings());
  if (!started)
    return tl::unexpected{started.error()};
  const auto python = (*started)->with({.timeout = making, .pool = pool_name});
  return python.exec(tools_source)
    .and_then([&] {
      return python.eval("environment(place, listed)",
                         {{"place", place.string()}, {"listed", requirements}});
    })
    .and_then([](const value& told) { return told.to<std::string>(); })
    .transform([&](const std::string& lacking) {
      return tools{lacking.empty() ? place : fs::path{}, lacking};
    });
}

} // namespace snakebridge::codegen
