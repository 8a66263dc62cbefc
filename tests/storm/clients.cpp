#include "tests/storm/clients.hpp"

#include <cstdlib>
#include <iostream>

namespace snakebridge::testing {

namespace {

constexpr int threads = 6;
constexpr std::size_t wrong_kept_max = 10;
constexpr std::size_t refs_max = 20;

using engine = std::mt19937_64;

/// One thread's life: the objects it has, and what it does next.
class life {
public:
  life(const sb::bridge& bridge, std::uint64_t seed, tally& answers)
      : bridge_{bridge},
        answers_{answers},
        random_{seed} {}

  void step() {
    switch (random_() % 6) {
    case 0:
      return add();
    case 1:
      return make();
    case 2:
      return look();
    case 3:
      return release();
    case 4:
      return echo();
    default:
      return use_a_session();
    }
  }

private:
  void add() {
    const auto number = static_cast<std::int64_t>(random_() >> 2U);
    const auto sum =
      bridge_.with({.affinity = sb::affinity::hint, .idempotent = true})
        .call("operator", "add", number, 1);
    answers_.take("a sum", sum, sum == number + 1);
  }
  void make() {
    if (refs_.size() >= refs_max)
      return;
    const auto made = bridge_.call("builtins", "object");
    if (answers_.take("an object", made, made && made->is_ref()))
      refs_.push_back(*made);
  }
  void look() {
    if (refs_.empty())
      return;
    const auto at = random_() % refs_.size();
    const auto text = bridge_.str(refs_[at]);
    answers_.take("its text", text, text && text->starts_with("<object"));
    if (!text && text.error().code() == sb::errc::ref_stale)
      refs_.erase(refs_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void release() {
    if (refs_.empty())
      return;
    answers_.take("a release", bridge_.release(refs_.back()), true);
    refs_.pop_back();
  }
  void echo() {
    const sb::value sent{sb::bytes{std::string(random_() % 200'000, 'x')}};
    const auto back = bridge_.call("copy", "copy", sent);
    answers_.take("an echo", back, back == sent);
  }
  void use_a_session() {
    const auto session = bridge_.open_session();
    for (int i = 0; i < 3; ++i) {
      const auto made = session.call("builtins", "object");
      answers_.take("an object of a session", made, made && made->is_ref());
    }
  }

  const sb::bridge& bridge_;
  tally& answers_;
  engine random_;
  std::vector<sb::value> refs_;
};

} // namespace

void tally::take_error(const std::string& asked, const sb::error& why) {
  switch (why.code()) {
  case sb::errc::deadline_exceeded:
    ++late_;
    break;
  case sb::errc::interpreter_died:
  case sb::errc::ref_stale:
    ++lost_;
    break;
  default:
    note(asked + ": " + to_string(why));
  }
}

void tally::note(std::string wrong) {
  const std::lock_guard lock{mutex_};
  if (wrong_.size() < wrong_kept_max)
    wrong_.push_back(std::move(wrong));
}

std::vector<std::string> tally::wrong() const {
  const std::lock_guard lock{mutex_};
  return wrong_;
}

clients::clients(const sb::bridge& bridge, std::uint64_t seed, tally& answers)
    : bridge_{bridge},
      answers_{answers},
      alive_{threads} {
  engine random{seed};
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this, its = random()] { live(its); });
}

clients::~clients() {
  stop_ = true;
  if (!eventually([this] { return alive_ == 0; })) {
    std::cerr << "a client of the storm was never answered\n";
    std::abort();
  }
  for (auto& each : threads_)
    each.join();
}

void clients::live(std::uint64_t seed) {
  {
    life mine{bridge_, seed, answers_};
    while (!stop_)
      mine.step();
  }
  --alive_;
}

} // namespace snakebridge::testing
