// Where `snakebridge.Cancelled` is raised: in the thread that runs the call,
// also while that one starts another.
#include "runtime/python/running_call.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace snakebridge::testing {

namespace {

// As CPython makes it before the new thread runs: in this thread.
class starting_thread {
public:
  starting_thread() : state_{PyThreadState_New(PyInterpreterState_Get())} {
    state_->thread_id = PyThread_get_thread_ident();
  }
  ~starting_thread() {
    PyThreadState_Clear(state_);
    PyThreadState_Delete(state_);
  }
  starting_thread(const starting_thread&) = delete;
  starting_thread& operator=(const starting_thread&) = delete;
  bool is_interrupted() const { return state_->async_exc != nullptr; }

private:
  PyThreadState* const state_;
};

class RunningCall : public ::testing::Test {
protected:
  void SetUp() override {
    const auto started = start_python({}, python_role::embedded);
    ASSERT_TRUE(started) << started.error();
    gil.emplace();
  }
  // What Python code raises here, by the name of its class.
  std::string raised_here() {
    py::dict space;
    space["__builtins__"] = py::module_::import("builtins");
    try {
      py::exec("for n in range(1000): pass", space);
    } catch (const py::error_already_set& raised) {
      return raised.type().attr("__name__").cast<std::string>();
    }
    return "";
  }

  std::optional<gil_guard> gil;
  std::atomic<std::uint64_t> withdrawn{7};
  const running_call call{.id = 7, .deadline_ns = 0, .withdrawal = withdrawn};
};

} // namespace

TEST_F(RunningCall, WhenItIsWithdrawnThenItIsInterrupted) {
  const running_scope here{call};
  raise_cancelled_in(7);
  EXPECT_EQ(raised_here(), "Cancelled");
  EXPECT_EQ(raised_here(), "");
}

TEST_F(RunningCall, WhileItStartsAThreadThenNeitherIsInterruptedButLaterIt) {
  const running_scope here{call};
  {
    const starting_thread young;
    raise_cancelled_in(7);
    EXPECT_FALSE(young.is_interrupted());
    EXPECT_EQ(raised_here(), "");
  }
  raise_cancelled_in(7);
  EXPECT_EQ(raised_here(), "Cancelled");
}

TEST_F(RunningCall, GivenAnEndWhileItStartsAThreadThenNothingIsRaisedLater) {
  std::optional<running_scope> here{call};
  raise_cancelled_in(7);
  const starting_thread young;
  here.reset();
  EXPECT_FALSE(young.is_interrupted());
  EXPECT_EQ(raised_here(), "");
}

} // namespace snakebridge::testing
