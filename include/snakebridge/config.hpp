#pragma once
// What a bridge is told before it starts. All of it has defaults; the same
// names stand in snakebridge.toml, and the most needed in SNAKEBRIDGE_*
// environment variables. Bounds are in config/tunables.hpp; a value outside
// them is `config_invalid`, naming the key.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge {

/// Where a pool's Python runs.
enum class placement : std::uint8_t {
  worker,   ///< a process of its own for each interpreter: the default
  embedded, ///< in this process: lowest latency, for trusted code
};

/// How Python's exceptions are told.
enum class error_mode : std::uint8_t {
  raw,        ///< as they are: the default
  translated, ///< those of shapes, memory and dtypes also as `error::ml()`
};

/// Which interpreter of its pool a call may run in. A call with refs runs
/// where they live, whatever it says; so do `eval` and `exec` in the session's
/// own interpreter, which has its namespace.
enum class affinity : std::uint8_t {
  /// In the session's own if that is free, else in the first that is: objects
  /// of such calls may live apart, and one call cannot have both.
  hint,
  /// In the session's own, waiting for it: the default.
  strict_queue,
  /// The same without waiting: worker_busy when it runs another call,
  /// session_worker_unavailable while it is being replaced.
  strict_fail_fast,
};

/// How results come.
enum class leaves : std::uint8_t {
  /// What has a value form as a value, at any depth; other objects are kept in
  /// Python and named by refs: the default.
  refs,
  /// Other objects as `unserializable`; nothing is kept.
  markers,
  /// Every result is kept in Python and is one ref, a list, a number and None
  /// too. For verbs that answer text, a length or nothing it means nothing.
  all_refs,
  /// As much a value as can be (docs/VALUES.md): a namedtuple as a tuple, a
  /// dataclass as a dict, what is derived from a built-in type as that, an enum
  /// as its value, an ndarray or Series as a list, a NaT or NA as None.
  plain,
  /// As an sb::object holds it: a None, bool, number, or str or bytes of at
  /// most 512 bytes, of just that type, is itself; all else one ref, whose
  /// owner its caller is.
  objects,
};
inline constexpr leaves last_leaves = leaves::objects;

/// When a pool stops to take calls because its interpreters crash.
struct breaker_limits {
  /// Crashes within `period` that open the circuit: calls are pool_down at
  /// once. 0: it never opens.
  std::uint32_t failures = 0;
  std::chrono::milliseconds period{10'000};
  /// How long it is open, until one call may try.
  std::chrono::milliseconds open{5'000};
};

/// How often a pool's interpreters may die.
struct restart_limits {
  /// Restarts within `period` the pool survives; one more ends it, until
  /// `bridge::resume`. Empty: 3, or as many as it has interpreters if that is
  /// more.
  std::optional<std::uint32_t> intensity = {};
  std::chrono::milliseconds period{5'000};
  /// The wait before the first restart, each next one twice as long until an
  /// interpreter has lived for its start timeout and 10 s; 0: no wait. Calls
  /// wait meanwhile.
  std::chrono::milliseconds backoff{0};
  /// No wait is longer.
  std::chrono::milliseconds backoff_max{30'000};
};

/// What each worker of a pool may use; 0: as much as there is. Not for embedded
/// pools, whose process is the program's own.
struct worker_limits {
  /// Address space. Beyond it Python raises MemoryError.
  std::uint64_t memory_bytes_max = 0;
  /// Time on a processor over its life. Then it dies by SIGXCPU and is
  /// replaced.
  std::uint64_t cpu_seconds_max = 0;
  std::uint32_t open_files_max = 0;
  /// Neither it nor its children gain rights by running setuid programs.
  bool no_new_privileges = false;
  /// The top-level modules that calls, `eval` and `exec` may import; empty:
  /// all. What these import themselves is not looked at. It keeps honest
  /// callers in bounds and is no sandbox. Others are not_authorized.
  std::vector<std::string> importable = {};

  bool operator==(const worker_limits&) const = default;
};

/// When a worker is replaced by a new one; 0: never for that reason. One that
/// is due gets no more sessions, and is replaced once none uses it: nothing of
/// anybody is lost. Not for embedded pools.
struct recycle_limits {
  std::uint64_t calls = 0;
  std::chrono::milliseconds age{0};
  /// Resident memory of its process.
  std::uint64_t memory_bytes = 0;
};

/// One pool of interpreters of one kind.
struct pool_config {
  std::string name = "default";
  /// Interpreters; 0: one per core. An embedded pool always has one.
  std::uint32_t size = 0;
  snakebridge::placement placement = placement::worker;
  /// A venv, or an interpreter: CPython 3.9 to 3.14, for which `snakebridge
  /// setup` builds a worker where it is not the one the bridge was built with.
  /// Empty: that of `environment`, else that one, without a venv.
  std::filesystem::path python = {};
  /// The name of one of `config::environments`; empty: the one without a name,
  /// where there is one.
  std::string environment = {};
  /// Folders whose modules can be imported, before all others: as PYTHONPATH.
  /// Relative ones are so to the settings file they stand in, else to the
  /// working folder.
  std::vector<std::filesystem::path> path = {};
  /// Environment variables of the workers, over those that are passed on.
  std::map<std::string, std::string> env = {};
  /// Modules each interpreter imports before it is ready.
  std::vector<std::string> preload = {};
  /// "module.function", which each interpreter calls after that, without
  /// arguments, before it is ready: to load a model, say. Each incarnation does
  /// it, so that the model is there again after a restart. It counts against
  /// `start_timeout`; if it raises, the interpreter has not started. Empty:
  /// none.
  std::string on_start = {};
  /// Workers kept ready besides, for when one dies or is recycled.
  std::uint32_t spares = 0;
  /// Threads of each worker that run calls: those that release the GIL run side
  /// by side. A session has all its calls in one worker on the same thread, and
  /// one session's calls never overlap. Beyond the first thread a call that is
  /// cancelled in C code which does not return ends its worker, and with it the
  /// calls of the other threads. Not for embedded pools: one call at a time.
  std::uint32_t threads = 1;
  /// Calls that may wait for one interpreter; one more is `overloaded`.
  std::uint32_t queue_max = 1'000;
  restart_limits restart = {};
  worker_limits limits = {};
  /// Of calls that name none.
  snakebridge::affinity affinity = affinity::strict_queue;
  /// Of results of calls that name no form.
  snakebridge::leaves leaves = leaves::refs;
  breaker_limits breaker = {};
  recycle_limits recycle = {};
  /// Variables of this process that are passed on to the workers besides those
  /// always passed (runtime/worker_environment.cpp): names, or with a `*` at
  /// their end all that begin so. "*": all there are.
  std::vector<std::string> pass_env = {};
  /// How long an interpreter may take until it is ready.
  std::chrono::milliseconds start_timeout{30'000};
  /// A call that is cancelled, past its deadline or of an ended session gets
  /// `snakebridge.Cancelled` at once. How long it may clean up undisturbed,
  /// before it is interrupted again and again; and then, before its worker is
  /// killed. (An embedded pool has no worker: there it is interrupted on.)
  std::chrono::milliseconds cancel_grace{500};
  std::chrono::milliseconds kill_grace{500};
  /// A worker whose control thread was silent so long is dead, and killed: it
  /// is stopped, or the machine stands still. Python that is busy, with the GIL
  /// too, does not silence it. 0: never.
  std::chrono::milliseconds heartbeat_limit{10'000};
  /// After so long in one call, or between two with one waiting, a worker is
  /// reported as `stalled`, with the Python line it is at; 0: never.
  std::chrono::milliseconds stall_report{30'000};
  /// After so long there a worker is killed; 0: never.
  std::chrono::milliseconds stall_kill{0};
  /// How long a worker may take to end when asked, before it is killed.
  std::chrono::milliseconds stop_timeout{2'000};
};

/// What becomes of a session that holds as many refs as it may, and makes more.
enum class on_full : std::uint8_t {
  prune,  ///< refs unused for the longest are let go: the default
  refuse, ///< the call answers quota_exceeded, and keeps nothing
};

/// What a session may hold; `session_options` may say otherwise for one.
struct ref_rules {
  std::uint32_t max = 10'000;
  snakebridge::on_full on_full = on_full::prune;
  /// A ref that is not used for so long is let go; 0: none is.
  std::chrono::milliseconds ttl{0};
  /// Warns in the log of a session that holds more refs than the threshold.
  bool strict_mode = false;
  std::uint32_t strict_mode_threshold = 1'000;
};

/// How much a marker (`unserializable`) tells of its object.
enum class unserializable_detail : std::uint8_t {
  none,          ///< that there was one
  type,          ///< its type
  repr,          ///< its repr too, cut
  repr_redacted, ///< its repr without what looks like a secret, cut
};

/// How some values are converted, in all pools.
struct conversion_config {
  /// Python gets atoms as `snakebridge.Atom`, not as `str`.
  bool atom_class = false;
  /// The names of `snakebridge.Atom` that become atoms; all others become
  /// strings. "*": all do.
  std::vector<std::string> atoms = {"ok", "error"};
  unserializable_detail detail = unserializable_detail::none;
  /// Of a repr in a marker.
  std::size_t repr_bytes_max = 500;
};

/// What ended a line of output.
enum class line_end : std::uint8_t {
  newline,
  carriage_return, ///< a progress bar, which goes on in the same place
  none,            ///< its call ended, or it is too long for one line
};

/// One line Python printed, or one message it logged, and what was running when
/// it did.
struct log_line {
  std::string pool;
  std::uint32_t interpreter = 0;
  std::string session;   ///< empty between calls
  std::string call;      ///< "math.sqrt"; empty between calls
  bool is_error = false; ///< from stderr, or logged as an error or worse
  /// Of a message of `snakebridge.log`, as in Python's logging: 20 is INFO; 0:
  /// it was printed.
  int level = 0;
  std::string text; ///< without its end; a message may have several lines
  line_end end = line_end::newline;
};

enum class event_kind : std::uint8_t {
  ready,   ///< an incarnation is up
  stalled, ///< it has been in one call for long, or between two; it goes on
  ended,   ///< it has ended without being asked, or otherwise than asked
  // Of calls, but not of the batches of streams, nor of releases.
  call_start,     ///< one was made
  call_stop,      ///< it has its result
  call_exception, ///< it has failed, in Python or on its way
};

/// What happened to an interpreter, or to a call.
struct interpreter_event {
  event_kind what = event_kind::ready;
  std::string pool;
  std::uint32_t interpreter = 0; ///< 0: the call has come to none
  std::uint32_t epoch = 0;
  int pid = 0;
  std::string call;    ///< "time.sleep", what it ran; empty: nothing
  std::string session; ///< whose call that was
  std::string message; ///< all of it, in one line
  std::string stacks;  ///< of its Python threads, when `stalled`
  std::optional<post_mortem> death; ///< when `ended`
  // Of a call:
  std::string module = {};   ///< "math"; empty where it names none
  std::string function = {}; ///< "sqrt", or the attribute, or the code
  // At its end:
  std::chrono::nanoseconds queued{}; ///< until Python had begun it, and back
  std::chrono::nanoseconds ran{};    ///< in Python, awaiting included
  std::size_t request_bytes = 0;     ///< as sent to a worker; 0: to none
  std::size_t reply_bytes = 0;
  std::optional<error> failure = {}; ///< when `call_exception`
};

/// How the items of streams come, unless a stream says otherwise.
struct stream_rules {
  /// For the next item to come, waiting in the queue included; not for all.
  std::chrono::milliseconds timeout{1'800'000};
  /// A batch is sent when it has so many items, is so large, or its first item
  /// has waited for so long. A consumer that does not read holds three of them.
  std::uint32_t batch_items = 4'096;
  std::size_t batch_bytes = std::size_t{1} << 20U;
  std::chrono::milliseconds batch_time{5};
};

/// Which helpers there are: Python functions that calls name as
/// "my_helpers.process" (docs/PYTHON.md).
struct helper_rules {
  /// Folders whose `*.py` files that do not begin with `_` are helper files, or
  /// such files; later ones go before. One that is not there has none. Relative
  /// ones are so to the settings file they stand in, else to the working
  /// folder.
  std::vector<std::filesystem::path> paths = {"priv/python/helpers"};
  /// Those that come with the library are there: "snakebridge.describe".
  bool pack_enabled = true;
  /// The helpers that may be called: names, or beginnings with a `*`. Empty, or
  /// "all": all. Others are not_authorized.
  std::vector<std::string> allowlist = {};
  /// The program may give some as source (`bridge::add_helpers`).
  bool inline_enabled = false;
  /// Files that have changed are loaded anew before the next call of a helper:
  /// for development, as it looks at every file each time.
  bool reload = false;

  bool operator==(const helper_rules&) const = default;
};

/// The times of calls of one kind. What is empty is as the profile of that name
/// has it that is always there, else as `config` says for all.
struct profile_times {
  /// A call's, queue included.
  std::optional<std::chrono::milliseconds> timeout = {};
  /// Of a stream, for its next item to come.
  std::optional<std::chrono::milliseconds> stream_timeout = {};
};

/// Of a node's own certificate, which both sides of a link need. All three or
/// none: then its links are plain, and on loopback. Read at each handshake.
struct tls_files {
  std::filesystem::path certificate = {}; ///< PEM: its own, then its issuers
  std::filesystem::path key = {};         ///< PEM, without a password
  std::filesystem::path ca = {};          ///< PEM: who signs those of peers

  bool empty() const {
    return certificate.empty() && key.empty() && ca.empty();
  }

  friend bool operator==(const tls_files&, const tls_files&) = default;
};

/// This bridge as a node: one in a network of bridges.
struct node_config {
  /// 1 to 255 of a-z, 0-9, _, - and ., and where it has a certificate a name in
  /// that. Empty: one that no other process has.
  std::string name = {};
  /// "host:port" that other nodes dial; port 0: one that is free. Empty: it
  /// listens nowhere.
  std::string listen = {};
  /// PEM files: its certificate and those of its issuers, its key without a
  /// password, and who signs the certificates of other nodes. All three, or
  /// none: then it listens at and dials loopback addresses alone. They are read
  /// at each handshake. Relative ones are so to the settings file they stand
  /// in, else to the working folder.
  std::filesystem::path tls_certificate = {};
  std::filesystem::path tls_key = {};
  std::filesystem::path tls_ca = {};
  /// The only nodes it links with, by name; empty: all.
  std::vector<std::string> peers_allowed = {};
  /// A link on which nothing has come for so long is lost; of two nodes the
  /// lesser holds.
  std::chrono::milliseconds heartbeat_limit{5'000};
};

/// The network of bridges it is one of.
struct cluster_config {
  /// "host:port" of nodes that it dials, again and again while they are not
  /// linked.
  std::vector<std::string> join = {};
  /// The node that knows who owns which session. Empty: the one that listens
  /// and joins nobody.
  std::string directory = {};
  /// A node whose link is lost and whose address refuses connections is taken
  /// for dead. Not where a firewall refuses in its place.
  bool refused_is_dead = true;
  /// Calls of affinity `hint` without objects, made in no session that was
  /// opened, run on the node with the fewest calls for each interpreter of
  /// their pool: what they find there beyond their arguments is that node's.
  /// Off: on this one; only a pool that it does not have is another's.
  bool spread_calls = false;
};

/// From when on something goes to the log.
enum class log_level : std::uint8_t { off, debug, info, warning, error };

/// An environment that `snakebridge setup` makes for pools.
struct environment_config {
  std::string name = {}; ///< empty: for pools that name none
  /// "3.11"; empty: the version the bridge was built with.
  std::string python = {};
  /// As pip takes them: "numpy>=2".
  std::vector<std::string> packages = {};
  /// Folders of projects that are installed as they lie there.
  std::vector<std::filesystem::path> editable = {};
  /// Addresses of package indexes, before the usual one.
  std::vector<std::string> extra_index = {};
  /// Which build of PyTorch (wheel_selector.hpp): "cpu", "cu128"; "auto": the
  /// best for this machine; empty: the one of the usual index.
  std::string torch = {};

  bool operator==(const environment_config&) const = default;
};

/// When commands set an environment up that lacks or is not as it should be.
enum class auto_install : std::uint8_t {
  never,  ///< they use what there is
  dev,    ///< where the variable CI is not set: the default
  always, ///< in CI too
};

struct config {
  /// The pools; `default` is added when none has that name.
  std::vector<pool_config> pools = {};
  /// A call's time when it names none, queue included.
  std::chrono::milliseconds timeout{120'000};
  /// The profiles calls may name (`call_options::profile`), besides those there
  /// always are, or to change these: "default" (`timeout` and
  /// `streams.timeout`), "streaming" (2 and 30 minutes), "ml_inference" (10 and
  /// 30 minutes), "batch_job" (a day).
  std::map<std::string, profile_times> profiles = {};
  /// The profile of calls that name none, by the top-level module they call, or
  /// that of the class of the object they call: {{"torch", "ml_inference"}}.
  std::map<std::string, std::string> library_profiles = {};
  /// The profile of all others.
  std::string default_profile = "default";
  /// The largest call or result, encoded.
  std::size_t payload_bytes_max = std::size_t{1} << 30U;
  snakebridge::error_mode error_mode = error_mode::raw;
  /// The snakebridge-worker program; empty: the one beside this library.
  std::filesystem::path worker = {};
  conversion_config conversion = {};
  ref_rules refs = {};
  stream_rules streams = {};
  helper_rules helpers = {};
  /// At most one of each name.
  std::vector<environment_config> environments = {};
  /// Where they are made: `.snakebridge`, beside the settings file.
  std::filesystem::path environment_folder = ".snakebridge";
  /// A bridge does not start where its environments are not as
  /// snakebridge.lock has them: environment_invalid.
  bool verify_at_start = false;
  snakebridge::auto_install auto_install = auto_install::dev;
  node_config node = {};
  cluster_config cluster = {};
  /// Threads for what the program does with answers of futures (`then`,
  /// coroutines), for callbacks whose call no thread waits for, and for the end
  /// of what callbacks hold; started when there is something for them to do.
  std::uint32_t callback_threads = 2;
  /// The library's log tells of debug too: what starts and ends, and calls that
  /// fail. It is that of all bridges of the process.
  bool verbose = false;
  /// How the log tells of a session that has ended, and how many objects it
  /// had; of one without none. Where it is off, `verbose` has it at debug.
  log_level session_cleanup_log_level = log_level::off;
  /// Takes what Python prints; empty: the log of the library, at info. Called
  /// from threads of the bridge: it must not call the bridge, nor block; what
  /// it throws is dropped.
  std::function<void(const log_line&)> on_output = {};
  /// Hears what happens to interpreters, and of each call, under the same
  /// rules, on the threads that make and answer calls; empty: what is `stalled`
  /// goes to the log.
  std::function<void(const interpreter_event&)> on_event = {};
};

/// Where `snakebridge setup` makes the environment of that name: its
/// pyproject.toml and uv.lock, and the link `venv` to the one that is used.
std::filesystem::path environment_place(const config& of,
                                        std::string_view name);

/// Where a setting came from: "default", "snakebridge.toml", "SNAKEBRIDGE_…".
using config_origins = std::map<std::string, std::string>;

/// The configuration of the environment: defaults, then the file named by
/// SNAKEBRIDGE_CONFIG or ./snakebridge.toml if there is one, then SNAKEBRIDGE_*
/// variables. `origins`, if given, learns what was not a default.
/// Errors: config_invalid.
result<config> load_config(config_origins* origins = nullptr);

/// The same from the text of a file. `name` stands in messages.
/// Errors: config_invalid.
result<config> parse_config(std::string_view text, std::string_view name,
                            config_origins* origins = nullptr);

/// The configuration with its pools completed (`default` there, sizes filled
/// in), and its profiles (all there, with their times), or the first thing
/// wrong with it. Errors: config_invalid.
result<config> checked(config wanted);

} // namespace snakebridge
