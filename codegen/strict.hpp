#pragma once
// What a strict build refuses: that what it is made of is another than what was
// locked, or that it needs what nobody has looked at. Pure functions; nothing
// asks Python.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "emit.hpp"
#include "lock.hpp"
#include "settings.hpp"
#include "used.hpp"

namespace snakebridge::codegen {

enum class drift_kind {
  library_unknown,  ///< a program uses one that the manifest does not have
  symbol_unknown,   ///< or a name
  tier_below,       ///< its types are known less well than `min_tier`
  lock_missing,     ///< there is none, or none of this version
  generator_other,  ///< it was locked by another version of SnakeBridge
  manifest_drifted, ///< it is not the manifest that was locked
  settings_drifted, ///< [libraries] say something else by now
  stubs_drifted,    ///< so do stubs that the command line names
  header_drifted    ///< another header comes of it than before
};
std::string_view to_string(drift_kind kind);

struct drift {
  drift_kind what;
  std::string where; ///< what it is about, for a reader
  auto operator<=>(const drift&) const = default;
};

/// What a source uses, and where it stands.
struct source_uses {
  std::string file;
  std::vector<used_path> paths;
  std::set<std::string> names; ///< all that are in it
};

/// Of all names that are used, each once in a source. `emits` has made all
/// headers.
std::vector<drift> drifts_of_uses(const emitter& emits,
                                  const nlohmann::json& manifest,
                                  const wrapper_settings& settings,
                                  const std::vector<source_uses>& sources);

/// `now`: what would be locked of what lies there.
std::vector<drift> drifts_of_lock(const std::optional<lock>& locked,
                                  const lock& now);

/// All of them, one in a line by its name, and how they are mended. Its code is
/// that of the first: library_unknown, symbol_unknown, else
/// environment_invalid.
error error_of(const std::vector<drift>& all);

} // namespace snakebridge::codegen
