#include "emit.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "names.hpp"
#include "pages.hpp"
#include "signatures.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

constexpr std::size_t doc_columns = 76;

std::string text_in(const json& of, const char* key) {
  const auto found = of.find(key);
  return found != of.end() && found->is_string() ? found->get<std::string>()
                                                 : std::string{};
}

// The first paragraph of a docstring, in lines of a comment.
std::string comment(const std::string& doc, const std::string& python,
                    std::string_view indent) {
  const auto paragraph =
    one_line(markdown_of(std::string_view{doc}.substr(0, doc.find("\n\n"))));
  std::string made, line;
  const auto flush = [&] {
    line = one_line(line);
    if (!line.empty())
      made += fmt::format("{}/// {}\n", indent, line);
    line.clear();
  };
  std::size_t at = 0;
  while (at < paragraph.size()) {
    const auto end = std::min(paragraph.find(' ', at), paragraph.size());
    const auto word = paragraph.substr(at, end - at);
    at = end + 1;
    if (word.empty())
      continue;
    if (!line.empty() && line.size() + word.size() >= doc_columns)
      flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
  if (!python.empty()) {
    line = "Python: `" + python + "`";
    flush();
  }
  return made;
}

// Its numbers take none of another kind.
std::string exact(const std::string& taken) {
  std::string made;
  std::size_t at = 0;
  while (at < taken.size()) {
    const std::string_view rest{taken.data() + at, taken.size() - at};
    std::string_view found;
    for (const std::string_view each : {"std::complex<double>", "double"})
      if (found.empty() && rest.starts_with(each))
        found = each;
    if (found.empty()) {
      made += taken[at++];
      continue;
    }
    made += fmt::format("sb::exactly<{}>", found);
    at += found.size();
  }
  return made;
}

std::string declared(const parameter& each, bool is_first) {
  if (each.kind == "rest")
    return fmt::format("const sb::some<{}>& {}", each.cpp.taken, each.name);
  const auto of = each.is_exact ? exact(each.cpp.taken) : each.cpp.taken;
  return fmt::format("sb::{}<{}> {}", is_first ? "arg" : "only", of, each.name);
}

const std::map<std::string, const char*>& binary_operators() {
  static const std::map<std::string, const char*> all = {
    {"__add__", "+"},     {"__sub__", "-"}, {"__mul__", "*"},
    {"__truediv__", "/"}, {"__mod__", "%"}, {"__and__", "&"},
    {"__or__", "|"},      {"__xor__", "^"}, {"__lshift__", "<<"},
    {"__rshift__", ">>"}, {"__eq__", "=="}, {"__ne__", "!="},
    {"__lt__", "<"},      {"__le__", "<="}, {"__gt__", ">"},
    {"__ge__", ">="}};
  return all;
}

const std::map<std::string, const char*>& unary_operators() {
  static const std::map<std::string, const char*> all = {
    {"__neg__", "-"}, {"__pos__", "+"}, {"__invert__", "~"}};
  return all;
}

bool mentions_self(const json& of) {
  if (of.is_string())
    return of == "Self";
  if (of.is_structured())
    return std::any_of(of.begin(), of.end(), mentions_self);
  return false;
}

// An integer as C++ writes it; empty: it has no place in 64 bits.
std::string integer(const std::string& python) {
  std::int64_t number = 0;
  const auto* const end = python.data() + python.size();
  const auto read = std::from_chars(python.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end)
    return {};
  // C++ negates what it has read, and 2**63 has no type.
  return number == std::numeric_limits<std::int64_t>::min()
           ? "(-9223372036854775807 - 1)"
           : std::to_string(number);
}

// A constant as C++ writes it; empty: it is none there.
std::string constant(const std::string& type, const std::string& value) {
  if (type == "bool")
    return value == "True" ? "true" : "false";
  if (type == "int")
    return integer(value);
  if (type == "float") {
    if (value == "nan")
      return "std::numeric_limits<double>::quiet_NaN()";
    if (value == "inf" || value == "-inf")
      return (value[0] == '-' ? "-" : "")
             + std::string{"std::numeric_limits<double>::infinity()"};
    return value;
  }
  if (type == "str" && value.find('\\') == std::string::npos
      && value.size() >= 2)
    return cpp_text(value.substr(1, value.size() - 2));
  return {};
}

constexpr const char* constant_type(std::string_view type) {
  return type == "bool"    ? "bool"
         : type == "int"   ? "std::int64_t"
         : type == "float" ? "double"
                           : "std::string_view";
}

/// Where a callable stands, and what its question begins with.
enum class place { free, fixed, member };

} // namespace

/// One module, into its header or its sources.
class module_writer {
public:
  enum class part { header, source, messages };

  module_writer(emitter& of, const json& module, part into,
                const used_names& used)
      : of_{of},
        module_{module},
        name_{module.at("name")},
        into_{into},
        used_{used},
        has_async_{is_used("async") || is_used("async_caller")},
        seen_{used ? of.classes_seen(*used) : std::set<std::string>{}} {
    for (const auto& each : module.at("symbols"))
      add_class(each);
  }

  std::string header();
  std::string source();

private:
  using symbols = std::vector<const json*>;

  void write_all();
  void write_contents();

  void add_class(const json& symbol) {
    const auto path = path_of(symbol);
    if (of_.classes_.contains(path) && symbol.at("kind") == "class")
      sort_class(symbol);
  }
  // Bases before what is derived from them.
  void sort_class(const json& symbol) {
    if (std::find(ordered_.begin(), ordered_.end(), &symbol) != ordered_.end())
      return;
    if (const auto* base = base_of(symbol))
      if (const auto found = of_.symbols_.find(*base);
          found != of_.symbols_.end() && of_.classes_.at(*base).module == name_)
        sort_class(*found->second);
    ordered_.push_back(&symbol);
  }

  std::string path_of(const json& symbol) const {
    return fmt::format("{}.{}", name_, text_in(symbol, "name"));
  }
  const std::string* base_of(const json& symbol) const {
    for (const auto& each : symbol.at("mro"))
      if (const auto found = of_.classes_.find(each.get<std::string>());
          found != of_.classes_.end() && !found->second.is_enum)
        return &found->first;
    return nullptr;
  }
  bool is_used(const std::string& name) const {
    return !used_ || used_->contains(name);
  }
  std::string home_of(const std::string& path) const {
    const auto found = of_.symbols_.find(path);
    return found == of_.symbols_.end() ? "" : text_in(*found->second, "home");
  }
  void note(const std::string& symbol, const char* what, std::string reason) {
    if (into_ == part::header)
      of_.notes_.insert({symbol, what, std::move(reason)});
  }
  // False: it has its place already. Another name of one thing is left out, two
  // things of one name are a clash.
  bool claim(scope& in, const std::string& cpp, const std::string& python) {
    if (!in.take(cpp, python)) {
      const auto& owner = *in.owner(cpp);
      if (home_of(owner).empty() || home_of(owner) != home_of(python))
        note(python, "clash",
             fmt::format("{} is {} in C++ as well", owner, cpp));
      return false;
    }
    const auto own = python.substr(python.rfind('.') + 1);
    if (cpp != own)
      note(python, "renamed", fmt::format("{} in C++", cpp));
    return true;
  }
  std::string qualified(const std::string& path) const {
    const auto& known = of_.classes_.at(path);
    return fmt::format("{}::{}", namespace_of(known.module), known.name);
  }
  void see(const cpp_type& type) {
    for (const auto& each : type.classes)
      if (of_.classes_.at(each).module != name_)
        foreign_.insert(each);
  }
  void see(const std::vector<signature>& all, const std::string& path) {
    const auto add = [&](const parameter& each) {
      see(each.cpp);
      if (each.name != each.python)
        note(fmt::format("{}({})", path, each.python), "renamed",
             fmt::format("{} in C++", each.name));
    };
    for (const auto& each : all) {
      see(each.returns);
      std::for_each(each.options.begin(), each.options.end(), add);
      for (const auto& way : each.forms)
        std::for_each(way.given.begin(), way.given.end(), add);
    }
  }

  std::string name_of(const json& symbol) const {
    const auto python = text_in(symbol, "name");
    auto made = cpp_name(python);
    // A namespace has the name of a submodule.
    if (of_.has_module(fmt::format("{}.{}", name_, python)) && made == python)
      made += '_';
    return made;
  }

  // --- Callables -------------------------------------------------------------

  struct callable {
    std::string name;   ///< in C++
    std::string python; ///< "Store.open", or of a member "find"
    place where = place::free;
    std::string of_class = {}; ///< "Store::", in definitions
    std::string result_indent = {};
    bool is_async = false;
  };

  bool sends_enums(const form& way, const signature& of) const {
    const auto is_enum = [&](const parameter& each) {
      return std::any_of(
        each.cpp.classes.begin(), each.cpp.classes.end(),
        [&](const std::string& path) { return of_.classes_.at(path).is_enum; });
    };
    return std::any_of(way.given.begin(), way.given.end(), is_enum)
           || (way.has_options
               && std::any_of(of.options.begin(), of.options.end(), is_enum));
  }
  bool gives_enum(const signature& of) const {
    return std::any_of(
      of.returns.classes.begin(), of.returns.classes.end(),
      [&](const std::string& path) { return of_.classes_.at(path).is_enum; });
  }

  std::string parameters(const form& way, const signature& of,
                         const std::string& first, bool by_default) const {
    std::string made = first;
    for (const auto& each : way.given)
      made += fmt::format("{}{}", made.empty() ? "" : ", ",
                          declared(each, of.is_first));
    if (way.has_options)
      made += fmt::format("{}const {}& options{}", made.empty() ? "" : ", ",
                          of.options_name, by_default ? " = {}" : "");
    return made;
  }

  // What it asks: ".add(key).add("strict", options.strict)".
  std::string arguments(const form& way, const signature& of) const {
    std::string made;
    for (const auto& each : way.given) {
      if (each.kind == "rest")
        made += fmt::format(".add({}.items())", each.name);
      else if (each.kind == "keyword")
        made += fmt::format(".add({}, {})", cpp_text(each.python), each.name);
      else
        made += fmt::format(".add({})", each.name);
    }
    if (!way.has_options)
      return made;
    for (const auto& each : of.options) {
      const bool is_given = std::any_of(
        way.given.begin(), way.given.end(),
        [&](const parameter& one) { return one.python == each.python; });
      if (is_given)
        continue;
      if (each.kind == "more")
        made += fmt::format(".add_more(options.{}.items())", each.name);
      else
        made +=
          fmt::format(".add({}, options.{})", cpp_text(each.python), each.name);
    }
    return made;
  }

  std::string question(const callable& of) const {
    if (of.where == place::member)
      return fmt::format("sb::detail::question{{*this, {}}}",
                         cpp_text(of.python));
    return fmt::format("sb::detail::question{{{}, {}}}", cpp_text(name_),
                       cpp_text(of.python));
  }

  void options_struct(const signature& of, std::string_view scope) {
    if (of.options_name.empty())
      return;
    options_ += fmt::format("struct {}{} {{\n", scope, of.options_name);
    for (const auto& each : of.options)
      options_ += fmt::format(
        "  sb::{}<{}> {} = {{}};{}\n", each.kind == "more" ? "named" : "option",
        each.cpp.taken, each.name,
        each.by_default.empty()
            || each.by_default.find('\n') != std::string::npos
          ? ""
          : " ///< " + one_line(each.by_default));
    options_ += "};\n";
  }

  std::string declare(const callable& of, const std::vector<signature>& all,
                      const std::string& doc, const std::string& python,
                      std::string_view indent) {
    std::string made;
    const std::string is_static = of.where == place::fixed ? "static " : "";
    const auto told = comment(doc, python, indent);
    const auto add = [&](const std::string& type, const std::string& name,
                         const std::string& list, const char* after) {
      made += fmt::format("{}{}{} {}({}){};\n", indent, is_static, type, name,
                          list, after);
    };
    for (const auto& each : all)
      for (const auto& way : each.forms) {
        made += &way == &each.forms.front() ? told : "";
        const auto& given = each.returns.given;
        if (of.where == place::member) {
          declare_member(of, each, way, add);
          continue;
        }
        if (each.returns.is_stream) {
          add(fmt::format("sb::stream<{}>", given), of.name,
              parameters(way, each, "const sb::caller& python",
                         of.where == place::free),
              "");
          continue;
        }
        add(fmt::format("sb::result<{}>", given), of.name,
            parameters(way, each, "const sb::caller& python",
                       of.where == place::free),
            "");
        if (way.has_options && of.where == place::fixed)
          add(fmt::format("sb::result<{}>", given), of.name,
              parameters(without_options(way), each, "const sb::caller& python",
                         false),
              "");
        if (way.is_shorthand)
          continue; // for a caller at hand
        if (of.is_async)
          add(fmt::format("sb::future<{}>", given), of.name + "_async",
              parameters(way, each, "const sb::caller& python",
                         of.where == place::free),
              "");
        if (!gives_enum(each))
          add(fmt::format("sb::future<{}>", given), of.name,
              parameters(way, each, "const sb::async_caller& python",
                         of.where == place::free),
              "");
        if (!sends_enums(way, each))
          add(
            "sb::call_message", of.name,
            parameters(way, each, "sb::as_message_t", of.where == place::free),
            "");
      }
    return made;
  }
  template <class Add>
  void declare_member(const callable& of, const signature& each,
                      const form& way, const Add& add) const {
    const auto type = each.returns.is_stream
                        ? fmt::format("sb::stream<{}>", each.returns.given)
                        : each.returns.given;
    if (way.has_options)
      add(type, of.name, parameters(without_options(way), each, "", false),
          " const");
    add(type, of.name, parameters(way, each, "", false), " const");
    if (of.is_async && !each.returns.is_stream && !gives_enum(each))
      add(fmt::format("sb::future<{}>", each.returns.given), of.name + "_async",
          parameters(way, each, "", false), " const");
  }
  static form without_options(form way) {
    way.has_options = false;
    return way;
  }

  std::string define(const callable& of, const std::vector<signature>& all) {
    std::string made;
    const auto add = [&](const std::string& type, const std::string& name,
                         const std::string& list, const char* after,
                         const std::string& body) {
      made += fmt::format("{} {}{}({}){} {{\n  {}\n}}\n", type, of.of_class,
                          name, list, after, body);
    };
    for (const auto& each : all)
      for (const auto& way : each.forms) {
        if (of.where == place::member) {
          if (into_ == part::source)
            define_member(of, each, way, add);
          continue;
        }
        const auto asked = question(of) + arguments(way, each);
        const auto& given = each.returns.given;
        if (into_ == part::messages) {
          if (!each.returns.is_stream && !way.is_shorthand
              && !sends_enums(way, each))
            add("sb::call_message", of.name,
                parameters(way, each, "sb::as_message_t", false), "",
                fmt::format("return message_of({});", asked));
          continue;
        }
        const std::string caller = "const sb::caller& python";
        if (each.returns.is_stream) {
          add(fmt::format("sb::stream<{}>", given), of.name,
              parameters(way, each, caller, false), "",
              fmt::format("return {}.items<{}>(python);", asked, given));
          continue;
        }
        const auto answer =
          fmt::format("return {}.answer<{}>(python);", asked, given);
        add(fmt::format("sb::result<{}>", given), of.name,
            parameters(way, each, caller, false), "", answer);
        if (way.has_options && of.where == place::fixed)
          add(fmt::format("sb::result<{}>", given), of.name,
              parameters(without_options(way), each, caller, false), "",
              fmt::format("return {}{}.answer<{}>(python);", question(of),
                          arguments(without_options(way), each), given));
        if (way.is_shorthand)
          continue; // for a caller at hand
        if (of.is_async)
          add(
            fmt::format("sb::future<{}>", given), of.name + "_async",
            parameters(way, each, caller, false), "",
            fmt::format("return {}.answer<{}>(python.async());", asked, given));
        if (!gives_enum(each) && has_async_)
          add(fmt::format("sb::future<{}>", given), of.name,
              parameters(way, each, "const sb::async_caller& python", false),
              "", answer);
      }
    return made;
  }
  template <class Add>
  void define_member(const callable& of, const signature& each, const form& way,
                     const Add& add) const {
    const auto& given = each.returns.given;
    const auto type =
      each.returns.is_stream ? fmt::format("sb::stream<{}>", given) : given;
    const auto answer = each.returns.is_stream
                          ? fmt::format("items<{}>()", given)
                          : fmt::format("answer<{}>()", given);
    if (way.has_options)
      add(type, of.name, parameters(without_options(way), each, "", false),
          " const",
          fmt::format("return {}{}.{};", question(of),
                      arguments(without_options(way), each), answer));
    const auto asked = question(of) + arguments(way, each);
    add(type, of.name, parameters(way, each, "", false), " const",
        fmt::format("return {}.{};", asked, answer));
    if (of.is_async && !each.returns.is_stream && !gives_enum(each))
      add(fmt::format("sb::future<{}>", given), of.name + "_async",
          parameters(way, each, "", false), " const",
          fmt::format("return {}.later<{}>();", asked, given));
  }

  // --- Symbols ---------------------------------------------------------------

  void write(const json& symbol) {
    const auto kind = text_in(symbol, "kind");
    if (kind == "enum")
      write_enum(symbol);
    else if (kind == "exception")
      write_exception(symbol);
    else if (kind == "function")
      write_function(symbol);
    else if (kind == "constant")
      write_constant(symbol);
    else if (kind == "object")
      write_getter(symbol, symbol.at("type"));
    else if (kind == "reexport")
      write_reexport(symbol);
    else if (kind == "class" && !of_.classes_.contains(path_of(symbol)))
      write_value_class(symbol);
  }

  void write_enum(const json& symbol) {
    const auto path = path_of(symbol);
    const auto found = of_.classes_.find(path);
    if (found == of_.classes_.end())
      return;
    const auto& name = found->second.name;
    const bool has_integers = symbol.at("integers");
    scope members;
    std::string listed, table;
    std::int64_t number = 0;
    for (const auto& each : symbol.at("members")) {
      const auto python = each.at(0).get<std::string>();
      const auto cpp = cpp_name(python);
      if (!claim(members, cpp, fmt::format("{}.{}", path, python)))
        continue;
      const auto value = has_integers && each.at(1).is_string()
                           ? integer(each.at(1).get<std::string>())
                           : std::to_string(number++);
      if (value.empty()) {
        note(fmt::format("{}.{}", path, python), "hole", "beyond 64 bits");
        continue;
      }
      listed += fmt::format("  {} = {},\n", cpp, value);
      table += fmt::format("  {{{}, {}}},\n", cpp_text(python), value);
    }
    if (!claim(scope_, name, path))
      return;
    if (into_ == part::header) {
      enums_ += comment(text_in(symbol, "doc"), "", "");
      enums_ += fmt::format("enum class {} : std::int64_t {{\n{}}};\n"
                            "const sb::detail::enumeration& "
                            "enumeration_of({});\n\n",
                            name, listed, name);
      return;
    }
    if (into_ != part::source || !is_used(name))
      return;
    body_ += fmt::format(
      "const sb::detail::enumeration& enumeration_of({0}) {{\n"
      "  static constexpr sb::detail::enumeration::member members[] = {{\n"
      "{1}  }};\n"
      "  static constexpr sb::detail::enumeration made{{{2}, {3}, {4}, {5}, "
      "members,\n    std::size(members)}};\n  return made;\n}}\n",
      name, table, cpp_text(name_), cpp_text(text_in(symbol, "name")),
      has_integers, symbol.at("flags").get<bool>());
  }

  void write_exception(const json& symbol) {
    const auto path = path_of(symbol), name = name_of(symbol);
    if (!claim(scope_, name, path) || into_ != part::header)
      return;
    enums_ += comment(text_in(symbol, "doc"), "", "");
    enums_ += fmt::format("inline constexpr sb::exception_type {}{{{}}};\n\n",
                          name, cpp_text(path));
  }

  void write_function(const json& symbol) {
    const callable of{.name = name_of(symbol),
                      .python = text_in(symbol, "name"),
                      .where = place::free,
                      .is_async = symbol.value("async", false)};
    if (!claim(scope_, of.name, path_of(symbol)))
      return;
    if (into_ != part::header && !is_used(of.name)
        && !(of.is_async && is_used(of.name + "_async")))
      return;
    const auto all = signatures_of(symbol, of_.classes_, "", of.name);
    if (into_ != part::header) {
      body_ += define(of, all);
      return;
    }
    see(all, path_of(symbol));
    for (const auto& each : all)
      options_struct(each, "");
    functions_ += declare(of, all, text_in(symbol, "doc"),
                          python_signature(of.python, symbol), "");
    functions_ += '\n';
  }

  void write_constant(const json& symbol) {
    const auto type = text_in(symbol, "type");
    const auto value = text_in(symbol, "value");
    const auto text = symbol.value("final", false) && !value.empty()
                        ? constant(type, value)
                        : std::string{};
    if (text.empty()) {
      write_getter(symbol, symbol.at("type"));
      return;
    }
    const auto name = name_of(symbol);
    if (claim(scope_, name, path_of(symbol)) && into_ == part::header)
      constants_ += fmt::format("inline constexpr {} {} = {};\n",
                                constant_type(type), name, text);
  }

  void write_getter(const json& symbol, const json& type) {
    auto made = type_of(type, of_.classes_, "");
    if (made.is_stream || made.given == "void")
      made.given = "sb::value";
    const auto name = name_of(symbol);
    if (!claim(scope_, name, path_of(symbol)))
      return;
    if (into_ == part::header) {
      see(made);
      functions_ += comment("What it is now.", text_in(symbol, "name"), "");
      functions_ += fmt::format("sb::result<{}> {}(const sb::caller& "
                                "python);\n\n",
                                made.given, name);
    } else if (into_ == part::source && is_used(name)) {
      body_ += fmt::format(
        "sb::result<{0}> {1}(const sb::caller& python) {{\n  return "
        "sb::detail::question{{sb::verb::get, {2}, "
        "{3}}}.answer<{0}>(python);\n}}\n",
        made.given, name, cpp_text(name_), cpp_text(text_in(symbol, "name")));
    }
  }

  void write_reexport(const json& symbol) {
    const auto home = text_in(symbol, "of");
    const auto found = of_.symbols_.find(home);
    if (found == of_.symbols_.end())
      return;
    const auto module = home.substr(0, home.rfind('.'));
    const auto theirs = of_.cpp_names_.find(home);
    if (theirs == of_.cpp_names_.end()
        || !claim(scope_, theirs->second, path_of(symbol))
        || into_ != part::header)
      return;
    before_.insert(module);
    usings_ +=
      fmt::format("using {}::{};\n", namespace_of(module), theirs->second);
  }

  // Its objects are values: what it can do are functions.
  void write_value_class(const json& symbol) {
    const auto python = text_in(symbol, "name"), name = name_of(symbol);
    write_value_callable(symbol.at("constructor"), name, python,
                         text_in(symbol, "doc"), path_of(symbol));
    const auto of_numpy =
      std::any_of(symbol.at("mro").begin(), symbol.at("mro").end(),
                  [](const json& each) { return each == "numpy.generic"; });
    for (const auto& each : symbol.at("members")) {
      const auto kind = text_in(each, "kind"), member = text_in(each, "name");
      if (member.starts_with("__") || of_numpy
          || (kind != "classmethod" && kind != "staticmethod"))
        continue;
      write_value_callable(each, fmt::format("{}_{}", cpp_name(python), member),
                           fmt::format("{}.{}", python, member),
                           text_in(each, "doc"),
                           fmt::format("{}.{}", path_of(symbol), member));
    }
  }
  void write_value_callable(const json& told, const std::string& name,
                            const std::string& python, const std::string& doc,
                            const std::string& path) {
    const callable of{.name = name, .python = python};
    if (!claim(scope_, name, path) || (into_ != part::header && !is_used(name)))
      return;
    auto callable_told = told;
    const auto value_class =
      fmt::format("{}.{}", name_, python.substr(0, python.find('.')));
    for (auto& each : callable_told.at("overloads"))
      replace_self(each, value_class);
    const auto all = signatures_of(callable_told, of_.classes_, "", name);
    if (into_ != part::header) {
      body_ += define(of, all);
      return;
    }
    see(all, path);
    for (const auto& each : all)
      options_struct(each, "");
    functions_ +=
      declare(of, all, doc, python_signature(python, told), "") + "\n";
  }
  static void replace_self(json& in, const std::string& with) {
    if (in.is_string() && in == "Self")
      in = with;
    else if (in.is_structured())
      for (auto& each : in)
        replace_self(each, with);
  }

  // --- Classes ---------------------------------------------------------------

  struct class_text {
    std::string path;
    std::string name;
    std::string base; ///< "sb::object"
    std::string open; ///< declarations, public
    std::string hidden;
    scope names = {};
  };

  void write_class(const json& symbol) {
    class_text made{.path = path_of(symbol),
                    .name = of_.classes_.at(path_of(symbol)).name,
                    .base = "sb::object",
                    .open = {},
                    .hidden = {}};
    const auto* const base = base_of(symbol);
    if (base != nullptr) {
      made.base = qualified(*base);
      if (of_.classes_.at(*base).module != name_)
        before_.insert(of_.classes_.at(*base).module);
    }
    if (!claim(scope_, made.name, made.path))
      return;
    made.names.take(made.name, made.path);
    write_constructor(symbol, made);
    const auto inherited = members_of_base(base);
    for (const auto& each : symbol.at("members"))
      if (!inherited.contains(text_in(each, "owner")) || mentions_self(each))
        write_member(each, made, symbol);
    if (into_ != part::header)
      return;
    classes_ += comment(text_in(symbol, "doc"), "", "");
    classes_ += fmt::format("class {0} : public {1} {{\npublic:\n"
                            "  {0}() = default;\n"
                            "  explicit {0}(sb::object held) : "
                            "{1}{{std::move(held)}} {{}}\n{2}",
                            made.name, made.base, made.open);
    if (!made.hidden.empty())
      classes_ += "\nprivate:\n" + made.hidden;
    classes_ += "};\n\n";
  }

  // The classes whose members a base has already.
  std::set<std::string> members_of_base(const std::string* base) const {
    std::set<std::string> made;
    if (base == nullptr)
      return made;
    made.insert(*base);
    for (const auto& each : of_.symbols_.at(*base)->at("mro"))
      made.insert(each.get<std::string>());
    return made;
  }

  void write_constructor(const json& symbol, class_text& in) {
    const auto& told = symbol.at("constructor");
    auto all = signatures_of(told, of_.classes_, in.path, "");
    const auto python = text_in(symbol, "name");
    const auto doc = text_in(told, "doc");
    if (into_ == part::header) {
      see(all, in.path);
      for (const auto& each : all) {
        options_struct(each, in.name + "::");
        if (!each.options_name.empty())
          in.open += fmt::format("  struct {};\n", each.options_name);
      }
    }
    for (const auto& each : all)
      for (const auto& way : each.forms) {
        if (into_ == part::header && &way == &each.forms.front())
          in.open += comment(doc, python_signature(python, told), "  ");
        write_construction(in, python, each, way);
      }
  }
  void write_construction(class_text& in, const std::string& python,
                          const signature& each, const form& way) {
    for (const bool with_options : {false, true}) {
      if (with_options && !way.has_options)
        continue;
      auto one = way;
      one.has_options = with_options;
      const auto list =
        parameters(one, each, "const sb::caller& python", false);
      if (into_ == part::header)
        in.open += fmt::format("  explicit {}({});\n", in.name, list);
      else if (into_ == part::source && is_used(in.name))
        body_ += fmt::format(
          "{0}::{0}({1})\n    : {0}{{sb::detail::question{{{2}, {3}}}{4}"
          ".kept(python)}} {{}}\n",
          in.name, list, cpp_text(name_), cpp_text(python),
          arguments(one, each));
    }
  }

  void write_member(const json& told, class_text& in, const json& symbol) {
    const auto kind = text_in(told, "kind"), python = text_in(told, "name");
    if (kind == "hole")
      return;
    if (python.starts_with("__") && python.ends_with("__")) {
      if (told.contains("overloads"))
        write_operator(told, in, symbol);
      return;
    }
    const auto name = member_name(python, in.name);
    const auto path = fmt::format("{}.{}", in.path, python);
    if (!claim(in.names, name, path))
      return;
    if (kind == "property" || kind == "attribute")
      return write_property(told, in, name);
    const callable of{
      .name = name,
      .python = kind == "method"
                  ? python
                  : fmt::format("{}.{}", text_in(symbol, "name"), python),
      .where = kind == "method" ? place::member : place::fixed,
      .of_class = in.name + "::",
      .is_async = told.value("async", false)};
    if (into_ != part::header && !is_used(name)
        && !(of.is_async && is_used(name + "_async")))
      return;
    auto all = signatures_of(told, of_.classes_, in.path, name);
    if (into_ != part::header) {
      body_ += define(of, all);
      return;
    }
    see(all, path);
    for (const auto& each : all) {
      options_struct(each, in.name + "::");
      if (!each.options_name.empty())
        in.open += fmt::format("  struct {};\n", each.options_name);
    }
    in.open += declare(of, all, text_in(told, "doc"),
                       python_signature(python, told), "  ");
  }

  void write_property(const json& told, class_text& in,
                      const std::string& name) {
    auto type = type_of(told.at("type"), of_.classes_, in.path);
    if (type.is_stream) {
      type.given = "sb::object";
      type.taken = "sb::object";
    }
    if (type.given == "void")
      type.given = "sb::value";
    const bool is_settable = told.value("settable", false);
    const auto python = cpp_text(text_in(told, "name"));
    if (into_ == part::header) {
      see(type);
      in.open += comment(text_in(told, "doc"), "", "  ");
      in.open += fmt::format("  {} {}() const;\n", type.given, name);
      if (is_settable)
        in.open += fmt::format("  void {}(sb::arg<{}> value) const;\n", name,
                               type.taken);
    } else if (into_ == part::source && is_used(name)) {
      body_ +=
        fmt::format("{0} {1}::{2}() const {{\n  return sb::detail::question{{"
                    "sb::verb::attribute, *this, {3}}}.answer<{0}>();"
                    "\n}}\n",
                    type.given, in.name, name, python);
      if (is_settable)
        body_ += fmt::format(
          "void {}::{}(sb::arg<{}> value) const {{\n  sb::detail::question{{"
          "sb::verb::set_attribute, *this, {}}}.add(value).answer<void>();"
          "\n}}\n",
          in.name, name, type.taken, python);
    }
  }

  // --- Operators -------------------------------------------------------------

  void write_operator(const json& told, class_text& in, const json& symbol) {
    const auto python = text_in(told, "name");
    if (python == "__call__")
      return write_call(told, in);
    auto one = single_signature_of(told, of_.classes_, in.path);
    auto& given = one.forms.front().given;
    if (const auto found = binary_operators().find(python);
        found != binary_operators().end()) {
      if (given.size() == 1 && given[0].kind != "rest")
        write_binary(found->second, python, given[0], one.returns, in);
    } else if (const auto sign = unary_operators().find(python);
               sign != unary_operators().end()) {
      write_simple(
        in, fmt::format("operator{}", sign->second), "", one.returns,
        fmt::format("sb::detail::question{{*this, {}}}", cpp_text(python)));
    } else if (python == "__len__") {
      if (!has_member(symbol, "size"))
        write_simple(in, "size", "", {.taken = {}, .given = "std::size_t"},
                     "sb::detail::question{sb::verb::length, *this}");
    } else if (python == "__iter__") {
      write_iterator(one.returns, in);
    } else if (python == "__contains__" && given.size() == 1
               && !has_member(symbol, "contains")) {
      write_simple(
        in, "contains", declared(given[0], true),
        {.taken = {}, .given = "bool"},
        fmt::format("sb::detail::question{{*this, \"__contains__\"}}.add({})",
                    given[0].name),
        &given[0].cpp);
    } else if (python == "__getitem__") {
      write_items(told, in);
    } else if (python == "__setitem__" && given.size() == 2) {
      see(given[1].cpp);
      write_simple(
        in, "set_item",
        fmt::format("{}, {}", declared(given[0], true),
                    declared(given[1], true)),
        {.taken = {}, .given = "void"},
        fmt::format("sb::detail::question{{sb::verb::set_item, *this}}.add({})"
                    ".add({})",
                    given[0].name, given[1].name),
        &given[0].cpp);
    } else if (python == "__delitem__" && given.size() == 1) {
      write_simple(
        in, "del_item", declared(given[0], true),
        {.taken = {}, .given = "void"},
        fmt::format("sb::detail::question{{*this, \"__delitem__\"}}.add({})",
                    given[0].name),
        &given[0].cpp);
    }
  }
  static bool has_member(const json& symbol, const char* name) {
    const auto& all = symbol.at("members");
    return std::any_of(all.begin(), all.end(), [&](const json& each) {
      return text_in(each, "name") == name;
    });
  }

  void write_simple(class_text& in, const std::string& name,
                    const std::string& list, const cpp_type& returns,
                    const std::string& asked, const cpp_type* taken = nullptr) {
    const auto given = returns.is_stream ? "sb::object" : returns.given;
    if (!in.names.take(name, asked))
      return;
    if (into_ == part::header) {
      see(returns);
      if (taken != nullptr)
        see(*taken);
      in.open += fmt::format("  {} {}({}) const;\n", given, name, list);
    } else if (into_ == part::source && is_operator_used(in, name)) {
      body_ += fmt::format("{0} {1}::{2}({3}) const {{\n  return "
                           "{4}.answer<{0}>();\n}}\n",
                           given, in.name, name, list, asked);
    }
  }
  // Operators have no names that a source could be looked through for: those
  // are defined that an object may have which the program gets to see.
  bool is_operator_used(const class_text& in, const std::string& name) const {
    if (!name.starts_with("operator"))
      return is_used(name);
    return !used_ || seen_.contains(in.path);
  }

  // A template, so that it fits better than the operators of sb::object.
  void write_binary(const char* sign, const std::string& python,
                    const parameter& other, const cpp_type& returns,
                    class_text& in) {
    const auto given = returns.is_stream || returns.given == "void"
                         ? "sb::object"
                         : returns.given;
    const auto own = fmt::format("{}_", python.substr(2, python.size() - 4));
    if (!in.names.take(fmt::format("operator{} of two", sign), python)
        || !in.names.take(own, python))
      return;
    if (into_ == part::header) {
      see(other.cpp);
      see(returns);
      // Of another module's class no more than its name may be known here.
      const bool is_foreign =
        std::any_of(returns.classes.begin(), returns.classes.end(),
                    [&](const std::string& path) {
                      return of_.classes_.at(path).module != name_;
                    });
      in.open +=
        fmt::format("  template <sb::detail::taken_as<{0}> Other>\n"
                    "  {1} operator{2}(const Other& other) const {{\n"
                    "    return {3}(other);\n  }}\n",
                    other.cpp.taken, is_foreign ? "auto" : given, sign, own);
      in.hidden += fmt::format("  {} {}(sb::arg<{}> other) const;\n", given,
                               own, other.cpp.taken);
    } else if (into_ == part::source && is_operator_used(in, "operator")) {
      body_ += fmt::format(
        "{0} {1}::{2}(sb::arg<{3}> other) const {{\n"
        "  return sb::detail::question{{sb::verb::operate, *this, {4}}}"
        ".add(other).answer<{0}>();\n}}\n",
        given, in.name, own, other.cpp.taken,
        cpp_text(operator_function(python)));
    }
  }
  // Of Python's module `operator`, which asks the other side as well.
  static std::string operator_function(const std::string& python) {
    const auto name = python.substr(2, python.size() - 4);
    return name == "and" || name == "or" ? name + "_" : name;
  }

  void write_iterator(const cpp_type& returns, class_text& in) {
    const auto item = returns.is_stream && returns.given != "sb::value"
                        ? returns.given
                        : "sb::object";
    if (!in.names.take("begin", "begin"))
      return;
    if (into_ == part::header) {
      see(returns);
      in.open += fmt::format("  sb::items_iterator<{}> begin() const;\n"
                             "  static std::default_sentinel_t end() {{ return "
                             "{{}}; }}\n",
                             item);
    } else if (into_ == part::source && is_operator_used(in, "operator")) {
      body_ += fmt::format("sb::items_iterator<{0}> {1}::begin() const {{\n"
                           "  return sb::items_iterator<{0}>{{*this}};\n}}\n",
                           item, in.name);
    }
  }

  void write_items(const json& told, class_text& in) {
    for (const auto& each : signatures_of(told, of_.classes_, in.path, "")) {
      const auto& given = each.forms.front().given;
      if (given.size() != 1 || given[0].kind == "rest")
        continue;
      const auto returns =
        each.returns.is_stream || each.returns.given == "void"
          ? "sb::value"
          : each.returns.given;
      const auto list = declared(given[0], each.is_first);
      if (into_ == part::header) {
        see(each.returns);
        see(given[0].cpp);
        in.open += fmt::format("  {} operator[]({}) const;\n", returns, list);
      } else if (into_ == part::source && is_operator_used(in, "operator")) {
        body_ +=
          fmt::format("{0} {1}::operator[]({2}) const {{\n  return "
                      "sb::detail::question{{sb::verb::item, *this}}.add({3})"
                      ".answer<{0}>();\n}}\n",
                      returns, in.name, list, given[0].name);
      }
    }
  }

  void write_call(const json& told, class_text& in) {
    const callable of{.name = "operator()",
                      .python = "__call__",
                      .where = place::member,
                      .of_class = in.name + "::",
                      .is_async = false};
    const auto all = signatures_of(told, of_.classes_, in.path, "call");
    if (into_ != part::header) {
      if (is_operator_used(in, of.name))
        body_ += define(of, all);
      return;
    }
    see(all, in.path);
    for (const auto& each : all) {
      options_struct(each, in.name + "::");
      if (!each.options_name.empty())
        in.open += fmt::format("  struct {};\n", each.options_name);
    }
    in.open += declare(of, all, "", python_signature("__call__", told), "  ");
  }

  emitter& of_;
  const json& module_;
  const std::string name_;
  const part into_;
  const used_names& used_;
  const bool has_async_; // the program has a caller that does not wait
  const std::set<std::string> seen_; // classes it may have objects of

  symbols ordered_; // classes
  scope scope_;
  std::set<std::string> foreign_; // classes of other modules, by path
  std::set<std::string> before_;  // modules whose headers come first
  std::string enums_, constants_, usings_, classes_, options_, functions_,
    body_;
};

// What the original has as __functions__ and __search__: names that Python's
// may have in C++ as well, but do not.
void module_writer::write_contents() {
  constexpr const char* all = "py__functions__";
  constexpr const char* some = "py__search__";
  scope_.take(all, name_ + ".__functions__");
  scope_.take(some, name_ + ".__search__");
  if (into_ == part::header) {
    functions_ += fmt::format(
      "/// All functions of this module.\n"
      "std::span<const sb::function_entry> {}();\n"
      "/// Those with `words` in their names or summaries.\n"
      "std::vector<sb::function_entry> {}(std::string_view words);\n\n",
      all, some);
    return;
  }
  if (into_ != part::source
      || (used_ && !used_->contains(all) && !used_->contains(some)))
    return;
  std::string rows;
  for (const auto& each : module_.at("symbols"))
    if (each.at("kind") == "function")
      rows +=
        fmt::format("    {{{}, {}, {}}},\n", cpp_text(name_of(each)),
                    cpp_text(python_signature(text_in(each, "name"), each)),
                    cpp_text(first_sentence(text_in(each, "doc"))));
  // No array is empty.
  body_ += fmt::format("std::span<const sb::function_entry> {0}() {{\n"
                       "  static constexpr sb::function_entry all[] = {{\n{2}"
                       "    {{}}}};\n"
                       "  return {{all, std::size(all) - 1}};\n}}\n"
                       "std::vector<sb::function_entry> {1}(std::string_view "
                       "words) {{\n  const auto all = {0}();\n  return "
                       "sb::detail::search(all.data(), all.size(), words);\n"
                       "}}\n",
                       all, some, rows);
}

// In one order, so that a name is given to the same in each part.
void module_writer::write_all() {
  write_contents();
  for (const auto& each : module_.at("symbols"))
    if (each.at("kind") != "class")
      write(each);
  for (const auto* each : ordered_)
    write_class(*each);
  for (const auto& each : module_.at("symbols"))
    if (each.at("kind") == "class")
      write(each);
}

std::string module_writer::header() {
  write_all();
  of_.declared_[name_] = scope_.all();

  std::string made = "#pragma once\n";
  made += fmt::format("// Python's module {}, as `snakebridge generate` found "
                      "it: do not edit.\n",
                      one_line(name_));
  made += comment(text_in(module_, "doc"), "", "");
  made += "\n#include <limits>\n\n#include <snakebridge/generated.hpp>\n";
  for (const auto& each : before_)
    made += fmt::format("#include <{}>\n", emitter::header_path(each));
  made += "\nstatic_assert(snakebridge::generated_form == 1,\n"
          "              \"made for another version of SnakeBridge: run "
          "`snakebridge regen`\");\n\n";
  std::set<std::string> after;
  for (const auto& path : foreign_) {
    const auto& known = of_.classes_.at(path);
    made += fmt::format("namespace {} {{\n{} {}{};\n}}\n",
                        "snakebridge::" + namespace_of(known.module).substr(4),
                        known.is_enum ? "enum class" : "class", known.name,
                        known.is_enum ? " : std::int64_t" : "");
    after.insert(known.module);
  }
  made += fmt::format("\nnamespace snakebridge::{} {{\n\n",
                      namespace_of(name_).substr(4));
  for (const auto* each : ordered_)
    made += fmt::format("class {};\n", of_.classes_.at(path_of(*each)).name);
  made += "\n" + enums_ + constants_ + "\n" + usings_ + "\n" + classes_
          + options_ + "\n" + functions_;
  made += fmt::format("}} // namespace snakebridge::{}\n",
                      namespace_of(name_).substr(4));
  for (const auto& each : after)
    if (!before_.contains(each))
      made += fmt::format("\n#include <{}>", emitter::header_path(each));
  return made + (after.empty() ? "" : "\n");
}

std::string module_writer::source() {
  write_all();
  if (body_.empty())
    return {};
  std::string made =
    fmt::format("#include <{}>\n", emitter::header_path(name_));
  if (into_ == part::messages)
    made += "\n#include <snakebridge/actors.hpp>\n";
  made += fmt::format("\nnamespace snakebridge::{} {{\n\n",
                      namespace_of(name_).substr(4));
  if (into_ == part::messages)
    made += "namespace {\n\n"
            "sb::call_message message_of(const sb::detail::question& asked) "
            "{\n  return {asked.module(), asked.name(), asked.positional(), "
            "asked.named()};\n}\n\n} // namespace\n\n";
  made += body_;
  made += fmt::format("\n}} // namespace snakebridge::{}\n",
                      namespace_of(name_).substr(4));
  return made;
}

emitter::emitter(const json& manifest) : manifest_{manifest} {
  for (const auto& module : manifest.at("modules")) {
    const auto name = module.at("name").get<std::string>();
    for (const auto& symbol : module.at("symbols")) {
      const auto path = fmt::format("{}.{}", name, text_in(symbol, "name"));
      const auto kind = text_in(symbol, "kind");
      auto cpp = cpp_name(text_in(symbol, "name"));
      if (has_module(path) && cpp == text_in(symbol, "name"))
        cpp += '_';
      if (kind != "reexport" && kind != "hole") {
        symbols_[path] = &symbol;
        cpp_names_[path] = cpp;
      }
      const bool is_enum = kind == "enum" && !symbol.at("members").empty();
      if (!is_enum && kind != "class")
        continue;
      if (!is_enum
          && has_value_form(path,
                            symbol.at("mro").get<std::vector<std::string>>()))
        continue;
      classes_[path] = {.module = name, .name = cpp, .is_enum = is_enum};
    }
  }
  for (auto& [path, known] : classes_)
    if (!known.is_enum)
      for (const auto& each : symbols_.at(path)->at("mro"))
        if (classes_.contains(each.get<std::string>()))
          known.bases.insert(each.get<std::string>());
}

bool emitter::has_module(const std::string& name) const {
  const auto& all = manifest_.at("modules");
  return std::any_of(all.begin(), all.end(), [&](const json& each) {
    return text_in(each, "name") == name;
  });
}

namespace {

// Adds the classes that a type names, and what is above them.
void add_classes(const json& type, const generated_classes& classes,
                 const std::string& self, std::set<std::string>& to) {
  if (type.is_array())
    for (const auto& each : type)
      add_classes(each, classes, self, to);
  if (!type.is_string())
    return;
  const auto found =
    classes.find(type == "Self" ? self : type.get<std::string>());
  if (found == classes.end())
    return;
  to.insert(found->first);
  to.insert(found->second.bases.begin(), found->second.bases.end());
}

void add_answers(const json& told, const generated_classes& classes,
                 const std::string& self, std::set<std::string>& to) {
  if (told.contains("type"))
    add_classes(told.at("type"), classes, self, to);
  if (told.contains("overloads"))
    for (const auto& each : told.at("overloads"))
      add_classes(each.at("returns"), classes, self, to);
}

} // namespace

// Those that are named, those that come from what is, and from their operators.
std::set<std::string>
emitter::classes_seen(const std::set<std::string>& used) const {
  std::set<std::string> seen;
  const auto is_used = [&](const std::string& python) {
    return used.contains(cpp_name(python));
  };
  std::size_t before = 0;
  do {
    before = seen.size();
    for (const auto& [path, symbol] : symbols_) {
      if (is_used(text_in(*symbol, "name"))) {
        add_classes(path, classes_, path, seen);
        add_answers(*symbol, classes_, path, seen);
      }
      if (symbol->at("kind") != "class")
        continue;
      for (const auto& each : symbol->at("members")) {
        const auto name = text_in(each, "name");
        if (is_used(name) || (name.starts_with("__") && seen.contains(path)))
          add_answers(each, classes_, path, seen);
      }
    }
  } while (seen.size() != before);
  return seen;
}

std::vector<std::string> emitter::modules() const {
  std::vector<std::string> made;
  for (const auto& each : manifest_.at("modules"))
    made.push_back(each.at("name"));
  return made;
}

std::string emitter::header_path(const std::string& module) {
  auto path = module;
  std::replace(path.begin(), path.end(), '.', '/');
  return fmt::format("snakebridge/py/{}.hpp", path);
}

const json& emitter::module_of(const std::string& name) const {
  const auto& all = manifest_.at("modules");
  return *std::find_if(all.begin(), all.end(), [&](const json& each) {
    return text_in(each, "name") == name;
  });
}

found_name emitter::find(const std::vector<std::string>& names) const {
  std::string path = "sb::py";
  std::vector<std::string> prefixes = {path};
  for (const auto& each : names)
    prefixes.push_back(path += "::" + each);
  const std::string* found = nullptr;
  std::size_t parts = 0;
  bool is_begun = false;
  for (const auto& [module, declared] : declared_) {
    const auto own = namespace_of(module);
    is_begun |= own.starts_with(path + "::");
    for (std::size_t at = 1; at < prefixes.size(); ++at)
      if (prefixes[at] == own && at > parts) {
        found = &module;
        parts = at;
      }
  }
  if (found == nullptr)
    return {.what = is_begun ? found_name::kind::known
                             : found_name::kind::library_unknown};
  if (parts == names.size())
    return {.module = *found};
  const auto& declared = declared_.at(*found);
  auto name = names[parts];
  for (const std::string_view end : {"", "_async", "_options"}) {
    if (!name.ends_with(end))
      continue;
    const auto known = declared.find(name.substr(0, name.size() - end.size()));
    if (known != declared.end())
      return {.module = *found, .python = known->second};
  }
  return {.what = found_name::kind::symbol_unknown, .module = *found};
}

std::string emitter::header(const std::string& module) {
  const used_names all;
  return module_writer{*this, module_of(module), module_writer::part::header,
                       all}
    .header();
}

std::string emitter::source(const std::string& module, const used_names& used) {
  return module_writer{*this, module_of(module), module_writer::part::source,
                       used}
    .source();
}

std::string emitter::messages(const std::string& module,
                              const used_names& used) {
  if (used && !used->contains("as_message"))
    return {};
  return module_writer{*this, module_of(module), module_writer::part::messages,
                       used}
    .source();
}

} // namespace snakebridge::codegen
