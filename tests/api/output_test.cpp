// What Python prints, told line by line: of whom it is, and how a line ended.
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include <sys/stat.h>

#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using ::testing::ElementsAre;

struct printed {
  std::string session, call, text;
  sb::line_end end = sb::line_end::newline;
  friend bool operator==(const printed&, const printed&) = default;
  friend std::ostream& operator<<(std::ostream& out, const printed& one) {
    return out << one.session << " " << one.call << ": " << one.text << " ("
               << static_cast<int>(one.end) << ")";
  }
};

class Output : public ::testing::Test {
protected:
  sb::config settings() {
    auto wanted = one_pool(sb::placement::worker);
    wanted.on_output = [this](const sb::log_line& line) {
      {
        const std::lock_guard lock{mutex_};
        lines_.push_back({line.session, line.call, line.text, line.end});
      }
      if (throws_)
        throw 5; // no std::exception
    };
    return wanted;
  }

  /// All lines, once there are so many.
  std::vector<printed> lines(std::size_t count) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock{mutex_};
      return lines_.size() >= count;
    }));
    const std::lock_guard lock{mutex_};
    return lines_;
  }

  std::mutex mutex_;
  std::vector<printed> lines_;
  std::atomic<bool> throws_ = false;
  sb::bridge bridge{settings()};
  sb::session a = bridge.open_session({.id = "a"});
  sb::session b = bridge.open_session({.id = "b"});
};

TEST_F(Output, GivenTextWithoutItsEndThenItIsOfTheCallThatPrintedIt) {
  or_throw(a.call("builtins", "print", "of a", "end"_a = ""));
  EXPECT_THAT(lines(1), ElementsAre(printed{"a", "builtins.print", "of a",
                                            sb::line_end::none}));
  or_throw(b.exec("print('of b')"));
  EXPECT_THAT(lines(2), ElementsAre(printed{"a", "builtins.print", "of a",
                                            sb::line_end::none},
                                    printed{"b", "exec", "of b"}));
}

TEST_F(Output, GivenManyCallsThatLeaveTextThenEachKeepsItsOwn) {
  constexpr int rounds = 200;
  for (int i = 0; i < rounds; ++i)
    or_throw((i % 2 == 0 ? a : b).call("builtins", "print", i, "end"_a = ""));
  const auto all = lines(rounds);
  ASSERT_EQ(all.size(), std::size_t{rounds});
  for (int i = 0; i < rounds; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)],
              (printed{i % 2 == 0 ? "a" : "b", "builtins.print",
                       std::to_string(i), sb::line_end::none}));
}

TEST_F(Output, GivenStreamsThatCodeHasChangedThenTheirTextIsOfItsCall) {
  const auto code = [](const char* change) {
    return fmt::format("import sys\n{}\n", change);
  };
  or_throw(a.exec(code("sys.stdout.buffer.write(b'bytes')")));
  or_throw(a.exec(code("sys.stderr.writelines(['lines'])")));
  or_throw(a.exec(code("import io\n"
                       "sys.stdout.write('held')\n"
                       "sys.stdout = io.StringIO()")));
  or_throw(a.call("builtins", "exec", code("sys.stdout = sys.__stdout__")));
  or_throw(a.exec(code("plain = sys.stdout.write\n"
                       "sys.stdout.write = lambda text: plain(text.upper())\n"
                       "print('upper', end='')")));
  or_throw(a.exec(code("sys.stdout.write = plain")));
  or_throw(a.call("builtins", "print", "plain", "end"_a = ""));
  or_throw(a.exec(code("del sys.stdout.write, sys.stdout.buffer.write")));
  or_throw(a.call("builtins", "print", "its type's", "end"_a = ""));
  or_throw(a.exec(code("import io\nsys.stdout = io.TextIOWrapper("
                       "sys.stdout.detach(), write_through=False)")));
  or_throw(a.call("builtins", "print", "another's", "end"_a = ""));
  or_throw(b.exec("print('last')"));
  using enum sb::line_end;
  EXPECT_THAT(lines(8),
              ElementsAre(printed{"a", "exec", "bytes", none},
                          printed{"a", "exec", "lines", none},
                          printed{"a", "exec", "held", none},
                          printed{"a", "exec", "UPPER", none},
                          printed{"a", "builtins.print", "plain", none},
                          printed{"a", "builtins.print", "its type's", none},
                          printed{"a", "builtins.print", "another's", none},
                          printed{"b", "exec", "last", newline}));
}

TEST_F(Output, GivenItsStreamsThenTheyLookAsInAScript) {
  or_throw(a.exec("import inspect, sys\n"
                  "write = sys.stdout.write\n"
                  "told = (type(sys.stdout).__name__, type(write).__name__,\n"
                  "        write.__self__ is sys.stdout,\n"
                  "        str(inspect.signature(write)))\n"));
  EXPECT_EQ(a.eval("told"),
            (sb::tuple{"TextIOWrapper", "builtin_function_or_method", true,
                       "(text, /)"}));
}

class OutputOfAnEnvironment : public ::testing::Test {
protected:
  static void expect_heard(const char* sitecustomize);
};

TEST_F(OutputOfAnEnvironment, GivenAStreamThatIsChangedBeforeThenThatHolds) {
  expect_heard("import sys\n"
               "def shout(text, plain=sys.stdout.write):\n"
               "    plain(text.upper())\n"
               "sys.stdout.write = shout\n");
}

TEST_F(OutputOfAnEnvironment, GivenAStreamThatCannotBeWatchedThenItIsToldOf) {
  expect_heard("import io, sys\n"
               "class shouting:\n"
               "    __slots__ = 'below', 'closed'\n"
               "    def __init__(self, below):\n"
               "        self.below, self.closed = below, False\n"
               "    def write(self, some):\n"
               "        return self.below.write(bytes(some).upper())\n"
               "    def flush(self): self.below.flush()\n"
               "    def readable(self): return False\n"
               "    def writable(self): return True\n"
               "    def seekable(self): return False\n"
               "sys.stdout = io.TextIOWrapper(shouting(sys.stdout.buffer))\n");
}

void OutputOfAnEnvironment::expect_heard(const char* sitecustomize) {
  const scratch_folder folder;
  std::ofstream{folder / "sitecustomize.py"} << sitecustomize;
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].env = {{"PYTHONPATH", (folder / ".").string()}};
  std::promise<std::string> first;
  wanted.on_output = [&](const sb::log_line& line) {
    if (line.text.starts_with("HEARD"))
      first.set_value(line.text);
  };
  const sb::bridge bridge{wanted};
  or_throw(bridge.call("builtins", "print", "heard", "end"_a = ""));
  auto told = first.get_future();
  ASSERT_EQ(told.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(told.get(), "HEARD");
}

TEST_F(Output, GivenAProgressBarThenItsStatesAreSeenWhileItRuns) {
  or_throw(a.exec(R"(
    import sys, threading
    goes_on = threading.Event()
    def bar():
        for percent in 0, 50, 100:
            sys.stderr.write(f'\r{percent}%')
            sys.stderr.flush()
        sys.stderr.write('\rdone\n')
        sys.stderr.flush()
        goes_on.wait()
  )"));
  const auto bar = or_throw(a.eval("bar"));
  sb::cancel_source stop;
  std::thread runs{[&] {
    EXPECT_EQ(code_of(a.with({.cancel = stop.token()}).call_object(bar)),
              sb::errc::cancelled);
  }};
  using enum sb::line_end;
  EXPECT_THAT(lines(4),
              ElementsAre(printed{"a", "function()", "0%", carriage_return},
                          printed{"a", "function()", "50%", carriage_return},
                          printed{"a", "function()", "100%", carriage_return},
                          printed{"a", "function()", "done", newline}));
  EXPECT_EQ(first_of(bridge).running, 1U) << "it has been seen while it runs";
  stop.cancel();
  runs.join();
}

TEST_F(Output, GivenBothEndsOfALineThenItIsOne) {
  or_throw(a.exec("import os\n"
                  "os.write(1, b'one\\r\\ntwo\\rthree\\n\\nfour\\r')"));
  using enum sb::line_end;
  EXPECT_THAT(lines(5),
              ElementsAre(printed{"a", "exec", "one", newline},
                          printed{"a", "exec", "two", carriage_return},
                          printed{"a", "exec", "three", newline},
                          printed{"a", "exec", "", newline},
                          printed{"a", "exec", "four", carriage_return}));
}

TEST_F(Output, GivenALongLineThenItComesInPiecesThatSaySo) {
  or_throw(a.exec("print('x' * 20000)"));
  std::string all;
  for (const auto& each : lines(3)) {
    EXPECT_EQ(each.end == sb::line_end::newline, all.size() > 16'000);
    all += each.text;
  }
  EXPECT_EQ(all, std::string(20'000, 'x'));
}

TEST_F(Output, GivenAListenerThatThrowsAnythingThenCallsGoOn) {
  throws_ = true;
  or_throw(a.exec("print('one')"));
  or_throw(a.exec("print('two')"));
  EXPECT_EQ(lines(2).size(), 2U);
  EXPECT_EQ(a.call("math", "sqrt", 16), 4.0);
}

TEST_F(Output, GivenAThreadThatPrintsBetweenCallsThenItIsOfNone) {
  const scratch_folder folder;
  const auto go = (folder / "go").string();
  ASSERT_EQ(::mkfifo(go.c_str(), 0600), 0);
  or_throw(a.exec("import threading\n"
                  "def later():\n"
                  "  with open(go) as told: told.read()\n"
                  "  print('late')\n"
                  "threading.Thread(target=later).start()\n",
                  {{"go", go}}));
  std::ofstream{go} << "now";
  EXPECT_THAT(lines(1), ElementsAre(printed{"", "", "late"}));
}

} // namespace snakebridge::testing
