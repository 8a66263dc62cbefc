#include <snakebridge/future.hpp>

#include <algorithm>
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

void run_later(const place_ptr& in, std::function<void()> what) {
  in->run_later(std::move(what));
}

std::chrono::steady_clock::time_point now(const continuation_place& in) {
  return in.clock().now();
}

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

void help(const std::shared_ptr<exchange>& call,
          std::chrono::steady_clock::time_point until) {
  if (const auto through = call->through.lock())
    through->help(call, until);
}

void hurry(const std::shared_ptr<exchange>& call) {
  if (const auto through = call->through.lock())
    through->hurry(call);
}

void run_without_gil(const std::function<void()>& what) {
  const without_gil here;
  what();
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

void cancel_chain::add(const std::shared_ptr<cancel_chain>& further) {
  {
    const std::lock_guard held{mutex_};
    further_.push_back(further);
  }
  if (own_.cancelled())
    further->cancel();
}

// The last first: one that waits behind another must not begin in its stead.
bool cancel_chain::cancel() {
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

} // namespace snakebridge::detail
