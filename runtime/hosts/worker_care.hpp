#pragma once
// What a worker gets next that is late, silent or stuck: a call nobody wants is
// interrupted, a worker that does not come back from one, gives no sign of life
// or takes too long is sampled and then killed, one that is long in a call is
// told of. No clock, no process, no lock of its own: what is seen and the time
// come with each look, and what is to be done is the answer. Owned by the
// worker's host, on its thread.

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/hosts/cancel_ladder.hpp"
#include "runtime/hosts/vital_signs.hpp"

namespace snakebridge {

struct care_limits {
  cancel_limits cancel;
  vital_limits vital;
};

/// What an executor is at.
struct executor_sight {
  std::uint64_t call = 0; ///< the first it has; 0: none
  bool runs = false;      ///< it has started it
  bool unwanted = false;  ///< nobody wants it any more
};

class worker_care {
public:
  using time_point = steady_clock::time_point;

  worker_care(const care_limits& limits, std::size_t executors);

  enum class act {
    interrupt, ///< that call
    sample,    ///< let it write its stacks, of the thread that runs that call
    report,    ///< that call is long; its stacks are as good as they get
    kill,      ///< it, for `reason`
  };
  struct step {
    act what = act::interrupt;
    std::uint64_t call = 0; ///< 0: none
    std::string reason = {};

    bool operator==(const step&) const = default;
  };
  /// What is due. `beats`: so far.
  std::vector<step> look(std::span<const executor_sight> seen,
                         std::uint64_t beats, time_point now);
  /// The same, when the stacks of the last sample are there; nothing: they are
  /// of no use any more.
  std::vector<step> stacks_written(std::span<const executor_sight> seen,
                                   time_point now);
  /// It is to be sampled and killed, for that, unless it is already for another
  /// reason; from a worker that is not ready there are no stacks. The steps
  /// follow.
  std::vector<step> condemn(std::uint64_t call, std::string reason,
                            time_point now, bool is_ready = true);
  /// When to look again; nothing: when something changes.
  std::optional<time_point> next_look() const;

  /// The call of a report: since when it is at that.
  time_point since(std::uint64_t call) const;

private:
  /// Why it will be killed, once it has written its stacks.
  struct verdict {
    std::uint64_t call; // unless that comes back before
    std::string reason;
  };
  /// Stacks that are wanted, for a report or a kill.
  struct sample {
    std::uint64_t call;
    bool to_kill;
  };
  struct executor {
    vital_signs signs;
    std::optional<late_call> late;
    std::vector<std::uint64_t> beside; // what others ran when that became late
    time_point hurry_at = {};          // when its next step is due
  };

  void look_at_late(executor& one, std::span<const executor_sight> all,
                    std::size_t at, time_point now, std::vector<step>& due);
  void look_at_signs(executor& one, const executor_sight& seen,
                     std::uint64_t beats, time_point now,
                     std::vector<step>& due);
  void want(sample next, time_point now, std::vector<step>& due);
  void finish_sample(time_point now, std::vector<step>& due);
  void condemn(std::uint64_t call, std::string reason, time_point now,
               std::vector<step>& due);
  void look_at_verdict(std::span<const executor_sight> seen);

  const care_limits limits_;
  std::vector<executor> executors_;
  std::optional<verdict> verdict_; // it stays when it has been handed out
  std::deque<sample> samples_;     // the first is on its way, one at a time
  time_point sampled_by_;          // it is as good as it gets
};

} // namespace snakebridge
