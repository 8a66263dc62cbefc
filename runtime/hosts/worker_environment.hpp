#pragma once
// Which variables of this process its workers are given: what Python and its
// libraries need to be usable, and what the pool's settings name. Everything
// else, tokens and keys above all, stays here.

#include <map>
#include <string>
#include <vector>

namespace snakebridge {

/// "NAME=value" each: those of `ours` that are always passed or fit a pattern
/// of `passed` (one that ends with `*` stands for all that begin so), and over
/// them `set`.
std::vector<std::string>
worker_environment(const std::vector<std::string>& ours,
                   const std::vector<std::string>& passed,
                   const std::map<std::string, std::string>& set);

} // namespace snakebridge
