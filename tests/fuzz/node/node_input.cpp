#include "tests/fuzz/node/node_input.hpp"

#include <cstring>
#include <future>

#include "runtime/node/cluster_messages.hpp"
#include "runtime/node/greeting.hpp"
#include "runtime/node/node_link.hpp"
#include "runtime/node/node_loop.hpp"
#include "tests/fuzz/node/visit.hpp"

namespace snakebridge::fuzz {

namespace {

std::vector<word> words_of(message& made) {
  std::vector<word> all;
  for (const auto& part : made.parts())
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

unsigned run_told(std::span<const std::uint8_t> bytes) {
  std::vector<word> received((bytes.size() + sizeof(word) - 1) / sizeof(word));
  if (!bytes.empty())
    std::memcpy(received.data(), bytes.data(), bytes.size());
  const auto told = decode_cluster_message(std::move(received));
  if (!told) {
    promise(told.error().code() == errc::message_malformed,
            "what is malformed is called something else");
    return 0;
  }
  // What was understood is told on as it was.
  const auto first = words_of(*encode(*told));
  const auto again = decode_cluster_message(first);
  promise(again.has_value(), "what was told cannot be told again");
  promise(words_of(*encode(*again)) == first, "what was told has changed");
  return 1;
}

void run_greeting(std::span<const std::uint8_t> bytes) {
  greeting::bytes came{};
  std::memcpy(came.data(), bytes.data(), std::min(came.size(), bytes.size()));
  if (const auto said = greeting::decoded(came))
    promise(said->encoded() == came, "a greeting has changed");
}

// One loop for all inputs, as a node has one for all links.
class visits {
public:
  visited run(std::span<const std::uint8_t> bytes, bool is_dialed) {
    std::promise<visited> done;
    loop_.jobs()->post([&] {
      auto made = kj::heap<visit>(loop_, bytes, is_dialed);
      auto going = made->go();
      tasks_->add(
        going.then([&done](const visited& came_to) { done.set_value(came_to); })
          .attach(kj::mv(made)));
    });
    auto came_to = done.get_future();
    promise(came_to.wait_for(patience) == std::future_status::ready,
            "a link does not end with its connection");
    return came_to.get();
  }

private:
  static constexpr std::chrono::seconds patience{10};

  struct ignored final : kj::TaskSet::ErrorHandler {
    void taskFailed(kj::Exception&&) override {}
  } ignored_;
  kj::Own<kj::TaskSet> tasks_;
  node_loop loop_{
    [this](node_loop&) { tasks_ = kj::heap<kj::TaskSet>(ignored_); },
    [this] { tasks_ = nullptr; }};
};

} // namespace

visited run_node(std::span<const std::uint8_t> bytes) {
  static visits all;
  if (bytes.size() < sizeof(word))
    return {};
  const auto rest = bytes.subspan(sizeof(word));
  switch (static_cast<node_target>(bytes[0] % node_targets)) {
  case node_target::told:
    return {.told = run_told(rest)};
  case node_target::greeting:
    if (!rest.empty())
      run_greeting(rest);
    return {};
  case node_target::accepted:
    return all.run(rest, false);
  case node_target::dialed:
    return all.run(rest, true);
  }
  return {};
}

} // namespace snakebridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  snakebridge::fuzz::run_node({data, size});
  return 0;
}
