#include "runtime/node/node_loop.hpp"

#include <csignal>
#include <future>
#include <system_error>

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <sys/eventfd.h>

#include "config/tunables.hpp"
#include "runtime/base/event.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/no_signals.hpp"
#include "runtime/node/process_loops.hpp"

namespace snakebridge {

namespace {

constexpr kj::uint events_between_polls = 64;
constexpr kj::uint looks_between_polls = 4;

descriptor wake_event() {
  auto made = make_event();
  if (!made)
    throw std::system_error{errno, std::generic_category(),
                            "no event for the links of this node"};
  return made;
}

// KJ makes the process ignore SIGPIPE, which is not ours to decide. Of two at
// once the second would find it ignored, and leave it so.
kj::AsyncIoContext make_io() {
  const auto alone = process_loops::all().lock();
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  auto made = kj::setupAsyncIo();
  ::sigaction(SIGPIPE, &before, nullptr);
  return made;
}

void run_all(std::vector<loop_jobs::job> jobs) {
  for (auto& each : jobs) {
    try {
      each();
    } catch (const kj::Exception& failed) {
      logger()->error("node: a job failed: {}", failed.getDescription().cStr());
    } catch (const std::exception& failed) {
      logger()->error("node: a job failed: {}", failed.what());
    }
    each = nullptr;
  }
}

} // namespace

loop_jobs::loop_jobs(std::size_t waiting_max)
    : waiting_max_{waiting_max},
      wake_{wake_event()} {}

bool loop_jobs::put(job& todo, bool whatever_waits) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    if (closed_ || (!whatever_waits && waiting_.size() >= waiting_max_))
      return false;
    first = waiting_.empty();
    waiting_.push_back(std::move(todo));
  }
  if (first)
    signal(wake_);
  return true;
}

// Whether they are the last is seen under the same lock: a close in between
// would be drained here, and nobody would hear of it.
loop_jobs::taken loop_jobs::take() {
  drain(wake_);
  const std::lock_guard lock{mutex_};
  return {std::exchange(waiting_, {}), closed_};
}

void loop_jobs::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  signal(wake_);
}

bool loop_jobs::is_closed() {
  const std::lock_guard lock{mutex_};
  return closed_;
}

bool loop_jobs::await_end(steady_clock::time_point until) {
  std::unique_lock lock{mutex_};
  return !is_here() && ended_.wait_until(lock, until, [this] { return over_; });
}

void loop_jobs::be_over() {
  const std::lock_guard lock{mutex_};
  over_ = true;
  ended_.notify_all();
}

node_loop::node_loop(std::function<void(node_loop&)> begin,
                     std::function<void()> end)
    : jobs_{std::make_shared<loop_jobs>(limits::loop_jobs_max)} {
  // A write to a connection that has gone would raise SIGPIPE: it is an error
  // here.
  const no_signals inherited;
  std::promise<void> ready;
  auto begun = ready.get_future();
  thread_ = std::thread{
    [this, &ready, begin = std::move(begin), end = std::move(end)]() mutable {
      try {
        auto io = make_io();
        io_ = &io;
        jobs_->here_ = std::this_thread::get_id();
        process_loops::all().add(jobs_);
        begin(*this);
        begin = nullptr;
        ready.set_value(); // it is gone from now on
        serve();
        end();
        end = nullptr;
      } catch (...) {
        if (begin)
          ready.set_exception(std::current_exception());
        else
          throw;
      }
      process_loops::all().remove(jobs_);
      jobs_->be_over();
    }};
  try {
    begun.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

node_loop::~node_loop() {
  jobs_->close();
  thread_.join();
}

void node_loop::serve() {
  kj::UnixEventPort::FdObserver woken{
    io_->unixEventPort, jobs_->wake_.get(),
    kj::UnixEventPort::FdObserver::OBSERVE_READ};
  // Else a connection that always has something keeps timers, and all others,
  // from their turn.
  io_->waitScope.setBusyPollInterval(events_between_polls);
  for (bool last = false; !last;) {
    bool has_jobs = false;
    const auto jobs = woken.whenBecomesReadable()
                        .then([&] {
                          has_jobs = true;
                          stir();
                        })
                        .eagerlyEvaluate(nullptr);
    while (!has_jobs)
      await_stir();
    auto next = jobs_->take();
    last = next.are_last;
    run_all(std::move(next.jobs));
  }
}

void node_loop::await_stir() {
  auto stirred = kj::newPromiseAndFulfiller<void>();
  stirred_ = kj::mv(stirred.fulfiller);
  if (!looks_.begin())
    return stirred.promise.wait(io_->waitScope);
  bool found = true;
  const auto looking = look(steady_clock::now() + spinner::time_max)
                         .then([&found] { found = false; })
                         .eagerlyEvaluate(nullptr);
  io_->waitScope.setBusyPollInterval(looks_between_polls);
  stirred.promise.wait(io_->waitScope);
  io_->waitScope.setBusyPollInterval(events_between_polls);
  looks_.end(found);
}

// As long as it has something to do, if last of all, the loop does not sleep.
kj::Promise<void> node_loop::look(steady_clock::time_point until) {
  return kj::evalLast([this, until]() -> kj::Promise<void> {
    std::this_thread::yield(); // who else has something to do here
    return steady_clock::now() < until ? look(until) : kj::READY_NOW;
  });
}

void node_loop::stir() {
  if (stirred_.get() != nullptr)
    stirred_->fulfill();
}

kj::Timer& node_loop::timer() {
  return io_->provider->getTimer();
}

} // namespace snakebridge
