#pragma once
// Everything one can ask of Python. A `caller` is a bridge, a session, or a
// bridge `with` options: all have these functions, and differ only in which
// session and pool they use. Copies are cheap; any thread may use one. It must
// not outlive its bridge.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <snakebridge/async_stream.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/future.hpp>
#include <snakebridge/stream.hpp>
#include <snakebridge/verbs.hpp>

namespace snakebridge {

class bridge_core;
class session_core;
class ref_scope;
class async_caller;
class object;

/// How calls are made: of a caller (`with`), of all calls of a thread while a
/// runtime_scope lasts, of one message of an actor. What is not given is taken
/// from the surrounding runtime_scope, then from the configuration.
struct call_options {
  /// Counts from the call, queue included. Empty: as the profile says.
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
  /// A coroutine that a call returns is awaited, and the result is what that
  /// returns; false: it is an object, which `await` takes. Empty: true.
  std::optional<bool> awaits = {};
  /// The timeout profile: "default", "streaming", "ml_inference", "batch_job",
  /// or one of `config::profiles`. Empty: that of the library which is called,
  /// else the configuration's default. A `timeout` wins over it, a surrounding
  /// scope's too. Others are config_invalid.
  std::string profile = {};
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
class caller : public detail::verbs<caller, result> {
public:
  caller(const caller& other);
  caller(caller&& other) noexcept;
  caller& operator=(const caller& other);
  caller& operator=(caller&& other) noexcept;
  ~caller();

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

  /// The module, as an object (<snakebridge/object.hpp>):
  /// `bridge.import("a.b")` is that submodule. Throws.
  object import(std::string_view module) const;
  /// An object that owns what the ref names, from now on; of one that has an
  /// owner it is that. Any other value is itself. Throws shutting_down, and
  /// ref_foreign where it is of no session of this caller's.
  object adopt(const value& named) const;

  /// The same functions with other options, which win over this caller's:
  /// `bridge.with({.timeout = 50ms}).call(…)`.
  caller with(call_options options) const;

  /// The same functions without waiting: each answers a `future`.
  async_caller async() const;

  /// The id of the session calls of this thread use, made on first use.
  /// Throws shutting_down.
  std::string current_session() const;

protected:
  friend class async_caller;
  friend class ref_scope;
  friend class detail::held_object;
  friend class detail::stream_reader;
  friend class detail::question;
  friend class detail::verbs<caller, result>;
  caller(std::shared_ptr<bridge_core> core,
         std::shared_ptr<session_core> through);

  template <class T>
  result<T> ask(operation&& asked, result<T> (*read)(result<value>)) const {
    return read(run(asked));
  }
  template <class T>
  result<T> refuse(error why) const {
    return why;
  }
  result<value> run(operation& asked) const;
  snakebridge::stream<> stream_of(operation& asked) const;
  /// For the ref_scope of this thread, if there is one.
  void note_refs(const result<value>& answered) const;

  std::shared_ptr<bridge_core> core_;
  /// Null: the thread's choice.
  std::shared_ptr<session_core> session_;
  call_options options_;
};

/// A caller that does not wait. Its calls are those of the caller it was made
/// of: of its session, or of that of the thread which makes the call, with the
/// scopes that hold there; a `ref_scope` does not cover what they answer. Calls
/// of one session are begun in the order they were made in; which is answered
/// first is not told by that. Any number may be
/// on their way, as far as their pool lets them wait (`queue_max`): one more is
/// overloaded. To make one may wait where a session is to be opened for it.
class async_caller : public detail::verbs<async_caller, future> {
public:
  async_caller with(call_options options) const;

  /// As those of `caller`, of items that come as futures.
  template <class... Arguments>
  async_stream<> stream(std::string_view module, std::string_view function,
                        Arguments&&... arguments) const {
    operation asked{.what = verb::stream,
                    .module = std::string{module},
                    .name = std::string{function}};
    detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
    return stream_of(asked);
  }
  async_stream<> stream(const value& iterable) const;

private:
  friend class caller;
  friend class detail::question;
  friend class detail::verbs<async_caller, future>;
  explicit async_caller(caller through);

  template <class T>
  future<T> ask(operation&& asked, result<T> (*read)(result<value>)) const {
    auto way = find_way(asked);
    const auto made = std::make_shared<detail::answer_state<T>>(way.place);
    asked.client_ended = made->token();
    made->comes_of(begin(way, asked, [made, read](result<value> answered) {
      made->set(read(std::move(answered)));
    }));
    return future<T>{made};
  }
  template <class T>
  future<T> refuse(error why) const {
    const auto made = std::make_shared<detail::answer_state<T>>(no_way().place);
    made->set(std::move(why));
    return future<T>{made};
  }

  /// Of one call: its session and options are found.
  struct way {
    detail::place_ptr place;
    std::shared_ptr<session_core> session = {};
    call_options options = {};
    std::optional<error> refused = {};
  };
  async_stream<> stream_of(operation& asked) const;
  way find_way(const operation& asked) const;
  way no_way() const;
  static std::shared_ptr<exchange>
  begin(way& of, operation& asked, std::function<void(result<value>)> done);

  caller through_;
};

} // namespace snakebridge
