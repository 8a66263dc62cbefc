#include <snakebridge/integer.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <gmp.h>

#include <snakebridge/result.hpp>

namespace snakebridge {

namespace {

class big {
public:
  big() { mpz_init(number_); }
  ~big() { mpz_clear(number_); }
  big(const big&) = delete;
  big& operator=(const big&) = delete;
  mpz_ptr get() { return number_; }

private:
  mpz_t number_;
};

// All bits flipped and one added: the same number with the other sign.
std::string negated(std::string bytes) {
  bool carry = true;
  for (auto& each : bytes) {
    const auto flipped = static_cast<unsigned char>(~each);
    each = static_cast<char>(carry ? flipped + 1 : flipped);
    carry = carry && flipped == 0xFF;
  }
  return bytes;
}

void read(big& into, const integer& from) {
  // One byte more, so that the least number of a width can be negated.
  auto bytes = from.bytes();
  if (from.negative())
    bytes = negated(bytes + '\xFF');
  mpz_import(into.get(), bytes.size(), -1, 1, 0, 0, bytes.data());
  if (from.negative())
    mpz_neg(into.get(), into.get());
}

integer written(big& from) {
  std::string bytes((mpz_sizeinbase(from.get(), 2) + 7) / 8 + 1, '\0');
  std::size_t count = 0;
  mpz_export(bytes.data(), &count, -1, 1, 0, 0, from.get());
  return integer::from_bytes(mpz_sgn(from.get()) < 0 ? negated(bytes) : bytes);
}

bool is_decimal(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+'))
    text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char each) {
    return each >= '0' && each <= '9';
  });
}

} // namespace

integer::integer(std::string_view decimal) {
  if (!is_decimal(decimal))
    throw_error(
      {errc::not_convertible,
       fmt::format("'{}' is no decimal integer", decimal.substr(0, 80))});
  if (decimal.starts_with('+'))
    decimal.remove_prefix(1);
  big parsed;
  mpz_set_str(parsed.get(), std::string{decimal}.c_str(), 10);
  *this = written(parsed);
}

integer integer::from_bytes(std::string_view twos_complement) {
  integer made;
  if (!twos_complement.empty())
    made.bytes_ = twos_complement;
  made.shorten();
  return made;
}

integer integer::from_double(double whole) {
  big made;
  mpz_set_d(made.get(), whole);
  return written(made);
}

void integer::set(bool negative, std::uint64_t low) {
  bytes_.clear();
  for (int at = 0; at < 8; ++at)
    bytes_ += static_cast<char>(low >> (8U * static_cast<unsigned>(at)));
  bytes_ += negative ? '\xFF' : '\0';
  shorten();
}

void integer::shorten() {
  const auto spare = [this] {
    const auto last = static_cast<unsigned char>(bytes_.back());
    const bool next_is_negative = (bytes_[bytes_.size() - 2] & 0x80) != 0;
    return next_is_negative ? last == 0xFF : last == 0;
  };
  while (bytes_.size() > 1 && spare())
    bytes_.pop_back();
}

std::string integer::to_string() const {
  big number;
  read(number, *this);
  std::string text(mpz_sizeinbase(number.get(), 10) + 2, '\0');
  mpz_get_str(text.data(), 10, number.get());
  text.resize(text.find('\0'));
  return text;
}

std::optional<std::int64_t> integer::to_int64() const {
  if (bytes_.size() > sizeof(std::int64_t))
    return {};
  std::uint64_t bits = negative() ? ~std::uint64_t{0} : 0;
  for (auto each = bytes_.rbegin(); each != bytes_.rend(); ++each)
    bits = bits << 8U | static_cast<unsigned char>(*each);
  return static_cast<std::int64_t>(bits);
}

std::optional<std::uint64_t> integer::to_uint64() const {
  if (negative() || bytes_.size() > sizeof(std::uint64_t) + 1
      || (bytes_.size() > sizeof(std::uint64_t) && bytes_.back() != 0))
    return {};
  std::uint64_t bits = 0;
  for (auto each = bytes_.rbegin(); each != bytes_.rend(); ++each)
    bits = bits << 8U | static_cast<unsigned char>(*each);
  return bits;
}

std::optional<double> integer::to_double() const {
  constexpr std::size_t bytes_of_any_double = 130;
  if (bytes_.size() > bytes_of_any_double)
    return {};
  big number;
  read(number, *this);
  const auto real = mpz_get_d(number.get());
  if (!std::isfinite(real) || mpz_cmp_d(number.get(), real) != 0)
    return {};
  return real;
}

std::strong_ordering operator<=>(const integer& left, const integer& right) {
  if (left.negative() != right.negative())
    return left.negative() ? std::strong_ordering::less
                           : std::strong_ordering::greater;
  if (left.bytes_.size() != right.bytes_.size())
    return (left.bytes_.size() < right.bytes_.size()) != left.negative()
             ? std::strong_ordering::less
             : std::strong_ordering::greater;
  // Same sign and size: the bytes decide, the most significant first.
  for (std::size_t at = left.bytes_.size(); at-- > 0;)
    if (left.bytes_[at] != right.bytes_[at])
      return static_cast<unsigned char>(left.bytes_[at])
             <=> static_cast<unsigned char>(right.bytes_[at]);
  return std::strong_ordering::equal;
}

std::ostream& operator<<(std::ostream& out, const integer& item) {
  return out << item.to_string();
}

} // namespace snakebridge
