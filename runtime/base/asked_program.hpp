#pragma once
// A program that is run to be asked something: without input, its output in a
// pipe. It ends with its owner. One thread.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <tl/expected.hpp>

#include "runtime/base/descriptor.hpp"
#include "runtime/base/timers.hpp"

namespace snakebridge {

class asked_program {
public:
  /// `words`: the program, looked for in PATH where it names no folder, and its
  /// arguments. Errors: the errno of what the system refused.
  static tl::expected<asked_program, int> start(std::vector<std::string> words);
  asked_program(asked_program&& other) noexcept
      : process_{std::exchange(other.process_, -1)},
        output_{std::move(other.output_)} {}
  asked_program& operator=(asked_program&&) = delete;
  ~asked_program();

  /// What it prints until it closes its output; nothing: that is more, or
  /// later.
  std::optional<std::string> read(std::size_t bytes_max,
                                  steady_clock::time_point until) const;
  /// Whether it ends by then, and with 0.
  bool ends_well(steady_clock::time_point until);

private:
  asked_program(pid_t process, descriptor output)
      : process_{process},
        output_{std::move(output)} {}
  int reap();

  pid_t process_; // -1: it has been waited for
  descriptor output_;
};

} // namespace snakebridge
