#include "module_writer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "class_writer.hpp"
#include "names.hpp"
#include "pages.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

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

class module_writer {
public:
  explicit module_writer(module_part& part) : part_{part} {}

  // In one order, so that a name is given to the same in each part.
  void write() {
    write_contents();
    for (const auto& each : part_.told.at("symbols"))
      if (each.at("kind") != "class")
        write(each);
    for (const auto* each : part_.ordered())
      write_class(*each, part_);
    for (const auto& each : part_.told.at("symbols"))
      if (each.at("kind") == "class")
        write(each);
  }

  std::string header() const {

    std::string made = "#pragma once\n";
    made +=
      fmt::format("// Python's module {}, as `snakebridge generate` found "
                  "it: do not edit.\n",
                  one_line(part_.module));
    made += comment(text_in(part_.told, "doc"), "", "");
    made += "\n#include <limits>\n\n#include <snakebridge/generated.hpp>\n";
    for (const auto& each : part_.before)
      made += fmt::format("#include <{}>\n", header_path(each));
    made += "\nstatic_assert(snakebridge::generated_form == 3,\n"
            "              \"made for another version of SnakeBridge: run "
            "`snakebridge regen`\");\n\n";
    std::set<std::string> after;
    for (const auto& path : part_.foreign) {
      const auto& known = part_.classes().at(path);
      made +=
        fmt::format("namespace {} {{\n{} {}{};\n}}\n",
                    "snakebridge::" + namespace_of(known.module).substr(4),
                    known.is_enum ? "enum class" : "class", known.name,
                    known.is_enum ? " : std::int64_t" : "");
      after.insert(known.module);
    }
    made += fmt::format("\nnamespace snakebridge::{} {{\n\n",
                        namespace_of(part_.module).substr(4));
    for (const auto* each : part_.ordered())
      made += fmt::format("class {};\n",
                          part_.classes().at(part_.path_of(*each)).name);
    made += "\n" + part_.enums + part_.constants + "\n" + part_.usings + "\n"
            + part_.classes_declared + part_.options + "\n" + part_.functions;
    made += fmt::format("}} // namespace snakebridge::{}\n",
                        namespace_of(part_.module).substr(4));
    for (const auto& each : after)
      if (!part_.before.contains(each))
        made += fmt::format("\n#include <{}>", header_path(each));
    return made + (after.empty() ? "" : "\n");
  }

  std::string source() const {
    if (part_.body.empty())
      return {};
    std::string made =
      fmt::format("#include <{}>\n", header_path(part_.module));
    if (part_.is_messages())
      made += "\n#include <snakebridge/actors.hpp>\n";
    made += fmt::format("\nnamespace snakebridge::{} {{\n\n",
                        namespace_of(part_.module).substr(4));
    made += part_.body;
    made += fmt::format("\n}} // namespace snakebridge::{}\n",
                        namespace_of(part_.module).substr(4));
    return made;
  }

private:
  // What the original has as __functions__ and __search__: names that Python's
  // may have in C++ as well, but do not.
  void write_contents() {
    constexpr const char* all = "py__functions__";
    constexpr const char* some = "py__search__";
    part_.names.take(all, part_.module + ".__functions__");
    part_.names.take(some, part_.module + ".__search__");
    if (part_.is_header()) {
      part_.functions += fmt::format(
        "/// All functions of this module.\n"
        "std::span<const sb::function_entry> {}();\n"
        "/// Those with `words` in their names or summaries.\n"
        "std::vector<sb::function_entry> {}(std::string_view words);\n\n",
        all, some);
      return;
    }
    if (!part_.is_source() || (!part_.is_used(all) && !part_.is_used(some)))
      return;
    std::string rows;
    for (const auto& each : part_.told.at("symbols"))
      if (each.at("kind") == "function")
        rows +=
          fmt::format("    {{{}, {}, {}}},\n", cpp_text(part_.name_of(each)),
                      cpp_text(python_signature(text_in(each, "name"), each)),
                      cpp_text(first_sentence(text_in(each, "doc"))));
    // No array is empty.
    part_.body +=
      fmt::format("std::span<const sb::function_entry> {0}() {{\n"
                  "  static constexpr sb::function_entry all[] = {{\n{2}"
                  "    {{}}}};\n"
                  "  return {{all, std::size(all) - 1}};\n}}\n"
                  "std::vector<sb::function_entry> {1}(std::string_view "
                  "words) {{\n  const auto all = {0}();\n  return "
                  "sb::detail::search(all.data(), all.size(), words);\n"
                  "}}\n",
                  all, some, rows);
  }

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
    else if (kind == "class"
             && !part_.classes().contains(part_.path_of(symbol)))
      write_value_class(symbol);
  }

  void write_enum(const json& symbol) {
    const auto path = part_.path_of(symbol);
    const auto found = part_.classes().find(path);
    if (found == part_.classes().end())
      return;
    const auto& name = found->second.name;
    const bool has_integers = symbol.at("integers");
    scope members;
    std::string listed, table;
    std::int64_t number = 0;
    for (const auto& each : symbol.at("members")) {
      const auto python = each.at(0).get<std::string>();
      const auto cpp = cpp_name(python);
      if (!part_.claim(members, cpp, fmt::format("{}.{}", path, python)))
        continue;
      const auto value = has_integers && each.at(1).is_string()
                           ? integer(each.at(1).get<std::string>())
                           : std::to_string(number++);
      if (value.empty()) {
        part_.note(fmt::format("{}.{}", path, python), "hole",
                   "beyond 64 bits");
        continue;
      }
      const auto written = each.at(1).is_string() && each.at(1) != "None"
                             ? each.at(1).get<std::string>()
                             : fmt::format("'{}'", python);
      listed += fmt::format("  {} = {},\n", cpp, value);
      table += fmt::format("  {{{}, {}, {}}},\n", cpp_text(python), value,
                           cpp_text(written));
    }
    if (!part_.claim(part_.names, name, path))
      return;
    if (part_.is_header()) {
      part_.enums += comment(text_in(symbol, "doc"), "", "");
      part_.enums += fmt::format("enum class {} : std::int64_t {{\n{}}};\n"
                                 "const sb::detail::enumeration& "
                                 "enumeration_of({});\n\n",
                                 name, listed, name);
      return;
    }
    if (!part_.is_source()
        || (!part_.is_class_used(path) && !part_.is_seen(path)))
      return;
    part_.body += fmt::format(
      "const sb::detail::enumeration& enumeration_of({0}) {{\n"
      "  static constexpr sb::detail::enumeration::member members[] = {{\n"
      "{1}  }};\n"
      "  static constexpr sb::detail::enumeration made{{{2}, {3}, {4}, "
      "members,\n    std::size(members)}};\n  return made;\n}}\n",
      name, table,
      cpp_text(fmt::format("{}:{}", part_.module, text_in(symbol, "name"))),
      has_integers, symbol.at("flags").get<bool>());
  }

  void write_exception(const json& symbol) {
    const auto path = part_.path_of(symbol), name = part_.name_of(symbol);
    if (!part_.claim(part_.names, name, path) || !part_.is_header())
      return;
    part_.enums += comment(text_in(symbol, "doc"), "", "");
    part_.enums +=
      fmt::format("inline constexpr sb::exception_type {}{{{}}};\n\n", name,
                  cpp_text(path));
  }

  void write_function(const json& symbol) {
    const callable of{.name = part_.name_of(symbol),
                      .module = part_.module,
                      .python = text_in(symbol, "name"),
                      .where = place::free,
                      .is_async = symbol.value("async", false)};
    if (!part_.claim(part_.names, of.name, part_.path_of(symbol)))
      return;
    if (!part_.is_header() && !part_.is_used(of.name)
        && !part_.is_used(of.name + "_async"))
      return;
    const auto all = signatures_of(symbol, part_.classes(), "", of.name);
    if (!part_.is_header()) {
      part_.body += part_.define(of, all);
      return;
    }
    part_.functions +=
      part_.declare(of, all, part_.path_of(symbol),
                    comment(text_in(symbol, "doc"),
                            python_signature(of.python, symbol), ""))
      + "\n";
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
    const auto name = part_.name_of(symbol);
    if (part_.claim(part_.names, name, part_.path_of(symbol))
        && part_.is_header())
      part_.constants += fmt::format("inline constexpr {} {} = {};\n",
                                     constant_type(type), name, text);
  }

  void write_getter(const json& symbol, const json& type) {
    auto made = type_of(type, part_.classes(), "");
    if (made.is_stream || made.given == "void")
      made.given = "sb::value";
    const auto name = part_.name_of(symbol);
    if (!part_.claim(part_.names, name, part_.path_of(symbol)))
      return;
    if (part_.is_header()) {
      part_.see(made);
      part_.functions +=
        comment("What it is now.", text_in(symbol, "name"), "");
      part_.functions += fmt::format("sb::result<{}> {}(const sb::caller& "
                                     "python);\n\n",
                                     made.given, name);
    } else if (part_.is_source() && part_.is_used(name)) {
      part_.body += fmt::format(
        "sb::result<{0}> {1}(const sb::caller& python) {{\n  return "
        "sb::detail::question{{sb::verb::get, {2}, "
        "{3}}}.answer<{0}>(python);\n}}\n",
        made.given, name, cpp_text(part_.module),
        cpp_text(text_in(symbol, "name")));
    }
  }

  void write_reexport(const json& symbol) {
    const auto* const theirs = part_.find_symbol(text_in(symbol, "of"));
    if (theirs == nullptr
        || !part_.claim(part_.names, theirs->cpp, part_.path_of(symbol))
        || !part_.is_header())
      return;
    part_.before.insert(theirs->module);
    part_.usings +=
      fmt::format("using {}::{};\n", namespace_of(theirs->module), theirs->cpp);
  }

  // Its objects are values: what it can do are functions.
  void write_value_class(const json& symbol) {
    const auto python = text_in(symbol, "name"), name = part_.name_of(symbol);
    write_value_callable(symbol.at("constructor"), name, python,
                         text_in(symbol, "doc"), part_.path_of(symbol));
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
                           fmt::format("{}.{}", part_.path_of(symbol), member));
    }
  }
  void write_value_callable(const json& told, const std::string& name,
                            const std::string& python, const std::string& doc,
                            const std::string& path) {
    const callable of{.name = name, .module = part_.module, .python = python};
    if (!part_.claim(part_.names, name, path)
        || (!part_.is_header() && !part_.is_used(name)))
      return;
    auto callable_told = told;
    const auto value_class =
      fmt::format("{}.{}", part_.module, python.substr(0, python.find('.')));
    for (auto& each : callable_told.at("overloads"))
      replace_self(each, value_class);
    const auto all = signatures_of(callable_told, part_.classes(), "", name);
    if (!part_.is_header()) {
      part_.body += part_.define(of, all);
      return;
    }
    part_.functions +=
      part_.declare(of, all, path,
                    comment(doc, python_signature(python, told), ""))
      + "\n";
  }
  static void replace_self(json& in, const std::string& with) {
    if (in.is_string() && in == "Self")
      in = with;
    else if (in.is_structured())
      for (auto& each : in)
        replace_self(each, with);
  }

  module_part& part_;
};

} // namespace

std::string text_of(module_part& part) {
  module_writer made{part};
  made.write();
  return part.is_header() ? made.header() : made.source();
}

std::string header_path(const std::string& module) {
  auto path = module;
  std::replace(path.begin(), path.end(), '.', '/');
  return fmt::format("snakebridge/py/{}.hpp", path);
}

} // namespace snakebridge::codegen
