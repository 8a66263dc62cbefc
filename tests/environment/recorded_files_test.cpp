#include "environment/recorded_files.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

namespace {

constexpr auto hash_of_abc =
  "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

/// A venv in a folder, which is not all that lies there.
class RecordedFiles : public ::testing::Test {
protected:
  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary} << text;
  }
  void install(const std::string& name, const std::string& record) {
    const auto info = site / (name + "-1.dist-info");
    write(info / "METADATA", "Name: " + name + "\nVersion: 1\n");
    write(info / "RECORD", record);
  }
  std::map<std::string, std::string>
  changed(file_check how = file_check::sizes) const {
    return changed_files(venv, how);
  }

  scratch_folder folder;
  const std::filesystem::path venv = folder.path() / "venv";
  const std::filesystem::path site = venv / "lib/python3.11/site-packages";
};

using changes = std::map<std::string, std::string>;

} // namespace

TEST_F(RecordedFiles, ThatAreAsTheyWereAreRight) {
  install("a", std::string{"a.py,"} + hash_of_abc
                 + ",3\nb/c.py,,3\r\n../../../bin/a,,4\n"
                   "__pycache__/a.cpython-311.pyc,,\na-1.dist-info/RECORD,,\n");
  write(site / "a.py", "abc");
  write(site / "b/c.py", "abc");
  write(venv / "bin/a", "exit");
  EXPECT_EQ(changed(file_check::sizes), changes{});
  EXPECT_EQ(changed(file_check::hashes), changes{});
}

TEST_F(RecordedFiles, ThatLackOrHaveAnotherSizeAreNamedByTheFirst) {
  install("a", "z.py,,3\nb.py,,3\n../../../bin/a,,4\n");
  install("c", "c.py,,3\n");
  write(site / "c.py", "abcd");
  EXPECT_EQ(changed(),
            (changes{{"a 1", "../../../bin/a is not there, and 2 more"},
                     {"c 1", "c.py has another size than RECORD says"}}));
}

TEST_F(RecordedFiles, ThatWereEditedAreFoundByTheirHashes) {
  install("a", std::string{"a.py,"} + hash_of_abc + ",3\n");
  write(site / "a.py", "abd");
  EXPECT_EQ(changed(file_check::sizes), changes{});
  EXPECT_EQ(changed(file_check::hashes),
            (changes{{"a 1", "a.py has other content than RECORD says"}}));
  write(site / "a.py", "abc");
  EXPECT_EQ(changed(file_check::hashes), changes{});
}

TEST_F(RecordedFiles, WhosePlaceAFolderHasTakenAreNotThere) {
  install("a", "a.py,,\nb.py,,4096\n");
  std::filesystem::create_directories(site / "b.py");
  EXPECT_EQ(changed(), (changes{{"a 1", "b.py is not there"}}));
}

TEST_F(RecordedFiles, OutsideTheVenvAreNotLookedAt) {
  install("a", "../../../../outside.py,,3\n/outside.py,,3\n"
                 + (folder.path() / "outside.py").string()
                 + ",,3\n../../../../venv2/x,,3\n../../../..,,3\n");
  write(folder.path() / "outside.py", "another size");
  EXPECT_EQ(changed(), changes{});
}

TEST_F(RecordedFiles, OfTwoPackagesAreRightForOneOfThem) {
  install("a", "tests/__init__.py,,3\n");
  install("b", std::string{"tests/__init__.py,"} + hash_of_abc + ",5\n");
  write(site / "tests/__init__.py", "abc");
  EXPECT_EQ(changed(file_check::hashes), changes{});
  write(site / "tests/__init__.py", "other");
  EXPECT_EQ(changed(file_check::sizes), changes{});
  EXPECT_EQ(changed(file_check::hashes).size(), 1U);
  write(site / "tests/__init__.py", "neither");
  EXPECT_EQ(changed(file_check::sizes).size(), 1U);
}

TEST(RecordRow, IsReadAsCsvHasIt) {
  const auto plain = parse_record_row("a/b.py,sha256=x,12");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->path, "a/b.py");
  EXPECT_EQ(plain->hash, "sha256=x");
  EXPECT_EQ(plain->size, 12U);
  const auto quoted = parse_record_row(R"("a,""b"".py",,)");
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->path, R"(a,"b".py)");
  EXPECT_EQ(quoted->hash, "");
  EXPECT_FALSE(quoted->size);
}

TEST(RecordRow, ThatIsNoneIsNothing) {
  for (const auto* row :
       {"", ",", ",,", "a", "a,b", "\",,", "\"a,,", R"("a"b",,)", R"("a"",,)"})
    EXPECT_FALSE(parse_record_row(row)) << row;
  for (const auto* size : {"-1", "99999999999999999999", "1x", " 1"})
    EXPECT_FALSE(parse_record_row(std::string{"a,,"} + size)->size) << size;
}

} // namespace snakebridge::testing
