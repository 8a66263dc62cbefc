// Programs as they are (tests/api/situations): how they end, fork, are
// signalled, start and replace their workers. Each is a process of its own,
// with a deadline, so that one that hangs is a failure.
#include <fstream>

#include "tests/api/python_fixture.hpp"
#include "tests/support/program.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/under_tsan.hpp"

namespace snakebridge::testing {

namespace {

enum class in : std::uint8_t { both, worker, embedded };

struct situation {
  const char* name;
  in where;
  const char* printed;
  const char* end = "exited with 0";
};

constexpr situation situations[] = {
  {"end_with_idle_thread", in::both, "4.0\nended\n"},
  {"end_by_other_thread", in::both, "1\nended\n"},
  {"end_while_its_maker_lives", in::both, "1\nended\n"},
  {"end_while_threads_call", in::both, "ended, and \n"},
  {"end_on_the_users_system", in::both, "1\nended\n"},
  {"end_with_a_thread_that_spawned", in::both, "4.0\nended\n"},
  {"end_of_a_static_one", in::both, "1\n"},
  {"end_of_a_static_one_with_actors", in::both, "4.0\n"},
  {"exit_while_threads_call", in::both, ""},
  {"end_of_static_nodes", in::both, "1\n"},
  {"exit_while_nodes_call", in::both, ""},
  {"fork_beside_nodes", in::both, "exited with 0\n1\n"},
  {"call_from_what_is_static", in::both,
   "1\nshutting_down\nshutting_down\n4.0\n'x'\n5.0\n"},
  {"call_from_thread_locals", in::both, "1\nshutting_down\n4.0\n0 sessions\n"},
  {"open_from_thread_locals", in::both, "1\n2\n3\n1 sessions\n"},
  {"fork_and_call_in_both", in::both,
   "child: shutting_down\nparent: 'parent'\n"},
  {"fork_with_handles", in::both,
   "not answered\nshutting_down\nshutting_down\nshutting_down\n"
   "shutting_down\n0\nshutting_down\nexited with 0\ncancelled\n1\n"},
  {"fork_with_a_static_one", in::both, "exited with 0\nexited with 0\n1\n"},
  {"fork_and_start_another", in::both, "2\nshutting_down\nexited with 0\n1\n"},
  {"fork_twice_and_start_another", in::both,
   "2\nexited with 0\nexited with 0\n1\n"},
  {"fork_and_start_an_embedded_one", in::embedded,
   "interpreter 1 of pool 'default': Python runs in the process this one was "
   "forked from, and cannot run on here: use placement = worker, or fork "
   "before a bridge starts it\nexited with 0\n"},
  {"fork_while_threads_call", in::both, "0 wrong\nexited with 0 x 20\n"},
  {"fork_and_drop_handles", in::both, "exited with 0 x 200\n"},
  {"fork_in_a_preload", in::both, "done\nit is the parent\n"},
  {"without_an_environment", in::both, "1\n"},
  {"daemon_after", in::both, "shutting_down\n2\n"},
  {"daemon_before", in::both, "2\n"},
  {"start_programs", in::both, "1\n"},
  {"fork_in_a_call", in::both,
   "return: 0\nexit: 0\ncode: 3\ntext: 1\nraise: 1\nfinaliser: [0]\n"
   "thread: [0]\nsession: [0]\nttl: [0]\n"},
  {"ctrl_c", in::both, "", "killed by SIGINT"},
  {"ctrl_c_of_the_program", in::both, "1 taken\n"},
  {"as_a_guest", in::embedded,
   "environment kept\nlocale kept\nSIGPIPE ignored\n'utf-8'\ndone\n"},
  {"as_a_guest", in::worker,
   "environment kept\nlocale kept\nSIGPIPE kills\n'utf-8'\ndone\n"},
  {"ask_at_the_terminal", in::worker, "EOFError\ndone\n3\n"},
  {"end_in_order", in::both,
   "file: written\nthread: written\ntimer: written\natexit: written\n"
   "finalize: written\nfuture: written\ncallable: written\n"
   "handler: written\nlog: written\n"},
  {"end_with_an_endless_thread", in::both, "ends\n"},
  {"another_after_the_end", in::both,
   "False\n'written\\n'\n3\nFalse\n'written\\n'\n3\n"},
  {"start_without_descriptors", in::worker, "it waits\n1\n"},
  {"change_place", in::worker,
   "['first', '/first']\n['first of all', '/first']\n"},
  // ORIGINAL T17, P36
  {"script_none", in::both, "42\nunflushed\nanswered 7\nstatic gone\n"},
  {"script_halt", in::both, "42\nunflushed\n", "exited with 7"},
  {"script_stop", in::both, "42\nunflushed\nstatic gone\n", "exited with 7"},
  {"script_auto", in::both, "42\nunflushed\nanswered 7\nstatic gone\n"},
  {"script_auto_beside_main", in::both, "42\nunflushed\nstatic gone\n",
   "exited with 7"},
  {"script_by_variable", in::both, "42\nunflushed\n", "exited with 7"},
  {"script_over_variable", in::both, "42\nunflushed\nstatic gone\n",
   "exited with 7"},
  {"script_halt_that_fails", in::both, "42\n", "exited with 1"},
};

struct one_case {
  situation what;
  placement where;
};

void PrintTo(const one_case& each, std::ostream* out) {
  *out << each.what.name;
}

std::vector<one_case> cases() {
  std::vector<one_case> all;
  for (const auto& each : situations) {
    const std::string_view name{each.name};
    // ThreadSanitizer follows no fork that starts threads, and tells of those
    // that are there at the end.
    if (under_tsan
        && (name.starts_with("fork") || name.starts_with("daemon")
            || name.starts_with("exit")))
      continue;
    if (each.where != in::embedded)
      all.push_back({each, placement::worker});
    if (each.where != in::worker)
      all.push_back({each, placement::embedded});
  }
  return all;
}

std::string name_of(const ::testing::TestParamInfo<one_case>& each) {
  return fmt::format("{}_in_{}", each.param.what.name,
                     each.param.where == placement::worker ? "worker"
                                                           : "embedded");
}

class Situations : public ::testing::TestWithParam<one_case> {};

} // namespace

TEST_P(Situations, WhenAProgramIsInOneThenItGoesOnAsItWouldWithoutABridge) {
  const auto& [each, where] = GetParam();
  const scratch_folder folder;
  program running{
    "situations",
    {each.name, where == placement::worker ? "worker" : "embedded"},
    folder.path()};
  EXPECT_EQ(running.rest(), each.printed);
  EXPECT_EQ(running.end(), each.end);
}

INSTANTIATE_TEST_SUITE_P(Programs, Situations, ::testing::ValuesIn(cases()),
                         name_of);

// The example that a service is written after.
TEST(Service, WhenItIsSignalledAndAWorkerIsKilledThenItAnswersAndEndsWell) {
  program service{"service", {}};
  ASSERT_EQ(service.line(), "ready");
  const auto kill_a_worker = [&] {
    for (const auto& thread : std::filesystem::directory_iterator{
           fmt::format("/proc/{}/task", service.pid())}) {
      std::ifstream children{thread.path() / "children"};
      if (int each = 0; children >> each) {
        ::kill(each, SIGKILL);
        return;
      }
    }
  };
  kill_a_worker();
  ::kill(service.pid(), SIGHUP);
  EXPECT_EQ(service.line(), "recycled");
  kill_a_worker();
  ::kill(service.pid(), SIGHUP);
  EXPECT_EQ(service.line(), "recycled");
  ::kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.line(), "stopped, with answers, 0 failed");
  EXPECT_EQ(service.end(), "exited with 0");
}

} // namespace snakebridge::testing
