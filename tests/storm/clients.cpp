#include "tests/storm/clients.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

namespace snakebridge::testing {

namespace {

constexpr std::size_t wrong_kept_max = 10;
constexpr std::size_t refs_max = 20;
constexpr std::size_t echo_bytes_max = 200'000;
constexpr std::uint64_t items_max = 3'000;

/// One thread's life: the objects it has, and what it does next.
class life {
public:
  life(const sb::bridge& bridge, std::string pool, std::uint64_t seed,
       tally& answers, std::atomic<std::uint64_t>& right)
      : bridge_{bridge},
        pool_{std::move(pool)},
        here_{bridge.with({.pool = pool_})},
        answers_{answers},
        right_{right},
        random_{seed} {}

  void step() {
    switch (random_() % 10) {
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
    case 5:
      return read();
    case 6:
      return be_called_back();
    case 7:
      return await_some();
    case 8:
      return use_objects();
    default:
      return use_a_session();
    }
  }

private:
  template <class T>
  bool take(const char* asked, const sb::result<T>& answer, bool right) {
    const bool is_right =
      answers_.take(asked + (" of pool " + pool_), answer, right);
    right_ += is_right ? 1 : 0;
    return is_right;
  }

  void add() {
    const auto number = static_cast<std::int64_t>(random_() >> 2U);
    const auto sum =
      here_.with({.affinity = sb::affinity::hint, .idempotent = true})
        .call("operator", "add", number, 1);
    take("a sum", sum, sum == number + 1);
  }
  void make() {
    if (refs_.size() >= refs_max)
      return;
    const auto made = here_.call("builtins", "object");
    if (take("an object", made, made && made->is_ref()))
      refs_.push_back(*made);
  }
  void look() {
    if (refs_.empty())
      return;
    const auto at = random_() % refs_.size();
    const auto text = bridge_.str(refs_[at]);
    if (!text && text.error().code() == sb::errc::ref_stale) {
      if (!has_ended(bridge_, refs_[at]))
        answers_.note("an object was called stale that lives");
      refs_.erase(refs_.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    }
    take("its text", text, text && text->starts_with("<object"));
  }
  void release() {
    if (refs_.empty())
      return;
    const auto was_there = bridge_.release(refs_.back());
    take("a release", was_there,
         was_there && (*was_there || has_ended(bridge_, refs_.back())));
    refs_.pop_back();
  }
  void echo() {
    const sb::value sent{
      sb::bytes{std::string(random_() % echo_bytes_max, 'x')}};
    const auto back = here_.call("copy", "copy", sent);
    take("an echo", back, back == sent);
  }
  /// A stream, all of it or some.
  void read() {
    const auto count = static_cast<std::int64_t>(random_() % items_max);
    const auto enough = static_cast<std::int64_t>(random_() % items_max);
    std::int64_t read = 0;
    for (auto&& item :
         here_.stream("builtins", "range", count).batch(1 + random_() % 300)) {
      if (!item || item != read)
        return static_cast<void>(take("an item", item, item == read));
      if (++read > enough)
        break;
    }
    const auto last = std::min(count, enough + 1);
    if (read != last)
      answers_.note("a stream has ended early, of pool " + pool_);
    right_ += 1;
  }
  /// Python calls C++, which calls Python.
  void be_called_back() {
    const auto last = static_cast<std::int64_t>(1 + random_() % 20);
    sb::list numbers;
    for (std::int64_t number = 0; number <= last; ++number)
      numbers.push_back(number);
    const sb::callback add{[this](std::int64_t left, std::int64_t right) {
      return or_throw(here_.call("operator", "add", left, right));
    }};
    const auto sum = here_.call("functools", "reduce", add, numbers);
    take("a sum by callbacks", sum, sum == last * (last + 1) / 2);
  }
  /// Coroutines, several at a time; one of them is left.
  void await_some() {
    std::vector<sb::future<sb::value>> all;
    const auto count = static_cast<int>(2 + random_() % 6);
    for (int i = 0; i < count; ++i)
      all.push_back(here_.async().call("asyncio", "sleep", 0.001, i));
    all.back().cancel();
    for (int i = 0; i + 1 < count; ++i) {
      const auto slept = all[static_cast<std::size_t>(i)].get();
      take("what was awaited", slept, slept == i);
    }
  }
  /// Objects and what they make on the way, inside a context manager.
  void use_objects() {
    const auto size = sb::attempt([&] {
      const auto builtins = here_.import("builtins");
      const auto lock = here_.import("threading").attr("Lock")();
      return sb::with(lock, [&] {
        auto items = builtins.attr("list")(sb::list{1, 2});
        items.attr("append")(builtins.attr("object")());
        items[0] = items[1] + 3;
        std::size_t all = sb::len(items[sb::slice(1, sb::none)]);
        for (const sb::object each : items)
          all += each.is_none() ? 0 : 1;
        return all;
      });
    });
    // What died between two calls took them along.
    if (size || size.error().code() != sb::errc::ref_stale)
      take("what objects are", size, size == 5U);
  }
  void use_a_session() {
    const auto session = bridge_.open_session();
    const auto inside = session.with({.pool = pool_});
    for (int i = 0; i < 3; ++i) {
      const auto made = inside.call("builtins", "object");
      take("an object of a session", made, made && made->is_ref());
    }
  }

  const sb::bridge& bridge_;
  const std::string pool_;
  const sb::caller here_;
  tally& answers_;
  std::atomic<std::uint64_t>& right_;
  std::mt19937_64 random_;
  std::vector<sb::value> refs_;
};

} // namespace

void tally::take_error(const std::string& asked, const sb::error& why) {
  if (why.code() == sb::errc::interpreter_died)
    ++lost_;
  else
    note(asked + ": " + to_string(why));
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

bool has_ended(const sb::bridge& on, const sb::value& object) {
  const auto name = object.as<sb::ref>();
  for (const auto& pool : on.stats().pools)
    for (const auto& each : pool.interpreters)
      if (each.id == name.interpreter)
        return each.epoch != name.epoch || !each.ready;
  return false;
}

clients::clients(const sb::bridge& bridge,
                 const std::vector<std::string>& pools, std::uint64_t seed,
                 tally& answers)
    : bridge_{bridge},
      answers_{answers} {
  std::mt19937_64 random{seed};
  for (const auto& pool : pools)
    for (int i = 0; i < of_each_pool; ++i) {
      all_.push_back(std::make_unique<one>());
      all_.back()->pool = pool;
      all_.back()->seed = random();
    }
  alive_ = all_.size();
  for (const auto& each : all_)
    each->thread = std::thread{[this, mine = each.get()] { live(*mine); }};
}

clients::~clients() {
  stop_ = true;
  if (!eventually([this] { return alive_ == 0; })) {
    std::cerr << "a client of the storm was never answered\n";
    std::abort();
  }
  for (const auto& each : all_)
    each->thread.join();
}

bool clients::all_go_on() const {
  std::vector<std::uint64_t> before;
  for (const auto& each : all_)
    before.push_back(each->right);
  return eventually([&] {
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i]->right == before[i])
        return false;
    return true;
  });
}

void clients::live(one& mine) {
  {
    life its{bridge_, mine.pool, mine.seed, answers_, mine.right};
    while (!stop_)
      its.step();
  }
  --alive_;
}

} // namespace snakebridge::testing
