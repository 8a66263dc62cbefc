#include "config/settings.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

#include <toml++/toml.h>

namespace snakebridge {

namespace {

// The settings there are: those in words, then all the numbers.
std::string settings_known(std::string_view words, bool of_pool) {
  std::string names{words};
  for (const auto& row : tunables)
    if (row.of_pool == of_pool)
      names += fmt::format(", {}", row.key);
  return names;
}

constexpr std::string_view top_words =
  "tables [pool.NAME], [profile.NAME], [library_profiles], [libraries.NAME], "
  "[node], [cluster], [environment], strict, verify_at_start, auto_install, "
  "worker, "
  "error_mode, default_profile, atom_class, atoms, marker_detail, "
  "ref_on_full, strict_mode, verbose, session_cleanup_log_level, "
  "helper_paths, helper_pack_enabled, helper_allowlist, "
  "helper_inline_enabled, helper_reload";
constexpr std::string_view node_words =
  "name, listen, tls_certificate, tls_key, tls_ca, peers_allowed, "
  "heartbeat_limit_ms";
constexpr std::string_view cluster_words =
  "join, directory, refused_is_dead, spread_calls";
constexpr std::string_view environment_words =
  "python, packages, editable, extra_index, torch, tables [environment.NAME]";
constexpr std::string_view pool_words =
  "placement, affinity, python, environment, path, env, pass_env, preload, "
  "on_start, "
  "importable, leaves, no_new_privileges";

template <class Choice>
using choice = std::pair<std::string_view, Choice>;

constexpr choice<placement> placements[] = {{"worker", placement::worker},
                                            {"embedded", placement::embedded}};
constexpr choice<affinity> affinities[] = {
  {"hint", affinity::hint},
  {"strict_queue", affinity::strict_queue},
  {"strict_fail_fast", affinity::strict_fail_fast}};
constexpr choice<leaves> forms[] = {{"refs", leaves::refs},
                                    {"markers", leaves::markers},
                                    {"all_refs", leaves::all_refs},
                                    {"plain", leaves::plain}};
constexpr choice<error_mode> error_modes[] = {
  {"raw", error_mode::raw}, {"translated", error_mode::translated}};
constexpr choice<on_full> ways_when_full[] = {{"prune", on_full::prune},
                                              {"refuse", on_full::refuse}};
constexpr choice<auto_install> policies[] = {{"never", auto_install::never},
                                             {"dev", auto_install::dev},
                                             {"always", auto_install::always}};
constexpr choice<log_level> log_levels[] = {{"off", log_level::off},
                                            {"debug", log_level::debug},
                                            {"info", log_level::info},
                                            {"warning", log_level::warning},
                                            {"error", log_level::error}};
constexpr choice<unserializable_detail> marker_details[] = {
  {"none", unserializable_detail::none},
  {"type", unserializable_detail::type},
  {"repr", unserializable_detail::repr},
  {"repr_redacted", unserializable_detail::repr_redacted}};

/// One setting: `key = value` of the file, or a variable of the environment.
struct setting {
  std::string place; ///< "snakebridge.toml:12", "SNAKEBRIDGE_POOL_SIZE"
  std::string path;  ///< "pool.gpu.size"
  std::string_view key;
  const toml::node& value;
};

/// What was given, to be shown in a message.
std::string shown(const toml::node& value) {
  if (value.is_table())
    return "a table";
  if (value.is_array())
    return "an array";
  if (const auto* text = value.as_string())
    return fmt::format("{:?}", text->get());
  std::ostringstream out;
  value.visit([&out](const auto& leaf) {
    if constexpr (toml::is_value<decltype(leaf)>)
      out << leaf;
  });
  return out.str();
}

tl::unexpected<error> refused(const setting& given, std::string_view why) {
  return invalid(fmt::format("{}: {} = {}: {}", given.place, given.path,
                             shown(given.value), why));
}

/// The settings of a table by line, so that the first mistake of the file is
/// the one told of.
std::multimap<toml::source_index, setting>
settings_of(const toml::table& all, std::string_view file,
            const std::string& prefix) {
  std::multimap<toml::source_index, setting> ordered;
  for (const auto& [key, value] : all) {
    const auto line = key.source().begin.line;
    ordered.emplace(line,
                    setting{fmt::format("{}:{}", file, line),
                            prefix + std::string{key.str()}, key.str(), value});
  }
  return ordered;
}

/// Takes settings into a configuration, each in its turn.
class reader {
public:
  /// `folder`: what relative paths in a list are relative to.
  reader(config& into, config_origins* origins,
         std::filesystem::path folder = {})
      : into_{into},
        origins_{origins},
        folder_{std::move(folder)} {}

  /// All settings of a file.
  result<void> read_file(const toml::table& all, std::string_view file) {
    for (const auto& [line, given] : settings_of(all, file, ""))
      if (auto done = given.key == "pool"      ? read_pools(given, file)
                      : given.key == "profile" ? read_profiles(given, file)
                      : given.key == "library_profiles"
                        ? read_library_profiles(given, file)
                      : given.key == "node" || given.key == "cluster"
                        ? read_network(given, file)
                      : given.key == "environment"
                        ? read_environments(given, file)
                      : given.key == "libraries" || given.key == "strict"
                        ? result<void>{} // of wrappers: codegen/settings.hpp
                        : read_top(given);
          !done)
        return done;
    return {};
  }

  /// A setting at the top.
  result<void> read_top(const setting& given) {
    if (auto done = read_number(given, into_))
      return *done;
    if (given.key == "worker")
      return read_path(given, into_.worker);
    if (given.key == "error_mode")
      return read_word(given, into_.error_mode, error_modes);
    if (given.key == "marker_detail")
      return read_word(given, into_.conversion.detail, marker_details);
    if (given.key == "atom_class")
      return read_flag(given, into_.conversion.atom_class);
    if (given.key == "atoms")
      return read_names(given, into_.conversion.atoms);
    if (given.key == "default_profile")
      return read_text(given, into_.default_profile);
    if (given.key == "verbose")
      return read_flag(given, into_.verbose);
    if (given.key == "verify_at_start")
      return read_flag(given, into_.verify_at_start);
    if (given.key == "auto_install")
      return read_word(given, into_.auto_install, policies);
    if (given.key == "session_cleanup_log_level")
      return read_word(given, into_.session_cleanup_log_level, log_levels);
    if (given.key == "ref_on_full")
      return read_word(given, into_.refs.on_full, ways_when_full);
    if (given.key == "strict_mode")
      return read_flag(given, into_.refs.strict_mode);
    if (given.key.starts_with("helper_"))
      if (auto done = read_of_helpers(given))
        return *done;
    return refused(given, fmt::format("no such setting; there are {}",
                                      settings_known(top_words, false)));
  }

  /// A setting of a pool that stands on one line; the rest is `env`.
  result<void> read_of_pool(const setting& given, pool_config& pool) {
    if (auto done = read_number(given, pool))
      return *done;
    if (given.key == "python")
      return read_path(given, pool.python);
    if (given.key == "environment")
      return read_text(given, pool.environment);
    if (given.key == "placement")
      return read_word(given, pool.placement, placements);
    if (given.key == "preload")
      return read_names(given, pool.preload);
    if (given.key == "on_start")
      return read_function(given, pool.on_start);
    if (given.key == "pass_env")
      return read_names(given, pool.pass_env);
    if (given.key == "importable")
      return read_names(given, pool.limits.importable);
    if (given.key == "no_new_privileges")
      return read_flag(given, pool.limits.no_new_privileges);
    if (given.key == "affinity")
      return read_word(given, pool.affinity, affinities);
    if (given.key == "leaves")
      return read_word(given, pool.leaves, forms);
    if (given.key == "path")
      return read_folders(given, pool.path);
    return refused(given, fmt::format("no such setting; a pool has {}",
                                      settings_known(pool_words, true)));
  }

private:
  /// Nothing when helpers have no setting of that key.
  std::optional<result<void>> read_of_helpers(const setting& given) {
    auto& rules = into_.helpers;
    if (given.key == "helper_paths")
      return read_folders(given, rules.paths);
    if (given.key == "helper_pack_enabled")
      return read_flag(given, rules.pack_enabled);
    if (given.key == "helper_inline_enabled")
      return read_flag(given, rules.inline_enabled);
    if (given.key == "helper_reload")
      return read_flag(given, rules.reload);
    if (given.key != "helper_allowlist")
      return std::nullopt;
    const auto* word = given.value.as_string();
    if (word == nullptr)
      return read_names(given, rules.allowlist);
    if (word->get() != "all")
      return refused(given, "must be \"all\" or names: [\"my_helpers.*\"]");
    rules.allowlist.clear();
    return note(given);
  }

  result<void> read_pools(const setting& pools, std::string_view file) {
    const auto* all = pools.value.as_table();
    if (all == nullptr)
      return refused(pools, "must be tables: [pool.NAME]");
    for (const auto& [line, given] : settings_of(*all, file, "pool."))
      if (auto done = read_pool(given, file); !done)
        return done;
    return {};
  }

  result<void> read_pool(const setting& given, std::string_view file) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, "must be a table: [pool.NAME]");
    if (const auto wrong = wrong_with_pool_name(given.key))
      return invalid(fmt::format("{}: {}", given.place, *wrong));
    auto& pool = pool_of(into_, given.key);
    for (const auto& [line, inner] : settings_of(*all, file, given.path + '.'))
      if (auto done = inner.key == "env" ? read_variables(inner, file, pool)
                                         : read_of_pool(inner, pool);
          !done)
        return done;
    if (!pool.python.empty() && !pool.environment.empty())
      return invalid(fmt::format("{}: {} has both `python` and `environment`; "
                                 "leave one out",
                                 given.place, given.path));
    return {};
  }

  // A table in [environment] is an environment of that name.
  result<void> read_environments(const setting& given, std::string_view file) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, "must be a table: [environment]");
    environment_config unnamed;
    bool is_there = all->empty();
    for (const auto& [line, inner] :
         settings_of(*all, file, given.path + '.')) {
      auto done = inner.value.is_table() ? read_environment(inner, file)
                                         : read_of_environment(inner, unnamed);
      if (!done)
        return done;
      is_there = is_there || !inner.value.is_table();
    }
    if (is_there)
      into_.environments.push_back(std::move(unnamed));
    return {};
  }

  result<void> read_environment(const setting& given, std::string_view file) {
    if (const auto wrong = wrong_with_environment_name(given.key))
      return invalid(fmt::format("{}: {}", given.place, *wrong));
    environment_config made;
    made.name = given.key;
    for (const auto& [line, inner] :
         settings_of(*given.value.as_table(), file, given.path + '.'))
      if (auto done = read_of_environment(inner, made); !done)
        return done;
    into_.environments.push_back(std::move(made));
    return {};
  }

  result<void> read_of_environment(const setting& given,
                                   environment_config& into) {
    if (given.key == "python") {
      if (auto done = read_text(given, into.python); !done)
        return done;
      if (const auto wrong = wrong_with_python_version(into.python))
        return refused(given, *wrong);
      return {};
    }
    if (given.key == "packages")
      return read_names(given, into.packages);
    if (given.key == "editable")
      return read_folders(given, into.editable);
    if (given.key == "extra_index")
      return read_names(given, into.extra_index);
    if (given.key == "torch")
      return read_text(given, into.torch);
    return refused(given, fmt::format("no such setting; an environment has {}",
                                      environment_words));
  }

  result<void> read_profiles(const setting& profiles, std::string_view file) {
    const auto* all = profiles.value.as_table();
    if (all == nullptr)
      return refused(profiles, "must be tables: [profile.NAME]");
    for (const auto& [line, given] : settings_of(*all, file, "profile."))
      if (auto done = read_profile(given, file); !done)
        return done;
    return {};
  }

  result<void> read_profile(const setting& given, std::string_view file) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, "must be a table: [profile.NAME]");
    if (const auto wrong = wrong_with_profile_name(given.key))
      return invalid(fmt::format("{}: {}", given.place, *wrong));
    auto& profile = into_.profiles[std::string{given.key}];
    for (const auto& [line, inner] :
         settings_of(*all, file, given.path + '.')) {
      auto done = read_number(inner, profile);
      if (!done)
        return refused(inner, "no such setting; a profile has timeout_ms, "
                              "stream_timeout_ms");
      if (!*done)
        return *done;
    }
    return {};
  }

  result<void> read_library_profiles(const setting& given,
                                     std::string_view file) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, "must be a table: MODULE = \"PROFILE\"");
    for (const auto& [line, library] :
         settings_of(*all, file, given.path + '.')) {
      if (const auto wrong = wrong_with_library(library.key))
        return invalid(
          fmt::format("{}: {}: {}", library.place, given.path, *wrong));
      if (auto done = read_text(
            library, into_.library_profiles[std::string{library.key}]);
          !done)
        return done;
    }
    return {};
  }

  result<void> read_network(const setting& given, std::string_view file) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, fmt::format("must be a table: [{}]", given.key));
    for (const auto& [line, inner] : settings_of(*all, file, given.path + '.'))
      if (auto done =
            given.key == "node" ? read_of_node(inner) : read_of_cluster(inner);
          !done)
        return done;
    return {};
  }

  result<void> read_of_node(const setting& given) {
    auto& node = into_.node;
    if (auto done = read_number(given, node))
      return *done;
    if (given.key == "name")
      return read_text(given, node.name);
    if (given.key == "listen")
      return read_text(given, node.listen);
    if (given.key == "tls_certificate")
      return read_file_name(given, node.tls_certificate);
    if (given.key == "tls_key")
      return read_file_name(given, node.tls_key);
    if (given.key == "tls_ca")
      return read_file_name(given, node.tls_ca);
    if (given.key == "peers_allowed")
      return read_names(given, node.peers_allowed);
    return refused(given,
                   fmt::format("no such setting; [node] has {}", node_words));
  }

  result<void> read_of_cluster(const setting& given) {
    auto& cluster = into_.cluster;
    if (given.key == "join")
      return read_names(given, cluster.join);
    if (given.key == "directory")
      return read_text(given, cluster.directory);
    if (given.key == "refused_is_dead")
      return read_flag(given, cluster.refused_is_dead);
    if (given.key == "spread_calls")
      return read_flag(given, cluster.spread_calls);
    return refused(
      given, fmt::format("no such setting; [cluster] has {}", cluster_words));
  }

  result<void> read_variables(const setting& given, std::string_view file,
                              pool_config& pool) {
    const auto* all = given.value.as_table();
    if (all == nullptr)
      return refused(given, "must be a table: env = {NAME = \"value\"}");
    for (const auto& [line, variable] :
         settings_of(*all, file, given.path + '.')) {
      const auto* text = variable.value.as_string();
      if (text == nullptr)
        return refused(variable, "must be text in quotes");
      if (const auto wrong = wrong_with_variable(variable.key, text->get()))
        return invalid(
          fmt::format("{}: {}: {}", variable.place, given.path, *wrong));
      pool.env.emplace(variable.key, text->get());
      if (auto noted = note(variable); !noted)
        return noted;
    }
    return {};
  }

  /// Nothing when the owner has no number of that key.
  template <class Owner>
  std::optional<result<void>> read_number(const setting& given, Owner& owner) {
    std::optional<result<void>> outcome;
    each_number(owner, [&](const tunable& row, auto& member) {
      if (given.key != row.key)
        return;
      const auto* number = given.value.as_integer();
      if (number == nullptr) {
        outcome = refused(given, "must be an integer, " + bounds_of(row));
      } else if (!is_within(row, number->get())) {
        outcome = refused(given, "must be " + bounds_of(row));
      } else {
        set_number(member, number->get());
        outcome = note(given);
      }
    });
    return outcome;
  }

  result<void> read_path(const setting& given, std::filesystem::path& into) {
    const auto* text = given.value.as_string();
    if (text == nullptr || text->get().find('\0') != std::string::npos)
      return refused(given, "must be a path in quotes");
    into = text->get();
    return note(given);
  }

  /// Relative to the folder of the file it stands in; empty stays so.
  result<void> read_file_name(const setting& given,
                              std::filesystem::path& into) {
    if (auto done = read_path(given, into); !done || into.empty())
      return done;
    into = folder_ / into;
    return {};
  }

  result<void> read_text(const setting& given, std::string& into) {
    const auto* text = given.value.as_string();
    if (text == nullptr)
      return refused(given, "must be text in quotes");
    into = text->get();
    return note(given);
  }

  result<void> read_function(const setting& given, std::string& into) {
    if (auto done = read_text(given, into); !done || into.empty())
      return done;
    if (const auto wrong = wrong_with_function(into))
      return refused(given, *wrong);
    return {};
  }

  /// One word of a few.
  template <class Choice, std::size_t N>
  result<void> read_word(const setting& given, Choice& into,
                         const choice<Choice> (&choices)[N]) {
    const auto* text = given.value.as_string();
    std::string offered;
    for (const auto& [word, meaning] : choices) {
      if (text != nullptr && text->get() == word) {
        into = meaning;
        return note(given);
      }
      offered += fmt::format("{}{:?}", offered.empty() ? "" : " or ", word);
    }
    return refused(given, "must be " + offered);
  }

  /// true and false; of a variable also 1 and 0.
  result<void> read_flag(const setting& given, bool& into) {
    const auto* text = given.value.as_string();
    if (const auto* flag = given.value.as_boolean())
      into = flag->get();
    else if (text && (text->get() == "true" || text->get() == "1"))
      into = true;
    else if (text && (text->get() == "false" || text->get() == "0"))
      into = false;
    else
      return refused(given, "must be true or false");
    return note(given);
  }

  result<void> read_names(const setting& given,
                          std::vector<std::string>& into) {
    const auto* items = given.value.as_array();
    if (items == nullptr)
      return refused(given, "must be names: [\"ok\", \"error\"]");
    std::vector<std::string> names;
    for (const auto& item : *items) {
      const auto* text = item.as_string();
      if (text == nullptr)
        return refused(given, "must be names in quotes");
      names.push_back(text->get());
    }
    into = std::move(names);
    return note(given);
  }

  result<void> read_folders(const setting& given,
                            std::vector<std::filesystem::path>& into) {
    std::vector<std::string> names;
    if (auto done = read_names(given, names); !done)
      return done;
    into.clear();
    for (const auto& each : names)
      into.push_back(folder_ / each);
    return {};
  }

  result<void> note(const setting& given) {
    if (origins_ != nullptr)
      (*origins_)[given.path] = given.place;
    return {};
  }

  config& into_;
  config_origins* origins_;
  const std::filesystem::path folder_;
};

/// A variable of the environment that sets one key.
struct override_variable {
  const char* name;
  std::string_view key;
  bool of_pool;          ///< of the default pool, which is there once spoken of
  std::int64_t unit = 1; ///< of a number, in those of the setting
};

constexpr std::array overrides{
  override_variable{"SNAKEBRIDGE_WORKER", "worker", false},
  override_variable{"SNAKEBRIDGE_TIMEOUT_MS", "timeout_ms", false},
  override_variable{"SNAKEBRIDGE_ERROR_MODE", "error_mode", false},
  override_variable{"SNAKEBRIDGE_ATOM_CLASS", "atom_class", false},
  override_variable{"SNAKEBRIDGE_MARKER_DETAIL", "marker_detail", false},
  override_variable{"SNAKEBRIDGE_REF_MAX", "ref_max", false},
  override_variable{"SNAKEBRIDGE_REF_TTL_SECONDS", "ref_ttl_ms", false, 1'000},
  override_variable{"SNAKEBRIDGE_VERBOSE", "verbose", false},
  override_variable{"SNAKEBRIDGE_STRICT_MODE", "strict_mode", false},
  override_variable{"SNAKEBRIDGE_STRICT_MODE_THRESHOLD",
                    "strict_mode_threshold", false},
  override_variable{"SNAKEBRIDGE_AUTO_INSTALL", "auto_install", false},
  override_variable{"SNAKEBRIDGE_PYTHON", "python", true},
  override_variable{"SNAKEBRIDGE_POOL_SIZE", "size", true},
  override_variable{"SNAKEBRIDGE_PLACEMENT", "placement", true},
};

/// A variable's text; nothing when it is unset or empty.
std::optional<std::string> text_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0')
    return std::nullopt;
  return text;
}

result<void> read_override(const override_variable& one,
                           const std::string& text, config& into,
                           config_origins* origins) {
  const std::string pool = pool_config{}.name;
  const auto path =
    one.of_pool ? pool_key(pool, one.key) : std::string{one.key};
  const auto take = [&](const toml::node& value) {
    const setting given{one.name, path, one.key, value};
    reader reading{into, origins};
    return one.of_pool ? reading.read_of_pool(given, pool_of(into, pool))
                       : reading.read_top(given);
  };
  // A number when all of it is one; a path may be all digits too.
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, wrong] = std::from_chars(text.data(), end, number);
  std::int64_t in_units = 0;
  if (wrong == std::errc{} && rest == end && has_number(one.key)
      && !__builtin_mul_overflow(number, one.unit, &in_units))
    return take(toml::value<std::int64_t>{in_units});
  return take(toml::value<std::string>{text});
}

/// The text of a file, or the number the system gives for why not.
tl::expected<std::string, int> text_of(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream in{file, std::ios::binary};
  std::string text;
  std::array<char, 4096> block{};
  while (in.read(block.data(), block.size()), in.gcount() > 0)
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
  // A folder opens and fails at its first byte.
  if (!in.is_open() || in.bad())
    return tl::unexpected{errno};
  return text;
}

} // namespace

result<config> parse_config(std::string_view text, std::string_view name,
                            config_origins* origins) {
  config made;
  try {
    const auto all = toml::parse(text, name);
    const auto folder = std::filesystem::path{name}.parent_path();
    made.environment_folder = folder / ".snakebridge";
    reader reading{made, origins, folder};
    if (auto done = reading.read_file(all, name); !done)
      return tl::unexpected{std::move(done).error()};
    if (auto done = take_environments(made); !done)
      return tl::unexpected{std::move(done).error()};
  } catch (const toml::parse_error& wrong) {
    return invalid(fmt::format("{}:{}: {}", name, wrong.source().begin.line,
                               wrong.description()));
  }
  return made;
}

result<config> load_config(config_origins* origins) {
  const auto named = text_of("SNAKEBRIDGE_CONFIG");
  std::error_code ignored;
  const auto file =
    std::filesystem::absolute(named.value_or("snakebridge.toml"), ignored);
  config made;
  if (named || std::filesystem::exists(file, ignored)) {
    const auto text = text_of(file);
    if (!text)
      return invalid(fmt::format(
        "{}cannot read {}: {}", named ? "SNAKEBRIDGE_CONFIG: " : "",
        file.string(), std::generic_category().message(text.error())));
    auto parsed = parse_config(*text, file.string(), origins);
    if (!parsed)
      return parsed;
    made = *std::move(parsed);
  }
  for (const auto& one : overrides)
    if (const auto text = text_of(one.name))
      if (auto done = read_override(one, *text, made, origins); !done)
        return tl::unexpected{std::move(done).error()};
  return made;
}

} // namespace snakebridge
