#pragma once
// The places where a test may put a fault, in builds with SNAKEBRIDGE_FAULTS;
// in all others they compile to nothing. The plan in force and the counts lie
// in one page of memory that this process shares with all its workers: a plan
// holds for those that run already, and what a killed worker met is not lost.
// One page for each process, as the faults of a process have no other owner.
// Any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include <snakebridge/faults.hpp>

#include "runtime/base/fault_build.hpp"

namespace snakebridge {

enum class fault_point : std::uint8_t {
  worker_spawn_fail,  ///< the system has no process for a worker
  worker_start_fail,  ///< the worker says that it cannot start
  worker_start_slow,  ///< it takes `time` longer until it is ready
  channel_send_short, ///< of a request just `byte` bytes fit, the rest waits
  channel_send_stall, ///< `byte` bytes of a reply, and after `time` the rest
  channel_send_kill,  ///< the worker dies after `byte` bytes of a reply
  channel_frame_bad,  ///< byte `byte` of a reply is not what it should be
  call_lost_before,   ///< the worker dies before it starts a call
  call_lost_after,    ///< the worker dies when a call has run, unanswered
  link_dial_lost,     ///< the first of those of links: see link_fault_point
};

/// By the number of the point.
inline constexpr std::string_view fault_point_names[] = {
  "worker.spawn.fail",     "worker.start.fail",  "worker.start.slow",
  "channel.send.short",    "channel.send.stall", "channel.send.kill_at_byte",
  "channel.frame.corrupt", "call.lost_before",   "call.lost_after",
  "link.dial.lost",        "link.dial.stall",    "link.dial.corrupt",
  "link.dial.die",         "link.hello.lost",    "link.hello.stall",
  "link.hello.corrupt",    "link.hello.die",     "link.open.lost",
  "link.open.stall",       "link.open.corrupt",  "link.open.die",
  "link.request.lost",     "link.request.stall", "link.request.corrupt",
  "link.request.die",      "link.reply.lost",    "link.reply.stall",
  "link.reply.corrupt",    "link.reply.die",     "link.part.lost",
  "link.part.stall",       "link.part.corrupt",  "link.part.die",
  "link.ended.lost",       "link.ended.stall",   "link.ended.corrupt",
  "link.ended.die",
};
inline constexpr std::size_t fault_point_count = std::size(fault_point_names);

/// What one side of a link between nodes is about to send.
enum class link_stage : std::uint8_t {
  dial,    ///< its first bytes, by who dialed
  hello,   ///< who it is, by the same
  open,    ///< that it opens a session, by the client
  request, ///< a call, by the client
  reply,   ///< its answer, by the owner
  part,    ///< a piece of a large value, by who has it
  ended,   ///< that a session has ended, by the owner
};
/// And what becomes of it there.
enum class link_fault : std::uint8_t {
  lost,    ///< the connection ends
  stall,   ///< nothing is sent for `time`
  corrupt, ///< byte `byte` of what is sent is another
  die,     ///< this process dies
};
inline constexpr std::size_t link_fault_count = 4;

constexpr fault_point link_fault_point(link_stage at, link_fault how) {
  return static_cast<fault_point>(
    static_cast<std::size_t>(fault_point::link_dial_lost)
    + static_cast<std::size_t>(at) * link_fault_count
    + static_cast<std::size_t>(how));
}
static_assert(fault_point_count
              == static_cast<std::size_t>(link_fault_point(link_stage::ended,
                                                           link_fault::die))
                   + 1);
static_assert(
  fault_point_names[static_cast<std::size_t>(fault_point::link_dial_lost)]
  == "link.dial.lost");

/// Nothing: no point has that name.
std::optional<fault_point> find_fault_point(std::string_view name);

/// What is to happen where; points without a fault are left alone.
struct fault_plan {
  std::uint64_t seed = 0;
  std::array<std::optional<testing::fault>, fault_point_count> faults = {};
};

/// The plan holds from now on, here and in all workers of this process.
void set_faults(const fault_plan& plan);
void clear_faults();
/// Whether a plan is in force.
bool faults_set();
/// How often the fault of that point has happened, here and in all workers.
std::uint64_t fault_count(fault_point at);

/// For the process that starts a worker: the page. -1: there is none.
int fault_page_descriptor();
/// For the worker: the page is what this inherited descriptor is of.
void use_fault_page(int inherited);

namespace detail {

/// Counts that the point is passed, and answers the fault that is due there.
std::optional<testing::fault> pass_fault_point(fault_point at);

} // namespace detail

inline std::optional<testing::fault> fault_at(fault_point at) {
  if constexpr (has_fault_points)
    return detail::pass_fault_point(at);
  else
    return {};
}

/// Ends this process by SIGKILL if that is due here.
void die_at(fault_point at);
/// Waits if that is due here.
void stall_at(fault_point at);

} // namespace snakebridge
