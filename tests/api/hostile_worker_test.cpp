// One interpreter of a pool answers what is no message: its call hears of it,
// it is replaced, and nobody else notices.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/ring_script.hpp"

#include <fstream>
#include <future>

namespace snakebridge::testing {

// The first to come takes the token and is hostile: it waits at the gate of its
// first call, as Python would, and answers noise. The others, and whoever
// replaces it, are real workers.
static std::filesystem::path one_hostile(const scratch_folder& folder) {
  const auto real = std::filesystem::canonical("/proc/self/exe").parent_path()
                    / "snakebridge-worker";
  const auto token = folder / "token";
  const auto program = folder / "program";
  std::ofstream{token};
  std::ofstream{program}
    << "#!/usr/bin/python3\n"
       "import mmap, os, re, signal, struct\n"
    << "token, real = " << token << ", " << real << "\n"
    << "try: os.rename(token, token + '.taken')\n"
       "except OSError: os.execv(real, [real])\n"
       "def send(socket, kind, call, body):\n"
       "  words = len(body) // 8\n"
       "  os.write(socket, struct.pack('<IIQq', words, kind, call, 0) + body)\n"
       "send(4, 5, 0, struct.pack('<IIQ', 0, 1, 0))\n"
    << ring_reading()
    << "call, asked = request()\n"
       "open(re.search(rb\"open\\('(.+?)'\\)\", asked)[1]).read()\n"
       "send(3, 3, call, b'\\xff' * 64)\n"
       "signal.pause()\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return program;
}

class OneHostileOfTwo : public ::testing::Test {
protected:
  static sb::config wanted(const scratch_folder& folder) {
    auto made = one_pool(sb::placement::worker, 2);
    made.worker = one_hostile(folder);
    return made;
  }

  scratch_folder folder;
  sb::bridge bridge{wanted(folder)};
};

TEST_F(OneHostileOfTwo, WhenItsReplyIsMalformedThenThatCostsNothingElse) {
  ASSERT_TRUE(is_ready(bridge));
  gate gates[2];
  sb::session sessions[] = {bridge.open_session({.id = "first"}),
                            bridge.open_session({.id = "second"})};
  std::future<sb::result<sb::value>> answers[2];
  for (const auto at : {0, 1}) {
    // The first is busy by now, so the second gets the other interpreter.
    answers[at] = std::async(std::launch::async, [&, at] {
      return sessions[at].eval(gates[at].wait_here());
    });
    ASSERT_TRUE(gates[at].has_a_caller());
  }
  int malformed = 0;
  for (const auto at : {0, 1}) {
    gates[at].open();
    const auto answer = answers[at].get();
    if (answer)
      EXPECT_EQ(*answer, "") << "the call under way goes on";
    else
      malformed += code_of(answer) == sb::errc::message_malformed ? 1 : 99;
  }
  EXPECT_EQ(malformed, 1);
  for (const auto& each : sessions)
    EXPECT_EQ(each.eval("1 + 1"), 2) << "its interpreter was restarted";
  ASSERT_TRUE(is_ready(bridge));
  const auto now = bridge.stats().pools.at(0);
  EXPECT_EQ(now.restarts(), 1U);
  EXPECT_EQ(now.interpreters[0].deaths + now.interpreters[1].deaths, 1U);
  EXPECT_EQ(now.interpreters[0].epoch + now.interpreters[1].epoch, 3U);
}

} // namespace snakebridge::testing
