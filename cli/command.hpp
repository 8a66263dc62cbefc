#pragma once
// What a command line asks for, and what the commands share: settings, a bridge
// while it lasts, how failures are told. Exit codes: 0 ok, 1 the call failed, 2
// usage; 128 and its number for a signal.

#include <functional>
#include <string>
#include <vector>

#include <snakebridge/snakebridge.hpp>

#include "console.hpp"

namespace snakebridge::cli {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

struct request {
  std::string module;
  std::string name; ///< function, attribute, expression, file or shell
  std::vector<std::string> arguments;
  std::vector<std::string> keywords;
  std::vector<std::string> path;     ///< of modules, as PYTHONPATH
  std::vector<std::string> stubs;    ///< folders of them
  std::vector<std::string> sources;  ///< C++ that uses what is generated
  std::vector<std::string> includes; ///< folders of what it includes
  std::string manifest;
  std::string config; ///< snakebridge.toml
  std::string output; ///< a folder or file to write
  std::string depfile;
  std::string depends; ///< what the depfile is about
  std::string tools;   ///< the environment that stubs are read in
  std::string python;
  std::string pool;
  std::string listen;                ///< of a node: "host:port"
  std::vector<std::string> join;     ///< of nodes: the same
  std::string certificates;          ///< a folder of them
  std::string make_certificates;     ///< the same, to be written
  std::int64_t patience_ms = 30'000; ///< of a drain
  std::int64_t timeout_ms = 0;
  std::int64_t limit = 0; ///< items of a stream; 0: all
  std::int64_t progress_after_ms = 2'000;
  bool strict = false;
  bool if_lacking = false; ///< asks Python only for what is not known
  bool headers_only = false;
  bool clean = false;
  bool markdown = false;
  bool json = false;
  bool check = false;   ///< changes nothing, tells what would
  bool offline = false; ///< what is needed is in the cache
  bool upgrade = false; ///< takes the newest there is, whatever is locked
  bool quiet = false;
};

/// "math.sqrt"
std::string label_of(const request& asked);

/// JSON, or else strings.
unpacked_arguments arguments_of(const request& asked);
/// Throws CLI::ValidationError for what is no NAME=JSON.
unpacked_keywords keywords_of(const request& asked);

/// Those of the environment, for one call at a time. What Python prints goes to
/// `out`, objects are told by their repr. Errors: config_invalid.
result<config> settings_of(const request& asked, console& out,
                           config_origins& origins);
/// The pool that is used, of these settings; null: there is none of that name.
pool_config* pool_of(const request& asked, config& settings);

/// While it lives, what the library logs goes to `out`, or nowhere.
class log_scope {
public:
  explicit log_scope(console* out);
  ~log_scope();
  log_scope(const log_scope&) = delete;
  log_scope& operator=(const log_scope&) = delete;
};

/// Tells what went wrong, and answers the exit code. What was cancelled was so
/// by a signal, and needs no words.
int fail(console& out, const error& failed);

/// Runs `body` with a bridge, which is stopped in order afterwards. SIGINT,
/// SIGTERM and SIGHUP cancel its calls and set the exit code; a second one ends
/// the program where it is.
int with_bridge(const request& asked, console& out,
                const std::function<int(const caller&)>& body);

} // namespace snakebridge::cli
