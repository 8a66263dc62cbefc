#pragma once
// Where a bridge was started: its workers are started there too, however late,
// so that a replacement sees what its elders saw. Any thread.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

#include "runtime/base/descriptor.hpp"
#include "runtime/hosts/python_environment.hpp"

namespace snakebridge {

class start_place {
public:
  /// Here and now.
  start_place();

  /// The variables of this process then, "NAME=value" each.
  const std::vector<std::string>& environment() const { return environment_; }
  /// The working folder then; no descriptor where it could not be opened.
  const descriptor& folder() const { return folder_; }
  /// This process may still work there: it may have given up what it might.
  bool may_be_entered() const;
  /// As `choose_python` answered the first time.
  result<chosen_python> python(const std::filesystem::path& wanted) const;

private:
  const std::vector<std::string> environment_;
  const descriptor folder_;
  mutable std::mutex mutex_;
  mutable std::map<std::filesystem::path, chosen_python> pythons_;
};

} // namespace snakebridge
