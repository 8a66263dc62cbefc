// What each interpreter runs before it is ready (`on_start`), on both
// placements, and again after each restart.
#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

#include <csignal>
#include <fstream>

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

// `loaded` is what its pool's interpreter has loaded.
constexpr auto models = R"(import os, sys
loaded = []
def load(): loaded.append(os.getpid())
def load_nothing(): raise ValueError('no weights in ' + __name__)
def load_much(): raise ValueError('€' * 200_000)
def load_for_ever():
    while True: pass
async def load_later(): pass
def leave(): sys.exit(3)
)";

} // namespace

class OnStartModels {
protected:
  OnStartModels() { std::ofstream{folder / (module + ".py")} << models; }

  /// A pool that calls a function of the module.
  sb::config calling(sb::placement where, const std::string& of,
                     const std::string& function) {
    auto wanted = one_pool(where);
    wanted.pools[0].path = {folder.path()};
    wanted.pools[0].on_start = of + '.' + function;
    return wanted;
  }
  /// Process ids, one for each time.
  std::vector<int> loaded(const sb::caller& by) {
    return or_throw(by.get(module, "loaded")).as<std::vector<int>>();
  }

  const scratch_folder folder;
  // What is embedded keeps what it has imported.
  const std::string module = [] {
    static int count = 0;
    return fmt::format("models_{}", ++count);
  }();
};

class OnStart : public OnStartModels,
                public ::testing::TestWithParam<sb::placement> {
protected:
  using OnStartModels::calling;
  sb::config calling(const std::string& function) {
    return calling(module, function);
  }
  sb::config calling(const std::string& of, const std::string& function) {
    return calling(GetParam(), of, function);
  }
  sb::error refusal(const std::string& function) {
    return error_of(sb::bridge::start(calling(function)));
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(OnStart);

TEST_P(OnStart, GivenAFunctionThenItHasRunOnceBeforeTheFirstCall) {
  const sb::bridge bridge{calling("load")};
  EXPECT_EQ(loaded(bridge), std::vector{first_of(bridge).pid});
}

TEST_P(OnStart, GivenAFunctionOfASubmoduleThenItIsFound) {
  const auto zoo = module + "_zoo";
  std::filesystem::create_directory(folder / zoo);
  std::ofstream{folder / zoo / "__init__.py"};
  std::ofstream{folder / zoo / "lions.py"} << "fed = 0\n"
                                              "def feed():\n"
                                              "  global fed\n"
                                              "  fed += 1\n";
  const sb::bridge bridge{calling(zoo + ".lions", "feed")};
  EXPECT_EQ(bridge.get(zoo + ".lions", "fed"), 1);
}

TEST_P(OnStart, WhenItRaisesThenTheStartFailsWithWhatAndWhere) {
  const auto refused = refusal("load_nothing");
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("on_start: " + module
                              + ".load_nothing: ValueError: no weights in "),
                    HasSubstr((folder / module).string() + ".py:4)")));
}

// A refusal has to go into one message.
TEST_P(OnStart, WhenItRaisesALongTextThenItIsCut) {
  const auto refused = refusal("load_much");
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("ValueError: €€€"), HasSubstr("€ (")));
  EXPECT_LT(refused.message().size(), 5'000U);
}

TEST_P(OnStart, WhenItIsNotThereThenTheStartSaysSo) {
  EXPECT_THAT(refusal("unload").message(),
              HasSubstr(".unload: AttributeError"));
  EXPECT_THAT(
    error_of(sb::bridge::start(calling("no_models", "load"))).message(),
    HasSubstr("No module named 'no_models'"));
  auto wanted = calling("load");
  wanted.pools[0].on_start = "load";
  const auto wrong = error_of(sb::bridge::start(wanted));
  EXPECT_EQ(wrong.code(), sb::errc::config_invalid);
  EXPECT_EQ(wrong.message(), "pool.default.on_start = \"load\": must be a "
                             "function of a module: \"module.function\"");
}

TEST_P(OnStart, WhenItIsACoroutineThenItIsRefused) {
  const auto refused = refusal("load_later");
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(), HasSubstr("it is a coroutine"));
}

TEST_P(OnStart, WhenItLeavesThenTheStartHasFailed) {
  const auto refused = refusal("leave");
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(), HasSubstr("SystemExit"));
}

TEST_P(OnStart, WhenItTakesLongerThanAStartMayThenItHasFailed) {
  auto wanted = calling("load_for_ever");
  wanted.pools[0].start_timeout = 400ms;
  const auto refused = error_of(sb::bridge::start(wanted));
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(), HasSubstr("400"));
}

TEST_P(OnStart, WhenTheBridgeWaitsNoLongerThenItIsEnded) {
  auto wanted = calling("load_for_ever");
  wanted.pools[0].start_timeout = 24h;
  std::unique_ptr<sb::bridge> none;
  ::testing::internal::CaptureStderr();
  const int code =
    sb::run_as_script(none, [](sb::bridge&) { ADD_FAILURE() << "it ran"; },
                      {.config = wanted, .await_timeout = 200ms});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("interpreter 1 is not ready in time"));
  EXPECT_EQ(code, 1);
  EXPECT_EQ(none, nullptr);
}

// Each incarnation runs it, whatever this process has imported before.
TEST_P(OnStart, WhenAnInterpreterStartsAgainThenItRunsAgain) {
  auto wanted = calling("load");
  wanted.pools[0].spares = GetParam() == sb::placement::worker ? 1 : 0;
  const sb::bridge bridge{wanted};
  const auto before = loaded(bridge).size();
  if (GetParam() == sb::placement::embedded) {
    const sb::bridge another{wanted};
    EXPECT_EQ(loaded(another).size(), before + 1);
    return;
  }
  // By a spare, by one that is started then, and so on.
  for (std::uint32_t epoch = 2; epoch < 5; ++epoch) {
    const auto old = first_of(bridge).pid;
    ::kill(old, SIGKILL);
    EXPECT_TRUE(eventually([&] {
      const auto now = first_of(bridge);
      return now.epoch == epoch && now.ready;
    }));
    EXPECT_EQ(loaded(bridge), std::vector{first_of(bridge).pid});
  }
}

class OnStartOfWorkers : public OnStartModels, public ::testing::Test {};

TEST_F(OnStartOfWorkers, GivenAPoolThatGrowsThenTheNewOneHasRunIt) {
  const sb::bridge bridge{calling(sb::placement::worker, module, "load")};
  or_throw(bridge.resize("default", 2));
  const auto first = bridge.open_session(), second = bridge.open_session();
  for (const auto& session : {first, second})
    EXPECT_EQ(loaded(session).size(), 1U);
}

} // namespace snakebridge::testing
