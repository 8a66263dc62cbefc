// A worker that has not been told anything yet: what ends it with its host.
#include "runtime/hosts/worker_process.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "runtime/wire/worker_start.hpp"
#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

namespace {

// It has begun: its descriptors are its own.
bool is_up(const worker_process& worker) {
  std::ifstream facts{"/proc/" + std::to_string(worker.pid()) + "/fdinfo/"
                      + std::to_string(worker_descriptor::control)};
  for (std::string name, found; facts >> name >> found;)
    if (name == "flags:")
      return (std::stoi(found, nullptr, 8) & O_CLOEXEC) != 0;
  return false;
}

// Started on a thread that ends as soon as the worker has begun.
worker_process orphan() {
  std::optional<worker_process> started;
  std::thread{[&] {
    started.emplace(worker_process::start(find_worker({}).value(), {}).value());
    EXPECT_TRUE(eventually([&] { return is_up(*started); }));
  }}.join();
  return std::move(*started);
}

bool ends(const worker_process& worker) {
  return eventually([&] {
    pollfd ended{worker.watch(), POLLIN, 0};
    return ::poll(&ended, 1, 0) == 1;
  });
}

} // namespace

TEST(WorkerInItsStart, WhenTheThreadThatStartedItEndsThenItLivesOn) {
  auto worker = orphan();
  pollfd ended{worker.watch(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0) << "it has outlived the thread";
  worker.control = {};
  ASSERT_TRUE(ends(worker));
  EXPECT_NE(worker.reap().exit_status, std::nullopt);
}

} // namespace snakebridge::testing
