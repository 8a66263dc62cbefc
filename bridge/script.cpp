#include <snakebridge/script.hpp>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "bridge/bridge_core.hpp"
#include "config/settings.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

namespace {

constexpr const char* exit_variable = "SNAKEBRIDGE_SCRIPT_EXIT";

struct exit_word {
  std::string_view word;
  script_exit meaning;
};

constexpr exit_word exit_words[] = {{"none", script_exit::none},
                                    {"halt", script_exit::halt},
                                    {"stop", script_exit::stop},
                                    {"auto", script_exit::automatic}};

/// What was thrown and is being handled, readably.
std::string told_exception() {
  try {
    throw;
  } catch (const std::exception& failed) {
    return failed.what(); // of ours with Python's traceback
  } catch (...) {
    return "the script threw what is no std::exception";
  }
}

/// Runs it; what it fails with is printed and ends with 1.
template <class Run>
int exit_code_of(Run run) {
  std::string failed;
  try {
    const result<int> code = run();
    if (code)
      return *code;
    failed = to_string(code.error());
  } catch (...) {
    failed = told_exception();
  }
  fmt::print(stderr, "{}\n", failed);
  return 1;
}

result<script_exit> exit_of(const script_options& options) {
  if (options.exit)
    return *options.exit;
  const char* named = std::getenv(exit_variable);
  if (named == nullptr || *named == '\0')
    return script_exit::none;
  for (const auto& [word, meaning] : exit_words)
    if (word == named)
      return meaning;
  return invalid(fmt::format("{} = {:?}: must be \"none\", \"halt\", \"stop\" "
                             "or \"auto\"",
                             exit_variable, std::string_view{named}));
}

bool is_main_thread() {
  return ::gettid() == ::getpid();
}

int end(script_exit how, bool started, int code) {
  if (how == script_exit::halt) {
    std::cout.flush();
    std::clog.flush();
    std::fflush(nullptr);
    std::_Exit(code);
  }
  if (how == script_exit::stop
      || (how == script_exit::automatic && started && !is_main_thread()))
    std::exit(code);
  return code;
}

result<std::unique_ptr<bridge>> start(const script_options& options) {
  auto settings =
    options.config ? result<config>{*options.config} : load_config();
  return std::move(settings)
    .and_then([&](config wanted) {
      return bridge_core::start(std::move(wanted), nullptr,
                                {.patience = options.await_timeout});
    })
    .transform(bridge_access::wrap);
}

bool is_stopped(script_stop how, bool started) {
  return how == script_stop::always
         || (how == script_stop::if_started && started);
}

int run(std::unique_ptr<bridge>& on, detail::script_arguments arguments,
        const detail::script_body& body, const script_options& options) {
  script_exit how{};
  bool started = false;
  int code = exit_code_of([&]() -> result<int> {
    auto known = exit_of(options);
    if (!known)
      return tl::unexpected{std::move(known).error()};
    how = *known;
    if (on) {
      auto ready = bridge_access::core(*on).wait_up(options.await_timeout);
      if (!ready)
        return tl::unexpected{std::move(ready).error()};
    } else {
      auto made = start(options);
      if (!made)
        return tl::unexpected{std::move(made).error()};
      on = *std::move(made);
      started = true;
    }
    return body(*on, arguments);
  });
  if (is_stopped(options.stop, started))
    on.reset();
  return end(how, started, code);
}

} // namespace

namespace detail {

int run_as_script(script_arguments arguments, const script_body& body,
                  const script_options& options) {
  std::unique_ptr<bridge> own;
  auto with_own = options;
  with_own.stop = script_stop::always;
  return run(own, arguments, body, with_own);
}

int run_as_script(std::unique_ptr<bridge>& on, const script_body& body,
                  const script_options& options) {
  return run(on, {}, body, options);
}

} // namespace detail

} // namespace snakebridge
