#include "tests/fuzz/input.hpp"

#include <cstring>

namespace snakebridge::fuzz {

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof(word))
    return;
  const auto what = static_cast<target>(bytes[0] % targets);
  const auto rest = bytes.subspan(sizeof(word));
  if (what == target::stream)
    return run_stream(rest, bytes.subspan(1, sizeof(word) - 1));
  // Just as large as it is, so that the sanitizer sees a look beyond its end.
  frame received;
  received.message.resize((rest.size() + sizeof(word) - 1) / sizeof(word));
  if (!rest.empty())
    std::memcpy(received.message.data(), rest.data(), rest.size());
  received.header.words = static_cast<std::uint32_t>(received.message.size());
  switch (what) {
  case target::reply:
    return run_reply(received);
  case target::failed:
    return run_failed(received);
  case target::start:
    return run_start(received);
  case target::request:
    return run_request(received);
  case target::release:
    return run_release(received);
  case target::called:
    return run_called(received);
  case target::stream:
    break;
  }
}

} // namespace snakebridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  snakebridge::fuzz::run({data, size});
  return 0;
}
