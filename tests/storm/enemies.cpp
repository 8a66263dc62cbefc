#include "tests/storm/enemies.hpp"

#include <csignal>
#include <future>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <snakebridge/actors.hpp>

#include "runtime/worker_process.hpp"

namespace snakebridge::testing {

namespace {

constexpr int tries_max = 20;
constexpr auto endless_timeout = 100ms;

bool send_signal(const descriptor& process, int signal) {
  return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0U)
         == 0;
}

bool has_ended(const descriptor& process) {
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 1;
}

/// How the interpreter died in this call; null: it did not.
const sb::post_mortem* death_in(const sb::result<void>& answer) {
  return answer ? nullptr : answer.error().post_mortem();
}

} // namespace

struct enemies::kind {
  const char* name;
  bool (enemies::*strike)();
  bool is_lethal;
};

const std::vector<enemies::kind>& enemies::kinds() {
  static const std::vector<kind> all{
    {"SIGKILL", &enemies::kill, true},
    {"SIGSTOP", &enemies::stop, false},
    {"segfault", &enemies::crash, true},
    {"os._exit", &enemies::exit, true},
    {"a child left behind", &enemies::leave_a_child, true},
    {"MemoryError", &enemies::exhaust_memory, false},
    {"infinite loop", &enemies::loop_in_python, false},
    {"loop that holds the GIL", &enemies::loop_in_c, false},
    {"corrupt frame", &enemies::corrupt_the_channel, true},
    {"client killed", &enemies::kill_a_client, false},
    {"session killed", &enemies::kill_a_session, false},
  };
  return all;
}

enemies::enemies(const sb::bridge& bridge, tally& answers)
    : bridge_{bridge},
      answers_{answers} {}

std::size_t enemies::count() const {
  return kinds().size();
}

std::string enemies::name(std::size_t which) const {
  return kinds().at(which).name;
}

bool enemies::strike(std::size_t which) {
  const auto& how = kinds().at(which);
  const auto stopped_before = std::move(stopped_);
  stopped_.clear();
  bool struck = false;
  for (int i = 0; i < tries_max && !struck; ++i) {
    tried_ += how.is_lethal ? 1 : 0;
    struck = (this->*how.strike)();
  }
  sure_ += struck && how.is_lethal ? 1 : 0;
  for (const auto& each : stopped_before)
    send_signal(each, SIGCONT);
  return struck;
}

void enemies::relent() {
  for (const auto& each : stopped_)
    send_signal(each, SIGCONT);
  stopped_.clear();
}

// The process a session's calls run in; nothing when it died just now.
descriptor enemies::worker_of(const sb::session& session) const {
  const auto pid = session.call("os", "getpid");
  if (!pid) {
    answers_.take_error("a pid", pid.error());
    return {};
  }
  return descriptor{
    static_cast<int>(::syscall(SYS_pidfd_open, pid->as<int>(), 0U))};
}

bool enemies::kill() {
  const auto session = bridge_.open_session();
  const auto worker = worker_of(session);
  // It has to be dead, or the next enemy might take its death for its own.
  return worker && !has_ended(worker) && send_signal(worker, SIGKILL)
         && eventually([&] { return has_ended(worker); }) && eventually([&] {
              const auto next = session.eval("1");
              return answers_.take("a call after the kill", next, next == 1);
            });
}

bool enemies::stop() {
  const auto session = bridge_.open_session();
  auto worker = worker_of(session);
  if (!worker || !send_signal(worker, SIGSTOP))
    return false;
  const auto late = session.with({.timeout = endless_timeout}).eval("1");
  stopped_.push_back(std::move(worker));
  if (late)
    return false;
  answers_.take_error("a call of a stopped worker", late.error());
  return late.error().code() == sb::errc::deadline_exceeded;
}

bool enemies::crash() {
  const auto answer = bridge_.open_session().exec("import ctypes\n"
                                                  "ctypes.string_at(0)");
  const auto* death = death_in(answer);
  return death != nullptr && death->signal == "SIGSEGV";
}

bool enemies::exit() {
  const auto answer = bridge_.open_session().exec("__import__('os')._exit(3)");
  const auto* death = death_in(answer);
  return death != nullptr && death->exit_status == 3;
}

bool enemies::leave_a_child() {
  const auto answer =
    bridge_.open_session().exec("import os, subprocess\n"
                                "subprocess.Popen(['sleep', '1000'])\n"
                                "os._exit(4)");
  const auto* death = death_in(answer);
  return death != nullptr && death->exit_status == 4;
}

bool enemies::exhaust_memory() {
  const auto answer = bridge_.open_session().eval("bytearray(1 << 62)");
  return !answer && answer.error().python() != nullptr
         && answer.error().python()->type == "MemoryError";
}

bool enemies::run_late(const char* code) {
  const auto answer =
    bridge_.open_session().with({.timeout = endless_timeout}).exec(code);
  if (answer)
    return false;
  answers_.take_error("an endless call", answer.error());
  return answer.error().code() == sb::errc::deadline_exceeded
         && answer.error().may_have_run();
}

bool enemies::loop_in_python() {
  return run_late("while True: pass");
}

bool enemies::loop_in_c() {
  return run_late("sum(range(10**15))");
}

bool enemies::corrupt_the_channel() {
  const auto answer =
    bridge_.open_session().exec("import os\n"
                                "os.write(channel, b'\\xff' * 64)",
                                {{"channel", worker_descriptor::data}});
  const auto* death = death_in(answer);
  return death != nullptr && death->reason == "it sent what is no frame";
}

// A client that holds an object and waits for another call when it is killed,
// or when its session is.
bool enemies::strike_an_actor(bool at_its_session) {
  struct told {
    std::promise<bool> has_object;
    std::promise<sb::session_actor> session;
  };
  const auto tell = std::make_shared<told>();
  auto client = bridge_.system().spawn(
    [tell, bridge = &bridge_](caf::event_based_actor* self, caf::unit_t) {
      const auto session = sb::open_session(self, *bridge, {});
      tell->session.set_value(session);
      self
        ->request(session, patience, sb::call_message{"builtins", "object", {}})
        .then(
          [=](const sb::value& made) {
            tell->has_object.set_value(made.is_ref());
            self
              ->request(session, patience,
                        sb::call_message{"time", "sleep", {0.02}})
              .then([](const sb::value&) {}, [](const caf::error&) {});
          },
          [=](const caf::error&) { tell->has_object.set_value(false); });
      return caf::behavior{[](caf::unit_t) {}};
    },
    caf::unit);
  auto session = tell->session.get_future().get();
  const bool has_object = tell->has_object.get_future().get();
  if (at_its_session)
    caf::anon_send_exit(session, caf::exit_reason::kill);
  else
    caf::anon_send_exit(client, caf::exit_reason::kill);
  return has_object;
}

bool enemies::kill_a_client() {
  return strike_an_actor(false);
}

bool enemies::kill_a_session() {
  return strike_an_actor(true);
}

} // namespace snakebridge::testing
