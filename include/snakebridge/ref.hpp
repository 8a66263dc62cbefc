#pragma once
// The name of one Python object. A ref is a plain value: copying it costs
// nothing in Python, and it keeps nothing alive, unless an `object` gave it.
// The object lives as long as its session does, or until it is released.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace snakebridge {

class value;

namespace detail {
class held_object;
} // namespace detail

struct ref {
  std::string node = {};         ///< the node it lives on; empty: this one
  std::string session = {};      ///< the session it belongs to
  std::uint32_t interpreter = 0; ///< the interpreter it lives in
  std::uint32_t epoch = 0;       ///< which incarnation of that interpreter
  std::uint64_t slot = 0;        ///< its place there, never used twice
  std::string type_name = {};    ///< "pathlib.PosixPath"
  bool is_stream = false;        ///< it is an iterator, or an async one
  /// What it was as a str, bytes, int, float or complex, when it was sent: of
  /// an object whose class is derived from one of these (an IntEnum's member,
  /// say), up to 64 KiB; of other members of an Enum their value, where that is
  /// one of these, else their name. Else null. `value::cast` looks at it.
  std::shared_ptr<const value> base = {};
  /// Of a session of the cluster: which of those that have had its id.
  std::uint64_t session_epoch = 0;
  /// Of one that an `object` gave: keeps that, and the Python object with it.
  std::shared_ptr<const detail::held_object> owner = {};

  /// Same object. Its type tells nothing new.
  friend bool operator==(const ref& left, const ref& right) {
    return left.slot == right.slot && left.epoch == right.epoch
           && left.interpreter == right.interpreter
           && left.session == right.session && left.node == right.node
           && left.session_epoch == right.session_epoch;
  }
};

} // namespace snakebridge

template <>
struct std::hash<snakebridge::ref> {
  std::size_t operator()(const snakebridge::ref& name) const noexcept {
    return std::hash<std::uint64_t>{}(name.slot
                                      ^ (std::uint64_t{name.interpreter} << 40U)
                                      ^ (std::uint64_t{name.epoch} << 52U));
  }
};
