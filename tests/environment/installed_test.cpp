#include "environment/installed.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "environment/sha256.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

namespace {

class Venv : public ::testing::Test {
protected:
  void write(const std::string& file, const std::string& text) {
    const auto path = folder.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
  }
  void install(const std::string& record) {
    write("pyvenv.cfg", "home = /usr/bin\nversion_info = 3.11.2\n");
    write(info + "METADATA", "Metadata-Version: 2.1\r\nName: Typing_Extensions"
                             "\r\nVersion: 4.1\r\n\r\nName: other\n");
    write(info + "RECORD", record);
  }
  installed_package only() const {
    const auto found = installed_in(folder.path());
    if (!found || found->packages.size() != 1)
      return {};
    return found->packages.begin()->second;
  }

  const std::string site = "lib/python3.11/site-packages/";
  const std::string info = site + "typing_extensions-4.1.dist-info/";
  scratch_folder folder;
};

constexpr auto two_rows = "a.py,sha256=x,1\nb.py,sha256=y,2\n";

} // namespace

TEST_F(Venv, TellsItsPythonAndItsPackages) {
  install(two_rows);
  const auto found = installed_in(folder.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, "3.11.2");
  EXPECT_EQ(found->packages,
            (std::map<std::string, installed_package>{
              {"typing-extensions", {"4.1", sha256_of(two_rows)}}}));
}

TEST_F(Venv, IsReadByEitherNameOfItsVersion) {
  const std::pair<const char*, const char*> rows[] = {
    {"version = 3.13.0\n", "3.13.0"},
    {"version_info = 3.12.1.final.0\n", "3.12.1"},
    {"version = 3.14.0rc1\n", "3.14.0"}};
  for (const auto& [text, version] : rows) {
    write("pyvenv.cfg", text);
    ASSERT_TRUE(installed_in(folder.path())) << text;
    EXPECT_EQ(installed_in(folder.path())->version, version);
  }
}

TEST_F(Venv, ThatIsNoneHasNothing) {
  EXPECT_FALSE(installed_in(folder.path()));
  write("pyvenv.cfg", "home = /usr/bin\n");
  EXPECT_FALSE(installed_in(folder.path()));
}

TEST_F(Venv, OfTheSameFilesElsewhereHasTheSameHash) {
  install(two_rows);
  const auto before = only().record;
  const auto its_own = "typing_extensions-4.1.dist-info/";
  install("b.py,sha256=y,2\r\n../../../bin/tool,sha256=elsewhere,9\r\n"
          "__pycache__/a.cpython-311.pyc,,\r\na.py,sha256=x,1\r\n"
          + std::string{its_own} + "INSTALLER,sha256=pip,3\n" + its_own
          + "RECORD,,\n" + its_own + "direct_url.json,sha256=z,4\n");
  EXPECT_EQ(only().record, before);
  install("a.py,sha256=evil,1\nb.py,sha256=y,2\n");
  EXPECT_NE(only().record, before);
}

TEST_F(Venv, TellsOfAnEditableThatItIs) {
  install(two_rows);
  write(info + "direct_url.json",
        R"({"url": "file:///x", "dir_info": {"editable": true}})");
  EXPECT_EQ(only().record, "editable");
  write(info + "direct_url.json", R"({"url": "file:///x", "dir_info": {}})");
  EXPECT_EQ(only().record, sha256_of(two_rows));
  write(info + "direct_url.json", "[");
  EXPECT_EQ(only().record, sha256_of(two_rows));
}

TEST_F(Venv, TellsWhatNoPackageHasInstalled) {
  install("a.py,sha256=x,1\n\"b,\"\"c.py\",sha256=x,1\nnumpy/core/b.py,,2\n");
  for (const auto* each :
       {"a.py", "b,\"c.py", "numpy/core/b.py", "numpy/extra.py",
        "__pycache__/a.cpython-311.pyc", "_virtualenv.py"})
    write(site + each, "");
  write(site + "_virtualenv.pth", "import _virtualenv\n");
  EXPECT_EQ(installed_in(folder.path())->unowned, std::vector<std::string>{});
  write(site + "_virtualenv.pth", "import _virtualenv, evil\n");
  write(site + "evil.pth", "");
  write(site + "stray/__init__.py", "");
  write(site + "nameless-1.dist-info/entry_points.txt", "");
  EXPECT_EQ(installed_in(folder.path())->unowned,
            (std::vector<std::string>{"_virtualenv.pth", "evil.pth",
                                      "nameless-1.dist-info", "stray"}));
}

// The hash of a RECORD does not have these rows, so that anyone may add them.
TEST_F(Venv, RowsThatAreNotHashedOwnNothing) {
  install("../site-packages/evil.pth,,\n"
          "evil.pth/__pycache__/a.cpython-311.pyc,,\n"
          "/evil.pth,,\nevil.pth/x.dist-info/INSTALLER,,\n"
          "a/../evil.pth,,\n");
  write(site + "evil.pth", "");
  EXPECT_EQ(installed_in(folder.path())->unowned,
            std::vector<std::string>{"evil.pth"});
}

TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256_of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

} // namespace snakebridge::testing
