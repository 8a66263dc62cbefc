// snakebridge-worker: one interpreter of a pool, in a process of its own. It is
// started by the bridge, which hands it its channel as descriptors (protocol:
// schemas/message.capnp), and ends with it, whatever happens to the bridge.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/build_mark.hpp"
#include "runtime/base/descriptor.hpp"
#include "runtime/base/fault_points.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/python_version.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/socket_channel.hpp"
#include "runtime/wire/worker_start.hpp"
#include "runtime/worker/control_thread.hpp"
#include "runtime/worker/executors.hpp"
#include "runtime/worker/limits.hpp"
#include "runtime/worker/printed.hpp"
#include "runtime/worker/signals.hpp"

namespace {

using namespace snakebridge;

constexpr int exit_usage = 2;

bool is_socket(int number) {
  struct stat kind {};
  return ::fstat(number, &kind) == 0 && S_ISSOCK(kind.st_mode);
}

// Neither our children nor Python's get the channel.
void keep_from_children(int number) {
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
}

void tell(channel& control, frame_kind kind, std::shared_ptr<message> content) {
  control.send({.words = 0, .kind = kind, .call = 0, .deadline_ns = 0},
               std::move(content));
}

int refuse(channel& control, const error& why) {
  auto message = std::make_shared<wire::outgoing>();
  auto failure = message->builder().initRoot<schema::Failure>();
  failure.setCode(static_cast<std::uint8_t>(why.code()));
  failure.setMessage(why.message());
  tell(control, frame_kind::failed, std::move(message));
  return 1;
}

void say_ready(channel& control) {
  auto message = std::make_shared<wire::outgoing>();
  message->builder().initRoot<schema::Ready>();
  tell(control, frame_kind::ready, std::move(message));
}

// Nobody is asked for a password where nobody looks for it.
void leave_terminal() {
  const descriptor terminal{::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)};
  if (terminal)
    ::ioctl(terminal.get(), TIOCNOTTY);
}

shared_memory* map_shared() {
  void* mapped = ::mmap(nullptr, sizeof(shared_memory), PROT_READ | PROT_WRITE,
                        MAP_SHARED, worker_descriptor::shared, 0);
  ::close(worker_descriptor::shared);
  return mapped == MAP_FAILED ? nullptr : static_cast<shared_memory*>(mapped);
}

// Until it has them it dies with the socket, or with its parent: a fork of that
// may have the socket too.
std::vector<frame> await_orders(channel& control) {
  std::vector<frame> arrived;
  const auto parent = ::getppid();
  for (int left = limits::orders_wait_ms_max / limits::beat_ms;
       left > 0 && arrived.empty() && ::getppid() == parent; --left) {
    pollfd readable{control.poll_descriptor(), POLLIN, 0};
    if (::poll(&readable, 1, limits::beat_ms) > 0
        && control.receive(arrived, false) != channel_state::open)
      break;
  }
  return arrived;
}

// Large values come and go: what they took is kept for the next, instead of
// being given back and faulted in again with every call.
void keep_memory() {
  constexpr int kept_bytes_max = 128 << 20, heap_bytes_max = 32 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
  ::mallopt(M_MMAP_THRESHOLD, heap_bytes_max);
}

int serve() {
  if (has_fault_points)
    use_fault_page(worker_descriptor::faults);
  keep_memory();
  leave_terminal();
  for (const int each : {worker_descriptor::data, worker_descriptor::control,
                         worker_descriptor::stacks})
    keep_from_children(each);
  const auto shared = std::make_shared<socket_channel>(
    descriptor{worker_descriptor::control}, control_bytes_max);
  auto& control = *shared;
  const auto arrived = await_orders(control);
  if (arrived.empty() || arrived[0].header.kind != frame_kind::start)
    return exit_usage;
  const auto start = wire::decode_start(arrived[0]);
  if (!start)
    return refuse(control, start.error());
  // All that follows may lie elsewhere in another build.
  if (start->build != build_mark())
    return refuse(
      control, {errc::startup_failed,
                fmt::format("this snakebridge-worker is of build {}, but its "
                            "bridge of {}: install them together",
                            build_mark(), start->build)});
  auto* const memory = map_shared();
  if (memory == nullptr)
    return refuse(control, {errc::startup_failed, "no shared memory"});
  auto* const status = &memory->status;
  try {
    start_control_thread(shared, *status, start->host_pid, start->threads);
  } catch (const std::system_error& failed) {
    return refuse(control, {errc::startup_failed,
                            fmt::format("no thread: {}", failed.what())});
  }
  // That thread takes our children along; but it has to run, and we may be
  // stopped.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  stall_at(fault_point::worker_start_slow);
  if (fault_at(fault_point::worker_start_fail))
    return refuse(control, {errc::startup_failed, "worker.start.fail"});

  if (auto limited = apply(start->limits); !limited)
    return refuse(control, limited.error());
  if (auto python = start_python(start->python, python_role::worker); !python)
    return refuse(control, python.error());

  const gil_guard main_thread;
  const auto ready = guarded([memory] {
    take_signals(*memory);
    cancelled_type();
    watch_streams();
    return true;
  });
  if (!ready)
    return refuse(control, {errc::startup_failed, ready.error().message()});
  if (auto found = import_from(start->path); !found)
    return refuse(control, found.error());
  if (auto loaded = import_all(start->preload); !loaded)
    return refuse(control, loaded.error());
  if (!start->on_start.empty())
    if (auto called = call_on_start(start->on_start); !called)
      return refuse(control, called.error());
  take_service_signals_again(); // where one of them has left a default behind
  executors serving{
    std::make_unique<socket_channel>(descriptor{worker_descriptor::data},
                                     start->payload_bytes_max, memory->to_host,
                                     memory->to_worker),
    *status,
    {.count = start->threads,
     .payload_bytes_max = start->payload_bytes_max,
     .conversion = start->conversion,
     .importable = start->limits.importable,
     .helpers = start->helpers,
     .times_calls = start->times_calls,
     .after_call = take_service_signals_again}};
  if (const auto threads = guarded([&] { serving.start(); }); !threads)
    // At once: those that have started wait in it.
    ::_exit(refuse(control, {errc::startup_failed, threads.error().message()}));
  say_ready(control);
  serving.serve();
  // As `python3` ends: threads that are no daemons are waited for, functions of
  // atexit run, what is open is flushed. If that hangs the host ends it.
  Py_FinalizeEx();
  ::fflush(nullptr);
  ::_exit(0);
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    const std::string number{library_version()};
    std::printf("snakebridge-worker %s (Python %s)\n", build_mark().data(),
                number.substr(0, number.find(' ')).c_str());
    return 0;
  }
  leave_service_signals();
  if (argc != 1 || !is_socket(worker_descriptor::data)
      || !is_socket(worker_descriptor::control)) {
    std::fprintf(stderr, "snakebridge-worker is started by the bridge, not by "
                         "hand\n");
    return exit_usage;
  }
  // At once: other threads may be in what would be destroyed.
  const int status = serve();
  std::fflush(nullptr);
  ::_exit(status);
}
