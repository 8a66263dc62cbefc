#pragma once
// C++ that Python calls:
//
//   bridge.call("builtins", "map", sb::callback([](int x) { return x * 2; }),
//               sb::list{1, 2, 3});
//
// A callback goes to Python as an argument, at any depth, and is a callable
// there as long as Python keeps it and its session lives. It runs on the thread
// that waits for the call it is called in, where one does; else on the bridge's
// callback threads (`callback_threads`), embedded on the thread that runs
// Python. So it may run on several threads at once. What it calls through the
// bridge uses the session that it was called from, runs inside that call, also
// while Python waits for the callback, and has no more time than that call. On
// a thread of Python's own a callback is in no call: what it calls in its
// session waits in line, and a call that waits for that thread must not be in
// its way.
//
// Its parameters have any types that values convert to; they may be given by
// position, and by keyword where they have names:
//
//   sb::callback([](double x, int digits) { … }, "x"_a, "digits"_a = 2);
//
// The last two may be `sb::args`, which takes the positional arguments that are
// left, and `sb::kwargs`, which takes the named ones. Arguments that do not fit
// are a TypeError in Python; refs among them are the session's, as those of a
// result. What it returns is any value, nothing, or a `result` of one. What it
// throws is a `snakebridge.CallbackError` in Python, with its text and `type`;
// but an exception that Python raised in a call it made is raised again, the
// same object.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/operation.hpp>

namespace snakebridge {

/// The rest of a callback's positional arguments.
struct args : list {
  using list::list;
};

/// The rest of its named ones, by their names.
struct kwargs : dict {
  using dict::dict;
};

namespace detail {

/// What a callback is called with.
struct callback_arguments {
  std::vector<value> positional;
  std::vector<named_value> named;
};

class callable {
public:
  virtual ~callable() = default;
  /// Throws what the program throws, and bad_arguments.
  virtual value call(callback_arguments given) const = 0;
  /// As Python writes it: "(x: float, digits: int = 2) -> str".
  virtual std::string signature() const = 0;
};

/// They do not fit: Python gets a TypeError of this text.
class bad_arguments : public std::exception {
public:
  explicit bad_arguments(std::string text);
  const char* what() const noexcept override;

private:
  std::string text_;
};

/// One that has a name may be given by it.
struct parameter {
  std::string name = {};
  std::optional<value> by_default = {};
};
parameter parameter_of(literals::keyword_name named);
parameter parameter_of(keyword named);

/// Which parameters there are, and what is left for `args` and `kwargs`.
struct parameter_list {
  std::vector<parameter> each;
  bool takes_rest = false;
  bool takes_names = false;

  /// One value for each parameter; the rest stays in `given`. Throws
  /// bad_arguments.
  std::vector<value> bind(callback_arguments& given) const;
  [[noreturn]] void refuse(std::size_t at, const error& why) const;
  /// `types`: what Python calls those of `each`, and of what comes back.
  std::string signature(const std::vector<std::string_view>& types,
                        std::string_view outcome) const;
};

/// What Python calls the type that a value of a C++ type has there.
template <class T>
constexpr std::string_view python_name() {
  if constexpr (is_result<T>)
    return python_name<typename T::value_type>();
  else if constexpr (std::is_void_v<T>)
    return "None";
  else if constexpr (std::same_as<T, bool>)
    return "bool";
  else if constexpr (std::integral<T> || std::same_as<T, integer>)
    return "int";
  else if constexpr (std::floating_point<T>)
    return "float";
  else if constexpr (std::same_as<T, bytes>)
    return "bytes";
  else if constexpr (std::convertible_to<T, std::string_view>)
    return "str";
  else if constexpr (std::same_as<T, dict> || requires {
                       typename T::mapped_type;
                     })
    return "dict";
  else if constexpr (std::same_as<T, tuple> || requires {
                       std::tuple_size<T>::value;
                     })
    return "tuple";
  else if constexpr (std::same_as<T, set> || requires { typename T::key_type; })
    return "set";
  else if constexpr (
    std::same_as<T, list> || (std::ranges::range<T> && !std::same_as<T, value>))
    return "list";
  else
    return "Any";
}

template <class F>
struct signature_of {};
template <class F>
requires requires {
  &F::operator();
}
struct signature_of<F> : signature_of<decltype(&F::operator())> {};

template <class R, class... As>
struct signature_of<R (*)(As...)> {
  using parameters = std::tuple<std::remove_cvref_t<As>...>;
};
template <class R, class... As>
struct signature_of<R (*)(As...) noexcept> : signature_of<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature_of<R (C::*)(As...)> : signature_of<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature_of<R (C::*)(As...) const> : signature_of<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature_of<R (C::*)(As...) noexcept> : signature_of<R (*)(As...)> {};
template <class C, class R, class... As>
struct signature_of<R (C::*)(As...) const noexcept>
    : signature_of<R (*)(As...)> {};

template <class F>
concept has_signature = requires {
  typename signature_of<F>::parameters;
};

template <class T>
value outcome_value(T&& outcome) {
  if constexpr (is_result<std::remove_cvref_t<T>>) {
    if constexpr (std::is_void_v<typename std::remove_cvref_t<T>::value_type>)
      return or_throw(std::forward<T>(outcome)), value{};
    else
      return value_of(or_throw(std::forward<T>(outcome)));
  } else {
    return value_of(std::forward<T>(outcome));
  }
}

template <class F>
class callable_of final : public callable {
public:
  callable_of(F function, std::vector<parameter> named)
      : function_{std::move(function)} {
    parameters_.takes_rest = takes<args>();
    parameters_.takes_names = takes<kwargs>();
    parameters_.each = std::move(named);
    parameters_.each.resize(count);
  }

  value call(callback_arguments given) const override {
    return call(given, std::make_index_sequence<std::tuple_size_v<types>>{});
  }

  std::string signature() const override {
    return signature(std::make_index_sequence<count>{});
  }

private:
  using types = typename signature_of<F>::parameters;

  template <std::size_t... At>
  std::string signature(std::index_sequence<At...>) const {
    using outcome = std::remove_cvref_t<decltype(std::apply(
      function_, std::declval<types>()))>;
    return parameters_.signature(
      {python_name<std::tuple_element_t<At, types>>()...},
      python_name<outcome>());
  }

  template <class T, std::size_t... At>
  static constexpr std::size_t count_of(std::index_sequence<At...>) {
    return (std::size_t{std::same_as<std::tuple_element_t<At, types>, T>} + ...
            + 0);
  }
  template <class T>
  static constexpr std::size_t takes() {
    return count_of<T>(std::make_index_sequence<std::tuple_size_v<types>>{});
  }
  static constexpr std::size_t count =
    std::tuple_size_v<types> - takes<args>() - takes<kwargs>();
  static_assert(takes<args>() <= 1 && takes<kwargs>() <= 1,
                "a callback takes the rest once");

  template <std::size_t At>
  std::tuple_element_t<At, types> argument(std::vector<value>& bound,
                                           callback_arguments& given) const {
    using type = std::tuple_element_t<At, types>;
    if constexpr (std::same_as<type, args>) {
      static_assert(At >= count, "sb::args comes after the parameters");
      args rest;
      for (auto& each : given.positional)
        rest.push_back(std::move(each));
      return rest;
    } else if constexpr (std::same_as<type, kwargs>) {
      static_assert(At >= count, "sb::kwargs comes after the parameters");
      kwargs rest;
      for (auto& [name, item] : given.named)
        rest.set(name, std::move(item));
      return rest;
    } else if constexpr (std::same_as<type, value>) {
      return std::move(bound[At]);
    } else {
      auto converted = bound[At].template to<type>();
      if (!converted)
        parameters_.refuse(At, converted.error());
      return *std::move(converted);
    }
  }

  template <std::size_t... At>
  value call(callback_arguments& given, std::index_sequence<At...>) const {
    auto bound = parameters_.bind(given);
    // Braces: in this order.
    types arguments{argument<At>(bound, given)...};
    using outcome = decltype(std::apply(function_, std::move(arguments)));
    if constexpr (std::is_void_v<outcome>) {
      std::apply(function_, std::move(arguments));
      return {};
    } else {
      return outcome_value(std::apply(function_, std::move(arguments)));
    }
  }

  mutable F function_;
  parameter_list parameters_;
};

} // namespace detail

/// A C++ callable as a value. Copies are the same callback, which lives as long
/// as one of them, or a session in which Python has it.
class callback {
public:
  template <class F, class... Names>
  requires(!std::same_as<std::remove_cvref_t<F>, callback>) explicit callback(
    F function, Names... names)
      : callback{made_of(std::move(function), std::move(names)...)} {}
  explicit callback(std::shared_ptr<const detail::callable> of);

  /// Of this process; never used twice.
  std::uint64_t id() const { return id_; }
  /// As Python writes it: "(x: float, digits: int = 2) -> str". Parameters
  /// without a name are `arg1` and so on, and are given by position.
  std::string signature() const;
  const detail::callable& operator*() const;

  friend bool operator==(const callback& left, const callback& right) {
    return left.id_ == right.id_;
  }

private:
  template <class F, class... Names>
  static std::shared_ptr<const detail::callable> made_of(F function,
                                                         Names... names) {
    static_assert(detail::has_signature<F>,
                  "the types of a callback's parameters must be known: give "
                  "them, sb::value for any");
    if constexpr (detail::has_signature<F>) {
      static_assert(
        sizeof...(names)
          <= std::tuple_size_v<typename detail::signature_of<F>::parameters>,
        "more names than the callback has parameters");
      return std::make_shared<const detail::callable_of<F>>(
        std::move(function), std::vector<detail::parameter>{
                               detail::parameter_of(std::move(names))...});
    }
  }

  std::shared_ptr<const detail::callable> of_;
  std::uint64_t id_;
};

} // namespace snakebridge
