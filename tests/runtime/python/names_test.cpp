// Names and modules that an interpreter knows from before: what `sys.modules`
// has now is what counts.
#include "runtime/python/names.hpp"

#include <gtest/gtest.h>

#include "config/tunables.hpp"

namespace snakebridge::testing {

namespace {

class KnownNames : public ::testing::Test {
protected:
  void SetUp() override {
    const auto started = start_python({}, python_role::embedded);
    ASSERT_TRUE(started) << started.error();
    gil.emplace();
    names.emplace();
  }
  void TearDown() override {
    if (gil)
      modules().attr("pop")("of_a_test", py::none());
    names.reset();
    gil.reset();
  }

  static py::object modules() {
    return py::module_::import("sys").attr("modules");
  }
  /// Puts a new module under the name, and tells of it.
  py::object imported(const char* name) {
    auto made = py::module_::import("types").attr("ModuleType")(name);
    modules()[name] = made;
    names->imported(name, made);
    return made;
  }

  std::optional<gil_guard> gil;
  std::optional<known_names> names;
};

} // namespace

TEST_F(KnownNames, GivenOneThatWasUsedThenItIsTheSameObject) {
  const auto first = names->text("sqrt");
  EXPECT_EQ(first.cast<std::string>(), "sqrt");
  EXPECT_TRUE(first.is(names->text("sqrt")));
  EXPECT_FALSE(first.is(names->text("sqr")));
}

TEST_F(KnownNames, GivenMoreThanTheyMayBeThenEachIsRightStill) {
  const auto first = names->text("name");
  for (std::size_t i = 0; i < limits::known_names_max + 1; ++i) {
    const auto name = "n" + std::to_string(i);
    ASSERT_EQ(names->text(name).cast<std::string>(), name);
  }
  EXPECT_FALSE(first.is(names->text("name")));
  EXPECT_EQ(names->text("name").cast<std::string>(), "name");
}

TEST_F(KnownNames, GivenSomeOfOneSizeAndTheSameEndsThenEachIsItsOwn) {
  const auto first = names->text("get_a_x"), second = names->text("get_b_x");
  EXPECT_EQ(second.cast<std::string>(), "get_b_x");
  EXPECT_TRUE(names->text("get_a_x").is(first));
  EXPECT_TRUE(names->text("get_b_x").is(second));
  EXPECT_EQ(names->text("").cast<std::string>(), "");
}

TEST_F(KnownNames, GivenALongOneThenItIsNotKept) {
  const std::string longest(limits::known_name_bytes_max, 'n');
  EXPECT_TRUE(names->text(longest).is(names->text(longest)));
  const auto longer = longest + 'n';
  EXPECT_FALSE(names->text(longer).is(names->text(longer)));
  EXPECT_EQ(names->text(longer).cast<std::string>(), longer);
}

TEST_F(KnownNames, GivenBytesThatAreNoTextThenPythonSaysSo) {
  EXPECT_THROW(names->text("\xff"), py::error_already_set);
}

TEST_F(KnownNames, GivenAModuleThatWasImportedThenItIsFound) {
  EXPECT_FALSE(names->module("of_a_test"));
  const auto made = imported("of_a_test");
  EXPECT_TRUE(names->module("of_a_test").is(made));
}

TEST_F(KnownNames, WhenAnotherTakesItsPlaceThenItIsNotFound) {
  imported("of_a_test");
  modules()["of_a_test"] = py::module_::import("types").attr("ModuleType")("x");
  EXPECT_FALSE(names->module("of_a_test"));
  modules()["of_a_test"] = py::none();
  EXPECT_FALSE(names->module("of_a_test"));
}

TEST_F(KnownNames, WhenItIsTakenOutThenItIsNeitherFoundNorKept) {
  const auto made = imported("of_a_test");
  modules().attr("pop")("of_a_test");
  EXPECT_FALSE(names->module("of_a_test"));
  EXPECT_EQ(Py_REFCNT(made.ptr()), 1);
}

TEST_F(KnownNames, WhileItsImportGoesOnThenItIsNotFound) {
  const auto made = imported("of_a_test");
  made.attr("__spec__") = py::module_::import("importlib.machinery")
                            .attr("ModuleSpec")("of_a_test", py::none());
  names->imported("of_a_test", made);
  EXPECT_TRUE(names->module("of_a_test").is(made));
  names.emplace();
  made.attr("__spec__").attr("_initializing") = true;
  names->imported("of_a_test", made);
  EXPECT_FALSE(names->module("of_a_test"));
  made.attr("__spec__").attr("_initializing") = false;
  names->imported("of_a_test", made);
  EXPECT_TRUE(names->module("of_a_test").is(made));
}

TEST_F(KnownNames, GivenWhatIsNoModuleThenItIsNotKept) {
  modules()["of_a_test"] = 7;
  names->imported("of_a_test", modules()["of_a_test"]);
  EXPECT_FALSE(names->module("of_a_test"));
  EXPECT_EQ(PyErr_Occurred(), nullptr);
}

} // namespace snakebridge::testing
