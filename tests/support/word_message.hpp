#pragma once
// A message of any words, cut into parts anywhere.

#include <memory>
#include <utility>
#include <vector>

#include "runtime/wire/channel.hpp"

namespace snakebridge::testing {

class word_message final : public message {
public:
  /// `cut`: where its second part begins; 0: it has one.
  explicit word_message(std::vector<word> words, std::size_t cut = 0)
      : words_{std::move(words)} {
    const message_part all{words_};
    if (cut > 0)
      parts_.push_back(all.first(cut));
    parts_.push_back(all.subspan(cut));
  }
  std::span<const message_part> parts() override { return parts_; }

private:
  const std::vector<word> words_;
  std::vector<message_part> parts_;
};

inline std::shared_ptr<message> message_of(std::vector<word> words,
                                           std::size_t cut = 0) {
  return std::make_shared<word_message>(std::move(words), cut);
}

} // namespace snakebridge::testing
