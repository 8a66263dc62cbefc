// What libFuzzer calls besides the inputs' entry (input.cpp): its own mutations
// and ours, half of each.
#include <algorithm>
#include <span>

#include "tests/fuzz/mutate.hpp"

// libFuzzer's: it has no header.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t size_max);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t size_max,
                                               unsigned seed) {
  std::mt19937_64 random{seed};
  if (random() % 2 == 0)
    return LLVMFuzzerMutate(data, size, size_max);
  snakebridge::fuzz::input twisted{data, data + size};
  for (auto times = 1 + random() % 4; times > 0; --times)
    snakebridge::fuzz::mutate(twisted, random);
  const auto kept = std::min(twisted.size(), size_max);
  std::copy_n(twisted.begin(), kept, data);
  return kept;
}

extern "C" std::size_t
LLVMFuzzerCustomCrossOver(const std::uint8_t* first, std::size_t first_size,
                          const std::uint8_t* second, std::size_t second_size,
                          std::uint8_t* out, std::size_t out_max,
                          unsigned seed) {
  using snakebridge::fuzz::input;
  if (first_size < sizeof(snakebridge::word))
    return 0;
  std::mt19937_64 random{seed};
  const auto made =
    snakebridge::fuzz::splice(input{first, first + first_size},
                              input{second, second + second_size}, random);
  const auto kept = std::min(made.size(), out_max);
  std::copy_n(made.begin(), kept, out);
  return kept;
}
