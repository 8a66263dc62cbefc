#include <snakebridge/future.hpp>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <ranges>

#include "bridge/continuation_place.hpp"
#include "bridge/this_thread.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/base/reached.hpp"
#include "runtime/calls/dispatcher.hpp"
#include "runtime/python/without_gil.hpp"

namespace snakebridge::detail {

void continuation_place::run_here(const std::function<void()>& what) const {
  // Kept, so that no other bridge comes to be at its place.
  const auto kept = core_.lock();
  const auto session = session_.lock();
  if (!kept || !session)
    return what();
  auto& here = this_thread();
  here.scopes.push_back({kept.get(), session});
  const auto around = std::exchange(here.options, {});
  const finally over{[&] {
    here.options = around;
    here.scopes.pop_back();
  }};
  std::optional<callback_scope> inside;
  if (around_)
    inside.emplace(*around_);
  what();
}

void continuation_place::run_later(std::function<void()> what) const {
  threads_->run([self = shared_from_this(), what = std::move(what)] {
    self->run_here(what);
  });
}

std::chrono::steady_clock::time_point now(const continuation_place& in) {
  return in.clock().now();
}

struct one_time_gate::inside {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
};

one_time_gate::one_time_gate() : inside_{std::make_shared<inside>()} {}

void one_time_gate::open() const {
  {
    const std::lock_guard lock{inside_->mutex};
    inside_->is_open = true;
  }
  inside_->changed.notify_all();
}

void one_time_gate::wait() const {
  const without_gil here;
  std::unique_lock lock{inside_->mutex};
  inside_->changed.wait(lock, [this] { return inside_->is_open; });
}

namespace {

error callback_failed(std::string_view text) {
  return reached(result<void>{error{errc::callback_failed, std::string{text}}})
    .error();
}

} // namespace

error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const exception& failed) {
    return failed.error();
  } catch (const std::exception& failed) {
    return callback_failed(failed.what());
  } catch (...) {
    return callback_failed("an exception of no known type");
  }
}

void throw_no_state() {
  throw std::future_error{std::future_errc::no_state};
}

namespace {

/// What can be cancelled of a future, and of those made of it.
class cancel_chain {
public:
  /// From now on this one as well.
  void add(const std::shared_ptr<cancel_chain>& further) {
    {
      const std::lock_guard held{mutex_};
      further_.push_back(further);
    }
    if (own_.cancelled())
      further->cancel();
  }
  const cancel_token& token() const { return token_; }
  // The last first: one that waits behind another must not begin in its stead.
  bool cancel() {
    if (!own_.cancel())
      return false;
    std::vector<std::shared_ptr<cancel_chain>> all;
    {
      const std::lock_guard held{mutex_};
      all = further_;
    }
    for (const auto& each : std::views::reverse(all))
      each->cancel();
    return true;
  }

private:
  cancel_source own_;
  cancel_token token_ = own_.token();
  std::mutex mutex_;
  std::vector<std::shared_ptr<cancel_chain>> further_;
};

/// One step of a wait on the bridge's clock: false when it is later than
/// `until`, and where nobody moves the clock for one that waits.
bool wait_step(const continuation_place& in, std::unique_lock<std::mutex>& lock,
               std::condition_variable& changed,
               std::chrono::steady_clock::time_point until) {
  // A condition cannot wait until the end of time.
  const auto step = in.clock().now() + std::chrono::hours{1};
  if (in.clock().wait_until(lock, changed, std::min(step, until))
      == std::cv_status::no_timeout)
    return true;
  const auto now = in.clock().now();
  return now >= step && now < until;
}

} // namespace

struct answer_core::inside {
  const place_ptr place;
  const std::shared_ptr<cancel_chain> chain = std::make_shared<cancel_chain>();
  std::mutex mutex = {}; ///< of what follows
  std::condition_variable changed = {};
  bool is_set = false;
  std::shared_ptr<exchange> call = {};
  next_step next = {};
};

answer_core::answer_core(place_ptr place)
    : inside_{new inside{.place = std::move(place)}} {}

answer_core::~answer_core() = default;

const place_ptr& answer_core::place() const {
  return inside_->place;
}

const cancel_token& answer_core::token() const {
  return inside_->chain->token();
}

bool answer_core::cancel() {
  return inside_->chain->cancel();
}

void answer_core::is_made_of(const answer_core& further) const {
  inside_->chain->add(further.inside_->chain);
}

void answer_core::comes_of(std::shared_ptr<exchange> call) {
  const std::lock_guard lock{inside_->mutex};
  if (!inside_->is_set)
    inside_->call = std::move(call);
}

bool answer_core::is_set() const {
  const std::lock_guard lock{inside_->mutex};
  return inside_->is_set;
}

// It brings in answers meanwhile.
bool answer_core::wait_until(std::chrono::steady_clock::time_point until) {
  std::shared_ptr<exchange> call;
  {
    const std::lock_guard lock{inside_->mutex};
    if (inside_->is_set)
      return true;
    call = inside_->call;
  }
  const without_gil here;
  if (const auto through = call ? call->through.lock() : nullptr)
    through->help(call, until);
  std::unique_lock lock{inside_->mutex};
  while (!inside_->is_set
         && wait_step(*place(), lock, inside_->changed, until)) {
  }
  return inside_->is_set;
}

void answer_core::publish() {
  next_step next;
  std::shared_ptr<exchange> over;
  {
    const std::lock_guard lock{inside_->mutex};
    inside_->is_set = true;
    next = std::exchange(inside_->next, {});
    over.swap(inside_->call);
  }
  inside_->changed.notify_all();
  if (next)
    run_next(std::move(next));
}

void answer_core::go_on(next_step next) {
  std::shared_ptr<exchange> call;
  {
    const std::lock_guard lock{inside_->mutex};
    if (!inside_->is_set) {
      inside_->next = std::exchange(next, {});
      call = inside_->call;
    }
  }
  if (next)
    return run_next(std::move(next));
  if (const auto through = call ? call->through.lock() : nullptr)
    through->hurry(call);
}

void answer_core::run_next(next_step next) {
  place()->run_later(
    [self = shared_from_this(), next = std::move(next)] { next(*self); });
}

} // namespace snakebridge::detail
