#include "runtime/node/process_loops.hpp"

#include <cstdlib>

#include <kj/async.h>
#include <kj/compat/tls.h>
#include <pthread.h>

#include "config/tunables.hpp"
#include "runtime/node/node_loop.hpp"

namespace snakebridge {

namespace {

// What is static there is made when it is first used, and destroyed in the
// opposite order: all of that before we ask to be called at the end.
void make_statics_of_libraries() {
  const kj::Promise<void> uses[] = {kj::READY_NOW, kj::NEVER_DONE,
                                    kj::evalLater([] {}), kj::evalLast([] {})};
  static_cast<void>(uses);
  kj::TlsContext::Options options;
  options.useSystemTrustStore = false;
  const kj::TlsContext context{kj::mv(options)};
}

} // namespace

process_loops& process_loops::all() {
  static auto& made = *new process_loops; // for threads that run to the end
  return made;
}

process_loops::process_loops() {
  make_statics_of_libraries();
  std::atexit([] { all().end(); });
  ::pthread_atfork([] { all().mutex_.lock(); }, [] { all().mutex_.unlock(); },
                   [] {
                     // Of the parent, whose locks may be held for ever.
                     static_cast<void>(new auto{std::move(all().running_)});
                     all().running_ = {};
                     all().mutex_.unlock();
                   });
}

void process_loops::add(std::shared_ptr<loop_jobs> of) {
  const std::lock_guard lock{mutex_};
  running_.insert(std::move(of));
}

void process_loops::remove(const std::shared_ptr<loop_jobs>& of) {
  const std::lock_guard lock{mutex_};
  running_.erase(of);
}

void process_loops::end() {
  std::set<std::shared_ptr<loop_jobs>> still;
  {
    const std::lock_guard lock{mutex_};
    still = running_;
  }
  for (const auto& each : still)
    each->close();
  const auto until =
    steady_clock::now() + std::chrono::milliseconds{limits::exit_wait_ms_max};
  for (const auto& each : still)
    each->await_end(until);
}

} // namespace snakebridge
