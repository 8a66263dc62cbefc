#pragma once
// What is asked of Python, as plain data: built by the functions of `caller`
// and the messages of actors, run by an interpreter.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <snakebridge/cancel.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/value.hpp>

namespace snakebridge {

/// What to do. Appended only: the numbers go over the wire.
enum class verb : std::uint8_t {
  call,            ///< module.name(*positional, **named)
  get,             ///< module.name
  method,          ///< target.name(*positional, **named)
  attribute,       ///< target.name
  set_attribute,   ///< target.name = positional[0]
  item,            ///< target[positional[0]]
  set_item,        ///< target[positional[0]] = positional[1]
  call_object,     ///< target(*positional, **named)
  repr,            ///< repr(target)
  str,             ///< str(target)
  length,          ///< len(target)
  evaluate,        ///< eval(name), in the session's namespace with `named`
  execute,         ///< exec(name), in the session's namespace with `named`
  release,         ///< forget target: True if it was there
  release_session, ///< forget all of the session: how many objects
  stream,          ///< iter(module.name(*positional, **named)), to be kept
  iterate,         ///< iter(target), to be kept
  next,            ///< next(target), a batch of them: whether there are more
  close,           ///< target.close(), if it is a generator, and forget it
  await,           ///< await target
  read,            ///< target, as a value
  operate,         ///< operator.name(target, *positional), or delattr
  helper,          ///< the helper `name`, of (*positional, **named)
  helpers,         ///< the helpers there are
};
inline constexpr verb last_verb = verb::helpers;

/// The verb is about one object, its target.
constexpr bool has_target(verb what) {
  return what != verb::call && what != verb::get && what != verb::evaluate
         && what != verb::execute && what != verb::release
         && what != verb::release_session && what != verb::stream
         && what != verb::helper && what != verb::helpers;
}
/// It frees objects, and so is taken where nothing else is: in a full queue, in
/// a pool that is drained or has its circuit open.
constexpr bool frees_objects(verb what) {
  return what == verb::release || what == verb::release_session
         || what == verb::close;
}
/// Its result may be anything, and comes in the form asked for; of others it is
/// text, a length, a truth or nothing.
constexpr bool answers_anything(verb what) {
  return what == verb::call || what == verb::get || what == verb::method
         || what == verb::attribute || what == verb::item
         || what == verb::call_object || what == verb::evaluate
         || what == verb::next || what == verb::await || what == verb::read
         || what == verb::operate || what == verb::helper;
}

using named_value = std::pair<std::string, value>;

/// When a batch of a stream's items is sent: as soon as one of these is so.
struct batch_limits {
  std::uint32_t items = 1;          ///< there are so many in it
  std::size_t bytes = 0;            ///< it is at least that large, encoded
  std::chrono::milliseconds time{}; ///< its first item has waited for so long
};

/// One of the way from an object to what a verb is about.
struct step {
  std::string name = {};         ///< an attribute, dotted where Python takes it
  std::optional<value> key = {}; ///< or, where it is given, an item
};

struct operation {
  verb what = verb::call;
  std::string module = {};
  std::string name =
    {}; ///< dotted where Python would take it; code for evaluate
  /// Where the verb has one: a ref, or a value that is sent and lives as long
  /// as the call.
  value target = {};
  /// From there to what the verb is about: `target.name[key]`, and so on.
  std::vector<step> path = {};
  std::vector<value> positional = {};
  std::vector<named_value> named = {};
  /// Of `release`: further objects, by their slots, where the target is.
  std::vector<std::uint64_t> slots = {};
  snakebridge::leaves leaves = snakebridge::leaves::refs;
  /// What it raises stays in the session, as `python_error::object`.
  bool keep_exception = false;
  /// A coroutine it returns is awaited.
  bool awaits = true;
  /// Of `next`.
  batch_limits batch = {};
  /// Of helpers: how often those that the program gave had changed by then.
  std::uint32_t helpers_given = 0;
  /// It is worker_busy rather than to wait for its turn.
  bool fails_fast = false;
  cancel_token cancel = {};
  /// The same, when the client that asked has ended and its session has not.
  cancel_token client_ended = {};
};

/// "math.sqrt", "pathlib.Path.exists": for messages.
std::string describe(const operation& asked);

/// A keyword argument: `"ndigits"_a = 2`.
struct keyword {
  std::string_view name;
  snakebridge::value value;
};

namespace literals {

struct keyword_name {
  std::string_view name;
  template <class T>
  keyword operator=(T&& item) const {
    return {name, detail::value_of(std::forward<T>(item))};
  }
  keyword operator=(value item) const { return {name, std::move(item)}; }
};

constexpr keyword_name operator""_a(const char* text, std::size_t size) {
  return {{text, size}};
}

} // namespace literals

/// Positional arguments from a range: `args_of(std::vector{"/tmp", "x"})`.
struct unpacked_arguments {
  std::vector<value> items;
};

template <std::ranges::input_range Range>
unpacked_arguments args_of(const Range& range) {
  unpacked_arguments unpacked;
  for (const auto& item : range)
    unpacked.items.push_back(detail::value_of(item));
  return unpacked;
}

/// Keyword arguments from a map of strings, or a dict with `str` keys; throws
/// not_convertible for other keys.
struct unpacked_keywords {
  std::vector<named_value> items;
};

template <class Map>
unpacked_keywords kwargs_of(const Map& map) {
  unpacked_keywords unpacked;
  for (const auto& [name, item] : map)
    unpacked.items.emplace_back(
      detail::value_of(name).template as<std::string>(),
      detail::value_of(item));
  return unpacked;
}

namespace detail {

void add_argument(operation& asked, keyword argument);
void add_argument(operation& asked, unpacked_arguments arguments);
void add_argument(operation& asked, unpacked_keywords arguments);
void add_argument(operation& asked, value argument);
/// There will be so many.
void reserve_arguments(operation& asked, std::size_t count);
template <class T>
concept argument = requires(T&& item) {
  { std::forward<T>(item) } -> std::convertible_to<value>;
};
/// Says why one that is none does not compile.
template <class T>
requires(!argument<T>) void add_argument(operation& asked, T&& argument) {
  asked.positional.push_back(value_of(std::forward<T>(argument)));
}

template <class... Arguments>
void add_arguments(operation& asked, Arguments&&... arguments) {
  reserve_arguments(asked, sizeof...(arguments));
  (add_argument(asked, std::forward<Arguments>(arguments)), ...);
}

} // namespace detail

} // namespace snakebridge
