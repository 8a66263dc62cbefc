// The command line: calls of Python from a shell, scripts, and a look at how
// the bridge is set up. One file for each command; command.hpp has their exit
// codes.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <snakebridge/snakebridge.hpp>

#include "call.hpp"
#include "command.hpp"
#include "completion.hpp"
#include "docs.hpp"
#include "doctor.hpp"
#include "generate.hpp"
#include "helpers.hpp"
#include "node.hpp"
#include "reports.hpp"
#include "run.hpp"
#include "setup.hpp"
#include "stream.hpp"
#include "verify.hpp"

namespace sb = snakebridge;
namespace cli = snakebridge::cli;

namespace {

using cli::console;
using cli::request;

int examine(const request& asked, console& out) {
  sb::config_origins origins;
  const auto settings = cli::settings_of(asked, out, origins);
  if (!settings)
    return cli::fail(out, settings.error());
  return cli::doctor(*settings, origins);
}

// The parser takes the brackets of a list away that is one of many arguments:
// so it does not see them. No word has a zero in it.
constexpr std::string_view hidden_list{"\0", 1};

std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words{argv + 1, argv + argc};
  const bool has_many =
    !words.empty() && (words[0] == "call" || words[0] == "stream");
  for (auto& each : words)
    if (has_many && each.starts_with("[") && each.ends_with("]"))
      each.insert(0, hidden_list);
  std::reverse(words.begin(), words.end()); // as the parser has them
  return words;
}

// All after FILE is the script's, options too: so they are not parsed as ours.
void take_script(const CLI::App& runs, request& asked) {
  auto words = runs.remaining();
  if (words.empty())
    throw CLI::RequiredError{"FILE"};
  asked.name = words.front();
  asked.arguments.assign(words.begin() + 1, words.end());
  if (asked.name == "-")
    throw CLI::ValidationError{"FILE", "a script is read from a file, not from "
                                       "stdin (-)"};
  if (asked.name.starts_with("-"))
    throw CLI::ExtrasError{std::vector<std::string>{asked.name}};
  std::error_code unknown;
  if (!std::filesystem::exists(asked.name, unknown))
    throw CLI::ValidationError{"FILE", "there is no file " + asked.name};
  if (std::filesystem::is_directory(asked.name, unknown))
    throw CLI::ValidationError{"FILE", asked.name + " is a folder"};
}

/// The parser, and what it has understood.
class command_line {
public:
  command_line() {
    app_.set_version_flag("--version",
                          fmt::format("snakebridge {}", sb::version()));
    app_.require_subcommand(1);
    add_calls();
    add_others();
    add_node();
    add_generating();
    add_environments();
  }

  int run(int argc, char** argv) try {
    app_.parse(words_of(argc, argv));
    for (auto& each : asked_.arguments)
      if (each.starts_with(hidden_list))
        each.erase(0, hidden_list.size());
    console out{std::chrono::milliseconds{asked_.progress_after_ms}};
    return command_(out);
  } catch (const CLI::ParseError& wrong) {
    return app_.exit(wrong) == 0 ? 0 : cli::exit_usage;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return cli::exit_failed;
  }

private:
  CLI::App* add(const char* name, const char* description,
                std::function<int(console&)> command) {
    auto* made = app_.add_subcommand(name, description);
    made->callback(
      [this, command = std::move(command)] { command_ = command; });
    return made;
  }
  CLI::App* add(const char* name, const char* description,
                int (*command)(const request&, console&)) {
    auto* made = add(name, description, [this, command](console& out) {
      return command(asked_, out);
    });
    made->add_option("--python", asked_.python, "a venv, or an interpreter");
    made->add_option("--pool", asked_.pool, "the pool to use");
    made
      ->add_option("--timeout-ms", asked_.timeout_ms,
                   "the call's time, or an item's")
      ->check(CLI::PositiveNumber);
    return made;
  }

  void add_calls() {
    auto* calls = add("call", "call a function, print its result", cli::call);
    auto* gets = add("get", "print an attribute of a module", cli::get);
    auto* evals = add("eval", "print the value of an expression", cli::eval);
    auto* streams =
      add("stream", "print each item of what a function yields", cli::stream);
    for (auto* each : {calls, gets, streams})
      each->add_option("MODULE", asked_.module)->required();
    gets->add_option("NAME", asked_.name, "may be dotted")->required();
    evals->add_option("EXPRESSION", asked_.name)->required();
    for (auto* each : {calls, streams}) {
      each->add_option("FUNCTION", asked_.name, "may be dotted")->required();
      each->add_option("ARG", asked_.arguments, "JSON, or else a string");
      each->add_option("--kw", asked_.keywords, "NAME=JSON, a keyword argument")
        ->allow_extra_args(false);
    }
    streams->add_option("--limit", asked_.limit, "items to print, at most")
      ->check(CLI::PositiveNumber);
    for (auto* each : {calls, gets, evals, streams}) {
      each->add_flag("--json", asked_.json, "print JSON, not Python's repr");
      add_progress(*each);
    }
  }

  void add_others() {
    auto* runs = add(
      "run", "run a script as __main__: run [OPTIONS] FILE [ARG...]", cli::run);
    runs->prefix_command();
    runs->parse_complete_callback([this, runs] { take_script(*runs, asked_); });
    add_progress(*runs);
    auto* helpers =
      add("helpers", "list the helpers there are, with their signatures",
          cli::list_helpers);
    helpers->add_flag("--json", asked_.json, "print JSON");
    add("doctor", "say which Python, worker, packages and limits are in force",
        examine);
    auto* completes =
      add("completion", "print a script for a shell's completion",
          [this](console& out) {
            static_cast<void>(out.print(cli::completion(app_, asked_.name)));
            return 0;
          });
    completes->add_option("SHELL", asked_.name, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  CLI::App* add_plain(const char* name, const char* description,
                      int (*command)(const request&, console&)) {
    return add(name, description,
               [this, command](console& out) { return command(asked_, out); });
  }
  void add_manifest(CLI::App& command) {
    command.add_option("--manifest", asked_.manifest,
                       "what is known of the modules; else "
                       ".snakebridge/manifest.json");
  }

  void add_node() {
    auto* nodes = add("node",
                      "be a node of a cluster, or say something of one: run, "
                      "list, forget NAME, drain NAME",
                      [this](console& out) {
                        cli::check_node(asked_);
                        return cli::node(asked_, out);
                      });
    nodes->add_option("WHAT", asked_.arguments,
                      "run, list, forget NAME, drain NAME; names of nodes");
    nodes->add_option("--name", asked_.name, "the node's own name");
    nodes->add_option("--listen", asked_.listen,
                      "HOST:PORT; port 0: one that is free");
    nodes->add_option("--join", asked_.join, "HOST:PORT of a node there is")
      ->allow_extra_args(false);
    nodes->add_option("--certs", asked_.certificates,
                      "a folder with NAME.pem, NAME.key and ca.pem");
    nodes->add_option("--make-certs", asked_.make_certificates,
                      "write such files of these NAMEs, for trials");
    nodes
      ->add_option("--patience-ms", asked_.patience_ms,
                   "how long its sessions may last that is drained")
      ->check(CLI::NonNegativeNumber);
    nodes->add_option("--python", asked_.python, "a venv, or an interpreter");
    nodes->add_flag("--json", asked_.json, "print JSON");
  }

  void add_generating() {
    auto* generates =
      add_plain("generate", "write typed C++ of modules", cli::generate);
    generates->add_option("MODULE", asked_.arguments,
                          "numpy.linalg; numpy.*: all in it; none: those of "
                          "the manifest, without any Python");
    generates->add_option("--output", asked_.output, "the folder to write to")
      ->required();
    generates->add_option("--source", asked_.sources,
                          "define only what these C++ files use");
    generates->add_option("--include", asked_.includes,
                          "where they find what they include");
    generates->add_flag("--headers", asked_.headers_only,
                        "write headers, no definitions");
    generates->add_flag("--if-lacking", asked_.if_lacking,
                        "ask Python only if the manifest lacks a module or was "
                        "made by other settings");
    generates->add_flag("--strict", asked_.strict,
                        "ask no Python; fail if anything is not as locked");
    generates->add_option("--depfile", asked_.depfile,
                          "for make: all files that were read");
    generates->add_option("--depends", asked_.depends,
                          "the target that the depfile is about");
    auto* regens =
      add_plain("regen", "look at the libraries again, tell what has changed",
                cli::regen);
    regens->add_option("MODULE", asked_.arguments,
                       "more than snakebridge.toml and the manifest name");
    regens->add_flag("--clean", asked_.clean, "forget what the manifest has");
    for (auto* each : {generates, regens}) {
      add_manifest(*each);
      each->add_option("--config", asked_.config, "else snakebridge.toml");
      each->add_option("--python", asked_.python, "a venv, or an interpreter");
      each->add_option("--path", asked_.path, "folders of modules");
      each->add_option("--stubs", asked_.stubs, "folders of stubs");
      each->add_option("--tools", asked_.tools,
                       "a venv with what codegen/tools.txt names");
      each->add_option("--timeout-ms", asked_.timeout_ms, "a module's import")
        ->check(CLI::PositiveNumber);
    }
    add_reports();
  }

  void add_reports() {
    auto* plans = add_plain("plan", "say what wrappers cost", cli::plan);
    auto* covers = add_plain("coverage", "say how much is known of libraries",
                             cli::coverage);
    covers->add_flag("--markdown", asked_.markdown,
                     "the page that --output "
                     "writes, if it is not "
                     "named so");
    covers->add_option("--output", asked_.output, "a file: NAME.json, NAME.md");
    auto* docs = add_plain("docs", "show what is known of a name", cli::docs);
    docs->add_option("NAME", asked_.name, "numpy, numpy.linalg.norm");
    docs->add_option("--search", asked_.module,
                     "list names with that in them, "
                     "or in their docs");
    for (auto* each : {plans, covers, docs}) {
      add_manifest(*each);
      each->add_flag("--json", asked_.json, "print JSON");
    }
    auto* writes = add("docs-manifest",
                       "write what a documentation names, of its objects.inv",
                       cli::docs_manifest);
    writes->add_option("--library", asked_.module)->required();
    writes->add_option("--inventory", asked_.name, "the file objects.inv")
      ->required();
    writes->add_option("--output", asked_.output)->required();
    add_progress(*writes);
  }

  void add_environments() {
    auto* sets = add_plain("setup",
                           "make the environments that snakebridge.toml "
                           "describes",
                           cli::setup);
    sets->add_flag("--check", asked_.check,
                   "change nothing; fail if any is not as it should be");
    sets->add_flag("--offline", asked_.offline, "take all from the cache");
    sets->add_flag("--upgrade", asked_.upgrade,
                   "take the newest packages there are, not those of uv.lock");
    sets->add_option("--timeout-ms", asked_.timeout_ms, "of each environment")
      ->check(CLI::PositiveNumber);
    auto* locks = add_plain("lock",
                            "record what environments are, and the machine, "
                            "in snakebridge.lock",
                            cli::lock);
    auto* verifies =
      add_plain("verify",
                "say in what environments, wrappers and the machine are not as "
                "they were locked",
                cli::verify);
    verifies->add_flag("--strict", asked_.strict, "warnings fail too");
    verifies->add_flag("--json", asked_.json, "print JSON");
    for (auto* each : {sets, locks, verifies}) {
      each->add_option("--config", asked_.config, "else snakebridge.toml");
      add_progress(*each);
    }
  }

  void add_progress(CLI::App& command) {
    command.add_flag("--quiet", asked_.quiet,
                     "no line that shows how long it takes");
    command.add_option("--progress-after-ms", asked_.progress_after_ms)
      ->check(CLI::NonNegativeNumber)
      ->group(""); // of the tests
  }

  CLI::App app_{"Calls Python libraries through supervised interpreters",
                "snakebridge"};
  request asked_;
  std::function<int(console&)> command_;
};

} // namespace

int main(int argc, char** argv) {
  // What writes where nobody reads is told so instead.
  std::signal(SIGPIPE, SIG_IGN);
  return command_line{}.run(argc, argv);
}
