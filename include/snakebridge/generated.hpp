#pragma once
// What generated wrappers are written with, <snakebridge/py/NAME.hpp>: types of
// parameters that refuse what Python would not take for what is meant, and the
// one question that each function asks. Any thread, as `caller`.
//
//   namespace np = sb::py::numpy;
//   auto root = sb::py::math::sqrt(bridge, 16.0);          // result<double>
//   auto later = sb::py::math::sqrt(bridge.async(), 16.0); // future<double>
//   self->request(session, 5s, sb::py::math::sqrt(sb::as_message, 16.0))
//   auto name = path.name();                               // std::string
//   auto other = path.absolute(bridge.async());            // future<Path>
//   self->request(session, 5s, path.absolute(sb::as_message))
//
// Functions and static members answer a result; constructors, members and
// operators of objects throw, and `sb::attempt` makes results of them again.

#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <snakebridge/bridge.hpp>
#include <snakebridge/callback.hpp>
#include <snakebridge/convert.hpp>
#include <snakebridge/object.hpp>
#include <snakebridge/stream.hpp>

namespace snakebridge {

struct call_message; // of <snakebridge/actors.hpp>, as the next
struct stream_message;
struct method_message;
struct attr_message;
struct set_attr_message;

/// Of the code that generates wrappers: they are made anew with a new one.
inline constexpr int generated_form = 3;

/// Instead of a caller, and of objects as the first argument: the function
/// answers the message that an actor sends its session for it. What is a stream
/// of an object's is an object first, for an `iterate_message`.
class as_message_t {
public:
  enum class made { once };
  // No braces stand for it, which could be options.
  constexpr explicit as_message_t(made) {}
};
inline constexpr as_message_t as_message{as_message_t::made::once};

/// What a session has answered to an actor, as an object for messages to that
/// session: it keeps nothing alive and lets nothing go. What is asked of the
/// object itself throws ref_invalid.
object borrowed(const value& answered);

/// A class of exceptions: `error.is(inventory::Missing)`.
struct exception_type {
  std::string_view name;
  constexpr operator std::string_view() const { return name; }
};

/// A function of a module, as its `py__functions__()` tells of it.
struct function_entry {
  std::string_view name;
  std::string_view signature; ///< "sqrt(x, /)"
  std::string_view summary;   ///< the first sentence of its docstring
};

/// A path, or text that is one.
class path_like {};

/// What NumPy makes an array of: numbers, truths, arrays, and rows of such.
class array_like {};

/// What NumPy takes for the type of an array's items: "float32", or an object.
class dtype_like {};

/// Any number of them, as Python's tuple.
template <class T>
class row_of {};

/// No number of another kind, 5 for a float say: of functions that tell them
/// apart.
template <class T>
class exactly {};

template <std::size_t N>
struct fixed_text {
  char text[N];
  consteval fixed_text(const char (&from)[N]) {
    for (std::size_t at = 0; at < N; ++at)
      text[at] = from[at];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

/// One of these words: another does not compile.
template <fixed_text... Words>
class literal {
public:
  template <std::size_t N>
  consteval literal(const char (&word)[N]) : word_{word, N - 1} {
    if (!((Words.view() == word_) || ...))
      throw "this is none of the words that Python takes here";
  }
  /// Of text that is known when the program runs. Errors: not_convertible.
  static result<literal> of(std::string_view word) {
    std::optional<literal> found;
    ((Words.view() == word ? void(found.emplace(literal{Words.view(), 0}))
                           : void()),
     ...);
    if (!found)
      return snakebridge::not_convertible("one of its words", value{word});
    return *found;
  }
  constexpr std::string_view word() const { return word_; }

private:
  constexpr literal(std::string_view word, int) : word_{word} {}
  std::string_view word_;
};

namespace detail {

/// Those with `words` in their names or summaries; no case tells them apart.
std::vector<function_entry> search(const function_entry* all, std::size_t count,
                                   std::string_view words);

/// An enum of Python's as C++ has it: members of another kind than integers are
/// numbered.
struct enumeration {
  struct member {
    std::string_view name;
    std::int64_t number;
    std::string_view written; ///< its value, or its name, as `repr` shows it
  };
  std::string_view type; ///< "inventory:Place"
  bool has_integers;
  bool has_flags; ///< any number is one
  const member* members;
  std::size_t count;
};
/// What Python takes for that member.
value sent_as(const enumeration& of, std::int64_t number);
/// Errors: not_convertible for what is none of its members.
result<std::int64_t> number_of(const enumeration& of, const value& told);

/// Generated, beside it: `const sb::detail::enumeration&
/// enumeration_of(Place)`.
template <class T>
concept python_enum = std::is_enum_v<T> && requires(T item) {
  enumeration_of(item);
};

/// An object, of a ref alone. Errors: not_convertible.
result<object> object_in(const value& from);

/// What is sent, or nothing.
class given {
public:
  given() = default;
  given(value item) : item_{std::move(item)}, is_given_{true} {}

  const value& item() const { return item_; }
  bool is_given() const { return is_given_; }

private:
  value item_;
  bool is_given_ = false;
};

template <class U>
concept whole_number =
  one_of<U, integer> ||(std::integral<U> && !one_of<U, bool, char, wchar_t>);
template <class U>
concept text = std::convertible_to<const U&, std::string_view> && //
  !one_of<U, std::nullptr_t>;
/// What Python is left to look at.
template <class U>
concept dynamic = one_of<U, value, ref, object, accessor>;
/// It can be iterated and called, but is no container and no function.
template <class U>
concept is_object = dynamic<U> || std::derived_from<U, operand>;

template <class U>
inline constexpr bool is_complex = false;
template <class U>
inline constexpr bool is_complex<std::complex<U>> = true;
template <class U>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;
template <class U>
inline constexpr bool is_time_point = false;
template <class C, class D>
inline constexpr bool is_time_point<std::chrono::time_point<C, D>> = true;

/// What a parameter of type T takes, and what becomes of it: `takes<U>` and
/// `make(item)`. As it is: a value of just that type.
template <class T>
struct taking {
  template <class U>
  static constexpr bool takes = std::same_as<U, T>;
  template <class U>
  static given make(U&& item) {
    return value_of(std::forward<U>(item));
  }
};
template <class T, class U>
concept taken_as =
  !std::is_base_of_v<given,
                     std::remove_cvref_t<
                       U>> && taking<T>::template takes<std::remove_cvref_t<U>>;
template <class T, class U>
given make_argument(U&& item) {
  return taking<T>::make(std::forward<U>(item));
}
template <class T, class U>
value make_value(U&& item) {
  return make_argument<T>(std::forward<U>(item)).item();
}

template <>
struct taking<value> {
  template <class U>
  static constexpr bool takes = std::convertible_to<const U&, value>;
  template <class U>
  static given make(U&& item) {
    return value_of(std::forward<U>(item));
  }
};
template <>
struct taking<std::int64_t> : taking<value> {
  template <class U>
  static constexpr bool takes = whole_number<U>;
};
template <>
struct taking<integer> : taking<std::int64_t> {};
template <>
struct taking<double> {
  template <class U>
  static constexpr bool takes = std::floating_point<U> || whole_number<U>;
  template <class U>
  static given make(U&& item) {
    if constexpr (std::integral<std::remove_cvref_t<U>>)
      return value::of_floating(static_cast<double>(item));
    else
      return value_of(std::forward<U>(item));
  }
};
template <>
struct taking<exactly<double>> : taking<value> {
  template <class U>
  static constexpr bool takes = std::floating_point<U>;
};
template <>
struct taking<exactly<std::complex<double>>> : taking<value> {
  template <class U>
  static constexpr bool takes = is_complex<U>;
};
template <>
struct taking<std::complex<double>> {
  template <class U>
  static constexpr bool takes =
    is_complex<U> || std::floating_point<U> || whole_number<U>;
  template <class U>
  static given make(U&& item) {
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<U>>)
      return value{std::complex<double>{static_cast<double>(item)}};
    else
      return value_of(std::forward<U>(item));
  }
};
template <>
struct taking<std::string_view> {
  template <class U>
  static constexpr bool takes = text<U>;
  template <class U>
  static given make(const U& item) {
    return value{std::string{std::string_view{item}}};
  }
};
template <>
struct taking<array_like> : taking<value> {
  template <class U>
  static constexpr bool takes =
    std::convertible_to<const U&, value> && !text<U> && !one_of<U, dict>;
};
template <>
struct taking<dtype_like> : taking<value> {
  template <class U>
  static constexpr bool takes = text<U> || one_of<U, none_t> || is_object<U>;
};
template <>
struct taking<path_like> {
  template <class U>
  static constexpr bool takes = text<U> || one_of<U, std::filesystem::path>;
  template <class U>
  static given make(const U& item) {
    return value{std::filesystem::path{item}};
  }
};
template <>
struct taking<timedelta> : taking<value> {
  template <class U>
  static constexpr bool takes = one_of<U, timedelta> || is_duration<U>;
};
template <>
struct taking<datetime> : taking<value> {
  template <class U>
  static constexpr bool takes = one_of<U, datetime> || is_time_point<U>;
};
template <>
struct taking<date> : taking<value> {
  template <class U>
  static constexpr bool takes = one_of<U, date, std::chrono::year_month_day>;
};
template <>
struct taking<callback> {
  template <class U>
  static constexpr bool
    takes = one_of<U, callback> || (has_signature<U> && !is_object<U>);
  template <class U>
  static given make(U&& item) {
    return value{callback{std::forward<U>(item)}};
  }
};
/// Objects of a class as they are, of any class where it is not known.
template <std::derived_from<operand> T>
struct taking<T> {
  template <class U>
  static constexpr bool takes = std::derived_from<U, T>;
  static given make(const object& item) { return item.held(); }
};
template <python_enum T>
struct taking<T> {
  template <class U>
  static constexpr bool takes = std::same_as<U, T>;
  static given make(T item) {
    return sent_as(enumeration_of(item), static_cast<std::int64_t>(item));
  }
};
template <class U, class T>
inline constexpr bool is_optional_of = false;
template <class U, class T>
inline constexpr bool is_optional_of<std::optional<U>, T> = taken_as<T, U>;

template <class U>
concept items_of_python = one_of<U, list, tuple, set, frozenset>;
template <class U, class T>
concept items_taken_as =
  std::ranges::input_range<U> && !text<
    U> && !is_object<U> && taken_as<T, std::ranges::range_value_t<U>>;

template <class T>
struct taking<std::vector<T>> {
  template <class U>
  static constexpr bool takes = items_of_python<U> || items_taken_as<U, T>;
  template <class U>
  static given make(const U& items) {
    if constexpr (items_of_python<U>) {
      return value{items};
    } else {
      list made;
      for (const auto& each : items)
        made.push_back(make_value<T>(each));
      return value{std::move(made)};
    }
  }
};
template <class T>
struct taking<row_of<T>> {
  template <class U>
  static constexpr bool takes = items_of_python<U> || items_taken_as<U, T>;
  template <class U>
  static given make(const U& items) {
    tuple made;
    for (const auto& each : items)
      made.push_back(make_value<T>(each));
    return value{std::move(made)};
  }
};
template <class T>
struct taking<std::set<T>> {
  template <class U>
  static constexpr bool takes = items_of_python<U> || items_taken_as<U, T>;
  template <class U>
  static given make(const U& items) {
    set made;
    for (const auto& each : items)
      made.insert(make_value<T>(each));
    return value{std::move(made)};
  }
};
template <class U, class... Ts>
inline constexpr bool is_row_of = one_of<U, tuple>;
template <class... Us, class... Ts>
requires(sizeof...(Us) == sizeof...(Ts)) //
  inline constexpr bool is_row_of<std::tuple<Us...>, Ts...> =
    (taken_as<Ts, Us> && ...);
template <class A, class B, class T, class U>
inline constexpr bool is_row_of<std::pair<A, B>, T, U> =
  taken_as<T, std::remove_const_t<A>>&& taken_as<U, B>;

template <class U, class K, class V>
concept entries_of =
  std::ranges::input_range<U> && !text<
    U> && !is_object<U> && is_row_of<std::ranges::range_value_t<U>, K, V>;

template <class K, class V>
struct taking<std::map<K, V>> {
  template <class U>
  static constexpr bool takes = one_of<U, dict> || entries_of<U, K, V>;
  template <class U>
  static given make(const U& items) {
    dict made;
    for (const auto& [key, item] : items)
      made.set(make_value<K>(key), make_value<V>(item));
    return value{std::move(made)};
  }
};
template <class... Ts>
struct taking<std::tuple<Ts...>> {
  template <class U>
  static constexpr bool takes = is_row_of<U, Ts...>;
  template <class U>
  static given make(const U& items) {
    if constexpr (one_of<U, tuple>)
      return value{items};
    else
      return std::apply(
        [](const auto&... each) {
          return value{tuple{make_value<Ts>(each)...}};
        },
        items);
  }
};

template <class T>
struct taking<std::optional<T>> {
  template <class U>
  static constexpr bool takes =
    one_of<U, none_t, std::nullopt_t> || taken_as<T, U> || is_optional_of<U, T>;
  template <class U>
  static given make(U&& item) {
    if constexpr (one_of<std::remove_cvref_t<U>, none_t, std::nullopt_t>)
      return value{};
    else if constexpr (taken_as<T, U>)
      return make_argument<T>(std::forward<U>(item));
    else
      return item ? make_argument<T>(*item) : given{value{}};
  }
};
template <class... Ts>
struct taking<std::variant<Ts...>> {
  template <class U>
  static constexpr bool takes = (taken_as<Ts, U> || ...);
  template <class U>
  static given make(U&& item) {
    given made;
    bool is_made = false;
    const auto offer = [&]<class T>(std::type_identity<T>) {
      if constexpr (taken_as<T, U>)
        if (!std::exchange(is_made, true))
          made = make_argument<T>(item);
    };
    (offer(std::type_identity<Ts>{}), ...);
    return made;
  }
};

/// What may be written in braces, and of what. By its name alone: a class that
/// it has in it need not be defined yet.
template <class... Ts>
struct braced {};
template <class T>
struct braced<std::vector<T>> {
  using element = T;
};
template <class T>
struct braced<row_of<T>> {
  using element = T;
};
template <class T>
struct braced<std::set<T>> {
  using element = T;
};
template <class K, class V>
struct braced<std::map<K, V>> {
  using element = std::pair<K, V>;
};
template <class T>
concept is_braced = requires {
  typename braced<T>::element;
};
template <class T>
struct braced<std::optional<T>> : braced<T> {};
template <class T, class U, class... Ts>
struct braced<T, U, Ts...>
    : std::conditional_t<is_braced<T>, braced<T>, braced<U, Ts...>> {};
template <class... Ts>
struct braced<std::variant<Ts...>> : braced<Ts...> {};

struct as_made_t {};

template <class T, bool TakesDynamic>
class slot : public given {
public:
  slot() = default;
  template <class U>
  requires(taken_as<T, U>) slot(U&& item)
      : given{make_argument<T>(std::forward<U>(item))} {}
  template <class U>
  requires(TakesDynamic && !taken_as<T, U> && dynamic<std::remove_cvref_t<U>>)
    slot(U&& item)
      : given{value_of(std::forward<U>(item))} {}

protected:
  slot(as_made_t, given item) : given{std::move(item)} {}
};

// Apart: g++ takes {.x = 1} for such a list, where a class has one.
template <class T, bool TakesDynamic>
class braced_slot : public slot<T, TakesDynamic> {
public:
  using slot<T, TakesDynamic>::slot;
  template <class U = T>
  braced_slot(std::initializer_list<typename braced<U>::element> items)
      : slot<T, TakesDynamic>{as_made_t{}, make_argument<T>(items)} {}
};

template <class T, bool TakesDynamic>
using slot_of = std::conditional_t<is_braced<T>, braced_slot<T, TakesDynamic>,
                                   slot<T, TakesDynamic>>;

} // namespace detail

/// A required parameter. Besides what is of its type it takes a value or an
/// object, which only Python looks at.
template <class T>
class arg : public detail::slot_of<T, true> {
public:
  using base = detail::slot_of<T, true>;
  using base::base;
  arg() = delete;
};

/// One that takes nothing else: where functions of one name are told apart.
template <class T>
class only : public detail::slot_of<T, false> {
public:
  using base = detail::slot_of<T, false>;
  using base::base;
  only() = delete;
};

/// A parameter that has a default in Python: left out it is not sent, and
/// sb::none sends None.
template <class T>
class option : public detail::slot_of<T, true> {
public:
  using base = detail::slot_of<T, true>;
  using base::base;
  option() = default;
  option(none_t) : base{detail::as_made_t{}, detail::given{value{}}} {}
};

namespace detail {

/// Words are looked at as the program is compiled.
class word_argument {
public:
  constexpr explicit word_argument(std::string_view word)
      : word_{word},
        state_{is_word} {}
  constexpr explicit word_argument(none_t) : state_{is_none} {}
  constexpr word_argument() = default;
  operator given() const;

private:
  enum state : std::uint8_t { is_absent, is_none, is_word };
  std::string_view word_;
  state state_ = is_absent;
};

} // namespace detail

template <fixed_text... Words>
class arg<literal<Words...>> : public detail::word_argument {
public:
  constexpr arg(none_t) : word_argument{none} {}
  template <std::size_t N>
  consteval arg(const char (&word)[N])
      : word_argument{literal<Words...>{word}.word()} {}
  arg(literal<Words...> word) : word_argument{word.word()} {}
};
template <fixed_text... Words>
class only<literal<Words...>> : public arg<literal<Words...>> {
public:
  using arg<literal<Words...>>::arg;
};
template <fixed_text... Words>
class option<literal<Words...>> : public detail::word_argument {
public:
  constexpr option() = default;
  constexpr option(none_t) : word_argument{none} {}
  template <std::size_t N>
  consteval option(const char (&word)[N])
      : word_argument{literal<Words...>{word}.word()} {}
  option(literal<Words...> word) : word_argument{word.word()} {}
};

/// Any number of arguments, `*items`: `{a, b}`, or a range.
template <class T>
class some {
public:
  some() = default;
  some(std::initializer_list<arg<T>> items)
      : items_(items.begin(), items.end()) {}
  template <class Range>
  requires detail::items_taken_as<Range, T> some(const Range& items) {
    for (const auto& each : items)
      items_.push_back(arg<T>{each});
  }
  const std::vector<detail::given>& items() const { return items_; }

private:
  std::vector<detail::given> items_;
};

/// Any number of named arguments, `**more`: `{{"name", 1}}`, or a map.
template <class T>
class named {
public:
  using entry = std::pair<std::string, detail::given>;
  named() = default;
  named(std::initializer_list<std::pair<std::string_view, arg<T>>> items) {
    for (const auto& [name, item] : items)
      items_.emplace_back(name, item);
  }
  named(const std::map<std::string, T>& items) {
    for (const auto& [name, item] : items)
      items_.emplace_back(name, arg<T>{item});
  }
  const std::vector<entry>& items() const { return items_; }

private:
  std::vector<entry> items_;
};

/// A class that is generated: an object of Python's that it names.
template <std::derived_from<object> T>
requires(!std::same_as<T, object>) struct converter<T> {
  static value to_value(const T& item) { return item.held(); }
  static result<T> from_value(const value& from) {
    auto held = detail::object_in(from);
    if (!held)
      return std::move(held).error();
    return T{*std::move(held)};
  }
};

/// A member of an enum that is generated.
template <detail::python_enum T>
struct converter<T> {
  static value to_value(T item) {
    return detail::sent_as(enumeration_of(item),
                           static_cast<std::int64_t>(item));
  }
  static result<T> from_value(const value& from) {
    return detail::number_of(enumeration_of(T{}), from)
      .transform([](std::int64_t number) { return static_cast<T>(number); });
  }
};

namespace detail {

/// What a generated function asks. It is built, and then answered once.
class question {
public:
  /// `module.name`, called.
  question(std::string_view module, std::string_view name);
  /// `self.name`, called.
  question(const object& self, std::string_view name);
  /// Another verb: of a module, of an object.
  question(verb what, std::string_view module, std::string_view name);
  question(verb what, const object& self, std::string_view name = {});

  question(question&& other) noexcept;
  ~question();

  question& add(const given& item);
  question& add(const std::vector<given>& items);
  /// Not where it was left out.
  question& add(std::string_view name, const given& item);
  question& add_more(const std::vector<std::pair<std::string, given>>& items);

  template <class T>
  result<T> answer(const caller& python) {
    if constexpr (is_an_object<T>)
      return as_its<T>(attempt_object(python, is_any_object<T>));
    else
      return read_as<T>(attempt_value(python));
  }
  template <class T>
  future<T> answer(const async_caller& python) {
    const auto made = std::make_shared<answer_state<T>>(begin(python));
    send(made->token(), form_of<T>,
         [made](result<value> told, const keeper& keep) {
           if constexpr (std::same_as<T, object>)
             made->set(keep(std::move(told)));
           else
             made->set(read_as<T>(std::move(told)));
         });
    return future<T>{made};
  }
  /// Of an object's question. Throws.
  template <class T>
  T answer() {
    if constexpr (is_an_object<T>)
      return T{answer_object(is_any_object<T>)};
    else
      return or_throw(read_as<T>(answer_value()));
  }
  template <class T>
  future<T> later() {
    return answer<T>(caller_of_self().async());
  }
  /// As the object that it keeps. Throws.
  object kept(const caller& python);

  template <class T>
  stream<T> items(const caller& python) {
    return open(python).template as<T>();
  }
  template <class T>
  stream<T> items() {
    return open(caller_of_self()).template as<T>();
  }

  /// What an actor sends its session for it. Of an object's that is None it
  /// throws not_convertible where an attribute is set.
  template <class Message>
  Message message() const {
    if constexpr (requires(Message made) { made.item; })
      return {asked_.target.template as<ref>(), asked_.name,
              asked_.positional.front()};
    else if constexpr (!requires(Message made) { made.args; })
      return {asked_.target, asked_.name};
    else if constexpr (requires(Message made) { made.object; })
      return {asked_.target, asked_.name, positional(), named()};
    else
      return {asked_.module, asked_.name, positional(), named()};
  }

private:
  list positional() const;
  dict named() const;

  template <class T>
  static constexpr bool is_an_object = std::derived_from<T, object>;
  template <class T>
  static constexpr bool is_any_object = std::same_as<T, object>;
  template <class T>
  static constexpr leaves form_of =
    is_an_object<T> ? leaves::objects : leaves::refs;

  template <class T>
  static result<T> as_its(result<object> held) {
    if constexpr (is_any_object<T>) {
      return held;
    } else {
      if (!held)
        return std::move(held).error();
      return T{*std::move(held)};
    }
  }
  // What is the same for all types. Where an object may not be `any`, a number
  // is none. What answers throws, what attempts does not.
  object answer_object(const caller& python, bool any);
  object answer_object(bool any);
  value answer_value();
  result<object> attempt_object(const caller& python, bool any);
  result<value> attempt_value(const caller& python);
  /// Null: it is of a module, or of what is no object of a bridge.
  const ref* self() const;
  error of_no_bridge() const;
  caller caller_of_self() const;
  value ask(const caller& python, leaves form);
  stream<> open(const caller& python);
  place_ptr begin(const async_caller& python);
  /// What makes an object of an answer.
  using keeper = std::function<result<object>(result<value>)>;
  void send(cancel_token cancel, leaves form,
            std::function<void(result<value>, const keeper&)> done);

  operation asked_;
  struct way;
  std::shared_ptr<way> way_; // of an async caller's call
};

} // namespace detail

/// The items of an object that is iterated, each as a T; an input iterator.
template <class T>
class items_iterator {
public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  items_iterator() = default;
  explicit items_iterator(const operand& over) : at_{over} {}

  T operator*() const {
    if constexpr (std::derived_from<T, object>)
      return T{*at_};
    else
      return (*at_).template as<T>();
  }
  items_iterator& operator++() {
    ++at_;
    return *this;
  }
  void operator++(int) { ++at_; }
  bool operator==(std::default_sentinel_t) const {
    return at_ == std::default_sentinel;
  }

private:
  operand::iterator at_;
};

/// Of the wrappers; named so that no symbol of a library hides it.
namespace py {
namespace sb = ::snakebridge;
} // namespace py

} // namespace snakebridge
