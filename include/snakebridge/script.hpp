#pragma once
// A program that is a script: it starts a bridge, does its work, and ends.
//
//   int main(int argc, char** argv) {
//     return sb::run_as_script(argc, argv, [](sb::bridge& bridge) {
//       fmt::print("{}\n", *bridge.call("math", "sqrt", 16));
//     });
//   }
//
// What leaves the body as an error or an exception is printed on stderr, with
// Python's traceback, and the exit code is 1.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/bridge.hpp>

namespace snakebridge {

/// How a script ends its process, once its bridge has stopped.
/// SNAKEBRIDGE_SCRIPT_EXIT names them too.
enum class script_exit : std::uint8_t {
  /// "none": not at all. The exit code is answered, for `main` to return.
  none,
  /// "halt": by std::_Exit, at once. Output is flushed, and nothing else of the
  /// program runs: no other thread can keep it, nor what is static.
  halt,
  /// "stop": by std::exit. What is static is destroyed, as if `main` returned.
  stop,
  /// "auto": as `stop` where the script has started its bridge and is not on
  /// the main thread, whose return alone would end the process; else `none`.
  automatic,
};

/// What becomes of a bridge that was handed in; one of the script's own stops.
enum class script_stop : std::uint8_t {
  if_started, ///< it is stopped if there was none, and the script started it
  always,     ///< it is stopped
  never,      ///< it lives on
};

struct script_options {
  /// Of the bridge, where the script starts it; empty: that of the environment.
  std::optional<snakebridge::config> config = {};
  /// Empty: SNAKEBRIDGE_SCRIPT_EXIT, else `none`.
  std::optional<script_exit> exit = {};
  script_stop stop = script_stop::if_started;
  /// How long to wait until all interpreters are ready; empty: as long as their
  /// pools let them take (`pool_config::start_timeout`).
  std::optional<std::chrono::milliseconds> await_timeout = {};
};

namespace detail {

/// The arguments after the program's name.
using script_arguments = std::span<char* const>;
using script_body = std::function<result<int>(bridge&, script_arguments)>;

template <class Answer>
inline constexpr bool is_script_answer =
  std::disjunction_v<std::is_void<Answer>, std::is_same<Answer, result<void>>,
                     std::is_convertible<Answer, int>>;

template <class Body, class... Given>
concept script_of = std::invocable<Body&, Given...> && is_script_answer<
  std::invoke_result_t<Body&, Given...>>;

template <class Body, class... Given>
result<int> run_script(Body& body, Given&&... given) {
  using answer = std::invoke_result_t<Body&, Given...>;
  if constexpr (std::is_void_v<answer>) {
    std::invoke(body, std::forward<Given>(given)...);
    return 0;
  } else if constexpr (std::same_as<answer, result<void>>) {
    return std::invoke(body, std::forward<Given>(given)...).transform([] {
      return 0;
    });
  } else {
    return static_cast<int>(std::invoke(body, std::forward<Given>(given)...));
  }
}

template <class Body>
script_body as_script(Body& body) {
  return [&body](bridge& on, script_arguments arguments) {
    if constexpr (script_of<Body, bridge&>)
      return run_script(body, on);
    else if constexpr (script_of<Body, bridge&, script_arguments>)
      return run_script(body, on, arguments);
    else if constexpr (script_of<Body, bridge&, std::vector<std::string>>)
      return run_script(
        body, on, std::vector<std::string>{arguments.begin(), arguments.end()});
    else
      static_assert(sizeof(Body) == 0,
                    "a script takes a bridge&, and its arguments if it will; "
                    "it answers nothing, an int or a result<void>");
  };
}

int run_as_script(script_arguments arguments, const script_body& body,
                  const script_options& options);
int run_as_script(std::unique_ptr<bridge>& on, const script_body& body,
                  const script_options& options);

} // namespace detail

/// Starts a bridge, waits until its interpreters are ready, runs the body,
/// stops the bridge: the exit code of a main function. A body takes the bridge
/// and, if it will, the arguments after the program's name, as a vector of
/// std::string or a span of char* const. It answers nothing, its exit code, or
/// a result<void>.
template <class Body>
int run_as_script(int argc, char** argv, Body body,
                  const script_options& options = {}) {
  char** const first = argc > 0 ? argv + 1 : argv;
  return detail::run_as_script(detail::script_arguments{first, argv + argc},
                               detail::as_script(body), options);
}

/// Runs the body in a program that may have a bridge already, and may keep it:
/// where `on` is empty the bridge that is started is put there. A body gets no
/// arguments.
template <class Body>
int run_as_script(std::unique_ptr<bridge>& on, Body body,
                  const script_options& options = {}) {
  return detail::run_as_script(on, detail::as_script(body), options);
}

} // namespace snakebridge
