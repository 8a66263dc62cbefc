#pragma once
// What containers hold, into messages: packed where all of it is of one kind
// (schemas/value.capnp, Items). Pure functions of values, on any thread.

#include <cstddef>
#include <span>
#include <vector>

#include <snakebridge/value.hpp>

#include "runtime/wire/messages.hpp"

namespace snakebridge::wire {

/// Values that follow each other somewhere: in a vector, as keys or values in a
/// dict, or each behind a pointer. It is a view.
class item_row {
public:
  explicit item_row(const std::vector<value>& items)
      : item_row{items.data(), items.size(), sizeof(value)} {}
  explicit item_row(std::span<const value* const> pointers)
      : size_{pointers.size()},
        pointers_{pointers.data()} {}
  static item_row keys_of(const dict& entries) {
    return {entries.empty() ? nullptr : &entries.begin()->first, entries.size(),
            sizeof(dict::entry)};
  }
  static item_row values_of(const dict& entries) {
    return {entries.empty() ? nullptr : &entries.begin()->second,
            entries.size(), sizeof(dict::entry)};
  }

  std::size_t size() const { return size_; }
  const value& operator[](std::size_t at) const {
    return pointers_ != nullptr
             ? *pointers_[at]
             : *reinterpret_cast<const value*>(first_ + at * step_);
  }

private:
  item_row(const value* first, std::size_t size, std::size_t step)
      : size_{size},
        first_{reinterpret_cast<const std::byte*>(first)},
        step_{step} {}

  std::size_t size_;
  const value* const* pointers_ = nullptr;
  const std::byte* first_ = nullptr;
  std::size_t step_ = 0;
};

} // namespace snakebridge::wire
