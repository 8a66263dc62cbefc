// Where the kernel's count of its kills for want of memory is found.
#include "runtime/hosts/memory_kills.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class MemoryKills : public ::testing::Test {
protected:
  void write(const std::string& name, const std::string& text) {
    const auto file = folder / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file} << text;
  }
  std::uint64_t found() { return memory_kills(folder / "."); }

  scratch_folder folder;
};

TEST_F(MemoryKills, GivenACgroupThenItsOwnCountIsTaken) {
  write("proc/self/cgroup", "0::/app/one\n");
  write("sys/fs/cgroup/app/one/memory.events",
        "low 0\nhigh 7\noom 4\noom_kill 3\noom_group_kill 0\n");
  write("proc/vmstat", "oom_kill 9\n");
  EXPECT_EQ(found(), 3U);
}

TEST_F(MemoryKills, GivenACgroupOfTheFirstVersionThenItsOwnCountIsTaken) {
  write("proc/self/cgroup", "5:cpu:/\n4:memory:/app\n0::/\n");
  write("sys/fs/cgroup/memory/app/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_EQ(found(), 2U);
}

TEST_F(MemoryKills, GivenNoSuchGroupThenTheMachinesCountIsTaken) {
  write("proc/self/cgroup", "0::/\n");
  write("proc/vmstat", "pgfault 12\noom_kill 9\nnr_free 1\n");
  EXPECT_EQ(found(), 9U);
}

TEST_F(MemoryKills, GivenNoCountAtAllThenItIsZero) {
  EXPECT_EQ(found(), 0U);
}

} // namespace snakebridge::testing
