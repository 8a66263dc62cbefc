#pragma once
// Messages between nodes that are so large that to read, write or free one
// takes longer than the loop of the links may be held up. On any thread.

#include <cstddef>
#include <memory>
#include <utility>

#include "config/tunables.hpp"
#include "runtime/node/value_thread.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// In all its parts.
inline std::size_t bytes_of(message& content) {
  std::size_t bytes = 0;
  for (const auto& part : content.parts())
    bytes += part.size_bytes();
  return bytes;
}

constexpr bool is_large(std::size_t bytes) {
  return bytes > limits::payload_part_bytes_max;
}

/// The same, that is freed by that thread, whoever lets go of it.
template <class Large>
std::shared_ptr<Large> freed_by(std::shared_ptr<value_thread> values,
                                std::shared_ptr<Large> what) {
  auto* const plain = what.get();
  return {plain,
          [values = std::move(values), what = std::move(what)](Large*) mutable {
            values->run([what = std::move(what)] {});
          }};
}

} // namespace snakebridge
