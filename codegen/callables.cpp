#include "callables.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"
#include "pages.hpp"

namespace snakebridge::codegen {

namespace {

constexpr std::size_t doc_columns = 76;
constexpr const char* async_caller = "const sb::async_caller& python";

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

std::string question(const callable& of) {
  if (of.where == place::member)
    return fmt::format("sb::detail::question{{*this, {}}}",
                       cpp_text(of.python));
  return fmt::format("sb::detail::question{{{}, {}}}", cpp_text(of.module),
                     cpp_text(of.python));
}

form without_options(form way) {
  way.has_options = false;
  return way;
}

/// The functions of one callable.
class lister {
public:
  explicit lister(const callable& of) : of_{of}, question_{question(of)} {}

  std::vector<cpp_function> list(const std::vector<signature>& all) {
    for (const auto& each : all)
      for (const auto& way : each.forms) {
        const auto first = made_.size();
        if (of_.where == place::member)
          add_members(each, way);
        else
          add_free(each, way);
        made_.at(first).is_first = &way == &each.forms.front();
      }
    return std::move(made_);
  }

private:
  bool is_awaited(const signature& each) const {
    return of_.is_async || each.returns.is_awaited;
  }

  void add_members(const signature& each, const form& way) {
    const auto& given = each.returns.given;
    const auto future = fmt::format("sb::future<{}>", given);
    if (each.returns.is_stream)
      add(each, way, {.type = fmt::format("sb::stream<{}>", given)}, "",
          fmt::format(".items<{}>()", given));
    else
      add(each, way, {.type = given}, "", fmt::format(".answer<{}>()", given));
    if (way.is_shorthand)
      return; // for a caller that waits
    if (!each.returns.is_stream) {
      if (is_awaited(each))
        add(each, way, {.type = future, .name = "_async"}, "",
            fmt::format(".later<{}>()", given));
      add_future(each, way);
    }
    add_message(each, way, "sb::method_message");
  }

  void add_free(const signature& each, const form& way) {
    constexpr const char* caller = "const sb::caller& python";
    const auto& given = each.returns.given;
    if (each.returns.is_stream) {
      add(each, way, {.type = fmt::format("sb::stream<{}>", given)}, caller,
          fmt::format(".items<{}>(python)", given));
      if (!way.is_shorthand)
        add_message(each, way, "sb::stream_message");
      return;
    }
    const auto result = fmt::format("sb::result<{}>", given),
               future = fmt::format("sb::future<{}>", given),
               end = fmt::format(".answer<{}>(python)", given);
    add(each, way, {.type = result}, caller, end);
    if (way.is_shorthand)
      return; // for a caller that waits
    if (is_awaited(each))
      add(each, way, {.type = future, .name = "_async"}, caller,
          fmt::format(".answer<{}>(python.async())", given));
    add_future(each, way);
    add_message(each, way, "sb::call_message");
  }
  void add_future(const signature& each, const form& way) {
    const auto& given = each.returns.given;
    add(each, way,
        {.type = fmt::format("sb::future<{}>", given),
         .of = audience::async_caller},
        async_caller, fmt::format(".answer<{}>(python)", given));
  }
  void add_message(const signature& each, const form& way,
                   const std::string& type) {
    add(each, way, {.type = type, .of = audience::actor}, "sb::as_message_t",
        fmt::format(".message<{}>()", type));
  }

  // `made.name` is what the name ends with. Options of a class are nested, and
  // cannot be left out by a default.
  void add(const signature& each, const form& way, cpp_function made,
           const std::string& first, const std::string& end) {
    if (way.has_options && of_.where != place::free)
      add_one(each, without_options(way), made, first, end);
    add_one(each, way, std::move(made), first, end);
  }
  void add_one(const signature& each, const form& way, cpp_function made,
               const std::string& first, const std::string& end) {
    made.name = of_.name + made.name;
    made.parameters = parameters(way, each, first);
    made.has_default = way.has_options && of_.where == place::free;
    made.is_const = of_.where == place::member;
    made.body =
      fmt::format("return {}{}{};", question_, arguments(way, each), end);
    made_.push_back(std::move(made));
  }

  const callable& of_;
  const std::string question_;
  std::vector<cpp_function> made_;
};

} // namespace

std::vector<cpp_function> functions_of(const callable& of,
                                       const std::vector<signature>& all) {
  return lister{of}.list(all);
}

std::vector<cpp_function> functions_of_property(const callable& of,
                                                const cpp_type& type,
                                                bool is_settable) {
  std::vector<cpp_function> made;
  const auto add = [&](std::string returned, audience whom,
                       std::string parameters, std::string_view asked,
                       std::string_view end) {
    made.push_back(
      {.type = std::move(returned),
       .name = of.name,
       .parameters = std::move(parameters),
       .is_const = true,
       .body = fmt::format("return sb::detail::question{{sb::verb::{}, *this, "
                           "{}}}{}{};",
                           asked, cpp_text(of.python),
                           asked == "set_attribute" ? ".add(value)" : "", end),
       .of = whom});
  };
  const auto add_all = [&](const std::string& given, const char* message,
                           const std::string& taken, std::string_view asked) {
    const auto after = [&](const std::string& first) {
      return first + (first.empty() || taken.empty() ? "" : ", ") + taken;
    };
    add(given, audience::caller, taken, asked,
        fmt::format(".answer<{}>()", given));
    add(fmt::format("sb::future<{}>", given), audience::async_caller,
        after(async_caller), asked, fmt::format(".answer<{}>(python)", given));
    add(message, audience::actor, after("sb::as_message_t"), asked,
        fmt::format(".message<{}>()", message));
  };
  add_all(type.given, "sb::attr_message", "", "attribute");
  if (is_settable)
    add_all("void", "sb::set_attr_message",
            fmt::format("sb::arg<{}> value", type.taken), "set_attribute");
  made.front().is_first = true;
  return made;
}

std::string declarations(const callable& of,
                         const std::vector<cpp_function>& all,
                         const std::string& told, std::string_view indent) {
  std::string made;
  for (const auto& each : all)
    made +=
      fmt::format("{}{}{}{} {}({}{}){};\n", each.is_first ? told : "", indent,
                  of.where == place::fixed ? "static " : "", each.type,
                  each.name, each.parameters, each.has_default ? " = {}" : "",
                  each.is_const ? " const" : "");
  return made;
}

std::string definition(const callable& of, const cpp_function& one) {
  return fmt::format("{} {}{}({}){} {{\n  {}\n}}\n", one.type, of.of_class,
                     one.name, one.parameters, one.is_const ? " const" : "",
                     one.body);
}

std::string parameters(const form& way, const signature& of,
                       const std::string& first) {
  std::string made = first;
  for (const auto& each : way.given)
    made += fmt::format("{}{}", made.empty() ? "" : ", ",
                        declared(each, of.is_first));
  if (way.has_options)
    made += fmt::format("{}const {}& options", made.empty() ? "" : ", ",
                        of.options_name);
  return made;
}

std::string arguments(const form& way, const signature& of) {
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

std::string declared(const parameter& each, bool is_first) {
  if (each.kind == "rest")
    return fmt::format("const sb::some<{}>& {}", each.cpp.taken, each.name);
  const auto of = each.is_exact ? exact(each.cpp.taken) : each.cpp.taken;
  return fmt::format("sb::{}<{}> {}", is_first ? "arg" : "only", of, each.name);
}

std::string options_struct(const signature& of, std::string_view scope) {
  if (of.options_name.empty())
    return {};
  auto made = fmt::format("struct {}{} {{\n", scope, of.options_name);
  for (const auto& each : of.options)
    made += fmt::format(
      "  sb::{}<{}> {} = {{}};{}\n", each.kind == "more" ? "named" : "option",
      each.cpp.taken, each.name,
      each.by_default.empty() || each.by_default.find('\n') != std::string::npos
        ? ""
        : " ///< " + one_line(each.by_default));
  return made + "};\n";
}

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

} // namespace snakebridge::codegen
