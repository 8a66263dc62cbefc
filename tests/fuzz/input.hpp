#pragma once
// What is fuzzed: every message one side takes from the other, read by the code
// that reads it in a bridge or a worker. An input is one word that says what
// the rest is, then words of a message, or of a stream of frames. Whatever they
// are, reading them ends soon, takes memory in proportion, and throws nothing
// but what its callers are ready for. It runs on one thread.

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "runtime/wire/channel.hpp"

namespace snakebridge::fuzz {

using input = std::vector<std::uint8_t>;

/// The first byte of an input, modulo how many there are.
enum class target : std::uint8_t {
  reply,   ///< as the host reads it from the data socket
  failed,  ///< as the host reads it from the control socket
  start,   ///< as the worker reads it from the control socket
  request, ///< as the worker reads it from the data socket
  release, ///< the same
  stream,  ///< as either reads from any socket; the other bytes say in what
           ///< pieces it comes
  called,  ///< as the host reads it from the data socket
};
inline constexpr unsigned targets = 7;

/// Something that must hold did not. Nothing catches it: the fuzzer ends.
struct broken_promise : std::logic_error {
  using std::logic_error::logic_error;
};

inline void promise(bool holds, const char* what) {
  if (!holds)
    throw broken_promise{what};
}

/// Reads the input. Throws broken_promise.
void run(std::span<const std::uint8_t> bytes);

void run_reply(const frame& received);
void run_failed(const frame& received);
void run_start(const frame& received);
void run_request(const frame& received);
void run_release(const frame& received);
void run_called(const frame& received);
/// `pieces`: sizes, used one after the other, in a circle.
void run_stream(std::span<const std::uint8_t> stream,
                std::span<const std::uint8_t> pieces);

/// Python objects that live now; those of a request must be gone after it.
std::size_t live_python_objects();

} // namespace snakebridge::fuzz
