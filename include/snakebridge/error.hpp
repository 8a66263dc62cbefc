#pragma once
// What went wrong, as a value, and as an exception. Every function of the
// bridge that can fail answers a `result<T>` (result.hpp). Errors are cheap to
// copy and safe to pass between threads.

#include <chrono>
#include <cstdint>
#include <exception>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <snakebridge/ml_error.hpp>
#include <snakebridge/ref.hpp>

namespace snakebridge {

/// What the caller does next. Appended only: a code never changes its number.
enum class errc : std::uint8_t {
  /// Python raised: look at `error::python()` and mend the call or the data.
  python_raised = 1,
  /// The interpreter that held the object has died: make the object again.
  ref_stale,
  /// The object was released, pruned or expired, or its session ended: make it
  /// again.
  ref_released,
  /// The object belongs to another session or interpreter: share the session.
  ref_foreign,
  /// No ref where one is needed: pass what a call answered as a ref.
  ref_invalid,
  /// The session has ended: open it again.
  session_closed,
  /// The call's time ran out: give it more, or ask for less.
  deadline_exceeded,
  /// The caller cancelled the call: nothing to do.
  cancelled,
  /// The queue is full, or too many sessions are ending: wait and try again, or
  /// give the pool more room.
  overloaded,
  /// The pool's interpreters died too often: mend the cause, start again.
  pool_down,
  /// No pool has that name: name one of the configuration.
  pool_unknown,
  /// The session's interpreter is busy and waiting was refused: try again.
  worker_busy,
  /// The session's interpreter cannot serve it now: try again, or elsewhere.
  session_worker_unavailable,
  /// The interpreter died during the call: try again if the call may repeat.
  interpreter_died,
  /// The node is gone: use another, or wait until it joins again.
  node_down,
  /// The address does not answer: check it, and the network.
  unreachable,
  /// The other side refused this identity, the pool this module, or the bridge
  /// this helper: check the certificates, or the settings `importable`,
  /// `helper_allowlist` and `helper_inline_enabled`.
  not_authorized,
  /// The value is not exactly of the type asked for: ask for another.
  not_convertible,
  /// The object cannot be iterated: do not iterate it.
  not_iterable,
  /// The C++ function called by Python failed: look at the message.
  callback_failed,
  /// The other side sent bytes that are no message: report a bug.
  message_malformed,
  /// A value is larger or deeper than the limits allow: send less.
  payload_too_large,
  /// The session or pool has used up its share: release something.
  quota_exceeded,
  /// The configuration is wrong: the message names the key and its bounds.
  config_invalid,
  /// An interpreter could not be started: the message says why.
  startup_failed,
  /// The Python environment cannot be used: the message says what it lacks.
  environment_invalid,
  /// The library has no such symbol, or no file this helper: check the name.
  symbol_unknown,
  /// No such library: check the name, or install it.
  library_unknown,
  /// The bridge is stopping: call earlier.
  shutting_down,
};

/// The code's name as written here: "ref_stale".
std::string_view to_string(errc code);

/// One line of a Python traceback.
struct python_frame {
  std::string file;
  std::uint32_t line = 0;
  std::string function;
};

/// A Python exception, as far as it can be told without the object itself.
struct python_error {
  std::string type;      ///< "ValueError"
  std::string module;    ///< "builtins"
  std::string message;   ///< str(exception)
  std::string traceback; ///< as Python prints it, chained exceptions included
  std::vector<python_frame> frames; ///< outermost first
  std::vector<std::string> notes;   ///< `__notes__`
  std::vector<std::string> mro;     ///< "builtins.ValueError" and its bases
  std::shared_ptr<const python_error> cause;   ///< raise … from cause
  std::shared_ptr<const python_error> context; ///< what was being handled
  /// `raise … from None`, or from a cause: Python does not print the context.
  bool suppress_context = false;
  /// The members of an ExceptionGroup, which may be groups too. Of a large
  /// group, and of long chains, just the first are told.
  std::vector<python_error> exceptions = {};
  /// What the exceptions of NumPy and TensorFlow know beside their text:
  /// {"dtype", "float64"}. Empty for all others.
  std::vector<std::pair<std::string, std::string>> facts = {};
  /// The exception object, where the call asked to `keep_exception`. It holds
  /// its traceback, and so the frames' variables, until it is released. Only of
  /// the exception raised: its causes are reached through it.
  std::optional<ref> object = {};
};

/// What is known of an interpreter that died.
struct post_mortem {
  int pid = 0;
  std::optional<int> exit_status; ///< when it exited
  std::string signal;             ///< "SIGKILL", when a signal ended it
  std::string reason;             ///< why it ended, as far as we know
  std::string call;               ///< "math.sqrt": what it was running
  std::string session;            ///< whose call that was
  std::uint32_t interpreter = 0;
  std::uint32_t epoch = 0;
  std::vector<std::string> log_lines; ///< its last output, oldest first
  /// Of its Python threads when it crashed or before we killed it, each from
  /// the inside out, as Python's faulthandler writes them; empty: not known.
  std::string stacks = {};
  /// All the processor time it took, and the most memory it had.
  std::chrono::milliseconds user_time{0};
  std::chrono::milliseconds system_time{0};
  std::uint64_t resident_bytes_max = 0;
};

/// "killed by SIGKILL while running time.sleep for session 'a' (pid 12)"
std::string to_string(const post_mortem& death);

/// Why a call has no result.
class error {
public:
  error(errc code, std::string message);
  explicit error(python_error raised);
  error(errc code, std::string message, post_mortem death, bool may_have_run);
  // Not inline: the library has them, and programs need not compile them.
  error(const error& other);
  error(error&& other) noexcept;
  error& operator=(const error& other);
  error& operator=(error&& other) noexcept;
  ~error();

  errc code() const { return code_; }
  const std::string& message() const { return message_; }
  // Of an error that is about to go, these three share what they answer: so
  // `f().error().python()->type` is sound, and no plain pointer to it compiles.

  /// The Python exception behind `python_raised`, else null.
  const python_error* python() const&;
  std::shared_ptr<const python_error> python() const&&;
  /// What is known of the interpreter behind `interpreter_died`, else null.
  const snakebridge::post_mortem* post_mortem() const&;
  std::shared_ptr<const snakebridge::post_mortem> post_mortem() const&&;
  /// What the Python exception means, where `config.error_mode` is `translated`
  /// and it is one of those; else null. `python()` is there as well.
  const ml_error* ml() const&;
  std::shared_ptr<const ml_error> ml() const&&;
  /// True when Python may have begun the call: repeating it may repeat its
  /// effects.
  bool may_have_run() const { return may_have_run_; }
  /// True for a Python exception of the type of that name, or of one derived
  /// from it: "requests.exceptions.HTTPError", "builtins.OSError", "OSError". A
  /// package may be named for a module inside it, as most classes are imported:
  /// "json.JSONDecodeError". What `exec` defined in a session is named alone,
  /// or as in a script: "MyError", "__main__.MyError". Aliases are not known:
  /// IOError is named "OSError".
  bool is(std::string_view type) const;
  /// This error, with `may_have_run` as given.
  error with_may_have_run(bool may) const;
  /// This error, with what it means.
  error with_ml(ml_error meaning) const;
  /// This error, of the same exception, kept under that name.
  error with_object(ref kept) const;
  /// This error, with what to do about it at the end of its message.
  error with_advice(std::string_view advice) const;

  friend bool operator==(const error& left, const error& right);

private:
  errc code_;
  bool may_have_run_ = false;
  std::string message_;
  std::shared_ptr<const python_error> python_;
  std::shared_ptr<const snakebridge::post_mortem> death_;
  std::shared_ptr<const ml_error> ml_;
};

/// All of the error, readably: code, message, traceback, suggestions, last
/// output.
std::string to_string(const error& failed);
std::ostream& operator<<(std::ostream& out, const error& failed);
std::ostream& operator<<(std::ostream& out, errc code);

/// An error as an exception. One type per family; `error()` has the rest.
class exception : public std::exception {
public:
  explicit exception(snakebridge::error failed);
  exception(const exception& other) noexcept;
  exception& operator=(const exception& other) noexcept;
  ~exception() override;
  const char* what() const noexcept override;
  const snakebridge::error& error() const;

private:
  // Shared, so that copying an exception in flight cannot throw.
  std::shared_ptr<const snakebridge::error> error_;
  std::shared_ptr<const std::string> text_;
};

/// Python raised.
class python_exception : public exception {
public:
  using exception::exception;
};

// What the three below name lies in the error they share with their copies.

/// Python raised because of shapes; only where errors are translated.
class shape_mismatch_error : public python_exception {
public:
  /// `failed.ml()` is a shape_mismatch.
  explicit shape_mismatch_error(const snakebridge::error& failed);

  const std::string& operation;
  const std::optional<array_shape>& shape_a;
  const std::optional<array_shape>& shape_b;
  const std::string& suggestion;

private:
  const shape_mismatch& told() const;
};

/// Python raised for want of memory; only where errors are translated.
class out_of_memory_error : public python_exception {
public:
  /// `failed.ml()` is an out_of_memory.
  explicit out_of_memory_error(const snakebridge::error& failed);

  const std::string& device;
  const std::optional<double>& requested_mb; ///< MiB, as the other two
  const std::optional<double>& available_mb;
  const std::optional<double>& total_mb;
  const std::vector<std::string>& suggestions;

private:
  const out_of_memory& told() const;
};

/// Python raised because of dtypes; only where errors are translated.
class dtype_mismatch_error : public python_exception {
public:
  /// `failed.ml()` is a dtype_mismatch.
  explicit dtype_mismatch_error(const snakebridge::error& failed);

  const std::string& expected;
  const std::string& got;
  const std::string& operation;
  const std::string& suggestion;

private:
  const dtype_mismatch& told() const;
};

/// The object is gone: `ref_stale` or `ref_released`.
class ref_not_found_error : public exception {
public:
  using exception::exception;
};

/// The object belongs to another session: `ref_foreign`.
class session_mismatch_error : public exception {
public:
  using exception::exception;
};

/// No ref where one is needed: `ref_invalid`.
class invalid_ref_error : public exception {
public:
  using exception::exception;
};

} // namespace snakebridge
