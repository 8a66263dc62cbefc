#pragma once
// The log of the library, caught by a test while this lives. One at a time.

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace snakebridge::testing {

class logged {
public:
  logged() {
    auto mine = std::make_shared<spdlog::logger>(
      "snakebridge", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    mine->set_pattern("[%l] %v");
    spdlog::drop(mine->name());
    spdlog::register_logger(std::move(mine));
  }
  ~logged() { spdlog::drop("snakebridge"); }
  logged(const logged&) = delete;
  logged& operator=(const logged&) = delete;

  /// All of it so far.
  std::string text() const { return text_.str(); }
  /// The lines of that level so far, without it.
  std::vector<std::string> lines(const std::string& level) const {
    const auto begin = '[' + level + "] ";
    std::istringstream all{text_.str()};
    std::vector<std::string> found;
    for (std::string line; std::getline(all, line);)
      if (line.starts_with(begin))
        found.push_back(line.substr(begin.size()));
    return found;
  }

  /// The warnings so far that name it, in quotes: "[warning] …".
  std::vector<std::string> warnings(const std::string& name) const {
    std::istringstream lines{text_.str()};
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("[warning]")
          && line.find('\'' + name + '\'') != std::string::npos)
        found.push_back(std::move(line));
    return found;
  }

private:
  std::ostringstream text_;
};

} // namespace snakebridge::testing
