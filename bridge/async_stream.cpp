#include <snakebridge/async_stream.hpp>

#include <deque>
#include <mutex>

#include <fmt/format.h>

#include <snakebridge/bridge.hpp>

#include "bridge/bridge_core.hpp"
#include "bridge/continuation_place.hpp"
#include "config/tunables.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace detail {

// What one reader has. What is on its way to it knows it weakly.
class async_reader::state : public std::enable_shared_from_this<state> {
public:
  state(std::shared_ptr<bridge_core> core, place_ptr place,
        result<std::shared_ptr<stream_core>> begun)
      : core_{std::move(core)},
        place_{std::move(place)} {
    if (begun)
      of_ = *std::move(begun);
    else
      failed_ = std::move(begun).error();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  const place_ptr& place() const { return place_; }

  void next(cancel_token cancel, std::function<void(result<item>)> done) {
    const auto asked = std::make_shared<request>(std::move(done));
    if (auto refused = put(asked))
      return asked->tell(*std::move(refused));
    asked->watch(std::move(cancel));
    give();
  }

  void close(std::function<void(result<void>)> done) {
    lock held{mutex_};
    failed_.reset();
    const auto whole = std::exchange(of_, nullptr);
    const auto unread = take_unread();
    const auto asked = std::exchange(asked_, {});
    held.unlock();
    for (const auto& each : asked)
      each->tell(error{errc::cancelled, "the stream has been closed"});
    if (!whole)
      return done({});
    if (auto here = core_->in_its_process(); !here)
      return done(std::move(here)); // it is our parent's
    whole->let_go(unread);
    whole->close(std::move(done));
  }

  void change(const std::function<result<void>(stream_core&)>& set) {
    std::shared_ptr<stream_core> refused;
    std::vector<value> unread;
    {
      const lock held{mutex_};
      if (!of_ || !core_->in_its_process())
        return;
      auto changed = set(*of_);
      if (changed)
        return;
      failed_ = std::move(changed).error();
      refused = std::exchange(of_, nullptr);
      unread = take_unread();
    }
    refused->let_go(unread);
    refused->close([](const result<void>&) {});
  }

private:
  using lock = std::unique_lock<std::mutex>;

  // Who waits for an item. It is told once.
  class request {
  public:
    explicit request(std::function<void(result<item>)> done)
        : done_{std::move(done)} {}

    void watch(cancel_token cancel) {
      on_cancel_.emplace(std::move(cancel), cancelled{this});
    }
    bool is_told() const { return is_told_; }
    /// Takes the right to tell it: true for the first.
    bool claim() { return !is_told_.exchange(true); }
    /// For who has claimed it.
    void settle(result<item> answer) { done_(reached(std::move(answer))); }
    void tell(result<item> answer) {
      if (claim())
        settle(std::move(answer));
    }

  private:
    struct cancelled {
      request* of;
      void operator()() const {
        of->tell(error{errc::cancelled, "nobody waits for this item any more"});
      }
    };

    std::atomic<bool> is_told_ = false;
    const std::function<void(result<item>)> done_;
    std::optional<std::stop_callback<cancelled>> on_cancel_;
  };

  std::optional<error> put(const std::shared_ptr<request>& asked) {
    if (auto here = core_->in_its_process(); !here)
      return std::move(here).error();
    const lock held{mutex_};
    std::erase_if(asked_, [](const auto& each) { return each->is_told(); });
    if (asked_.size() >= limits::stream_requests_max)
      return error{errc::overloaded,
                   fmt::format("{} requests wait for items of this stream; "
                               "wait for some of them",
                               asked_.size())};
    asked_.push_back(asked);
    return {};
  }

  // With the lock.
  std::vector<value> take_unread() {
    batch_.erase(batch_.begin(),
                 batch_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    return std::exchange(batch_, {});
  }

  // Answers those who have asked, as far as there are items: on one thread at a
  // time, so that it is in order. Others have that one look again.
  void give() {
    lock held{mutex_};
    looks_again_ = true;
    if (std::exchange(gives_, true))
      return;
    while (std::exchange(looks_again_, false))
      while (give_one(held)) {
      }
    gives_ = false;
  }

  // False: there is nobody, or nothing yet.
  bool give_one(lock& held) {
    while (!asked_.empty() && asked_.front()->is_told())
      asked_.pop_front();
    if (asked_.empty())
      return false;
    if (at_ == batch_.size() && of_)
      return !waits_ && refill(held);
    const auto to = asked_.front();
    asked_.pop_front();
    if (!to->claim())
      return true;
    result<item> told{item{}};
    if (at_ < batch_.size())
      told = item{std::move(batch_[at_++])};
    else if (failed_)
      told = *std::exchange(failed_, {});
    held.unlock();
    to->settle(std::move(told));
    held.lock();
    return true;
  }

  bool refill(lock& held) {
    const auto whole = of_;
    waits_ = true;
    held.unlock();
    auto taken = whole->take([weak = weak_from_this()] {
      if (const auto self = weak.lock())
        self->news();
    });
    held.lock();
    if (!taken)
      return false;
    waits_ = false;
    if (of_ != whole) { // it was closed meanwhile
      held.unlock();
      whole->let_go(taken->items);
      held.lock();
      return true;
    }
    batch_ = std::move(taken->items);
    at_ = 0;
    if (batch_.empty()) {
      failed_ = std::move(taken->failed);
      of_.reset();
    }
    return true;
  }

  void news() {
    {
      const lock held{mutex_};
      waits_ = false;
    }
    give();
  }

  const std::shared_ptr<bridge_core> core_;
  const place_ptr place_;
  std::mutex mutex_;
  std::shared_ptr<stream_core> of_; // null: it has ended
  std::optional<error> failed_;     // told once
  std::vector<value> batch_;
  std::size_t at_ = 0; // in it
  std::deque<std::shared_ptr<request>> asked_;
  bool gives_ = false; // a thread does
  bool looks_again_ = false;
  bool waits_ = false; // for news of more
};

async_reader::async_reader(std::shared_ptr<state> of) : state_{std::move(of)} {}
async_reader::async_reader(async_reader&& other) noexcept = default;
async_reader& async_reader::operator=(async_reader&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
async_reader::~async_reader() {
  if (state_)
    state_->close([](const result<void>&) {});
}

async_reader::state& async_reader::used() const {
  if (!state_)
    throw_no_state();
  return *state_;
}

const place_ptr& async_reader::place() const {
  return used().place();
}

void async_reader::next(cancel_token cancel,
                        std::function<void(result<item>)> done) {
  used().next(std::move(cancel), std::move(done));
}

void async_reader::close(std::function<void(result<void>)> done) {
  used().close(std::move(done));
}

void async_reader::batch(std::size_t items) {
  used().change([items](stream_core& of) { return of.set_batch(items); });
}

void async_reader::timeout_idle(std::chrono::milliseconds time) {
  used().change([time](stream_core& of) { return of.set_timeout(time); });
}

} // namespace detail

async_stream<> async_caller::stream_of(operation& asked) const {
  using detail::async_reader;
  auto way = find_way(asked);
  result<std::shared_ptr<stream_core>> begun{nullptr};
  if (way.refused)
    begun = *std::move(way.refused);
  else
    begun = way.session->rules_of_stream(asked, way.options)
              .transform([&](const stream_rules& rules) {
                return std::make_shared<stream_core>(
                  way.session, std::move(asked), std::move(way.options), rules);
              });
  return async_stream<>{async_reader{std::make_shared<async_reader::state>(
    through_.core_, std::move(way.place), std::move(begun))}};
}

async_stream<> async_caller::stream(const value& iterable) const {
  operation asked{.what = verb::iterate, .target = iterable};
  return stream_of(asked);
}

} // namespace snakebridge
