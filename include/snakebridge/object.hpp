#pragma once
// Python objects as C++ objects: sugar over the functions of `caller`, and it
// throws where those answer errors.
//
//   sb::object pd = bridge.import("pandas");
//   sb::object df = pd.attr("read_csv")("sales.csv");
//   df["total"] = df["qty"] * df["price"];
//   auto big = df[df["qty"] > 10];
//   double mean = big["total"].attr("mean")().as<double>();
//
// An `object` owns a Python object: that is let go with its last copy, from any
// thread, later and many at once, and never waited for. One may outlive its
// bridge. It is its session's all the same, and ends with that. Several threads
// may use an object, and copies of it, at once.
//
// `attr` and `[]` answer an `accessor`, which asks Python when it is used, and
// each time anew: on the way to a call, a store or a value it is sent with
// that, in one message. Calls are made at once, in the order written. What they
// answer stays in Python, until `as`, `to`, printing or truth asks for it; but
// a None, bool, int, float or short text is itself, and costs Python nothing
// any more.
//
// All of it may throw what `caller` has as errors: sb::python_exception and so
// on. `sb::attempt` makes errors of these again. That of a chain names it.

#include <array>
#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/caller.hpp>

namespace snakebridge {

class accessor;
class object;
class operand;

/// An object goes as an argument, and into containers, as the ref it is, which
/// keeps it alive as long as the value lives.
template <>
struct converter<object> {
  static value to_value(const object& item);
  /// Of a ref that was an object, or names one of the session whose code runs
  /// here (in a callback): which then owns it. Errors: not_convertible.
  static result<object> from_value(const value& from);
};
/// It is asked for what it names.
template <>
struct converter<accessor> {
  static value to_value(const accessor& item);
};

namespace detail {

/// One object of a program, with its caller; shared by those that are it.
class held_object;
using held_ptr = std::shared_ptr<const held_object>;

template <class T>
concept operand_like = std::derived_from<std::remove_cvref_t<T>, operand>;
template <class T>
concept beside_operand = !operand_like<T> && std::convertible_to<T, value>;

struct operand_access;

/// The function of that name of Python's module `operator`.
object operate(const char* name, const operand& left, const operand& right);
object operate(const char* name, const operand& left, const value& right);
object operate(const char* name, const value& left, const operand& right);
object operate(const char* name, const operand& of);

/// Structs are made of plain values, as rows, dataclasses and the like become.
template <class T>
inline constexpr leaves form_for = leaves::refs;
template <has_fields T>
inline constexpr leaves form_for<T> = leaves::plain;
template <class T, std::size_t N>
inline constexpr leaves form_for<std::array<T, N>> = form_for<T>;
template <template <class...> class Any, class... Ts>
requires(!has_fields<Any<Ts...>>) inline constexpr leaves form_for<Any<Ts...>> =
  ((form_for<Ts> == leaves::plain) || ...) ? leaves::plain : leaves::refs;

} // namespace detail

/// What one can do with an object, and with an attribute or item of one.
class operand {
public:
  /// `object.name`; the name may be dotted.
  accessor attr(std::string_view name) const;
  /// `object[key]`
  accessor operator[](value key) const;
  /// `object[first, second, …]`
  accessor operator[](std::initializer_list<value> keys) const;
  /// `object(*arguments)`; named arguments: `"key"_a = 1`.
  template <class... Arguments>
  object operator()(Arguments&&... arguments) const;

  /// The value it is now. Errors besides those of `caller`: not_convertible.
  template <class T>
  result<T> to() const;
  /// The same; throws.
  template <class T>
  T as() const {
    return or_throw(to<T>());
  }
  /// The value it is now in its plain form, converted with loss, as
  /// `value::cast` does: an array as a list, say. Throws.
  template <class T>
  T cast() const {
    return fetch(leaves::plain).template cast<T>();
  }

  bool contains(const value& item) const;
  std::size_t len() const;
  std::string str() const;
  std::string repr() const;
  bool is_none() const;
  /// Its truth in Python.
  explicit operator bool() const;
  /// Its Python type: "pandas.core.frame.DataFrame".
  std::string type_name() const;

  /// Its items, one after the other: as a stream, and once.
  class iterator;
  iterator begin() const;
  static std::default_sentinel_t end() { return {}; }

protected:
  friend class object;
  friend class accessor;
  friend struct detail::operand_access;
  explicit operand(detail::held_ptr root);
  operand(detail::held_ptr root, std::vector<step> path);
  operand(const operand& other);
  operand(operand&& other) noexcept;
  operand& operator=(const operand& other);
  operand& operator=(operand&& other) noexcept;
  ~operand();

  operation about(verb what) const;
  object run(operation asked, const call_options& over = {}) const;
  /// None, of no bridge.
  bool is_nothing() const;
  value ask(operation asked, leaves form) const;
  value fetch(leaves form) const;
  stream<> items() const;
  /// The object itself, as an argument.
  value held() const;

  detail::held_ptr root_; // null: None, of no bridge
  std::vector<step> path_;
};

/// A Python object, or a None, bool, int, float or short text as itself.
class object : public operand {
public:
  /// None.
  object();
  explicit object(detail::held_ptr of);
  /// What it names now. Throws.
  object(const accessor& named);

  /// `object = object + other`, and so on, as Python does it in place.
  object& operator+=(const value& other) { return in_place("iadd", other); }
  object& operator-=(const value& other) { return in_place("isub", other); }
  object& operator*=(const value& other) { return in_place("imul", other); }
  object& operator/=(const value& other) { return in_place("itruediv", other); }
  object& operator%=(const value& other) { return in_place("imod", other); }
  object& operator&=(const value& other) { return in_place("iand", other); }
  object& operator|=(const value& other) { return in_place("ior", other); }
  object& operator^=(const value& other) { return in_place("ixor", other); }
  object& operator<<=(const value& other) { return in_place("ilshift", other); }
  object& operator>>=(const value& other) { return in_place("irshift", other); }

  /// As what it is sent: a ref that keeps it alive, or the value itself.
  using operand::held;

private:
  object& in_place(const char* name, const value& other) {
    return *this = detail::operate(name, *this, other);
  }
};

/// An attribute or item of an object, by its name. It keeps the object alive.
class accessor : public operand {
public:
  accessor(const accessor&) = default;
  accessor(accessor&&) noexcept = default;
  ~accessor() = default;

  /// Stores what the other is now: `df["a"] = df["b"]`.
  accessor& operator=(const accessor& other) & { return set(other); }
  accessor& operator=(const accessor& other) && { return set(other); }
  /// Stores: `df["a"] = 1`. One that has a name of its own is not assigned to.
  template <class T>
  requires(std::convertible_to<T, value>) void operator=(T&& item) && {
    store(detail::value_of(std::forward<T>(item)));
  }

  /// `object.name += other`, and so on, as Python does it in place.
  void operator+=(const value& other) && { in_place("iadd", other); }
  void operator-=(const value& other) && { in_place("isub", other); }
  void operator*=(const value& other) && { in_place("imul", other); }
  void operator/=(const value& other) && { in_place("itruediv", other); }
  void operator%=(const value& other) && { in_place("imod", other); }
  void operator&=(const value& other) && { in_place("iand", other); }
  void operator|=(const value& other) && { in_place("ior", other); }
  void operator^=(const value& other) && { in_place("ixor", other); }

private:
  friend class operand;
  friend void del(const accessor& named);
  accessor(detail::held_ptr root, std::vector<step> path);

  accessor& set(const accessor& other);
  void store(value item) const;
  void remove() const;
  void in_place(const char* name, const value& other) const;
  /// What it is an attribute or item of, which that step is.
  accessor parent(step& last) const;
};

/// Whether they are one object. Numbers and texts are the same where they are
/// equal.
bool is(const operand& one, const operand& other);
inline std::size_t len(const operand& of) {
  return of.len();
}
/// `del object[key]`, `del object.name`: `sb::del(object["key"])`.
void del(const accessor& named);
/// `left ** right`, `left // right`, `left @ right`
object pow(const operand& left, const value& right);
object floordiv(const operand& left, const value& right);
object matmul(const operand& left, const value& right);

object operator-(const operand& of);
object operator+(const operand& of);
object operator~(const operand& of);

/// As `str(object)`.
std::ostream& operator<<(std::ostream& out, const operand& of);

#define SNAKEBRIDGE_OPERATOR(OPERATOR, NAME)                                   \
  inline object operator OPERATOR(const operand& left, const operand& right) { \
    return detail::operate(NAME, left, right);                                 \
  }                                                                            \
  template <detail::beside_operand T>                                          \
  object operator OPERATOR(const operand& left, const T& right) {              \
    return detail::operate(NAME, left, detail::value_of(right));               \
  }                                                                            \
  template <detail::beside_operand T>                                          \
  object operator OPERATOR(const T& left, const operand& right) {              \
    return detail::operate(NAME, detail::value_of(left), right);               \
  }
SNAKEBRIDGE_OPERATOR(+, "add")
SNAKEBRIDGE_OPERATOR(-, "sub")
SNAKEBRIDGE_OPERATOR(*, "mul")
SNAKEBRIDGE_OPERATOR(/, "truediv")
SNAKEBRIDGE_OPERATOR(%, "mod")
SNAKEBRIDGE_OPERATOR(&, "and_")
SNAKEBRIDGE_OPERATOR(|, "or_")
SNAKEBRIDGE_OPERATOR(^, "xor")
SNAKEBRIDGE_OPERATOR(<<, "lshift")
SNAKEBRIDGE_OPERATOR(>>, "rshift")
SNAKEBRIDGE_OPERATOR(==, "eq")
SNAKEBRIDGE_OPERATOR(!=, "ne")
SNAKEBRIDGE_OPERATOR(<, "lt")
SNAKEBRIDGE_OPERATOR(<=, "le")
SNAKEBRIDGE_OPERATOR(>, "gt")
SNAKEBRIDGE_OPERATOR(>=, "ge")
#undef SNAKEBRIDGE_OPERATOR

/// An input iterator: each item is an object of its own.
class operand::iterator {
public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = object;
  using difference_type = std::ptrdiff_t;

  iterator();
  explicit iterator(const operand& over);
  iterator(const iterator& other);
  iterator(iterator&& other) noexcept;
  iterator& operator=(const iterator& other);
  iterator& operator=(iterator&& other) noexcept;
  ~iterator();

  object operator*() const;
  iterator& operator++();
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const;

private:
  std::shared_ptr<stream<>> from_;
  detail::held_ptr root_;
  std::optional<object> item_;
};

template <class... Arguments>
object operand::operator()(Arguments&&... arguments) const {
  auto asked = about(verb::call_object);
  detail::add_arguments(asked, std::forward<Arguments>(arguments)...);
  return run(std::move(asked));
}

template <class T>
result<T> operand::to() const {
  return attempt([&]() -> result<T> {
    if constexpr (std::same_as<T, object>)
      return path_.empty() ? object{root_} : run(about(verb::read));
    else if constexpr (std::same_as<T, ref>)
      return as<object>().held().template to<ref>();
    else
      return fetch(detail::form_for<T>).template to<T>();
  });
}

} // namespace snakebridge
