#pragma once
// `snakebridge completion`: a script that lets a shell complete our command
// lines, made of what the parser knows.

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace snakebridge::cli {

/// `shell`: bash, zsh or fish.
std::string completion(const CLI::App& app, std::string_view shell);

} // namespace snakebridge::cli
