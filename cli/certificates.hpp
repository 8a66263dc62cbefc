#pragma once
// Certificates for trials: an authority of their own in a folder, and what it
// signs. Who runs a cluster has better ones.

#include <string>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge::cli {

/// Writes NAME.pem and NAME.key of each into the folder, and ca.pem and ca.key
/// where there are none yet; none of what is there is written over. They are
/// good for a year. Errors: config_invalid.
result<void> make_certificates(const std::string& folder,
                               const std::vector<std::string>& names);

} // namespace snakebridge::cli
