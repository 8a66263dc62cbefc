#pragma once
// What is being written of one module: its header, its definitions, or what
// actors need of them; and what of it may be used.

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "callables.hpp"
#include "names.hpp"
#include "symbol_table.hpp"

namespace snakebridge::codegen {

/// What a program's sources name; nothing: all there is.
using used_names = std::optional<std::set<std::string>>;

/// Something that is not in C++ as it is in Python.
struct emission_note {
  std::string symbol;
  std::string what; ///< "renamed", "clash", "hole"
  std::string reason;
  auto operator<=>(const emission_note&) const = default;
};

class module_part {
public:
  enum class kind { header, source, messages };

  /// What is given must outlive it. Notes are made of headers alone.
  module_part(const symbol_table& known, const nlohmann::json& module,
              kind what, const used_names& used,
              std::set<emission_note>& notes);

  bool is_header() const { return what_ == kind::header; }
  bool is_source() const { return what_ == kind::source; }
  bool is_messages() const { return what_ == kind::messages; }

  const generated_classes& classes() const { return known_.classes(); }
  const symbol_table::symbol* find_symbol(const std::string& path) const {
    return known_.find(path);
  }
  /// Its classes, bases before what is derived from them.
  const std::vector<const nlohmann::json*>& ordered() const { return ordered_; }

  std::string path_of(const nlohmann::json& symbol) const;
  std::string name_of(const nlohmann::json& symbol) const;
  std::string qualified(const std::string& path) const;
  /// The first class above it that is generated; null: none is.
  const std::string* base_of(const nlohmann::json& symbol) const;

  bool is_used(const std::string& name) const;
  bool is_class_used(const std::string& path) const;
  /// The program may have objects of that class.
  bool is_seen(const std::string& path) const;

  void note(const std::string& symbol, const char* what, std::string reason);
  /// False: it has its place already. Another name of one thing is left out,
  /// two things of one name are a clash.
  bool claim(scope& in, const std::string& cpp, const std::string& python);
  /// Classes of other modules that are named.
  void see(const cpp_type& type);

  /// The definitions of what is used of it.
  std::string define(const callable& of,
                     const std::vector<cpp_function>& all) const;
  std::string define(const callable& of,
                     const std::vector<signature>& all) const {
    return define(of, functions_of(of, all));
  }
  /// Its declarations; its options are added to the others.
  std::string declare(const callable& of, const std::vector<signature>& all,
                      const std::string& path, const std::string& comment);
  /// `scope`: "Store::"
  void add_options(const std::vector<signature>& all, const std::string& path,
                   const std::string& scope);

  const nlohmann::json& told; ///< the module, in the manifest
  const std::string module;   ///< "numpy.linalg"
  scope names;
  std::set<std::string> foreign; ///< classes of other modules, by path
  std::set<std::string> before;  ///< modules whose headers come first
  /// Texts, in the order in which they are written.
  std::string enums, constants, usings, classes_declared, options, functions,
    body;

private:
  void sort_class(const nlohmann::json& symbol);
  std::string home_of(const std::string& path) const;

  const symbol_table& known_;
  const kind what_;
  const used_names& used_;
  std::set<emission_note>& notes_;
  const bool has_async_;  // the program has a caller that does not wait
  const bool has_actors_; // or sends messages
  const std::set<std::string> seen_; // classes it may have objects of
  std::vector<const nlohmann::json*> ordered_;
};

} // namespace snakebridge::codegen
