#include "runtime/base/fault_points.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"

namespace snakebridge {

namespace {

// Written by the process that plans and, its counts, by the workers. It may be
// anything after a worker went wrong; nothing it holds is more than a number.
struct fault_page {
  struct row {
    std::atomic<std::uint64_t> passed; ///< since the plan holds
    std::atomic<std::uint64_t> happened;
    std::atomic<std::uint32_t> nth, percent, byte, time_ms;
  };
  std::atomic<std::uint32_t> in_force;
  std::atomic<std::uint64_t> seed;
  row rows[fault_point_count];

  static constexpr std::size_t bytes = 4'096;
};
static_assert(sizeof(fault_page) <= fault_page::bytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

struct mapped_page {
  descriptor memory;
  fault_page* page = nullptr;
};

fault_page* map_page(int memory) {
  struct stat facts {};
  if (::fstat(memory, &facts) != 0
      || facts.st_size < static_cast<off_t>(fault_page::bytes))
    return nullptr;
  void* mapped = ::mmap(nullptr, fault_page::bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED, memory, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<fault_page*>(mapped);
}

mapped_page make_page() {
  // Above the numbers that the descriptors of a worker get.
  constexpr int above = 10;
  const descriptor low{::memfd_create("snakebridge-faults", MFD_CLOEXEC)};
  mapped_page made{descriptor{::fcntl(low.get(), F_DUPFD_CLOEXEC, above)}};
  if (made.memory && ::ftruncate(made.memory.get(), fault_page::bytes) == 0)
    made.page = map_page(made.memory.get());
  return made;
}

// Made at first use; a worker has put its host's in place before.
mapped_page& own_page(int inherited = -1) {
  static mapped_page mine =
    inherited < 0 ? make_page() : mapped_page{{}, map_page(inherited)};
  return mine;
}

// The same draw for the same seed, point and count, in whatever process.
bool drawn(std::uint64_t seed, std::size_t row, std::uint64_t count,
           std::uint32_t percent) {
  constexpr std::uint64_t step = 0x9e3779b97f4a7c15U; // splitmix64
  auto mixed = seed + step * (count * fault_point_count + row + 1);
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  return (mixed ^ (mixed >> 31U)) % 100 < percent;
}

} // namespace

std::optional<fault_point> find_fault_point(std::string_view name) {
  const auto* const place = std::ranges::find(fault_point_names, name);
  if (place == std::end(fault_point_names))
    return {};
  return static_cast<fault_point>(place - std::begin(fault_point_names));
}

void set_faults(const fault_plan& plan) {
  auto* const page = own_page().page;
  if (page == nullptr)
    throw exception{error{errc::quota_exceeded,
                          "no memory to share fault points with workers"}};
  page->in_force = 0;
  page->seed = plan.seed;
  for (std::size_t i = 0; i < fault_point_count; ++i) {
    const auto how = plan.faults[i].value_or(testing::fault{});
    auto& row = page->rows[i];
    row.passed = 0;
    row.nth = how.nth;
    row.percent = how.percent;
    row.byte = how.byte;
    row.time_ms = static_cast<std::uint32_t>(how.time.count());
  }
  page->in_force = 1;
}

void clear_faults() {
  if (auto* const page = own_page().page)
    page->in_force = 0;
}

bool faults_set() {
  const auto* const page = own_page().page;
  return page != nullptr && page->in_force != 0;
}

std::uint64_t fault_count(fault_point at) {
  const auto* const page = own_page().page;
  return page ? page->rows[static_cast<std::size_t>(at)].happened.load() : 0;
}

int fault_page_descriptor() {
  return own_page().memory.get();
}

void use_fault_page(int inherited) {
  own_page(inherited);
  ::close(inherited);
}

std::optional<testing::fault> detail::pass_fault_point(fault_point at) {
  auto* const page = own_page().page;
  if (page == nullptr || page->in_force == 0)
    return {};
  const auto number = static_cast<std::size_t>(at);
  auto& row = page->rows[number];
  const auto nth = row.nth.load();
  const auto percent = row.percent.load();
  if (nth == 0 && percent == 0)
    return {};
  const auto count = ++row.passed;
  if (nth != 0 ? count != nth : !drawn(page->seed, number, count, percent))
    return {};
  ++row.happened;
  return testing::fault{.nth = nth,
                        .percent = percent,
                        .byte = row.byte,
                        .time = std::chrono::milliseconds{row.time_ms}};
}

void die_at(fault_point at) {
  if (fault_at(at))
    ::kill(::getpid(), SIGKILL);
}

void stall_at(fault_point at) {
  if (const auto due = fault_at(at))
    std::this_thread::sleep_for(due->time);
}

} // namespace snakebridge
