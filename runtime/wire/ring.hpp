#pragma once
// One direction of memory that two processes share: what is written on one side
// is read on the other without the kernel. Each side keeps its own count of
// words and believes nothing of the other's that would lead it out of bounds;
// the reader copies before it looks. One writer and one reader at a time.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// What is shared. All zero at first.
struct ring {
  static constexpr std::size_t words = 8'192;

  alignas(64) std::atomic<std::uint64_t> written; ///< so far, by the writer
  alignas(64) std::atomic<std::uint64_t> taken;   ///< so far, by the reader
  alignas(64) std::atomic<std::uint32_t> dozes;   ///< the reader is to be woken
  alignas(64) word content[words];
};

class ring_writer {
public:
  explicit ring_writer(ring& to) : to_{to} {}

  bool has_room(std::size_t words) const {
    const auto used = written_ - to_.taken.load(std::memory_order_acquire);
    return used <= ring::words && words <= ring::words - used;
  }
  /// All that was written has been taken.
  bool is_drained() const {
    return to_.taken.load(std::memory_order_acquire) == written_;
  }
  /// There must be room. It is not seen before `publish`.
  void write(std::span<const word> from) {
    while (!from.empty()) {
      const auto at = written_ % ring::words;
      const auto now = std::min<std::size_t>(from.size(), ring::words - at);
      std::memcpy(to_.content + at, from.data(), now * sizeof(word));
      written_ += now;
      from = from.subspan(now);
    }
  }
  /// True when the reader sleeps, or is about to: it is to be woken.
  bool publish() {
    // In one order with the reader's, which says that it dozes and then looks.
    to_.written.store(written_);
    return to_.dozes.load() != 0 && to_.dozes.exchange(0) != 0;
  }

private:
  ring& to_;
  std::uint64_t written_ = 0;
};

class ring_reader {
public:
  explicit ring_reader(ring& from) : from_{from} {}

  bool has_come() const {
    return from_.written.load(std::memory_order_acquire) != taken_;
  }
  /// How many words there are; nothing: more than there can be.
  std::optional<std::size_t> ready() const {
    const auto come = from_.written.load(std::memory_order_acquire) - taken_;
    return come > ring::words ? std::nullopt
                              : std::optional{static_cast<std::size_t>(come)};
  }
  /// They must be ready. Their room is the writer's again after `give_back`.
  void read(word* into, std::size_t count) {
    while (count > 0) {
      const auto at = taken_ % ring::words;
      const auto now = std::min<std::size_t>(count, ring::words - at);
      std::memcpy(into, from_.content + at, now * sizeof(word));
      taken_ += now;
      into += now;
      count -= now;
    }
  }
  void give_back() { from_.taken.store(taken_, std::memory_order_release); }
  /// Says that the reader is about to sleep: true when something has come, and
  /// it should not.
  bool doze() {
    from_.dozes.store(1);
    return from_.written.load() != taken_;
  }

private:
  ring& from_;
  std::uint64_t taken_ = 0;
};

} // namespace snakebridge
