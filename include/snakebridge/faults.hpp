#pragma once
// Faults on purpose, to see what a program makes of them: workers that die in
// the middle of a message, stall, send garbage, do not start. A plan says what
// happens where; it is random from a seed, or exact, and prints as one line
// that brings it back. The library must be built with SNAKEBRIDGE_FAULTS (of
// its presets, all but `release` are); link `snakebridge::testing`.
//
//   sb::testing::faults plan{seed};
//   plan.at("call.lost_after", {.percent = 5})
//     .at("channel.frame.corrupt", {.nth = 3});
//   SCOPED_TRACE(plan.to_string());
//   const auto armed = sb::testing::arm(plan);
//
// | point                     | what happens                                 |
// |---------------------------|----------------------------------------------|
// | worker.spawn.fail         | the system has no process for a worker       |
// | worker.start.fail         | a worker says that it cannot start           |
// | worker.start.slow         | it takes `time` longer until it is ready     |
// | channel.send.short        | of a request `byte` bytes go, then the rest  |
// | channel.send.stall        | of a reply `byte` bytes, the rest after `time`
// | | channel.send.kill_at_byte | a worker dies after `byte` bytes of a reply |
// | channel.frame.corrupt     | byte `byte` of a reply is another: below 24  |
// |                           | its frame is broken, from there its message  |
// | call.lost_before          | a worker dies before it starts a call        |
// | call.lost_after           | a worker dies when a call has run, unanswered |
//
// | link.STAGE.lost           | the connection between two nodes ends        |
// | link.STAGE.stall          | nothing goes for `time`, then all of it      |
// | link.STAGE.corrupt        | byte `byte` of what goes is another          |
// | link.STAGE.die            | this process dies                            |
//
// A STAGE is what one side of a link is about to send: `dial` its first bytes
// and `hello` who it is, both by who dials; `open` a session and `request` a
// call, by a client of a session; `reply` its answer and `ended` that a session
// has ended, by its owner; `part` a piece of a value above 256 KiB, by who has
// it. A program that forks has the plan and its counts in common with its
// child, which may be the node that dies.
//
// Of a worker's frames not replies alone are meant: what it sends of streams,
// callbacks and awaits, too; and what callbacks answer as a request.
//
// An embedded interpreter has no fault points: it dies with the program.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge::testing {

/// When a fault happens and how: either `nth` or `percent` is given.
struct fault {
  std::uint32_t nth = 0;     ///< once: the nth time its point is passed
  std::uint32_t percent = 0; ///< each time with this chance
  std::uint32_t byte = 4;    ///< where in the message; by default in its kind
  std::chrono::milliseconds time{100};

  friend bool operator==(const fault&, const fault&) = default;
};

class faults {
public:
  explicit faults(std::uint64_t seed = 0) : seed_{seed} {}

  /// Puts a fault at a point, in the place of the one that was there. Throws
  /// config_invalid: no such point, or numbers out of bounds.
  faults& at(std::string_view point, fault how);

  /// "seed=7 call.lost_after:percent=5 channel.frame.corrupt:nth=3,byte=24"
  std::string to_string() const;
  /// The plan of such a line. Errors: config_invalid, naming what is wrong.
  static result<faults> parse(std::string_view line);
  /// The names of all points.
  static std::vector<std::string_view> points();

  std::uint64_t seed() const { return seed_; }
  const std::map<std::string, fault>& all() const { return faults_; }

  friend bool operator==(const faults&, const faults&) = default;

private:
  std::uint64_t seed_;
  std::map<std::string, fault> faults_; // by point
};

/// A plan in force, until its end.
class armed_faults {
public:
  ~armed_faults();
  armed_faults(const armed_faults&) = delete;
  armed_faults& operator=(const armed_faults&) = delete;

  /// How often the point's fault has happened since the plan is in force.
  std::uint64_t happened(std::string_view point) const;

private:
  friend armed_faults arm(const faults& plan);
  explicit armed_faults(const faults& plan);

  std::vector<std::uint64_t> before_; // by the number of the point
};

/// Puts a plan in force for all bridges of this process and their workers,
/// those that run already too. Points are counted from here on, in all of them
/// together. Throws config_invalid: another plan is in force, or the library
/// was built without fault points.
[[nodiscard]] armed_faults arm(const faults& plan);

} // namespace snakebridge::testing
