#include "runtime/hosts/worker_process.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config/tunables.hpp"
#include "runtime/base/fault_points.hpp"
#include "runtime/wire/worker_start.hpp"

namespace snakebridge {

namespace {

error startup_error(const char* doing, int number) {
  return {
    is_shortage(number) ? errc::overloaded : errc::startup_failed,
    fmt::format("cannot {} for a worker: {}", doing, std::strerror(number))};
}

struct descriptor_pair {
  descriptor ours;
  descriptor theirs;
};

// Above the numbers the worker's descriptors get, so that moving one into its
// place never overwrites another.
descriptor moved_up(descriptor low) {
  constexpr int above = 10;
  return descriptor{::fcntl(low.get(), F_DUPFD_CLOEXEC, above)};
}

result<descriptor_pair> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return tl::unexpected{startup_error("make a socket pair", errno)};
  return descriptor_pair{moved_up(descriptor{ends[0]}),
                         moved_up(descriptor{ends[1]})};
}

result<descriptor_pair> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return tl::unexpected{startup_error("make a pipe", errno)};
  descriptor_pair made{moved_up(descriptor{ends[0]}),
                       moved_up(descriptor{ends[1]})};
  ::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK);
  return made;
}

// Its size is sealed: a worker that cut it would end us with SIGBUS.
descriptor make_shared_memory() {
  descriptor made{
    ::memfd_create("snakebridge-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!made || ::ftruncate(made.get(), sizeof(shared_memory)) != 0
      || ::fcntl(made.get(), F_ADD_SEALS,
                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
           != 0)
    return {};
  return moved_up(std::move(made));
}

std::vector<char*> pointers_to(std::vector<std::string>& lines) {
  std::vector<char*> pointers;
  for (auto& line : lines)
    pointers.push_back(line.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The spawn's actions and attributes, freed with it.
class spawn_plan {
public:
  spawn_plan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // A group of its own: a terminal's signals pass it by, and its children can
    // be killed with it. No session: the kernel would share the processor out
    // by sessions then, and not by threads, and has been seen to let most of
    // many busy workers wait for half a minute (sched_autogroup_enabled). No
    // signal is ignored, or blocked once it has come to its `main`.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP
                                            | POSIX_SPAWN_SETSIGMASK
                                            | POSIX_SPAWN_SETSIGDEF);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int each : service_signals)
      sigaddset(&signals, each);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
  }
  ~spawn_plan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  void place(const descriptor& from, int as) {
    posix_spawn_file_actions_adddup2(&actions, from.get(), as);
  }

  // What the program left open to its children is not for the worker.
  void end_places() {
    if (has_fault_points && fault_page_descriptor() >= 0)
      posix_spawn_file_actions_adddup2(&actions, fault_page_descriptor(),
                                       worker_descriptor::faults);
    constexpr int last =
      has_fault_points ? worker_descriptor::faults : worker_descriptor::stacks;
    posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

} // namespace

result<std::filesystem::path> find_worker(const std::filesystem::path& wanted) {
  std::vector<std::filesystem::path> places;
  if (!wanted.empty()) {
    places.push_back(wanted);
  } else {
    Dl_info here{};
    std::error_code ignored;
    if (::dladdr(reinterpret_cast<void*>(&find_worker), &here) != 0) {
      const auto folder =
        std::filesystem::canonical(here.dli_fname, ignored).parent_path();
      places.push_back(folder / "snakebridge-worker");
      // lib/, lib64/ or lib/<triplet>/ beside bin/.
      places.push_back(folder.parent_path() / "bin/snakebridge-worker");
      places.push_back(folder.parent_path().parent_path()
                       / "bin/snakebridge-worker");
    }
    const auto program =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    places.push_back(program / "snakebridge-worker");
  }
  std::string looked;
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) == 0)
      return place;
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  return tl::unexpected{error{
    errc::startup_failed,
    fmt::format("no snakebridge-worker program; looked at {}. Name it with "
                "the setting 'worker' or SNAKEBRIDGE_WORKER",
                looked)}};
}

result<worker_process>
worker_process::start(const std::filesystem::path& program,
                      std::vector<std::string> environment, int folder) {
  if (fault_at(fault_point::worker_spawn_fail))
    return tl::unexpected{startup_error("start a process", EPERM)};
  auto data = make_socket_pair();
  auto control = make_socket_pair();
  auto output = make_pipe();
  auto errors = make_pipe();
  for (const auto* each : {&data, &control, &output, &errors})
    if (!*each)
      return tl::unexpected{each->error()};
  const auto shared = make_shared_memory();
  if (!shared)
    return tl::unexpected{startup_error("make shared memory", errno)};

  worker_process made;
  made.stacks_ =
    moved_up(descriptor{::memfd_create("snakebridge-stacks", MFD_CLOEXEC)});
  // So that the worker goes on at the start after they were taken.
  if (!made.stacks_ || ::fcntl(made.stacks_.get(), F_SETFL, O_APPEND) != 0)
    return tl::unexpected{startup_error("make a place for stacks", errno)};
  void* mapped = ::mmap(nullptr, sizeof(shared_memory), PROT_READ | PROT_WRITE,
                        MAP_SHARED, shared.get(), 0);
  if (mapped == MAP_FAILED)
    return tl::unexpected{startup_error("map shared memory", errno)};
  made.shared_ = static_cast<shared_memory*>(mapped);

  spawn_plan plan;
  if (folder >= 0)
    posix_spawn_file_actions_addfchdir_np(&plan.actions, folder);
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  plan.place((*output).theirs, STDOUT_FILENO);
  plan.place((*errors).theirs, STDERR_FILENO);
  plan.place((*data).theirs, worker_descriptor::data);
  plan.place((*control).theirs, worker_descriptor::control);
  plan.place(shared, worker_descriptor::shared);
  plan.place(made.stacks_, worker_descriptor::stacks);
  plan.end_places();
  auto arguments = std::vector{program.string()};
  const int failed = ::posix_spawn(
    &made.pid_, program.c_str(), &plan.actions, &plan.attributes,
    pointers_to(arguments).data(), pointers_to(environment).data());
  if (failed != 0) {
    made.pid_ = 0;
    return tl::unexpected{
      startup_error(fmt::format("start {}", program.string()).c_str(), failed)};
  }
  made.pidfd_ =
    descriptor{static_cast<int>(::syscall(SYS_pidfd_open, made.pid_, 0U))};
  if (!made.pidfd_)
    return tl::unexpected{startup_error("watch the process", errno)};
  made.data = std::move(data->ours);
  made.control = std::move(control->ours);
  made.output = std::move(output->ours);
  made.errors = std::move(errors->ours);
  return made;
}

worker_process::worker_process(worker_process&& other) noexcept
    : data{std::move(other.data)},
      control{std::move(other.control)},
      output{std::move(other.output)},
      errors{std::move(other.errors)},
      pid_{std::exchange(other.pid_, 0)},
      reaped_{other.reaped_},
      pidfd_{std::move(other.pidfd_)},
      stacks_{std::move(other.stacks_)},
      shared_{std::exchange(other.shared_, nullptr)} {}

worker_process::~worker_process() {
  if (pid_ != 0 && !reaped_) {
    kill();
    pollfd ended{pidfd_.get(), POLLIN, 0};
    if (!pidfd_ || ::poll(&ended, 1, limits::death_wait_ms_max) > 0)
      reap();
  }
  if (shared_ != nullptr)
    ::munmap(shared_, sizeof(shared_memory));
}

void worker_process::kill() {
  if (pid_ == 0 || reaped_)
    return;
  // The group may not exist yet, or no longer: the process itself as well. Its
  // number may be another's by now where the program ignores SIGCHLD.
  ::kill(-pid_, SIGKILL);
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0U);
}

process_end worker_process::reap() {
  process_end end;
  int status = 0;
  // Its children first, while the process still holds the group's number.
  ::kill(-pid_, SIGKILL);
  int got = -1;
  do
    got = ::wait4(pid_, &status, 0, &end.used);
  while (got < 0 && errno == EINTR);
  reaped_ = true;
  // The program may ignore SIGCHLD or collect children of its own: then how it
  // ended is not to be known.
  if (got != pid_)
    return end;
  if (WIFEXITED(status))
    end.exit_status = WEXITSTATUS(status);
  else if (const char* name = ::sigabbrev_np(WTERMSIG(status)))
    end.signal = std::string{"SIG"} + name;
  else
    end.signal = "signal " + std::to_string(WTERMSIG(status));
  return end;
}

std::string worker_process::take_stacks() {
  std::string text(limits::stacks_bytes_max, '\0');
  const auto got = ::pread(stacks_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  static_cast<void>(!::ftruncate(stacks_.get(), 0));
  return text;
}

} // namespace snakebridge
