#pragma once
// Runs the command line, as a shell would: for examples of what it does.

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include <sys/wait.h>

/// What `snakebridge …` prints, stderr too, and its exit code.
inline std::pair<std::string, int> command(const std::string& arguments) {
  const std::string line = "cd '" SNAKEBRIDGE_EXAMPLE_FOLDER
                           "' && '" SNAKEBRIDGE_COMMAND "' "
                           + arguments + " 2>&1";
  std::string printed;
  std::FILE* const pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr)
    return {"no shell", -1};
  std::array<char, 4096> block{};
  while (const auto size = std::fread(block.data(), 1, block.size(), pipe))
    printed.append(block.data(), size);
  const int status = ::pclose(pipe);
  return {printed, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}
