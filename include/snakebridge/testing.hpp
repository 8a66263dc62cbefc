#pragma once
// For the tests of programs that use a bridge: Python as a script of C++
// functions, in no process and on the clock of the actor system; a check that
// no object is left; and, in faults.hpp, faults on purpose. Link
// `snakebridge::testing`; the macro needs GoogleTest. Tests of actors have
// <snakebridge/testing_actors.hpp>, too.
//
//   sb::testing::fake_python python;
//   python.on("math.sqrt", [](const sb::testing::fake_call&) { return 4.0; });
//   const auto bridge = python.start();
//   EXPECT_EQ(bridge->call("math", "sqrt", 16), 4.0);
//   EXPECT_NO_LEAKED_REFS(*bridge);

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/bridge.hpp>
#include <snakebridge/callback.hpp>
#include <snakebridge/faults.hpp>
#include <snakebridge/operation.hpp>

namespace snakebridge::testing {

/// One call that a script is asked to answer.
class fake_call {
public:
  fake_call(const operation& what, std::string_view in_session,
            std::function<value(std::string)> make_object)
      : asked{what},
        session{in_session},
        make_object_{std::move(make_object)} {}

  const operation& asked;         ///< its arguments: `positional`, `named`
  const std::string_view session; ///< the id of the session that calls

  /// The ref of a new object. It lives until it is released, its session ends
  /// or the interpreter crashes.
  value object(std::string type_name) const {
    return make_object_(std::move(type_name));
  }

private:
  std::function<value(std::string)> make_object_;
};

/// What a script makes of a call: an answer at once, or later, or none.
class fake_answer {
public:
  fake_answer(result<value> answer) : answer_{std::move(answer)} {}
  fake_answer(error why) : answer_{tl::unexpected{std::move(why)}} {}
  template <class T>
  requires std::constructible_from<value, T&&> &&(
    !std::same_as<std::remove_cvref_t<T>, fake_answer>)fake_answer(T&& answer)
      : answer_{value{std::forward<T>(answer)}} {}

  /// A Python exception: `raises("ValueError", "not that")`.
  static fake_answer raises(std::string type, std::string message);
  /// The call runs until the test says `finish`.
  static fake_answer hold() { return fake_answer{}; }
  /// The interpreter dies during the call.
  static fake_answer crash(std::string why = "it crashed");

  /// The items of a function that is called by `stream`, each after that time
  /// of the actor system's clock.
  static fake_answer yields(list items, std::chrono::nanoseconds each = {});
  /// What a coroutine answers, `after` a time: other calls run meanwhile.
  static fake_answer awaits(result<value> answer);
  /// What a callback answers that Python calls with these, or a CallbackError;
  /// `then` makes something else of it. What it calls through the bridge runs
  /// inside this call.
  static fake_answer
  calls(callback called, list args = {},
        std::function<result<value>(result<value>)> then = {});

  /// The same after that time of the actor system's clock, which on the
  /// fixture `deterministic` is a virtual one.
  fake_answer after(std::chrono::nanoseconds delay) &&;

private:
  friend class fake_interpreter;
  fake_answer() = default;

  std::optional<result<value>> answer_; // nothing: it runs on
  std::string crash_;                   // why; empty: it does not
  std::chrono::nanoseconds delay_{0};
  std::chrono::nanoseconds each_{0}; // between the items of a stream
  bool awaits_ = false;
  std::optional<callback> callback_;
  list callback_args_;
  std::function<result<value>(result<value>)> then_;
};

struct fake_state;
struct fake_cluster_state;
class fake_cluster;

/// What is to be known of Python, and the bridges that know nothing else.
/// Functions without a script raise, as in Python. Any thread; it may end
/// before its bridges.
class fake_python {
public:
  using script = std::function<fake_answer(const fake_call&)>;

  fake_python();
  ~fake_python();
  fake_python(const fake_python&) = delete;
  fake_python& operator=(const fake_python&) = delete;

  /// Scripts one function, in the place of what it did before. It is named as
  /// errors name it: "math.sqrt", "pathlib.Path.exists" for the method or
  /// attribute of an object of that type, "len(pathlib.Path)", "eval". Of a
  /// function that is called by `stream` the list it answers is iterated. A
  /// script must not use the bridge.
  fake_python& on(std::string function, script how);

  /// Bridges that are started from now on are a node of that cluster, its
  /// directory: one at a time.
  fake_python& in(const fake_cluster& nodes);

  // What interpreters do that start from now on: those of a bridge that is
  // started next, and those that replace one that has crashed.

  /// They are ready after that time of the actor system's clock (by default at
  /// once), or startup_failed if that is longer than their pool's
  /// start_timeout. On a system that is tested by hand a bridge must have
  /// started before: its start waits, and nobody moves the clock.
  fake_python& starts_after(std::chrono::nanoseconds delay);
  /// They are startup_failed: a bridge does not start, and a pool whose
  /// interpreter has crashed is pool_down. Until `starts_after`.
  fake_python& fails_to_start(std::string why = "it does not start");
  /// They take so many calls at a time, the one that runs included; further
  /// ones wait, as many as the pool's queue_max, and then are overloaded. By
  /// default 4, at least 1.
  fake_python& takes_calls(std::size_t calls_max);

  /// A bridge whose pools are all fake. Throws config_invalid, startup_failed.
  std::unique_ptr<bridge> start(config wanted = {.pools = {{.size = 1}}}) const;
  /// The same on an actor system, which must outlive it, and on its clock. On
  /// one that is tested by hand (`deterministic`) a thread's own call that is
  /// not answered at once is deadline_exceeded.
  std::unique_ptr<bridge> start(caf::actor_system& on,
                                config wanted = {.pools = {{.size = 1}}}) const;

  /// The calls that are running now, by name, of one interpreter after another.
  std::vector<std::string> running() const;
  /// Answers the first of them that has that name; false: there is none.
  bool finish(std::string_view function, result<value> answer) const;
  /// All interpreters die now, with their objects and the calls they run.
  void crash(const std::string& why = "it crashed") const;

private:
  friend class fake_cluster;
  std::shared_ptr<fake_state> state_;
};

/// The other nodes of a bridge's cluster as a script: no process, no link. What
/// is opened there with `scope::cluster` runs on one interpreter of the fake
/// Python that its node has, and who calls cannot tell that from a link: refs
/// name the node, and faults are what they are of a real one. Actors open such
/// sessions on a system that is tested by hand, too. Any thread; it may end
/// before its bridge. All but `joins` throw config_invalid where no node has
/// that name.
///
///   sb::testing::fake_python python, there;
///   sb::testing::fake_cluster nodes;
///   nodes.joins("gpu-1", there, {"gpu"});
///   const auto bridge = python.in(nodes).start();
class fake_cluster {
public:
  fake_cluster();
  ~fake_cluster();
  fake_cluster(const fake_cluster&) = delete;
  fake_cluster& operator=(const fake_cluster&) = delete;

  /// A process of that name that offers those pools, in the place of a former
  /// one, which has ended.
  fake_cluster& joins(std::string name, const fake_python& python,
                      std::vector<std::string> pools = {"default"});
  /// Each of its answers comes so much later, on the actor system's clock.
  void is_slow(std::string_view name, std::chrono::nanoseconds time);
  /// Nothing comes from it or gets there. After `node.heartbeat_limit` of the
  /// bridge its calls are node_down, and its ids stay taken until it is heard
  /// or forgotten.
  void falls_silent(std::string_view name);
  /// It is heard again: within that time as if nothing had been, after it
  /// without its sessions.
  void is_heard(std::string_view name);
  /// Its process has ended: its calls are node_down, its ids are free.
  void ends(std::string_view name);

private:
  friend class fake_python;
  std::shared_ptr<fake_cluster_state> state_;
};

/// What is left of objects in a bridge when the calling thread's own session
/// has ended: empty if nothing is, within `patience`; else it tells how many
/// there are in which interpreters, and which sessions are open.
std::string
leaked_refs(const bridge& of,
            std::chrono::milliseconds patience = std::chrono::seconds{5});
/// Of several bridges, the nodes of a cluster in this process: what a client on
/// one has made on another is looked for there. It tells on which node it is.
std::string
leaked_refs(std::initializer_list<std::reference_wrapper<const bridge>> of,
            std::chrono::milliseconds patience = std::chrono::seconds{5});

} // namespace snakebridge::testing

/// Fails, and tells what is left, unless all objects of the bridge are gone, or
/// go in time: for the end of a test. It ends the calling thread's own session.
/// Of a cluster it takes the bridges of all its nodes:
/// `EXPECT_NO_LEAKED_REFS(first, second)`.
#define EXPECT_NO_LEAKED_REFS(...)                                             \
  EXPECT_EQ(::snakebridge::testing::leaked_refs({__VA_ARGS__}), "")
