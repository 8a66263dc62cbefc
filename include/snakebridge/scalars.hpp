#pragma once
// Values of one piece beside numbers and text: bytes, Decimal, UUID, atoms and
// markers of what could not cross.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace snakebridge {

/// Python's None.
struct none_t {
  friend bool operator==(none_t, none_t) { return true; }
};
inline constexpr none_t none{};

/// Python's `...`: `a[sb::ellipsis]`
struct ellipsis_t {
  friend bool operator==(ellipsis_t, ellipsis_t) { return true; }
};
inline constexpr ellipsis_t ellipsis{};

/// Python's `bytes`; strings are `str`.
class bytes {
public:
  bytes() = default;
  explicit bytes(std::string_view data) : data_{data} {}
  explicit bytes(std::string data) : data_{std::move(data)} {}
  explicit bytes(const char* data) : data_{data} {}
  bytes(const void* data, std::size_t size)
      : data_(static_cast<const char*>(data), size) {}

  const char* data() const { return data_.data(); }
  std::size_t size() const { return data_.size(); }
  std::string_view view() const { return data_; }

  friend bool operator==(const bytes&, const bytes&) = default;

private:
  std::string data_;
};

/// Python's `decimal.Decimal`, as its text there: nothing is rounded.
class decimal {
public:
  decimal() = default;
  /// "-1.50", "1e3", "Infinity", "NaN123". Throws not_convertible for what
  /// Decimal refuses, white space and underscores too.
  explicit decimal(std::string_view text);

  /// As Python prints it: "1E+3" of "1e3".
  const std::string& text() const { return text_; }
  static bool valid(std::string_view text);
  /// "-15E-1" of "-1.50": the same text for the same number.
  std::string normal() const;

  /// The same number, as in Python: 1.0 equals 1.00; a NaN equals nothing.
  friend bool operator==(const decimal& left, const decimal& right);

private:
  std::string text_ = "0";
};

bool operator==(const decimal& left, const decimal& right);

/// Python's `uuid.UUID`.
struct uuid {
  enum class safety : std::uint8_t { unknown, safe, unsafe };

  std::array<std::uint8_t, 16> bytes{}; ///< big-endian, as `UUID.bytes`
  safety is_safe = safety::unknown;     ///< tells nothing for equality

  /// 32 hexadecimal digits, with hyphens or not. Throws not_convertible.
  static uuid parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const uuid& left, const uuid& right) {
    return left.bytes == right.bytes;
  }
};

/// A name that is its own meaning. Python gets it as `str`; with the setting
/// `atom_class` as `snakebridge.Atom`, which comes back as an atom when its
/// name is among the setting `atoms`, as `str` else.
struct atom {
  std::string name;
  friend bool operator==(const atom&, const atom&) = default;
};

/// Stands for an object without a value form, where a call asked for markers
/// instead of refs. How much it tells is the setting `unserializable_detail`.
struct unserializable {
  std::string type;                ///< "pathlib.PosixPath"; empty: not told
  std::optional<std::string> repr; ///< cut, and without secrets when redacted
  friend bool operator==(const unserializable&,
                         const unserializable&) = default;
};

} // namespace snakebridge
