#include "runtime/worker/executors.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <poll.h>

#include "runtime/worker/executor.hpp"
#include "runtime/worker/printed.hpp"

namespace snakebridge {

executors::executors(std::unique_ptr<channel> data, status_page& status,
                     const executor_settings& settings)
    : settings_{settings},
      data_{std::move(data)},
      status_{status},
      objects_{status.objects, settings.conversion,
               import_rules{settings.importable}},
      inboxes_(settings.count) {}

void executors::serve() {
  executor{*this, 0}.serve();
  await_threads();
  objects_.release_all();
  flush_streams();
  await_readers();
}

// As Python's own threads, so that `threading` knows them by name.
void executors::start() {
  if (settings_.count == 1)
    return;
  const auto new_thread = py::module_::import("threading").attr("Thread");
  for (std::size_t number = 1; number < settings_.count; ++number) {
    const py::cpp_function run{[this, number] {
      executor{*this, number}.serve();
      const std::lock_guard lock{mutex_};
      --threads_;
      thread_ended_.notify_all();
    }};
    {
      const std::lock_guard lock{mutex_};
      ++threads_;
    }
    new_thread(py::arg("target") = run,
               py::arg("name") = fmt::format("snakebridge-{}", number),
               py::arg("daemon") = true)
      .attr("start")();
  }
}

void executors::await_threads() {
  const py::gil_scoped_release while_waiting;
  std::unique_lock lock{mutex_};
  thread_ended_.wait(lock, [this] { return threads_ == 0; });
}

// Waits for the next frame of an executor: for `end` once there is none left.
executors::news executors::next(std::size_t executor, frame& into,
                                steady_clock::time_point until) {
  auto& mine = inboxes_[executor];
  std::unique_lock lock{mutex_};
  for (;;) {
    if (!mine.frames.empty()) {
      into = std::move(mine.frames.front());
      mine.frames.pop_front();
      appoint(); // while this one works another reads
      return news::frame;
    }
    if (ended_)
      return news::end;
    if (!is_led_) {
      is_led_ = true;
      lock.unlock();
      const auto came = lead(executor, until);
      lock.lock();
      is_led_ = false;
      if (came == news::time) {
        appoint();
        return came;
      }
      continue;
    }
    mine.is_awaited = true;
    auto woken = std::cv_status::no_timeout;
    if (until == steady_clock::time_point::max())
      mine.changed.wait(lock);
    else
      woken = mine.changed.wait_until(lock, until);
    mine.is_awaited = false;
    if (woken == std::cv_status::timeout && mine.frames.empty()) {
      appoint(); // it may have been called to lead
      return news::time;
    }
  }
}

// Calls one that waits to lead, if none does. With the lock.
void executors::appoint() {
  if (is_led_)
    return;
  const auto free =
    std::find_if(inboxes_.begin(), inboxes_.end(), [](const inbox& each) {
      return each.is_awaited && each.frames.empty();
    });
  if (free != inboxes_.end())
    free->changed.notify_one();
}

executors::news executors::lead(std::size_t executor,
                                steady_clock::time_point until) {
  // Only who leads puts frames into an inbox.
  const auto is_done = [&, this] {
    return ended_ || !inboxes_[executor].frames.empty();
  };
  data_.lead([this] { return read(); }, is_done, until);
  return is_done() ? news::frame : news::time;
}

channel_state executors::read() {
  const auto state = data_.read([this](std::vector<frame>& arrived) {
    const std::lock_guard lock{mutex_};
    for (auto& each : arrived) {
      const auto executor = executor_of(each.header.call);
      if (executor >= inboxes_.size()) {
        ended_ = true; // the host speaks another language
        data_.over().close();
        return;
      }
      inboxes_[executor].frames.push_back(std::move(each));
      inboxes_[executor].changed.notify_one();
    }
  });
  if (state != channel_state::open || ended_)
    end();
  return state;
}

void executors::end() {
  const std::lock_guard lock{mutex_};
  ended_ = true;
  for (auto& each : inboxes_)
    each.changed.notify_one();
}

// It speaks another language.
void executors::refuse_host() {
  data_.over().close(); // who reads sees the end
  end();
}

void executors::send(std::uint64_t call, std::shared_ptr<message> reply) {
  auto& to = data_.over();
  if (to.send({.kind = frame_kind::reply, .call = call}, std::move(reply)))
    return;
  // A large reply: the host reads it bit by bit.
  const py::gil_scoped_release while_waiting;
  flush();
}

// Without the GIL.
void executors::flush() {
  auto& to = data_.over();
  while (!to.flush()) {
    pollfd writable{to.poll_descriptor(), POLLOUT, 0};
    ::poll(&writable, 1, -1);
  }
}

} // namespace snakebridge
