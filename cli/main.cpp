// The command line: one call of Python from a shell, or a look at how the
// bridge is set up. Exit codes: 0 ok, 1 the call failed, 2 usage.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <snakebridge/snakebridge.hpp>

#include "doctor.hpp"
#include "json.hpp"

namespace sb = snakebridge;
namespace cli = snakebridge::cli;

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

/// What the command line asks for.
struct request {
  std::string module;
  std::string name; ///< function, attribute, expression or file
  std::vector<std::string> arguments;
  std::vector<std::string> keywords;
  std::string python;
  std::string pool;
  std::int64_t timeout_ms = 0;
  bool json = false;
};

void print_output(const sb::log_line& line) {
  auto* const to = line.is_error ? stderr : stdout;
  fmt::print(to, "{}{}", line.text,
             line.end == sb::line_end::carriage_return ? '\r' : '\n');
  std::fflush(to);
}

int fail(const sb::error& failed) {
  const auto* raised = failed.python();
  if (raised != nullptr && !raised->traceback.empty())
    fmt::print(stderr, "{}", raised->traceback);
  else
    fmt::print(stderr, "{}\n", to_string(failed));
  return exit_failed;
}

int show(const sb::result<sb::value>& outcome, bool json) {
  if (!outcome)
    return fail(outcome.error());
  fmt::print("{}\n", json ? cli::to_json(*outcome) : repr(*outcome));
  return 0;
}

sb::result<sb::config> settings_of(const request& asked,
                                   sb::config_origins& origins) {
  auto settings = sb::load_config(&origins);
  if (!settings)
    return settings;
  settings->on_output = print_output;
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

sb::call_options options_of(const request& asked) {
  sb::call_options options{.pool = asked.pool};
  if (asked.timeout_ms > 0)
    options.timeout = std::chrono::milliseconds{asked.timeout_ms};
  return options;
}

// Runs `body` with a bridge; what goes wrong before it is told as a failure.
template <class Body>
int with_bridge(const request& asked, Body body) {
  sb::config_origins origins;
  auto settings = settings_of(asked, origins);
  if (!settings)
    return fail(settings.error());
  auto started = sb::bridge::start(*settings);
  if (!started)
    return fail(started.error());
  return body((*started)->with(options_of(asked)));
}

sb::unpacked_arguments arguments_of(const request& asked) {
  sb::unpacked_arguments unpacked;
  for (const auto& text : asked.arguments)
    unpacked.items.push_back(cli::from_argument(text));
  return unpacked;
}

sb::unpacked_keywords keywords_of(const request& asked) {
  sb::unpacked_keywords unpacked;
  for (const auto& text : asked.keywords) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw CLI::ValidationError{"--kw", "expected NAME=JSON, got " + text};
    unpacked.items.emplace_back(text.substr(0, equals),
                                cli::from_argument(text.substr(equals + 1)));
  }
  return unpacked;
}

int call(const request& asked) {
  const auto keywords = keywords_of(asked);
  return with_bridge(asked, [&](const sb::caller& python) {
    return show(
      python.call(asked.module, asked.name, arguments_of(asked), keywords),
      asked.json);
  });
}

int get(const request& asked) {
  return with_bridge(asked, [&](const sb::caller& python) {
    return show(python.get(asked.module, asked.name), asked.json);
  });
}

int eval(const request& asked) {
  return with_bridge(asked, [&](const sb::caller& python) {
    return show(python.eval(asked.name), asked.json);
  });
}

// What `sys.exit(code)` in a script means for us.
int exit_code(const sb::error& failed) {
  const auto* raised = failed.python();
  if (raised == nullptr || raised->type != "SystemExit")
    return fail(failed);
  const auto code = cli::from_argument(raised->message);
  if (raised->message.empty() || raised->message == "None")
    return 0;
  if (const auto number = code.to<int>())
    return *number & 0xFF;
  fmt::print(stderr, "{}\n", raised->message);
  return exit_failed;
}

int run(const request& asked) {
  sb::list argv{asked.name};
  for (const auto& text : asked.arguments)
    argv.emplace_back(text);
  return with_bridge(asked, [&](const sb::caller& python) {
    // A script takes the time it takes.
    auto unhurried = asked.timeout_ms > 0
                       ? python
                       : python.with({.timeout = std::chrono::hours{24}});
    const auto done = unhurried.exec(
      "import runpy, sys, os\n"
      "sys.argv = _argv\n"
      "sys.path[0:0] = [os.path.dirname(os.path.abspath(_argv[0]))]\n"
      "runpy.run_path(_argv[0], run_name='__main__')\n",
      {{"_argv", argv}});
    return done ? 0 : exit_code(done.error());
  });
}

void show(const sb::helper_index& all, bool json) {
  if (!json) {
    for (const auto& each : all.found) {
      fmt::print("{}{}\n", each.name, each.signature);
      if (!each.doc.empty())
        fmt::print("    {}\n", each.doc);
    }
    return;
  }
  sb::list items;
  for (const auto& each : all.found)
    items.push_back(sb::dict{{"name", each.name},
                             {"signature", each.signature},
                             {"doc", each.doc},
                             {"file", each.file}});
  fmt::print("{}\n", cli::to_json(items));
}

int list_helpers(const request& asked) {
  return with_bridge(asked, [&](const sb::caller& python) {
    const auto all = python.helpers();
    if (!all)
      return fail(all.error());
    show(*all, asked.json);
    for (const auto& each : all->failed)
      fmt::print(stderr, "{}: {}\n", each.file, each.message);
    return all->failed.empty() ? 0 : exit_failed;
  });
}

int examine(const request& asked) {
  sb::config_origins origins;
  auto settings = settings_of(asked, origins);
  if (!settings)
    return fail(settings.error());
  return cli::doctor(*settings, origins);
}

void add_common(CLI::App& command, request& asked) {
  command.add_option("--python", asked.python, "a venv, or an interpreter");
  command.add_option("--pool", asked.pool, "the pool to use");
  command.add_option("--timeout-ms", asked.timeout_ms, "the call's time")
    ->check(CLI::PositiveNumber);
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Calls Python libraries through supervised interpreters",
               "snakebridge"};
  app.set_version_flag("--version",
                       fmt::format("snakebridge {}", sb::version()));
  app.require_subcommand(1);
  request asked;
  int code = 0;

  auto* calls = app.add_subcommand("call", "call a function, print its result");
  calls->add_option("MODULE", asked.module)->required();
  calls->add_option("FUNCTION", asked.name, "may be dotted")->required();
  calls->add_option("ARG", asked.arguments, "JSON, or else a string");
  calls->add_option("--kw", asked.keywords, "NAME=JSON, a keyword argument")
    ->allow_extra_args(false);
  calls->callback([&] { code = call(asked); });
  auto* gets = app.add_subcommand("get", "print an attribute of a module");
  gets->add_option("MODULE", asked.module)->required();
  gets->add_option("NAME", asked.name, "may be dotted")->required();
  gets->callback([&] { code = get(asked); });
  auto* evals = app.add_subcommand("eval", "print the value of an expression");
  evals->add_option("EXPRESSION", asked.name)->required();
  evals->callback([&] { code = eval(asked); });
  auto* runs = app.add_subcommand("run", "run a script as __main__");
  runs->add_option("FILE", asked.name)->required()->check(CLI::ExistingFile);
  runs->add_option("ARG", asked.arguments, "for sys.argv");
  runs->callback([&] { code = run(asked); });
  auto* helpers = app.add_subcommand(
    "helpers", "list the helpers there are, with their signatures");
  helpers->callback([&] { code = list_helpers(asked); });
  auto* checks = app.add_subcommand(
    "doctor", "say which Python, worker, packages and limits are in force");
  checks->callback([&] { code = examine(asked); });
  for (auto* each : {calls, gets, evals, helpers})
    each->add_flag("--json", asked.json, "print JSON, not Python's repr");
  for (auto* each : {calls, gets, evals, runs, helpers, checks})
    add_common(*each, asked);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : exit_usage;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return exit_failed;
  }
  return code;
}
