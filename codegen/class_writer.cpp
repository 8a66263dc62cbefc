#include "class_writer.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "names.hpp"
#include "pages.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

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

class class_writer {
public:
  class_writer(const json& symbol, module_part& into)
      : symbol_{symbol},
        part_{into},
        path_{into.path_of(symbol)},
        name_{into.classes().at(path_).name} {}

  void write() {
    std::string above = "sb::object";
    const auto* const base = part_.base_of(symbol_);
    if (base != nullptr) {
      above = part_.qualified(*base);
      if (part_.classes().at(*base).module != part_.module)
        part_.before.insert(part_.classes().at(*base).module);
    }
    if (!part_.claim(part_.names, name_, path_))
      return;
    names_.take(name_, path_);
    write_constructor();
    const auto inherited = members_of_base(base);
    for (const auto& each : symbol_.at("members"))
      if (!inherited.contains(text_in(each, "owner")) || mentions_self(each))
        write_member(each);
    if (!part_.is_header())
      return;
    part_.classes_declared += comment(text_in(symbol_, "doc"), "", "");
    part_.classes_declared += fmt::format("class {0} : public {1} {{\npublic:\n"
                                          "  {0}() = default;\n"
                                          "  explicit {0}(sb::object held) : "
                                          "{1}{{std::move(held)}} {{}}\n{2}",
                                          name_, above, open_);
    if (!hidden_.empty())
      part_.classes_declared += "\nprivate:\n" + hidden_;
    part_.classes_declared += "};\n\n";
  }

private:
  // The classes whose members a base has already.
  std::set<std::string> members_of_base(const std::string* base) const {
    std::set<std::string> made;
    if (base == nullptr)
      return made;
    made.insert(*base);
    for (const auto& each : part_.find_symbol(*base)->told->at("mro"))
      made.insert(each.get<std::string>());
    return made;
  }

  void write_constructor() {
    const auto& told = symbol_.at("constructor");
    auto all = signatures_of(told, part_.classes(), path_, "");
    const auto python = text_in(symbol_, "name");
    const auto doc = text_in(told, "doc");
    if (part_.is_header()) {
      declare_options(all);
      part_.add_options(all, path_, name_ + "::");
    }
    for (const auto& each : all)
      for (const auto& way : each.forms) {
        if (part_.is_header() && &way == &each.forms.front())
          open_ += comment(doc, python_signature(python, told), "  ");
        write_construction(python, each, way);
      }
  }
  void write_construction(const std::string& python, const signature& each,
                          const form& way) {
    for (const bool with_options : {false, true}) {
      if (with_options && !way.has_options)
        continue;
      auto one = way;
      one.has_options = with_options;
      const auto list = parameters(one, each, "const sb::caller& python");
      if (part_.is_header())
        open_ += fmt::format("  explicit {}({});\n", name_, list);
      else if (part_.is_source() && part_.is_class_used(path_))
        part_.body += fmt::format(
          "{0}::{0}({1})\n    : {0}{{sb::detail::question{{{2}, {3}}}{4}"
          ".kept(python)}} {{}}\n",
          name_, list, cpp_text(part_.module), cpp_text(python),
          arguments(one, each));
    }
  }

  void write_member(const json& told) {
    const auto kind = text_in(told, "kind"), python = text_in(told, "name");
    if (kind == "hole")
      return;
    if (python.starts_with("__") && python.ends_with("__")) {
      if (told.contains("overloads"))
        write_operator(told);
      return;
    }
    const auto name = member_name(python, name_);
    const auto path = fmt::format("{}.{}", path_, python);
    if (!part_.claim(names_, name, path))
      return;
    if (kind == "class")
      return write_inner(told, name);
    if (kind == "property" || kind == "attribute")
      return write_property(told, name);
    const callable of{
      .name = name,
      .module = part_.module,
      .python = kind == "method"
                  ? python
                  : fmt::format("{}.{}", text_in(symbol_, "name"), python),
      .where = kind == "method" ? place::member : place::fixed,
      .of_class = name_ + "::",
      .is_async = told.value("async", false)};
    if (!part_.is_header() && !is_member_used(name)
        && !is_member_used(name + "_async"))
      return;
    auto all = signatures_of(told, part_.classes(), path_, name);
    if (!part_.is_header()) {
      part_.body += part_.define(of, all);
      return;
    }
    declare_options(all);
    open_ += part_.declare(
      of, all, path,
      comment(text_in(told, "doc"), python_signature(python, told), "  "));
  }

  // The class is one of the module's: here it has its own name.
  void write_inner(const json& told, const std::string& name) {
    const auto of = text_in(told, "of");
    const auto found = part_.classes().find(of);
    if (!part_.is_header() || found == part_.classes().end())
      return;
    if (found->second.module != part_.module)
      part_.foreign.insert(of);
    open_ += fmt::format("  using {} = {};\n", name, part_.qualified(of));
  }

  void write_property(const json& told, const std::string& name) {
    auto type = type_of(told.at("type"), part_.classes(), path_);
    if (type.is_stream) {
      type.given = "sb::object";
      type.taken = "sb::object";
    }
    if (type.given == "void")
      type.given = "sb::value";
    const callable of{.name = name,
                      .module = part_.module,
                      .python = text_in(told, "name"),
                      .where = place::member,
                      .of_class = name_ + "::"};
    const auto all =
      functions_of_property(of, type, told.value("settable", false));
    if (part_.is_header()) {
      part_.see(type);
      open_ +=
        declarations(of, all, comment(text_in(told, "doc"), "", "  "), "  ");
    } else if (is_member_used(name)) {
      part_.body += part_.define(of, all);
    }
  }

  // --- Operators -------------------------------------------------------------

  void write_operator(const json& told) {
    const auto python = text_in(told, "name");
    if (python == "__call__")
      return write_call(told);
    auto one = single_signature_of(told, part_.classes(), path_);
    auto& given = one.forms.front().given;
    if (const auto found = binary_operators().find(python);
        found != binary_operators().end()) {
      if (given.size() == 1 && given[0].kind != "rest")
        write_binary(found->second, python, given[0], one.returns);
    } else if (const auto sign = unary_operators().find(python);
               sign != unary_operators().end()) {
      write_simple(
        fmt::format("operator{}", sign->second), "", one.returns,
        fmt::format("sb::detail::question{{*this, {}}}", cpp_text(python)));
    } else if (python == "__len__") {
      if (!has_member("size"))
        write_simple("size", "", {.taken = {}, .given = "std::size_t"},
                     "sb::detail::question{sb::verb::length, *this}");
    } else if (python == "__iter__") {
      write_iterator(one.returns);
    } else if (python == "__contains__" && given.size() == 1
               && !has_member("contains")) {
      write_simple(
        "contains", declared(given[0], true), {.taken = {}, .given = "bool"},
        fmt::format("sb::detail::question{{*this, \"__contains__\"}}.add({})",
                    given[0].name),
        &given[0].cpp);
    } else if (python == "__getitem__") {
      write_items(told);
    } else if (python == "__setitem__" && given.size() == 2) {
      part_.see(given[1].cpp);
      write_simple(
        "set_item",
        fmt::format("{}, {}", declared(given[0], true),
                    declared(given[1], true)),
        {.taken = {}, .given = "void"},
        fmt::format("sb::detail::question{{sb::verb::set_item, *this}}.add({})"
                    ".add({})",
                    given[0].name, given[1].name),
        &given[0].cpp);
    } else if (python == "__delitem__" && given.size() == 1) {
      write_simple(
        "del_item", declared(given[0], true), {.taken = {}, .given = "void"},
        fmt::format("sb::detail::question{{*this, \"__delitem__\"}}.add({})",
                    given[0].name),
        &given[0].cpp);
    }
  }
  void declare_options(const std::vector<signature>& all) {
    for (const auto& each : all)
      if (!each.options_name.empty())
        open_ += fmt::format("  struct {};\n", each.options_name);
  }
  bool has_member(const char* name) const {
    const auto& all = symbol_.at("members");
    return std::any_of(all.begin(), all.end(), [&](const json& each) {
      return text_in(each, "name") == name;
    });
  }

  void write_simple(const std::string& name, const std::string& list,
                    const cpp_type& returns, const std::string& asked,
                    const cpp_type* taken = nullptr) {
    const auto given = returns.is_stream ? "sb::object" : returns.given;
    if (!names_.take(name, asked))
      return;
    if (part_.is_header()) {
      part_.see(returns);
      if (taken != nullptr)
        part_.see(*taken);
      open_ += fmt::format("  {} {}({}) const;\n", given, name, list);
    } else if (part_.is_source() && is_member_used(name)) {
      part_.body += fmt::format("{0} {1}::{2}({3}) const {{\n  return "
                                "{4}.answer<{0}>();\n}}\n",
                                given, name_, name, list, asked);
    }
  }
  // Of an object that the program may get to see. Operators have no names that
  // a source could be looked through for.
  bool is_member_used(const std::string& name) const {
    return part_.is_seen(path_)
           && (name.starts_with("operator") || part_.is_used(name));
  }

  // A template, so that it fits better than the operators of sb::object.
  void write_binary(const char* sign, const std::string& python,
                    const parameter& other, const cpp_type& returns) {
    const auto given = returns.is_stream || returns.given == "void"
                         ? "sb::object"
                         : returns.given;
    const auto own = fmt::format("{}_", python.substr(2, python.size() - 4));
    if (!names_.take(fmt::format("operator{} of two", sign), python)
        || !names_.take(own, python))
      return;
    if (part_.is_header()) {
      part_.see(other.cpp);
      part_.see(returns);
      // Of another module's class no more than its name may be known here.
      const bool is_foreign =
        std::any_of(returns.classes.begin(), returns.classes.end(),
                    [&](const std::string& path) {
                      return part_.classes().at(path).module != part_.module;
                    });
      open_ +=
        fmt::format("  template <sb::detail::taken_as<{0}> Other>\n"
                    "  {1} operator{2}(const Other& other) const {{\n"
                    "    return {3}(other);\n  }}\n",
                    other.cpp.taken, is_foreign ? "auto" : given, sign, own);
      hidden_ += fmt::format("  {} {}(sb::arg<{}> other) const;\n", given, own,
                             other.cpp.taken);
    } else if (part_.is_source() && is_member_used("operator")) {
      part_.body += fmt::format(
        "{0} {1}::{2}(sb::arg<{3}> other) const {{\n"
        "  return sb::detail::question{{sb::verb::operate, *this, {4}}}"
        ".add(other).answer<{0}>();\n}}\n",
        given, name_, own, other.cpp.taken,
        cpp_text(operator_function(python)));
    }
  }
  // Of Python's module `operator`, which asks the other side as well.
  static std::string operator_function(const std::string& python) {
    const auto name = python.substr(2, python.size() - 4);
    return name == "and" || name == "or" ? name + "_" : name;
  }

  void write_iterator(const cpp_type& returns) {
    const auto item = returns.is_stream && returns.given != "sb::value"
                        ? returns.given
                        : "sb::object";
    if (!names_.take("begin", "begin"))
      return;
    if (part_.is_header()) {
      part_.see(returns);
      open_ += fmt::format("  sb::items_iterator<{}> begin() const;\n"
                           "  static std::default_sentinel_t end() {{ return "
                           "{{}}; }}\n",
                           item);
    } else if (part_.is_source() && is_member_used("operator")) {
      part_.body +=
        fmt::format("sb::items_iterator<{0}> {1}::begin() const {{\n"
                    "  return sb::items_iterator<{0}>{{*this}};\n}}\n",
                    item, name_);
    }
  }

  void write_items(const json& told) {
    for (const auto& each : signatures_of(told, part_.classes(), path_, "")) {
      const auto& given = each.forms.front().given;
      if (given.size() != 1 || given[0].kind == "rest")
        continue;
      const auto returns =
        each.returns.is_stream || each.returns.given == "void"
          ? "sb::value"
          : each.returns.given;
      const auto list = declared(given[0], each.is_first);
      if (part_.is_header()) {
        part_.see(each.returns);
        part_.see(given[0].cpp);
        open_ += fmt::format("  {} operator[]({}) const;\n", returns, list);
      } else if (part_.is_source() && is_member_used("operator")) {
        part_.body +=
          fmt::format("{0} {1}::operator[]({2}) const {{\n  return "
                      "sb::detail::question{{sb::verb::item, *this}}.add({3})"
                      ".answer<{0}>();\n}}\n",
                      returns, name_, list, given[0].name);
      }
    }
  }

  void write_call(const json& told) {
    const callable of{.name = "operator()",
                      .module = part_.module,
                      .python = "__call__",
                      .where = place::member,
                      .of_class = name_ + "::",
                      .is_async = false};
    const auto all = signatures_of(told, part_.classes(), path_, "call");
    if (!part_.is_header()) {
      if (is_member_used(of.name))
        part_.body += part_.define(of, all);
      return;
    }
    declare_options(all);
    open_ += part_.declare(
      of, all, path_, comment("", python_signature("__call__", told), "  "));
  }

  const json& symbol_;
  module_part& part_;
  const std::string path_, name_;
  std::string open_, hidden_; // declarations
  scope names_;
};

} // namespace

void write_class(const json& symbol, module_part& into) {
  class_writer{symbol, into}.write();
}

} // namespace snakebridge::codegen
