#include "command.hpp"

#include <algorithm>
#include <atomic>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "interrupts.hpp"
#include "json.hpp"
#include "setup.hpp"

namespace snakebridge::cli {

namespace {

constexpr auto logger_name = "snakebridge"; // of the library
constexpr std::size_t repr_bytes_max = std::size_t{1} << 20U;

// What the library logs, where it does not tear the line of the console.
class console_sink
    : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  explicit console_sink(console& out) : out_{out} {}

private:
  void sink_it_(const spdlog::details::log_msg& told) override {
    spdlog::memory_buf_t text;
    formatter_->format(told, text);
    out_.complain({text.data(), text.size()});
  }
  void flush_() override {}

  console& out_;
};

call_options options_of(const request& asked, cancel_token cancel) {
  // Markers tell the repr with the result: a stream's item need not wait until
  // Python has made the next, as a call for it would.
  call_options options{
    .pool = asked.pool, .leaves = leaves::markers, .cancel = std::move(cancel)};
  if (asked.timeout_ms > 0)
    options.timeout = std::chrono::milliseconds{asked.timeout_ms};
  return options;
}

} // namespace

std::string label_of(const request& asked) {
  return asked.module.empty() ? asked.name : asked.module + "." + asked.name;
}

unpacked_arguments arguments_of(const request& asked) {
  unpacked_arguments unpacked;
  for (const auto& text : asked.arguments)
    unpacked.items.push_back(from_argument(text));
  return unpacked;
}

unpacked_keywords keywords_of(const request& asked) {
  unpacked_keywords unpacked;
  for (const auto& text : asked.keywords) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw CLI::ValidationError{"--kw", "expected NAME=JSON, got " + text};
    unpacked.items.emplace_back(text.substr(0, equals),
                                from_argument(text.substr(equals + 1)));
  }
  return unpacked;
}

result<config> settings_of(const request& asked, console& out,
                           config_origins& origins) {
  auto settings = load_config(&origins);
  if (!settings)
    return settings;
  settings->on_output = [&out](const log_line& line) { out.show(line); };
  settings->on_event = [&out](const interpreter_event& event) {
    if (event.what == event_kind::stalled)
      out.complain(event.message + "\n");
  };
  auto& told = settings->conversion;
  if (told.detail != unserializable_detail::repr_redacted)
    told.detail = unserializable_detail::repr;
  if (!origins.contains("marker_repr_bytes_max"))
    told.repr_bytes_max = repr_bytes_max;
  if (settings->pools.empty())
    settings->pools.emplace_back();
  for (auto& pool : settings->pools) {
    // One call needs one interpreter.
    if (!origins.contains("pool." + pool.name + ".size"))
      pool.size = 1;
    if (!asked.python.empty()
        && (asked.pool.empty() || asked.pool == pool.name))
      pool.python = asked.python;
  }
  return settings;
}

pool_config* pool_of(const request& asked, config& settings) {
  const auto name = asked.pool.empty() ? pool_config{}.name : asked.pool;
  const auto found =
    std::find_if(settings.pools.begin(), settings.pools.end(),
                 [&](const pool_config& each) { return each.name == name; });
  return found == settings.pools.end() ? nullptr : &*found;
}

log_scope::log_scope(console* out) {
  spdlog::sink_ptr to;
  if (out != nullptr)
    to = std::make_shared<console_sink>(*out);
  else
    to = std::make_shared<spdlog::sinks::null_sink_mt>();
  spdlog::register_logger(
    std::make_shared<spdlog::logger>(logger_name, std::move(to)));
}

log_scope::~log_scope() {
  spdlog::drop(logger_name);
}

int fail(console& out, const error& failed) {
  const auto* raised = failed.python();
  if (raised != nullptr && !raised->traceback.empty())
    out.complain(raised->traceback);
  else if (failed.code() != errc::cancelled)
    out.complain(to_string(failed) + "\n");
  return exit_failed;
}

int with_bridge(const request& asked, console& out,
                const std::function<int(const caller&)>& body) {
  cancel_source stop;
  std::atomic<int> heard = 0;
  const interrupts hearing{[&](int signal) {
    if (heard.exchange(signal) != 0)
      ::_exit(exit_code_of(signal));
    stop.cancel();
  }};
  const log_scope logged{&out};
  const auto run = [&] {
    if (asked.python.empty())
      if (const auto ready = install_if_wanted(asked, out); !ready)
        return fail(out, ready.error());
    if (!asked.json && !asked.quiet)
      out.begin_progress(label_of(asked));
    config_origins origins;
    const auto settings = settings_of(asked, out, origins);
    if (!settings)
      return fail(out, settings.error());
    const auto started = bridge::start(*settings);
    if (!started)
      return fail(out, started.error());
    const int code = body((*started)->with(options_of(asked, stop.token())));
    out.end_progress();
    return code;
  };
  const int code = run();
  return heard == 0 ? code : exit_code_of(heard);
}

} // namespace snakebridge::cli
