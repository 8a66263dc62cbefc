#pragma once
// Calls over a link that are on their way, each answered once: by what comes,
// by who gives it up, or by the end of the link. On the loop's thread.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include <kj/async.h>

#include "runtime/base/log.hpp"
#include "runtime/node/link_errors.hpp"
#include "runtime/node/link_parts.hpp"

namespace snakebridge {

class pending_answers final : private kj::TaskSet::ErrorHandler {
public:
  using outcome = result<received_message>;

  explicit pending_answers(std::shared_ptr<link_parts> link)
      : link_{std::move(link)} {}

  void add(std::uint64_t call, on_received done, kj::Promise<outcome> comes) {
    auto given_up = kj::newPromiseAndFulfiller<outcome>();
    calls_.emplace(call, pending{std::move(done), kj::mv(given_up.fulfiller)});
    tasks_.add(
      comes.exclusiveJoin(kj::mv(given_up.promise))
        .then([this, call](outcome with) { answer(call, std::move(with)); },
              [this, call](kj::Exception&& failed) {
                if (link_->on_failed)
                  link_->on_failed(failed);
                answer(call, tl::unexpected{to_error(failed, link_->peer)});
              }));
  }
  void give_up(std::uint64_t call, const error& why) {
    const auto place = calls_.find(call);
    if (place != calls_.end())
      place->second.gives_up->fulfill(tl::unexpected{why});
  }
  void answer_all(const error& why) {
    for (auto& [number, call] : std::exchange(calls_, {}))
      call.done(tl::unexpected{why});
  }

private:
  struct pending {
    on_received done;
    kj::Own<kj::PromiseFulfiller<outcome>> gives_up;
  };

  void answer(std::uint64_t call, outcome with) {
    const auto place = calls_.find(call);
    if (place == calls_.end())
      return;
    const auto done = std::move(place->second.done);
    calls_.erase(place);
    done(std::move(with));
  }
  void taskFailed(kj::Exception&& failed) override {
    logger()->error("node {}: a call failed: {}", link_->peer,
                    failed.getDescription().cStr());
  }

  const std::shared_ptr<link_parts> link_;
  std::unordered_map<std::uint64_t, pending> calls_;
  kj::TaskSet tasks_{*this};
};

} // namespace snakebridge
