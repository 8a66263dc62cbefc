#pragma once
// The types of Python's datetime module, field by field as there, so that a
// round trip changes nothing: microseconds, fold and time zone included.
// Ranges are Python's; what is out of them is refused when it is sent. The
// types of <chrono> convert to and from these (convert_chrono.hpp).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace snakebridge {

struct timedelta {
  std::int32_t days = 0;         ///< -999,999,999 to 999,999,999
  std::int32_t seconds = 0;      ///< 0 to 86,399
  std::int32_t microseconds = 0; ///< 0 to 999,999

  /// Normalised as Python does: only the days are ever negative.
  static timedelta of(std::chrono::microseconds duration);
  /// In microseconds: nothing beyond 64 bits, about 292,000 years.
  std::optional<std::chrono::microseconds> duration() const;
  bool valid() const;

  friend bool operator==(const timedelta&, const timedelta&) = default;
};

/// `datetime.timezone` or `zoneinfo.ZoneInfo`. Any other tzinfo is an object
/// of its own, and what has it is a ref.
struct timezone {
  std::string key =
    {}; ///< of a ZoneInfo, "Europe/Paris"; empty: a fixed offset
  /// East of UTC. Of a ZoneInfo: at the moment it came with; empty where that
  /// is not known. Of a fixed offset: empty is UTC.
  std::optional<timedelta> offset = {};
  std::optional<std::string> name =
    {}; ///< of a fixed offset that was given one
  /// Of a ZoneInfo: the offset with the other fold, where it is another one.
  /// The clocks showed the moment twice then, or never.
  std::optional<timedelta> offset_of_other_fold = {};

  bool valid() const;
  friend bool operator==(const timezone&, const timezone&) = default;
};

struct date {
  std::int16_t year = 1; ///< 1 to 9999
  std::uint8_t month = 1;
  std::uint8_t day = 1;

  bool valid() const;
  friend bool operator==(const date&, const date&) = default;
};

struct time {
  std::uint8_t hour = 0;
  std::uint8_t minute = 0;
  std::uint8_t second = 0;
  std::uint32_t microsecond = 0;
  std::uint8_t fold = 0; ///< 1: the second of two when clocks go back
  std::optional<timezone> zone = {};

  bool valid() const;
  /// Since midnight UTC where the offset is known, else since its own.
  std::chrono::microseconds moment() const;
  /// As Python: the same moment when both have a zone, the same fields when
  /// none has; the fold tells nothing, nor do an offset's microseconds.
  friend bool operator==(const time& left, const time& right);
  std::size_t hash() const;
};

struct datetime {
  snakebridge::date date;
  snakebridge::time time;

  bool valid() const { return date.valid() && time.valid(); }
  /// Since 1970-01-01 UTC where the offset is known, else as if it were UTC.
  std::chrono::microseconds moment() const;
  /// As Python: the same fields when none has a zone or both are of the same
  /// ZoneInfo; else the same moment, which one that was twice or never is not.
  friend bool operator==(const datetime& left, const datetime& right);
  std::size_t hash() const;
};

bool operator==(const time& left, const time& right);
bool operator==(const datetime& left, const datetime& right);

} // namespace snakebridge
