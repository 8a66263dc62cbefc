#pragma once
// Everything one can ask of Python. A `caller` is a bridge, a session, or a
// bridge `with` options: all have these functions, and differ only in which
// session and pool they use. Copies are cheap; any thread may use one. It must
// not outlive its bridge.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <snakebridge/config.hpp>
#include <snakebridge/operation.hpp>
#include <snakebridge/stream.hpp>

namespace snakebridge {

class bridge_core;
class session_core;
class ref_scope;

/// How calls are made: of a caller (`with`), of all calls of a thread while a
/// runtime_scope lasts, of one message of an actor. What is not given is taken
/// from the surrounding runtime_scope, then from the configuration.
struct call_options {
  /// Counts from the call, queue included.
  std::optional<std::chrono::milliseconds> timeout = {};
  /// The pool for calls without refs; refs live where they live.
  std::string pool = {};
  /// The session to use, joined by its id for the rest of this thread's life.
  /// Not looked at in messages, which go to their session.
  std::string session = {};
  /// Which interpreter may run them; empty: the pool's setting.
  std::optional<snakebridge::affinity> affinity = {};
  /// Running it twice does no harm: a call without refs whose interpreter dies
  /// is run once more, within its time.
  std::optional<bool> idempotent = {};
  /// Keeps the exception object a call raises, as `python_error::object`; it is
  /// the session's, as any object a ref names.
  std::optional<bool> keep_exception = {};
  /// How results come; empty: as the pool's setting says.
  std::optional<snakebridge::leaves> leaves = {};
  /// Cancels the calls made with these options.
  cancel_token cancel = {};
};

/// All calls answer a `result`. Errors any of them may have: python_raised,
/// deadline_exceeded, cancelled, overloaded, interpreter_died, pool_down,
/// pool_unknown, worker_busy, session_worker_unavailable, session_closed,
/// shutting_down; with refs also ref_stale, ref_released, ref_foreign,
/// ref_invalid. They block the calling thread, at most for the call's timeout.
/// A call runs as if it stood in a script: in a Python frame whose globals are
/// the session's namespace, a module of its own. An `object` is a ref, or a
/// value that is sent and lives as long as the call: `method("abc", "upper")`.
class caller {
public:
  /// `module.function(*arguments)`. The function may be dotted:
  /// "AutoModel.from_pretrained". Named arguments: `"key"_a = 1`.
  template <class... Arguments>
  result<value> call(std::string_view module, std::string_view function,
                     Arguments&&... arguments) const {
    operation asked{.what = verb::call,
                    .module = std::string{module},
                    .name = std::string{function}};
    detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
    return run(asked);
  }

  /// `module.name`; the name may be dotted.
  result<value> get(std::string_view module, std::string_view name) const;

  /// `object.name(*arguments)`.
  template <class... Arguments>
  result<value> method(const value& object, std::string_view name,
                       Arguments&&... arguments) const {
    operation asked{
      .what = verb::method, .name = std::string{name}, .target = object};
    detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
    return run(asked);
  }

  /// `object(*arguments)`.
  template <class... Arguments>
  result<value> call_object(const value& object,
                            Arguments&&... arguments) const {
    operation asked{.what = verb::call_object, .target = object};
    detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
    return run(asked);
  }

  /// Iterates over `module.function(*arguments)`, which is called when the
  /// first item is asked for.
  template <class... Arguments>
  snakebridge::stream<> stream(std::string_view module,
                               std::string_view function,
                               Arguments&&... arguments) const {
    operation asked{.what = verb::stream,
                    .module = std::string{module},
                    .name = std::string{function}};
    detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
    return stream_of(asked);
  }
  /// Iterates over an object: of one that is an iterator already it takes the
  /// items, a generator is closed at its end.
  snakebridge::stream<> stream(const value& iterable) const;

  result<value> attr(const value& object, std::string_view name) const;
  /// `object.name = item`, of a ref: ref_invalid for a value, which nobody
  /// would see change.
  result<void> set_attr(const value& object, std::string_view name,
                        value item) const;
  result<value> item(const value& object, value key) const;
  /// `object[key] = item`, of a ref as above.
  result<void> set_item(const value& object, value key, value item) const;
  result<std::string> repr(const value& object) const;
  result<std::string> str(const value& object) const;
  result<std::size_t> len(const value& object) const;

  /// The value of an expression in the session's own namespace. `variables`,
  /// whose keys are strings, are there for this expression only; others are
  /// not_convertible.
  result<value> eval(std::string_view expression,
                     const dict& variables = {}) const;
  /// Runs statements in the session's own namespace, which is a module:
  /// classes and functions made there can be pickled, and processes that Python
  /// starts run the session's sources again to have them. `variables` are set
  /// in it before, and must be as above.
  result<void> exec(std::string_view code, const dict& variables = {}) const;

  /// Forgets the object: true if it was there, false if it was gone already.
  result<bool> release(const value& object) const;

  /// The same functions with other options, which win over this caller's:
  /// `bridge.with({.timeout = 50ms}).call(…)`.
  caller with(call_options options) const;

  /// The id of the session calls of this thread use, made on first use.
  /// Throws shutting_down.
  std::string current_session() const;

protected:
  friend class ref_scope;
  friend class detail::stream_reader;
  caller(std::shared_ptr<bridge_core> core,
         std::shared_ptr<session_core> through);

  result<value> run(operation& asked) const;
  snakebridge::stream<> stream_of(operation& asked) const;
  /// For the ref_scope of this thread, if there is one.
  void note_refs(const result<value>& answered) const;

  std::shared_ptr<bridge_core> core_;
  /// Null: the thread's choice.
  std::shared_ptr<session_core> session_;
  call_options options_;
};

} // namespace snakebridge
