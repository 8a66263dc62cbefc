// Programs as they are: each situation is one, named by the first argument,
// with the placement as the second. It prints what it saw; the test of it
// (situations_test.cpp) knows what that has to be.
#include <atomic>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

// A forked child leaves its parent's copy alone; who calls `exit` leaves all.
bool frees_nothing = false;

} // namespace

#ifdef __SANITIZE_ADDRESS__
namespace {
[[maybe_unused]] const int told_of_forks =
  ::pthread_atfork(nullptr, nullptr, [] { frees_nothing = true; });
} // namespace
extern "C" int __lsan_is_turned_off() {
  return frees_nothing ? 1 : 0;
}
#endif

namespace {

sb::placement where = sb::placement::worker;

sb::config wanted() {
  return {.pools = {{.name = "default", .size = 1, .placement = where}}};
}

void say(std::string_view text) {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

template <class T>
std::string told(const sb::result<T>& outcome) {
  return outcome ? sb::repr(sb::value{*outcome})
                 : std::string{to_string(outcome.error().code())};
}

std::string told(const sb::result<void>& outcome) {
  return outcome ? "done" : std::string{to_string(outcome.error().code())};
}

/// A thread of the program that makes one call and then has other things to do.
class other_thread {
public:
  explicit other_thread(std::function<void()> first)
      : thread_{[this, first = std::move(first)] {
          first();
          done_ = true;
          done_.notify_all();
          stop_.wait(false);
        }} {
    done_.wait(false);
  }
  ~other_thread() {
    stop_ = true;
    stop_.notify_all();
    thread_.join();
  }

private:
  std::atomic<bool> done_ = false, stop_ = false;
  std::thread thread_;
};

// A hang is a failure. Children of a fork have no such deadline.
void end_in_time() {
  ::alarm(60);
}

/// What a forked child does; answers how it ended.
std::string forked(const std::function<void()>& child) {
  const auto pid = ::fork();
  if (pid == 0) {
    end_in_time();
    child();
    std::exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? fmt::format("exited with {}", WEXITSTATUS(status))
                           : fmt::format("killed by {}", WTERMSIG(status));
}

/// Threads that call for as long as the process is there; each has been
/// answered once.
template <class Target>
void call_on_and_on(const Target& target, int threads) {
  static std::atomic<int> answered = 0; // it outlives what waits for it
  for (int n = 0; n < threads; ++n)
    std::thread{[&target] {
      or_throw(target.eval("1"));
      ++answered;
      answered.notify_all();
      for (;;)
        static_cast<void>(target.eval("1"));
    }}.detach();
  for (int seen = 0; (seen = answered) < threads;)
    answered.wait(seen);
}

void end_with_idle_thread() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  const other_thread idle{[&] { say(told(bridge->call("math", "sqrt", 16))); }};
  bridge.reset();
  say("ended");
}

void end_by_other_thread() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  say(told(bridge->eval("1")));
  std::thread{[&] { bridge.reset(); }}.join();
  say("ended");
}

void end_while_its_maker_lives() {
  std::unique_ptr<sb::bridge> bridge;
  const other_thread maker{
    [&] { bridge = std::make_unique<sb::bridge>(wanted()); }};
  say(told(bridge->eval("1")));
  bridge.reset();
  say("ended");
}

void end_while_threads_call() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  std::atomic<int> calling = 0;
  std::set<std::string> seen;
  std::mutex mutex;
  std::vector<std::jthread> threads;
  for (int n = 0; n < 4; ++n)
    threads.emplace_back([&] {
      const auto session = bridge->open_session();
      for (bool first = true;; first = false) {
        const auto outcome = session.eval("1");
        if (first && ++calling == 4)
          calling.notify_all();
        if (outcome)
          continue;
        const std::lock_guard lock{mutex};
        seen.insert(told(outcome));
        if (outcome.error().code() == sb::errc::shutting_down
            || outcome.error().code() == sb::errc::session_closed)
          return;
      }
    });
  for (int seen_calling = 0; (seen_calling = calling) < 4;)
    calling.wait(seen_calling);
  bridge.reset();
  threads.clear();
  seen.erase("shutting_down");
  seen.erase("session_closed");
  seen.erase("interpreter_died");
  say(fmt::format("ended, and {}", fmt::join(seen, " ")));
}

void end_on_the_users_system() {
  caf::actor_system_config settings;
  auto system = std::make_unique<caf::actor_system>(settings);
  auto bridge = std::make_unique<sb::bridge>(*system, wanted());
  const other_thread idle{[&] { say(told(bridge->eval("1"))); }};
  bridge.reset();
  system.reset();
  say("ended");
}

void end_with_a_thread_that_spawned() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  const other_thread spawner{[&] {
    const caf::scoped_actor self{bridge->system()};
    const auto session = sb::open_session(self.ptr(), *bridge);
    self->request(session, 10s, sb::call_message{"math", "sqrt", {16}})
      .receive([](const sb::value& root) { say(sb::repr(root)); },
               [](const caf::error& why) { say(caf::to_string(why)); });
  }};
  bridge.reset();
  say("ended");
}

void end_of_a_static_one() {
  static sb::bridge bridge{wanted()};
  static const other_thread* idle =
    new other_thread{[] { say(told(bridge.eval("1"))); }};
  static_cast<void>(idle);
}

// Whose thread has actors of its own on the bridge's system.
void end_of_a_static_one_with_actors() {
  static sb::bridge bridge{wanted()};
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge, {});
  self->request(session, 10s, sb::call_message{"math", "sqrt", {16}})
    .receive([](const sb::value& root) { say(sb::repr(root)); },
             [](const caf::error& why) { say(caf::to_string(why)); });
}

[[noreturn]] void exit_as_it_is() {
  frees_nothing = true;
  std::exit(0);
}

// The end of the process is theirs: `exit` destroys nothing that is on a stack
// or the heap, and their threads go on beside what is static.
void exit_while_threads_call() {
  auto* const bridge = new sb::bridge{wanted()};
  call_on_and_on(*bridge, 4);
  exit_as_it_is();
}

/// One of two linked nodes, with a session of the other.
struct linked {
  static sb::config named(const std::string& name) {
    auto node = wanted();
    node.node.name = name;
    return node;
  }
  sb::session shared() const {
    or_throw(member.join("127.0.0.1", or_throw(owner.listen())));
    return member.open_session(
      {.id = "shared", .scope = sb::scope::cluster, .at = "owner"});
  }

  sb::bridge owner{named("owner")}, member{named("member")};
  sb::session session = shared();
};

void end_of_static_nodes() {
  static const linked nodes;
  say(told(nodes.session.eval("1")));
}

void exit_while_nodes_call() {
  const auto* const nodes = new linked;
  call_on_and_on(nodes->session, 4);
  exit_as_it_is();
}

void fork_beside_nodes() {
  const linked nodes;
  say(forked([] {}));
  say(told(nodes.session.eval("1")));
}

// Destructors of statics run when the thread-locals of their thread are gone,
// and its own session with them.
void call_from_what_is_static() {
  static sb::bridge bridge{wanted()};
  say(told(bridge.eval("1")));
  static const struct caller {
    sb::session own = bridge.open_session();
    sb::value kept = own.call("pathlib", "Path", "x").value();

    ~caller() {
      say(told(bridge.eval("1")));
      try {
        const auto none = bridge.open_session();
      } catch (const sb::exception& refused) {
        say(to_string(refused.error().code()));
      }
      say(told(own.call("math", "sqrt", 16)));
      say(told(own.str(kept)));
      say(told(own.async().call("math", "sqrt", 25).get()));
      { const sb::session_scope inside{own}; }
    }
  } last;
  static_cast<void>(last);
}

void call_from_thread_locals() {
  const sb::bridge bridge{wanted()};
  std::thread{[&] {
    struct caller {
      const sb::bridge* on = nullptr;
      std::optional<sb::session> own = {};

      ~caller() {
        say(told(on->eval("1")));
        say(told(own->call("math", "sqrt", 16)));
      }
    };
    static thread_local caller last; // before those of the bridge
    last.on = &bridge;
    say(told(bridge.eval("1")));
    last.own.emplace(bridge.open_session());
  }}.join();
  say(fmt::format("{} sessions", bridge.stats().sessions));
}

// It is younger than what the thread has of its first call, and older than what
// its own session needs.
void open_from_thread_locals() {
  const sb::bridge bridge{wanted()};
  const auto session = bridge.open_session();
  std::thread{[&] {
    struct opener {
      const sb::bridge* on = nullptr;

      ~opener() {
        say(told(on->open_session().eval("2")));
        say(told(on->eval("3")));
      }
    };
    static_cast<void>(session.eval("1"));
    static thread_local opener last;
    last.on = &bridge;
    say(told(bridge.eval("1")));
  }}.join();
  say(fmt::format("{} sessions", bridge.stats().sessions));
}

void fork_and_call_in_both() {
  sb::bridge bridge{wanted()};
  or_throw(bridge.eval("1"));
  const auto calls = [&](const std::string& me) {
    std::set<std::string> seen;
    for (int n = 0; n < 50; ++n)
      seen.insert(told(bridge.eval("me", {{"me", me}})));
    return fmt::format("{}", fmt::join(seen, " "));
  };
  const auto pid = ::fork();
  if (pid == 0) {
    say("child: " + calls("child"));
    std::_Exit(0);
  }
  const auto mine = calls("parent");
  ::waitpid(pid, nullptr, 0);
  say("parent: " + mine);
}

void fork_with_handles() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  auto session = std::make_unique<sb::session>(bridge->open_session());
  const auto object = or_throw(session->eval("object()"));
  auto later =
    session->async().exec("import time\nwhile True: time.sleep(0.001)");
  say(forked([&] {
    say(later.wait_for(0s) ? "answered" : "not answered");
    later = {};
    say(told(session->repr(object)));
    say(told(bridge->release(object)));
    say(told(bridge->release_session(session->id())));
    say(told(bridge->drain("default", 1s)));
    say(fmt::format("{}", bridge->stats().pools.size()));
    try {
      const auto other = bridge->open_session();
    } catch (const sb::exception& refused) {
      say(to_string(refused.error().code()));
    }
    { const sb::ref_scope scope{*bridge}; }
    session.reset();
    bridge.reset();
  }));
  later.cancel();
  say(told(later.get()));
  say(told(session->eval("1")));
}

void fork_with_a_static_one() {
  static sb::bridge bridge{wanted()};
  or_throw(bridge.eval("1"));
  say(forked([] {}));
  say(forked([] { static_cast<void>(bridge.eval("1")); }));
  say(told(bridge.eval("1")));
}

void fork_and_start_another() {
  sb::bridge bridge{wanted()};
  or_throw(bridge.eval("1"));
  where = sb::placement::worker;
  say(forked([&] {
    {
      sb::bridge another{wanted()};
      say(told(another.eval("1 + 1")));
    }
    say(told(bridge.eval("1")));
  }));
  say(told(bridge.eval("1")));
}

void fork_twice_and_start_another() {
  sb::bridge bridge{wanted()};
  or_throw(bridge.eval("1"));
  where = sb::placement::worker;
  say(forked([&] {
    say(forked([&] {
      sb::bridge another{wanted()};
      say(told(another.eval("1 + 1")));
    }));
  }));
  say(told(bridge.eval("1")));
}

void fork_and_start_an_embedded_one() {
  sb::bridge bridge{wanted()};
  or_throw(bridge.eval("1"));
  say(forked([] {
    const auto another = sb::bridge::start(wanted());
    say(another ? "started" : std::string{another.error().message()});
  }));
}

void fork_while_threads_call() {
  sb::bridge bridge{wanted()};
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0, begun = 0;
  std::vector<std::jthread> threads;
  for (int n = 0; n < 3; ++n)
    threads.emplace_back([&, n] {
      for (int i = 0; !stop; ++i) {
        wrong += bridge.eval("n * i", {{"n", n}, {"i", i}}) == n * i ? 0 : 1;
        ++begun;
        begun.notify_all();
      }
    });
  std::map<std::string, int> ends;
  for (int n = 0; n < 20; ++n) {
    const int seen = begun;
    begun.wait(seen);
    ++ends[forked([&] {
      if (told(bridge.eval("1")) != "shutting_down")
        std::_Exit(1);
    })];
  }
  stop = true;
  threads.clear();
  say(fmt::format("{} wrong", wrong.load()));
  for (const auto& [end, count] : ends)
    say(fmt::format("{} x {}", end, count));
}

void daemon_after() {
  auto bridge = std::make_unique<sb::bridge>(wanted());
  or_throw(bridge->eval("1"));
  static_cast<void>(!::daemon(1, 1));
  end_in_time();
  say(told(bridge->eval("1")));
  where = sb::placement::worker;
  sb::bridge another{wanted()};
  say(told(another.eval("1 + 1")));
}

void daemon_before() {
  static_cast<void>(!::daemon(1, 1));
  end_in_time();
  sb::bridge bridge{wanted()};
  say(told(bridge.eval("1 + 1")));
}

void start_programs() {
  sb::bridge bridge{wanted()};
  for (int n = 0; n < 5; ++n) {
    const auto pid = ::vfork();
    if (pid == 0) {
      ::execl("/bin/true", "true", nullptr);
      ::_exit(1);
    }
    int status = 1;
    ::waitpid(pid, &status, 0);
    if (status != 0 || std::system("true") != 0)
      say("a program failed");
  }
  say(told(bridge.eval("1")));
}

// How Python's child ends: by what it does, as its status.
// A finaliser forks where no call runs: as a session ends, or a ref expires.
void fork_between_calls(const sb::bridge& bridge) {
  const auto statuses = [&](std::string_view name) {
    or_throw(bridge.exec("import sys"));
    for (;;) {
      auto seen = or_throw(bridge.eval("sys.modules['kept'].statuses"));
      if (seen != sb::list{})
        return say(fmt::format("{}: {}", name, seen));
    }
  };
  const char* const code = R"(
    import os, sys, types
    class forks:
        def __del__(self):
            pid = os.fork()
            if pid == 0: return
            kept.statuses.append(os.waitstatus_to_exitcode(
                os.waitpid(pid, 0)[1]))
    kept = sys.modules['kept'] = types.ModuleType('kept')
    kept.statuses = []
  )";
  {
    const auto ended = bridge.open_session();
    or_throw(ended.exec(code));
    or_throw(ended.eval("forks()"));
  }
  statuses("session");
  const auto expires = bridge.open_session({.ttl = 20ms});
  or_throw(expires.exec(code));
  or_throw(expires.eval("forks()"));
  statuses("ttl");
}

void fork_in_a_call() {
  auto settings = wanted();
  // A child of a thread ends through exit(), where the sanitizer would look for
  // what Python never frees.
  if (where == sb::placement::worker)
    settings.pools[0].env = {{"ASAN_OPTIONS", "detect_leaks=0"}};
  sb::bridge bridge{settings};
  or_throw(bridge.exec(R"(
    import os, sys, threading
    def f(how):
        pid = os.fork()
        if pid == 0:
            if how == 'exit': sys.exit()
            if how == 'code': sys.exit(3)
            if how == 'text': sys.exit('text')
            if how == 'raise': raise ValueError('in the child')
            return 'child'
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    class forks:
        def __del__(self): statuses.append(f('return'))
    statuses = []
    def in_thread():
        def run(): found.append(f('return'))
        found = []
        thread = threading.Thread(target=run)
        thread.start(); thread.join()
        return found
  )"));
  for (const auto* how : {"return", "exit", "code", "text", "raise"})
    say(
      fmt::format("{}: {}", how, told(bridge.eval("f(how)", {{"how", how}}))));
  const auto object = or_throw(bridge.eval("forks()"));
  or_throw(bridge.release(object));
  say(fmt::format("finaliser: {}", told(bridge.eval("statuses"))));
  say(fmt::format("thread: {}", told(bridge.eval("in_thread()"))));
  fork_between_calls(bridge);
}

void ctrl_c() {
  sb::bridge bridge{wanted()};
  or_throw(bridge.exec("import asyncio, signal\n"
                       "async def f(): return 1\n"
                       "asyncio.run(f())\n"));
  ::raise(SIGINT);
  say("still there");
}

void ctrl_c_of_the_program() {
  static std::atomic<int> taken = 0;
  std::signal(SIGINT, [](int) { ++taken; });
  sb::bridge bridge{wanted()};
  or_throw(bridge.exec("import asyncio, signal\n"
                       "async def f(): return 1\n"
                       "asyncio.run(f())\n"));
  ::raise(SIGINT);
  say(fmt::format("{} taken", taken.load()));
}

void as_a_guest() {
  ::unsetenv("LC_ALL");
  ::unsetenv("LC_CTYPE");
  ::setenv("LANG", "C", 1);
  const auto variables = [] {
    std::vector<std::string> all;
    for (char** each = environ; *each != nullptr; ++each)
      all.emplace_back(*each);
    return all;
  };
  const auto before = variables();
  const std::string locale = std::setlocale(LC_ALL, nullptr);
  sb::bridge bridge{wanted()};
  say(variables() == before ? "environment kept" : "environment changed");
  say(std::setlocale(LC_ALL, nullptr) == locale ? "locale kept"
                                                : "locale changed");
  struct sigaction now {};
  ::sigaction(SIGPIPE, nullptr, &now);
  say(now.sa_handler == SIG_IGN ? "SIGPIPE ignored" : "SIGPIPE kills");
  say(told(bridge.eval("__import__('sys').getfilesystemencoding()")));
  say(told(bridge.exec("import threading, signal\n"
                       "if threading.current_thread() is "
                       "threading.main_thread():\n"
                       "    signal.signal(signal.SIGUSR1, signal.SIG_DFL)\n")));
}

void ask_at_the_terminal() {
  int terminal = -1, ours = -1;
  if (::openpty(&terminal, &ours, nullptr, nullptr, nullptr) != 0)
    return say("no terminal");
  ::setsid();
  ::ioctl(ours, TIOCSCTTY, 0);
  sb::bridge bridge{wanted()};
  const auto kept = or_throw(bridge.call("collections", "Counter", "abc"));
  const auto asked = bridge.with({.timeout = 20s}).call("getpass", "getpass");
  say(asked                    ? "answered"
      : asked.error().python() ? asked.error().python()->type
                               : std::string{to_string(asked.error().code())});
  const auto child = bridge.exec("import subprocess\n"
                                 "subprocess.run(['sh', '-c', "
                                 "'read x < /dev/tty'], timeout=20, "
                                 "stderr=subprocess.DEVNULL)\n");
  say(told(child));
  say(told(bridge.len(kept)));
}

// Files are named by the working folder.
void end_in_order() {
  {
    sb::bridge bridge{wanted()};
    or_throw(bridge.exec(R"(
      import atexit, concurrent.futures, logging, logging.handlers
      import sys, threading, time, types, weakref
      kept = sys.modules['kept'] = types.ModuleType('kept')
      kept.file = open('file', 'w')
      kept.file.write('written')
      def note(name): open(name, 'w').write(text)
      text = 'written'
      def late():
          time.sleep(.2)
          note('thread')
      threading.Thread(target=late).start()
      threading.Timer(.3, note, ('timer',)).start()
      atexit.register(lambda: note('atexit'))
      class finalized: pass
      kept.object = finalized()
      weakref.finalize(kept.object, note, 'finalize')
      kept.pool = concurrent.futures.ThreadPoolExecutor(1)
      kept.pool.submit(time.sleep, .2)
      kept.pool.submit(note, 'future')
      class job:
          def __call__(self): note('callable')
      kept.pool.submit(job())
      class own_handler(logging.Handler):
          def emit(self, record): note('handler')
      logging.getLogger('own').addHandler(own_handler())
      atexit.register(logging.getLogger('own').warning, 'written')
      target = logging.FileHandler('log', delay=True)
      handler = logging.handlers.MemoryHandler(1000, target=target)
      logging.getLogger('kept').addHandler(handler)
      logging.getLogger('kept').warning('written')
    )"));
  }
  for (const auto* each : {"file", "thread", "timer", "atexit", "finalize",
                           "future", "callable", "handler", "log"}) {
    std::ifstream file{each};
    std::string text;
    std::getline(file, text);
    say(fmt::format("{}: {}", each, text));
  }
}

// A thread that never ends holds up the end for stop_timeout alone.
void end_with_an_endless_thread() {
  auto settings = wanted();
  settings.pools[0].stop_timeout = 300ms;
  sb::bridge bridge{settings};
  or_throw(bridge.exec("import threading, time\n"
                       "def f():\n"
                       "  while True: time.sleep(.01)\n"
                       "threading.Thread(target=f).start()\n"));
  say("ends");
}

// Python in this process goes on after the end of a bridge.
void another_after_the_end() {
  for (int n = 0; n < 2; ++n) {
    sb::bridge bridge{wanted()};
    or_throw(bridge.exec("import logging, tempfile, weakref\n"
                         "folder = tempfile.TemporaryDirectory()\n"
                         "path = folder.name\n"
                         "del folder\n"
                         "handler = logging.FileHandler(f'log{n}', 'w')\n"
                         "logging.getLogger().addHandler(handler)\n"
                         "logging.getLogger().error('written')\n",
                         {{"n", n}}));
    say(told(bridge.eval("__import__('os').path.exists(path)")));
    say(told(bridge.eval("open(f'log{n}').read()")));
    say(told(bridge.eval("__import__('concurrent.futures').futures."
                         "ThreadPoolExecutor(1).submit(len, 'abc').result()")));
  }
}

// Dropped while other threads of the parent hold the locks of its actors.
void fork_and_drop_handles() {
  sb::bridge bridge{wanted()};
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (int n = 0; n < 3; ++n)
    threads.emplace_back([&] {
      while (!stop)
        static_cast<void>(bridge.open_session());
    });
  std::map<std::string, int> ends;
  for (int n = 0; n < 200; ++n) {
    auto session = std::make_unique<sb::session>(bridge.open_session());
    ++ends[forked([&] { session.reset(); })];
  }
  stop = true;
  threads.clear();
  for (const auto& [end, count] : ends)
    say(fmt::format("{} x {}", end, count));
}

// A module that is imported beforehand forks.
void fork_in_a_preload() {
  std::ofstream{"forks.py"} << "import os\nos.fork()\npid = os.getpid()\n";
  auto settings = wanted();
  settings.pools[0].path = {std::filesystem::current_path()};
  settings.pools[0].preload = {"forks"};
  sb::bridge bridge{settings};
  say(told(bridge.exec("import forks, os\n"
                       "assert forks.pid == os.getpid()")));
  const auto now = bridge.stats();
  say(bridge.call("os", "getpid") == now.pools[0].interpreters[0].pid
        ? "it is the parent"
        : "it is the child");
}

void without_an_environment() {
  ::clearenv();
  sb::bridge bridge{wanted()};
  say(told(bridge.eval("1")));
}

/// Has them all, until the library logs that it lacks some.
class all_descriptors final : public spdlog::sinks::base_sink<std::mutex> {
public:
  all_descriptors() {
    for (int one = 0; (one = ::open("/dev/null", O_RDONLY)) >= 0;)
      taken_.push_back(one);
  }
  void leave(std::size_t count) {
    for (; count > 0 && !taken_.empty(); --count) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }

private:
  void sink_it_(const spdlog::details::log_msg& logged) override {
    const std::string text{logged.payload.data(), logged.payload.size()};
    if (text.find("Too many open files") == std::string::npos)
      return;
    say("it waits");
    leave(taken_.size());
  }
  void flush_() override {}

  std::vector<int> taken_;
};

void start_without_descriptors() {
  auto settings = wanted();
  settings.pools[0].start_timeout = 20s;
  settings.pools[0].restart.intensity = 0;
  const rlimit most{64, 64};
  ::setrlimit(RLIMIT_NOFILE, &most);
  const auto freed = std::make_shared<all_descriptors>();
  spdlog::register_logger(
    std::make_shared<spdlog::logger>("snakebridge", freed));
  // What the bridge itself needs before it starts a worker.
  freed->leave(4);
  const auto bridge = sb::bridge::start(settings);
  say(bridge ? told((*bridge)->eval("1"))
             : std::string{bridge.error().message()});
}

// A worker that is replaced sees what its elder saw.
void change_place() {
  ::setenv("HF_HOME", "/first", 1);
  std::filesystem::create_directory("first");
  std::filesystem::create_directory("second");
  const auto begin = std::filesystem::current_path();
  std::filesystem::current_path(begin / "first");
  sb::bridge bridge{wanted()};
  const auto seen = [&] {
    return told(bridge.with({.idempotent = true})
                  .eval("(lambda os: [os.path.basename(os.getcwd()), "
                        "os.environ['HF_HOME']])(__import__('os'))"));
  };
  say(seen());
  ::setenv("HF_HOME", "/second", 1);
  std::filesystem::current_path(begin / "second");
  std::filesystem::rename(begin / "first", begin / "first of all");
  static_cast<void>(bridge.call("os", "_exit", 1));
  say(seen());
}

// A script of a program with what might keep its end: a thread that never ends,
// and what is static.
class script_program {
public:
  script_program() {
    static const struct ending {
      ending() = default;
      ending(const ending&) = delete;
      ending& operator=(const ending&) = delete;
      ~ending() { say("static gone"); }
    } last;
    std::thread{[] {
      for (;;)
        ::pause();
    }}.detach();
  }

  /// Answers 7, or throws where it is to.
  void run(std::optional<sb::script_exit> exit, bool fails = false) const {
    char name[] = "script";
    char* arguments[] = {name, nullptr};
    const int code =
      sb::run_as_script(1, arguments,
                        [fails](sb::bridge& bridge) {
                          say(told(bridge.eval("6 * 7")));
                          if (fails)
                            throw std::runtime_error{"on purpose"};
                          std::fputs("unflushed\n", stdout);
                          return 7;
                        },
                        {.config = wanted(), .exit = exit});
    say(fmt::format("answered {}", code));
  }
};

void script_none() {
  script_program{}.run({});
}

void script_halt() {
  script_program{}.run(sb::script_exit::halt);
}

void script_stop() {
  script_program{}.run(sb::script_exit::stop);
}

void script_auto() {
  script_program{}.run(sb::script_exit::automatic);
}

void script_auto_beside_main() {
  const script_program program;
  std::thread{[&] { program.run(sb::script_exit::automatic); }}.join();
}

void script_by_variable() {
  ::setenv("SNAKEBRIDGE_SCRIPT_EXIT", "halt", 1);
  script_program{}.run({});
}

void script_over_variable() {
  ::setenv("SNAKEBRIDGE_SCRIPT_EXIT", "halt", 1);
  script_program{}.run(sb::script_exit::stop);
}

void script_halt_that_fails() {
  script_program{}.run(sb::script_exit::halt, true);
}

const std::map<std::string, void (*)()> situations{
  {"end_with_idle_thread", end_with_idle_thread},
  {"end_by_other_thread", end_by_other_thread},
  {"end_while_its_maker_lives", end_while_its_maker_lives},
  {"end_while_threads_call", end_while_threads_call},
  {"end_on_the_users_system", end_on_the_users_system},
  {"end_with_a_thread_that_spawned", end_with_a_thread_that_spawned},
  {"end_of_a_static_one", end_of_a_static_one},
  {"end_of_a_static_one_with_actors", end_of_a_static_one_with_actors},
  {"exit_while_threads_call", exit_while_threads_call},
  {"end_of_static_nodes", end_of_static_nodes},
  {"exit_while_nodes_call", exit_while_nodes_call},
  {"fork_beside_nodes", fork_beside_nodes},
  {"call_from_what_is_static", call_from_what_is_static},
  {"call_from_thread_locals", call_from_thread_locals},
  {"open_from_thread_locals", open_from_thread_locals},
  {"fork_and_call_in_both", fork_and_call_in_both},
  {"fork_with_handles", fork_with_handles},
  {"fork_with_a_static_one", fork_with_a_static_one},
  {"fork_and_start_another", fork_and_start_another},
  {"fork_twice_and_start_another", fork_twice_and_start_another},
  {"fork_and_start_an_embedded_one", fork_and_start_an_embedded_one},
  {"fork_while_threads_call", fork_while_threads_call},
  {"daemon_after", daemon_after},
  {"daemon_before", daemon_before},
  {"start_programs", start_programs},
  {"fork_in_a_call", fork_in_a_call},
  {"ctrl_c", ctrl_c},
  {"ctrl_c_of_the_program", ctrl_c_of_the_program},
  {"as_a_guest", as_a_guest},
  {"ask_at_the_terminal", ask_at_the_terminal},
  {"end_in_order", end_in_order},
  {"end_with_an_endless_thread", end_with_an_endless_thread},
  {"another_after_the_end", another_after_the_end},
  {"fork_and_drop_handles", fork_and_drop_handles},
  {"fork_in_a_preload", fork_in_a_preload},
  {"without_an_environment", without_an_environment},
  {"start_without_descriptors", start_without_descriptors},
  {"change_place", change_place},
  {"script_none", script_none},
  {"script_halt", script_halt},
  {"script_stop", script_stop},
  {"script_auto", script_auto},
  {"script_auto_beside_main", script_auto_beside_main},
  {"script_by_variable", script_by_variable},
  {"script_over_variable", script_over_variable},
  {"script_halt_that_fails", script_halt_that_fails},
};

} // namespace

int main(int argc, char** argv) {
  end_in_time();
  if (argc != 3 || !situations.contains(argv[1]))
    return 2;
  if (std::string_view{argv[2]} == "embedded")
    where = sb::placement::embedded;
  try {
    situations.at(argv[1])();
    return 0;
  } catch (const std::exception& failed) {
    say(failed.what());
    return 1;
  }
}
