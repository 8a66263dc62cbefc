#pragma once
// The situation of the tests of a real worker process: settings under which
// nothing ends by itself, a temporary folder, what the worker printed.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "tests/support/host_fixture.hpp"

namespace snakebridge::testing {

using namespace literals;
using ::testing::Contains;
using ::testing::HasSubstr;

class worker_test : public ::testing::Test {
protected:
  worker_test() {
    auto name = ::testing::TempDir() + "snakebridge_XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~worker_test() override {
    interpreter.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  /// Starts a worker with `settings`, and session "a".
  void start() {
    make();
    const auto started = interpreter->start_and_wait();
    ASSERT_TRUE(started) << started.error();
    session.emplace(interpreter->open());
  }
  /// The same where it cannot start: why.
  error start_failure() {
    make();
    const auto started = interpreter->start_and_wait();
    if (started) {
      ADD_FAILURE() << "it has started";
      return {errc::startup_failed, ""};
    }
    interpreter->wait_end();
    return started.error();
  }
  void make() {
    interpreter = std::make_unique<test_interpreter>(worker_of(settings));
  }

  /// A script to run as the worker program, in Python.
  std::filesystem::path program(const std::string& code) {
    const auto path = folder / "program";
    std::ofstream{path} << "#!/usr/bin/python3\n" << code;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  /// No signal ends it, and it keeps the GIL.
  static constexpr auto* deaf =
    "[c.pthread_mutex_lock(m) for ctypes in [__import__('ctypes')] "
    "for c in [ctypes.PyDLL(None)] for m in [ctypes.create_string_buffer(64)] "
    "for _ in 'ab']";

  /// A call that runs until its worker gets a signal, once it runs.
  promised hang(std::chrono::milliseconds time = patience,
                const std::string& code = "__import__('signal').pause()") {
    const auto gate = (folder / "gate").string();
    ::mkfifo(gate.c_str(), 0600);
    auto answer = session->submit(
      asking(verb::evaluate, {}, "[open(p, 'w'), " + code + "]", "p"_a = gate),
      steady_clock::now() + time);
    std::ifstream wait_until_it_runs{gate};
    return answer;
  }

  /// False for a zombie too: who inherits one may collect it late.
  static bool alive(int pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto state = text.rfind(") "); // after the name, which may hold any
    return state != std::string::npos && text[state + 2] != 'Z';
  }
  int pid() { return interpreter->host().stats().pid; }

  std::filesystem::path folder;
  printed_lines printed;
  worker_settings settings = patient_worker(printed);
  std::unique_ptr<test_interpreter> interpreter;
  std::optional<test_session> session;
};

} // namespace snakebridge::testing
