#pragma once
// Python's int of any size. Small ones are `std::int64_t` in a value; this is
// for those beyond, and converts to and from every integer that fits.

#include <compare>
#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace snakebridge {

class integer {
public:
  integer() = default;
  template <std::integral T>
  integer(T item) {
    if constexpr (std::signed_integral<T>)
      set(item < 0, static_cast<std::uint64_t>(item));
    else
      set(false, item);
  }
  /// Decimal digits, with a sign or not. Throws not_convertible for others.
  explicit integer(std::string_view decimal);
  explicit integer(const char* decimal) : integer{std::string_view{decimal}} {}

  /// Least significant byte first, as `int.from_bytes(…, "little",
  /// signed=True)` takes them; nothing is 0.
  static integer from_bytes(std::string_view twos_complement);
  /// The whole part of a finite number, exactly.
  static integer from_double(double whole);

  /// The fewest bytes that hold it, in the same order; at least one.
  const std::string& bytes() const { return bytes_; }
  std::string to_string() const;
  std::optional<std::int64_t> to_int64() const;
  std::optional<std::uint64_t> to_uint64() const;
  /// Nothing when no double is just this number.
  std::optional<double> to_double() const;
  bool negative() const {
    return !bytes_.empty() && (bytes_.back() & 0x80) != 0;
  }

  friend bool operator==(const integer&, const integer&) = default;
  friend std::strong_ordering operator<=>(const integer& left,
                                          const integer& right);

private:
  void set(bool negative, std::uint64_t low);
  void shorten();

  std::string bytes_ = std::string(1, '\0');
};

std::ostream& operator<<(std::ostream& out, const integer& item);

} // namespace snakebridge
