#pragma once
// Keeps the worker of a session busy: Python waits there for a function of the
// program, from the making of this until its end. So the examples of affinity
// need no sleep of a length that somebody has guessed.

#include <chrono>
#include <future>
#include <stdexcept>

#include <snakebridge/snakebridge.hpp>

class busy_worker {
public:
  explicit busy_worker(const snakebridge::caller& of)
      : call_{of.async().eval("wait()", {{"wait", waiting()}})} {
    if (begun_.get_future().wait_for(std::chrono::seconds{30})
        != std::future_status::ready)
      throw std::runtime_error{"the worker has not begun to wait"};
  }
  ~busy_worker() {
    go_on_.set_value();
    static_cast<void>(call_.get());
  }
  busy_worker(const busy_worker&) = delete;
  busy_worker& operator=(const busy_worker&) = delete;

private:
  snakebridge::callback waiting() {
    return snakebridge::callback([this, go_on = go_on_.get_future().share()] {
      begun_.set_value();
      go_on.wait();
    });
  }

  // Before the call, which uses them.
  std::promise<void> begun_;
  std::promise<void> go_on_;
  snakebridge::future<snakebridge::value> call_;
};
