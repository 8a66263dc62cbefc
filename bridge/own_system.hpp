#pragma once
// The actor system of a bridge that was given none. The program may spawn on it
// as well, from threads of its own (`bridge::system`).

#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace snakebridge {

class own_system {
public:
  own_system();
  own_system(const own_system&) = delete;
  own_system& operator=(const own_system&) = delete;

  caf::actor_system& get() { return system_; }

  /// Ends it, in bounded time. Actors of the program that outlive it keep it;
  /// threads of the program that have spawned on it by themselves keep some
  /// memory of it until they end.
  static void end(std::unique_ptr<own_system> ending);

private:
  class thread_count;

  struct settings : caf::actor_system_config {
    explicit settings(std::shared_ptr<thread_count> threads);
  };

  const std::shared_ptr<thread_count> threads_; // of the scheduler
  settings settings_;
  caf::actor_system system_{settings_};
};

} // namespace snakebridge
