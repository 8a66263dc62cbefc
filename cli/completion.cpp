#include "completion.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace snakebridge::cli {

namespace {

/// What follows an option, or stands alone.
enum class takes : std::uint8_t { nothing, text, file };

struct completed_option {
  std::string name; ///< "--json"
  std::string description;
  takes what = takes::nothing;
};

struct completed_command {
  std::string name;
  std::string description;
  std::vector<completed_option> options;
  std::vector<std::string> choices; ///< of its first argument
  bool takes_files = false;
};

constexpr std::string_view options_of_files[] = {
  "--certs",  "--make-certs", "--manifest", "--output", "--path",
  "--python", "--source",     "--stubs",    "--tools"};

std::vector<completed_option> options_of(const CLI::App& of) {
  std::vector<completed_option> options;
  for (const auto* each : of.get_options()) {
    if (each->get_lnames().empty() || each->get_group().empty())
      continue; // a positional, or hidden
    auto& made = options.emplace_back();
    made.name = "--" + each->get_lnames().front();
    made.description = each->get_description();
    if (each->get_items_expected_max() > 0)
      made.what = std::find(std::begin(options_of_files),
                            std::end(options_of_files), made.name)
                      == std::end(options_of_files)
                    ? takes::text
                    : takes::file;
  }
  return options;
}

std::vector<completed_command> commands_of(const CLI::App& app) {
  std::vector<completed_command> commands;
  for (const auto* each : app.get_subcommands({})) {
    auto& made = commands.emplace_back();
    made.name = each->get_name();
    made.description = each->get_description();
    made.options = options_of(*each);
    made.takes_files = made.name == "run";
    if (made.name == "completion")
      made.choices = {"bash", "fish", "zsh"};
    if (made.name == "node")
      made.choices = {"drain", "forget", "list", "run"};
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words,
                   std::string_view between = " ") {
  std::string text;
  for (const auto& each : words)
    text.append(text.empty() ? "" : between).append(each);
  return text;
}

template <class Named>
std::string names_of(const std::vector<Named>& all) {
  std::vector<std::string> names;
  for (const auto& each : all)
    names.push_back(each.name);
  return joined(names);
}

// A pattern of the shells.
std::string names_that_take(const std::vector<completed_command>& commands,
                            takes what) {
  std::vector<std::string> names;
  for (const auto& command : commands)
    for (const auto& option : command.options)
      if (option.what == what
          && std::find(names.begin(), names.end(), option.name) == names.end())
        names.push_back(option.name);
  return joined(names, "|");
}

// --- bash --------------------------------------------------------------------

constexpr auto bash_script = R"bash(# bash completion of snakebridge
_snakebridge() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= words= at
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ ${{COMP_WORDS[at]}} != -* ]]; then
      command=${{COMP_WORDS[at]}}
      break
    fi
  done
  COMPREPLY=()
  case $before in
    {files}) compopt -o default; return ;;
    {texts}) return ;;
  esac
  case $command in
    '') words='{top}' ;;
{commands}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _snakebridge snakebridge
)bash";

std::string bash(const CLI::App& app) {
  const auto commands = commands_of(app);
  std::string cases;
  for (const auto& each : commands)
    cases += fmt::format(
      "    {}) {}words='{}' ;;\n", each.name,
      each.takes_files ? "compopt -o default; [[ $word == -* ]] && " : "",
      each.choices.empty()
        ? names_of(each.options)
        : joined(each.choices) + " " + names_of(each.options));
  return fmt::format(
    bash_script, fmt::arg("files", names_that_take(commands, takes::file)),
    fmt::arg("texts", names_that_take(commands, takes::text)),
    fmt::arg("top", names_of(commands) + " " + names_of(options_of(app))),
    fmt::arg("commands", cases));
}

// --- zsh ---------------------------------------------------------------------

// Within single quotes, and within the [ ] of _arguments.
std::string zsh_quoted(std::string_view text) {
  std::string safe;
  for (const char each : text) {
    if (each == '[' || each == ']' || each == ':' || each == '\\')
      safe += '\\';
    safe += each;
    if (each == '\'')
      safe += "\\''";
  }
  return safe;
}

std::string zsh_options(const std::vector<completed_option>& options) {
  std::string lines;
  for (const auto& each : options) {
    const auto* follows = each.what == takes::nothing ? ""
                          : each.what == takes::file  ? ":file:_files"
                                                      : ":value: ";
    lines +=
      fmt::format(" \\\n        '{}{}[{}]{}'", each.name == "--kw" ? "*" : "",
                  each.name, zsh_quoted(each.description), follows);
  }
  return lines;
}

std::string zsh(const CLI::App& app) {
  std::string names, cases;
  for (const auto& each : commands_of(app)) {
    names +=
      fmt::format("    '{}:{}'\n", each.name, zsh_quoted(each.description));
    const auto rest = each.takes_files ? std::string{"'*:file:_files'"}
                      : each.choices.empty()
                        ? std::string{"'*: :'"}
                        : fmt::format("'1:shell:({})'", joined(each.choices));
    cases += fmt::format("    {}) _arguments{} \\\n        {} ;;\n", each.name,
                         zsh_options(each.options), rest);
  }
  return fmt::format(R"zsh(#compdef snakebridge
_snakebridge() {{
  local context state line
  local -a commands=(
{}  )
  _arguments -C{} \
        '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument) case $line[1] in
{}    esac ;;
  esac
}}
if [[ $funcstack[1] == _snakebridge ]]; then
  _snakebridge "$@"
else
  compdef _snakebridge snakebridge
fi
)zsh",
                     names, zsh_options(options_of(app)), cases);
}

// --- fish --------------------------------------------------------------------

std::string fish_quoted(std::string_view text) {
  std::string safe;
  for (const char each : text) {
    if (each == '\'' || each == '\\')
      safe += '\\';
    safe += each;
  }
  return safe;
}

std::string fish_option(std::string_view condition,
                        const completed_option& option) {
  const auto* follows = option.what == takes::nothing ? ""
                        : option.what == takes::file  ? " -r -F"
                                                      : " -x";
  return fmt::format("complete -c snakebridge -n {} -l {}{} -d '{}'\n",
                     condition, option.name.substr(2), follows,
                     fish_quoted(option.description));
}

std::string fish(const CLI::App& app) {
  std::string lines = "# fish completion of snakebridge\n"
                      "complete -c snakebridge -f\n";
  for (const auto& option : options_of(app))
    lines += fish_option("__fish_use_subcommand", option);
  for (const auto& command : commands_of(app)) {
    lines += fmt::format(
      "complete -c snakebridge -n __fish_use_subcommand -a {} -d '{}'\n",
      command.name, fish_quoted(command.description));
    const auto here =
      fmt::format("'__fish_seen_subcommand_from {}'", command.name);
    if (command.takes_files)
      lines += fmt::format("complete -c snakebridge -n {} -F\n", here);
    if (!command.choices.empty())
      lines += fmt::format("complete -c snakebridge -n {} -a '{}'\n", here,
                           joined(command.choices));
    for (const auto& option : command.options)
      lines += fish_option(here, option);
  }
  return lines;
}

} // namespace

std::string completion(const CLI::App& app, std::string_view shell) {
  return shell == "bash" ? bash(app) : shell == "zsh" ? zsh(app) : fish(app);
}

} // namespace snakebridge::cli
