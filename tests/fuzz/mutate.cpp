#include "tests/fuzz/mutate.hpp"

#include <algorithm>
#include <cstring>

namespace snakebridge::fuzz {

namespace {

class words_of {
public:
  words_of(input& bytes, std::mt19937_64& random)
      : bytes_{bytes},
        random_{random} {}

  std::size_t size() const { return bytes_.size() / sizeof(word); }
  /// Any but the first.
  std::size_t any() { return 1 + random_() % (size() - 1); }
  word get(std::size_t at) const {
    word got = 0;
    std::memcpy(&got, &bytes_[at * sizeof got], sizeof got);
    return got;
  }
  void set(std::size_t at, word to) {
    std::memcpy(&bytes_[at * sizeof to], &to, sizeof to);
  }

private:
  input& bytes_;
  std::mt19937_64& random_;
};

// Numbers that lie at the edge of something.
word interesting(std::mt19937_64& random) {
  static constexpr word edges[] = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   8,
                                   0x7F,
                                   0xFF,
                                   0x8000,
                                   0xFFFF,
                                   0x7FFF'FFFF,
                                   0x8000'0000,
                                   0xFFFF'FFFF,
                                   0x7FFF'FFFF'FFFF'FFFF,
                                   0x8000'0000'0000'0000,
                                   ~word{0},
                                   0x7FF0'0000'0000'0000};
  return edges[random() % std::size(edges)];
}

// A pointer is a tag of two bits, an offset of thirty, and two halves of what
// it points to; of a list, three bits of how large each item is.
word twisted_pointer(word pointer, std::mt19937_64& random) {
  switch (random() % 5) {
  case 0:
    return pointer ^ (random() % 4);
  case 1:
    return (pointer & ~word{0xFFFF'FFFC}) | ((random() % 32) << 2U);
  case 2:
    return (pointer & ~word{0xFFFF'FFFC})
           | ((~(random() % 32) << 2U) & word{0xFFFF'FFFC});
  case 3:
    return pointer ^ ((random() % 8) << 32U);
  default:
    return (pointer & word{0xFFFF'FFFF})
           | (interesting(random) << (32U + random() % 17));
  }
}

} // namespace

void mutate(input& twisted, std::mt19937_64& random) {
  words_of words{twisted, random};
  if (words.size() < 2) {
    twisted.resize(twisted.size() + sizeof(word));
    return;
  }
  switch (random() % 8) {
  case 0:
    twisted[sizeof(word) + random() % (twisted.size() - sizeof(word))] ^=
      static_cast<std::uint8_t>(1U << random() % 8);
    return;
  case 1:
    return words.set(words.any(), words.get(words.any()));
  case 2:
    return words.set(words.any(), interesting(random));
  case 3:
  case 4: {
    const auto at = words.any();
    return words.set(at, twisted_pointer(words.get(at), random));
  }
  case 5:
    return words.set(words.any(), random() >> random() % 64);
  case 6:
    twisted.resize(words.any() * sizeof(word) + random() % sizeof(word));
    return;
  default: {
    const auto from = words.any();
    const auto to =
      twisted.begin() + static_cast<std::ptrdiff_t>(words.any() * sizeof(word));
    std::uint8_t copied[sizeof(word)];
    std::memcpy(copied, &twisted[from * sizeof(word)], sizeof copied);
    twisted.insert(to, copied, copied + sizeof copied);
  }
  }
}

input splice(const input& first, const input& second, std::mt19937_64& random) {
  const auto cut = [&](const input& whole) {
    const auto words = random() % (whole.size() / sizeof(word) + 1);
    return static_cast<std::ptrdiff_t>(words * sizeof(word));
  };
  input made{first.begin(),
             first.begin()
               + std::max<std::ptrdiff_t>(cut(first), sizeof(word))};
  made.insert(made.end(), second.begin() + cut(second), second.end());
  return made;
}

} // namespace snakebridge::fuzz
