// Equality and hashing of values, as Python's.
#include <cmath>

#include <snakebridge/callback.hpp>

#include <snakebridge/value.hpp>

namespace snakebridge {

namespace {

constexpr double beyond_int64 = 9223372036854775808.0; // 2^63

bool is_whole(double item) {
  return std::isfinite(item) && std::trunc(item) == item;
}

std::size_t hash_text(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

// 1, 1.0 and True are one key: whole floats hash as their integer.
std::size_t hash_number(double item) {
  if (item >= -beyond_int64 && item < beyond_int64 && is_whole(item))
    return std::hash<std::int64_t>{}(static_cast<std::int64_t>(item));
  if (is_whole(item))
    return hash_text(integer::from_double(item).bytes());
  return std::hash<double>{}(item);
}

std::size_t hash_items(const std::vector<value>& items) {
  std::size_t mixed = items.size();
  for (const auto& item : items)
    mixed = mixed * 1'000'003 ^ item.hash();
  return mixed;
}

// In any order.
std::size_t hash_set(const set& items) {
  std::size_t sum = items.size();
  for (const auto& item : items)
    sum += item.hash();
  return sum;
}

std::size_t hash_fields(const date& item) {
  return static_cast<std::size_t>(item.year * 372 + item.month * 31 + item.day);
}

bool is_number(const value& item) {
  return item.kind() == kind::boolean || item.kind() == kind::integer
         || item.kind() == kind::floating || item.kind() == kind::complex;
}

bool is_set(const value& item) {
  return item.kind() == kind::set || item.kind() == kind::frozenset;
}

const set& as_set(const value& item) {
  const auto* frozen = item.get_if<frozenset>();
  return frozen != nullptr ? *frozen : *item.get_if<set>();
}

// A number that is not real, or the float of one that is.
struct parts {
  double imaginary = 0;
  value real;
};

parts parts_of(const value& item) {
  if (const auto* both = item.get_if<std::complex<double>>())
    return {both->imag(), value::of_floating(both->real())};
  return {0, item};
}

bool equal_real(const value& left, const value& right) {
  const auto* real_left = left.get_if<double>();
  const auto* real_right = right.get_if<double>();
  if (real_left && real_right)
    return *real_left == *real_right;
  const auto* big_left = left.get_if<integer>();
  const auto* big_right = right.get_if<integer>();
  // Compared as integers: a double beyond 2^53 is not every integer near it.
  if (real_left || real_right) {
    const double real = real_left ? *real_left : *real_right;
    if (!is_whole(real))
      return false;
    const auto& other = real_left ? right : left;
    return equal_real(value::of_integer(integer::from_double(real)), other);
  }
  if (big_left || big_right)
    return big_left && big_right && *big_left == *big_right;
  const auto whole = [](const value& item) -> std::int64_t {
    const auto* flag = item.get_if<bool>();
    return flag ? (*flag ? 1 : 0) : *item.get_if<std::int64_t>();
  };
  return whole(left) == whole(right);
}

bool equal_numbers(const value& left, const value& right) {
  if (left.kind() != kind::complex && right.kind() != kind::complex)
    return equal_real(left, right);
  const auto a = parts_of(left), b = parts_of(right);
  return a.imaginary == b.imaginary && equal_real(a.real, b.real);
}

template <class T>
bool same(const value& left, const value& right) {
  return *left.get_if<T>() == *right.get_if<T>();
}

} // namespace

std::size_t value::hash() const {
  // Mixed, so that keys chosen to collide have to be chosen well.
  auto mixed = static_cast<std::uint64_t>(plain().plain_hash());
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return static_cast<std::size_t>(mixed ^ (mixed >> 31U));
}

std::size_t value::plain_hash() const {
  switch (kind_) {
  case kind::boolean:
    return std::hash<std::int64_t>{}(item_.boolean ? 1 : 0);
  case kind::integer:
    return form_ == form::inside
             ? std::hash<std::int64_t>{}(item_.integer)
             : hash_text(unbox<snakebridge::integer>()->bytes());
  case kind::floating:
    return hash_number(item_.floating);
  case kind::complex: {
    const auto& item = *unbox<std::complex<double>>();
    return hash_number(item.real())
           + (item.imag() == 0 ? 0 : 1'000'003 * hash_number(item.imag()));
  }
  case kind::string:
    return hash_text(*unbox<std::string>());
  case kind::bytes:
    return hash_text(unbox<snakebridge::bytes>()->view());
  case kind::list:
    return hash_items(*unbox<snakebridge::list>());
  case kind::tuple:
    return hash_items(*unbox<snakebridge::tuple>());
  case kind::dict: // in any order
    return unbox<snakebridge::dict>()->size();
  case kind::set:
  case kind::frozenset:
    return hash_set(as_set(*this));
  case kind::ref:
    return std::hash<snakebridge::ref>{}(*unbox<snakebridge::ref>());
  case kind::date:
    return hash_fields(*unbox<snakebridge::date>());
  case kind::time:
    return unbox<snakebridge::time>()->hash();
  case kind::datetime:
    return unbox<snakebridge::datetime>()->hash();
  case kind::timedelta: {
    const auto& item = *unbox<snakebridge::timedelta>();
    return static_cast<std::size_t>(item.days) * 86'400
           + static_cast<std::size_t>(item.seconds) * 1'000'003
           + static_cast<std::size_t>(item.microseconds);
  }
  case kind::decimal:
    return hash_text(unbox<snakebridge::decimal>()->normal());
  case kind::uuid: {
    const auto& item = unbox<snakebridge::uuid>()->bytes;
    return hash_text({reinterpret_cast<const char*>(item.data()), item.size()});
  }
  case kind::atom:
    return hash_text(unbox<snakebridge::atom>()->name) + 1;
  case kind::unserializable:
    return hash_text(unbox<snakebridge::unserializable>()->type);
  case kind::callback:
    return static_cast<std::size_t>(unbox<snakebridge::callback>()->id());
  case kind::slice:
  case kind::ellipsis:
    return static_cast<std::size_t>(kind_);
  case kind::none:
    break;
  }
  return 0;
}

bool operator==(const value& left, const value& right) {
  if (is_number(left) && is_number(right))
    return equal_numbers(left, right);
  if (is_set(left) && is_set(right))
    return as_set(left) == as_set(right);
  if (left.kind() != right.kind())
    return false;
  switch (left.kind()) {
  case kind::string:
    return same<std::string>(left, right);
  case kind::bytes:
    return same<bytes>(left, right);
  case kind::list:
    return same<list>(left, right);
  case kind::tuple:
    return same<tuple>(left, right);
  case kind::dict:
    return same<dict>(left, right);
  case kind::ref:
    return same<ref>(left, right);
  case kind::date:
    return same<date>(left, right);
  case kind::time:
    return same<time>(left, right);
  case kind::datetime:
    return same<datetime>(left, right);
  case kind::timedelta:
    return same<timedelta>(left, right);
  case kind::decimal:
    return same<decimal>(left, right);
  case kind::uuid:
    return same<uuid>(left, right);
  case kind::atom:
    return same<atom>(left, right);
  case kind::unserializable:
    return same<unserializable>(left, right);
  case kind::callback:
    return same<callback>(left, right);
  case kind::slice:
    return same<slice>(left, right);
  default:
    return true; // None, Ellipsis
  }
}

} // namespace snakebridge
