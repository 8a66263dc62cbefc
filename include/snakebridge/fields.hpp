#pragma once
// Structs as Python values: SNAKEBRIDGE_FIELDS(sale, region, qty, when), beside
// the struct and in its namespace, gives it a converter. To Python it goes as a
// dict; it comes from a dict by its keys, and from a tuple or list that has
// just as many items in their order (what `leaves::plain` makes of a namedtuple
// or a row). Keys beyond the fields are left alone, an empty optional may be
// missing. Of other objects it knows nothing: ask for their attributes.

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <snakebridge/value.hpp>

namespace snakebridge {

namespace detail {

const std::vector<value>* sequence_of(const value& from);
error misfit_under(const value& key, const error& inner);

template <class Struct, class Member>
struct field {
  const char* name;
  Member Struct::*member;
};

template <class Struct, class Member>
constexpr field<Struct, Member> field_of(const char* name,
                                         Member Struct::*member) {
  return {name, member};
}

/// Found by ADL: see SNAKEBRIDGE_FIELDS.
template <class T>
concept has_fields = requires(std::type_identity<T> of) {
  snakebridge_fields(of);
};

template <class T>
inline constexpr bool may_be_missing = false;
template <class T>
inline constexpr bool may_be_missing<std::optional<T>> = true;

/// Tells that a struct has no such key: "has no 'qty'".
error no_field(const char* name, const value& in);
error not_as_many(std::size_t fields, const value& in);
/// Of what is neither a dict nor a row.
error no_fields(const value& in);

template <class Struct>
concept made_of_nothing = requires {
  Struct{};
};

template <class Member>
concept is_field = !std::is_const_v<Member> && convertible_from_python<Member>;

/// Does not compile, and says what to do, for a member that is none.
template <class Member>
constexpr void expect_field() {
  static_assert(!std::is_const_v<Member>,
                "SNAKEBRIDGE_FIELDS cannot fill in a const member: leave its "
                "const out, or read the struct by sb::converter<T>");
  expect_from_python<std::remove_const_t<Member>>();
}

} // namespace detail

template <detail::has_fields T>
struct converter<T> {
  static value to_value(const T& item) {
    dict made;
    std::apply(
      [&](const auto&... each) {
        (made.append(each.name, detail::value_of(item.*each.member)), ...);
      },
      fields());
    return value{std::move(made)};
  }

  static result<T> from_value(const value& from) {
    static_assert(detail::made_of_nothing<T>,
                  "SNAKEBRIDGE_FIELDS reads into a struct that is there: give "
                  "it a default constructor");
    const auto* row = detail::sequence_of(from);
    const auto* named = from.get_if<dict>();
    if (row == nullptr && named == nullptr)
      return detail::no_fields(from);
    constexpr auto count = std::tuple_size_v<decltype(fields())>;
    if (row != nullptr && row->size() != count)
      return detail::not_as_many(count, from);
    if constexpr (detail::made_of_nothing<T>)
      return filled(row, named, from);
    else
      return detail::no_fields(from); // of the two, one complaint
  }

private:
  static result<T> filled(const std::vector<value>* row, const dict* named,
                          const value& from) {
    T made{};
    std::optional<error> failed;
    std::size_t at = 0;
    const auto read = [&]<class Struct, class Member>(
                        const detail::field<Struct, Member>& each) {
      const auto* item = named ? named->find(each.name) : &(*row)[at++];
      if (failed || (item == nullptr && detail::may_be_missing<Member>))
        return;
      if (item == nullptr) {
        failed = detail::no_field(each.name, from);
        return;
      }
      detail::expect_field<Member>();
      if constexpr (detail::is_field<Member>) {
        auto converted = converter<Member>::from_value(*item);
        if (converted)
          made.*each.member = *std::move(converted);
        else
          failed = detail::misfit_under(each.name, converted.error());
      }
    };
    std::apply([&](const auto&... each) { (read(each), ...); }, fields());
    if (failed)
      return *std::move(failed);
    return made;
  }

  static constexpr auto fields() {
    return snakebridge_fields(std::type_identity<T>{});
  }
};

} // namespace snakebridge

// One field after the other: the preprocessor reads what is left again, as
// often as EXPAND says.
#define SNAKEBRIDGE_PARENS ()
#define SNAKEBRIDGE_EXPAND(...)                                                \
  SNAKEBRIDGE_EXPAND4(SNAKEBRIDGE_EXPAND4(SNAKEBRIDGE_EXPAND4(__VA_ARGS__)))
#define SNAKEBRIDGE_EXPAND4(...)                                               \
  SNAKEBRIDGE_EXPAND3(SNAKEBRIDGE_EXPAND3(SNAKEBRIDGE_EXPAND3(__VA_ARGS__)))
#define SNAKEBRIDGE_EXPAND3(...)                                               \
  SNAKEBRIDGE_EXPAND2(SNAKEBRIDGE_EXPAND2(SNAKEBRIDGE_EXPAND2(__VA_ARGS__)))
#define SNAKEBRIDGE_EXPAND2(...)                                               \
  SNAKEBRIDGE_EXPAND1(SNAKEBRIDGE_EXPAND1(SNAKEBRIDGE_EXPAND1(__VA_ARGS__)))
#define SNAKEBRIDGE_EXPAND1(...) __VA_ARGS__
#define SNAKEBRIDGE_EACH_FIELD(STRUCT, FIELD, ...)                             \
  ::snakebridge::detail::field_of(#FIELD, &STRUCT::FIELD) __VA_OPT__(          \
    , SNAKEBRIDGE_NEXT_FIELD SNAKEBRIDGE_PARENS(STRUCT, __VA_ARGS__))
#define SNAKEBRIDGE_NEXT_FIELD() SNAKEBRIDGE_EACH_FIELD

/// Gives STRUCT, which must have a default constructor, a converter of the
/// members named after it, at most 100. Stands beside the struct, in its
/// namespace. It takes dicts, and what `leaves::plain` makes of namedtuples,
/// dataclasses and rows; attributes of other objects are to be read by `attr`.
#define SNAKEBRIDGE_FIELDS(STRUCT, ...)                                        \
  [[maybe_unused]] constexpr auto snakebridge_fields(                          \
    ::std::type_identity<STRUCT>) {                                            \
    return ::std::tuple{                                                       \
      SNAKEBRIDGE_EXPAND(SNAKEBRIDGE_EACH_FIELD(STRUCT, __VA_ARGS__))};        \
  }                                                                            \
  static_assert(true, "for the semicolon")
