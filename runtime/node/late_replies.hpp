#pragma once
// Replies that other threads give, for calls that wait for them on the loop's.
// Owned by who serves the calls; on the loop's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include <kj/async.h>

#include "runtime/node/node_loop.hpp"
#include "runtime/node/remote_session.hpp"

namespace snakebridge {

class late_replies {
public:
  using reply = result<remote_reply>;

  explicit late_replies(std::shared_ptr<loop_jobs> jobs)
      : jobs_{std::move(jobs)} {}
  ~late_replies() noexcept { *self_ = nullptr; }
  late_replies(const late_replies&) = delete;
  late_replies& operator=(const late_replies&) = delete;

  /// `begin` starts the call of that number, and is given who takes its reply.
  /// `give_up` runs where nobody waits for that any more.
  template <class Begin, class GiveUp>
  kj::Promise<reply> wait(Begin begin, GiveUp give_up) {
    const auto number = ++last_;
    auto later = kj::newPromiseAndFulfiller<reply>();
    waiting_.emplace(number, kj::mv(later.fulfiller));
    auto waits = later.promise.attach(
      kj::defer([this, number, give_up = std::move(give_up)] {
        if (waiting_.erase(number) > 0)
          give_up(number);
      }));
    begin(number, [jobs = jobs_, self = self_, number](reply given) {
      jobs->run([self, number, given = std::move(given)] {
        if (*self != nullptr)
          (*self)->take(number, given);
      });
    });
    return waits;
  }

private:
  void take(std::uint64_t number, reply given) {
    const auto place = waiting_.find(number);
    if (place == waiting_.end())
      return;
    auto waits = kj::mv(place->second);
    waiting_.erase(place);
    waits->fulfill(std::move(given));
  }

  const std::shared_ptr<loop_jobs> jobs_;
  /// Null once it is gone; looked at on the loop's thread alone.
  const std::shared_ptr<late_replies*> self_ =
    std::make_shared<late_replies*>(this);
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, kj::Own<kj::PromiseFulfiller<reply>>>
    waiting_;
};

} // namespace snakebridge
