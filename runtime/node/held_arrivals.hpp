#pragma once
// What messages that have come over a link have of it until they are let go, by
// whatever thread: it lives here, on the loop's, and they have its number.

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "runtime/node/allowance.hpp"
#include "runtime/node/node_loop.hpp"
#include "runtime/node/remote_session.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

class held_arrivals {
public:
  explicit held_arrivals(std::shared_ptr<loop_jobs> jobs)
      : jobs_{std::move(jobs)} {}
  ~held_arrivals() { *self_ = nullptr; }
  held_arrivals(const held_arrivals&) = delete;
  held_arrivals& operator=(const held_arrivals&) = delete;

  /// `until_read` is let go with it.
  std::shared_ptr<link_hold>
  add(std::optional<allowance::share> room,
      std::optional<schema::Objects::Client> objects = {},
      std::shared_ptr<void> until_read = {}) {
    auto made = std::make_shared<hold>(jobs_, self_, ++last_);
    all_.emplace(last_,
                 held{kj::mv(room), kj::mv(objects), std::move(until_read)});
    return made;
  }

private:
  struct held {
    std::optional<allowance::share> room;
    std::optional<schema::Objects::Client> objects;
    std::shared_ptr<void> until_read;
  };
  /// Null once it is gone; looked at on the loop's thread alone.
  using self_pointer = std::shared_ptr<held_arrivals*>;

  class hold final : public link_hold {
  public:
    hold(std::shared_ptr<loop_jobs> jobs, self_pointer of, std::uint64_t number)
        : jobs_{std::move(jobs)},
          of_{std::move(of)},
          number_{number} {}
    ~hold() override {
      jobs_->run([of = of_, number = number_] {
        if (*of != nullptr)
          (*of)->all_.erase(number);
      });
    }
    void keep() override {
      jobs_->run([of = of_, number = number_] {
        if (*of != nullptr)
          (*of)->keep(number);
      });
    }

  private:
    const std::shared_ptr<loop_jobs> jobs_;
    const self_pointer of_;
    const std::uint64_t number_;
  };

  void keep(std::uint64_t number) {
    auto& objects = all_.at(number).objects;
    if (objects)
      objects->keepRequest(capnp::MessageSize{4, 0})
        .send()
        .ignoreResult()
        .detach([](kj::Exception&&) {}); // the link has ended: so have they
  }

  const std::shared_ptr<loop_jobs> jobs_;
  const self_pointer self_ = std::make_shared<held_arrivals*>(this);
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, held> all_;
};

} // namespace snakebridge
