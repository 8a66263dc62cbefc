#pragma once
// C++ of a manifest: for each module a header that declares all it has, and the
// definitions of what a program uses. The same manifest gives the same bytes.

#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "module_part.hpp"
#include "symbol_table.hpp"

namespace snakebridge::codegen {

/// What a name below snakebridge::py is: "math", "sqrt".
struct found_name {
  enum class kind {
    known,
    library_unknown, ///< no module begins so
    symbol_unknown   ///< the module has no such name
  };
  kind what = kind::known;
  std::string module = {}; ///< "math"; empty: none
  std::string python = {}; ///< "math.sqrt"; empty: it names no symbol
};

class emitter {
public:
  /// `manifest` stays the caller's, and must outlive it.
  explicit emitter(const nlohmann::json& manifest);

  std::vector<std::string> modules() const;

  std::string header(const std::string& module);
  /// Empty: nothing of it is used.
  std::string source(const std::string& module, const used_names& used);
  /// The functions for actors, apart because their header takes its time.
  std::string messages(const std::string& module, const used_names& used);

  /// Of a module whose header is made already.
  found_name find(const std::vector<std::string>& names) const;

  /// Of all headers made so far, in order.
  std::vector<emission_note> notes() const {
    return {notes_.begin(), notes_.end()};
  }

private:
  const nlohmann::json& module_of(const std::string& name) const;
  std::string text(const std::string& module, module_part::kind what,
                   const used_names& used);

  const nlohmann::json& manifest_;
  symbol_table known_;
  // What each header declares, by module: Python's names by those in C++.
  std::map<std::string, std::map<std::string, std::string>> declared_;
  std::set<emission_note> notes_;
};

} // namespace snakebridge::codegen
