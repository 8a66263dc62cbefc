#pragma once
// The timeout profiles of a bridge: which time a call has that names none. The
// call's options choose the profile, else the library it calls, else the
// configuration. Unchanged after it is made: any thread.

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include <snakebridge/caller.hpp>

namespace snakebridge {

class timeout_profiles {
public:
  /// Of a configuration that is `checked`.
  explicit timeout_profiles(const config& of);

  struct times {
    std::chrono::milliseconds timeout;
    std::chrono::milliseconds stream_timeout; ///< for the next item
  };
  /// What holds for that call, but for its own `timeout`. Errors:
  /// config_invalid for a profile there is none of.
  result<times> of(const operation& asked, const call_options& options) const;

private:
  const std::string& of_library(const operation& asked) const;
  result<times> of_profile(const std::string& name) const;

  const std::map<std::string, profile_times> all_;
  const std::map<std::string, std::string, std::less<>> by_library_;
  const std::string default_;
  const result<times> usual_; // of most calls
};

/// The top-level module that an operation calls, or that the class of its
/// object is of; empty: none is known.
std::string_view library_of(const operation& asked);

} // namespace snakebridge
