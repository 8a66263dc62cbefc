#include "pages.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "module_writer.hpp"
#include "symbol_table.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

constexpr std::size_t signature_characters_max = 400;

// --- reST --------------------------------------------------------------------

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> made;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    made.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0])))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

bool is_underline(std::string_view line) {
  line = trimmed(line);
  return line.size() >= 3 && std::string_view{"-=~"}.find(line[0]) != line.npos
         && line.find_first_not_of(line[0]) == line.npos;
}

// "~pkg.Store.find" -> "find", "text <target>" -> "text"
std::string_view shown_of(std::string_view role) {
  if (const auto at = role.find(" <"); at != role.npos)
    return role.substr(0, at);
  if (role.starts_with('~'))
    return role.substr(role.rfind('.') == role.npos ? 1 : role.rfind('.') + 1);
  return role;
}

// ``x`` -> `x`, :func:`f` -> `f`, :math:`x` -> $x$, `text <url>`_ -> a link.
std::string with_inline(std::string_view line) {
  std::string made;
  std::size_t at = 0;
  while (at < line.size()) {
    if (line.substr(at, 2) == "``") {
      const auto end = line.find("``", at + 2);
      if (end == line.npos)
        break;
      made += fmt::format("`{}`", line.substr(at + 2, end - at - 2));
      at = end + 2;
      continue;
    }
    if (line[at] != '`') {
      made += line[at++];
      continue;
    }
    const auto end = line.find('`', at + 1);
    if (end == line.npos)
      break;
    const auto inside = line.substr(at + 1, end - at - 1);
    std::string role;
    if (made.ends_with(':'))
      if (const auto colon = made.rfind(':', made.size() - 2);
          colon != made.npos && made.size() > 2
          && made.find_first_of(" `", colon) == made.npos) {
        role = made.substr(colon + 1, made.size() - colon - 2);
        made.resize(colon);
      }
    at = end + 1;
    const auto open = inside.find(" <");
    if (role == "math") {
      made += fmt::format("${}$", inside);
    } else if (role.empty() && open != inside.npos && inside.ends_with('>')) {
      made += fmt::format("[{}]({})", inside.substr(0, open),
                          inside.substr(open + 2, inside.size() - open - 3));
      while (at < line.size() && line[at] == '_')
        ++at;
    } else {
      made += fmt::format("`{}`", role.empty() ? inside : shown_of(inside));
    }
  }
  made += line.substr(at);
  return made;
}

// ".. note:: text" -> "**Note:** text"
std::string with_directive(const std::string& line) {
  const auto text = trimmed(line);
  const auto end = text.find("::");
  if (!text.starts_with(".. ") || end == text.npos)
    return line;
  std::string name{text.substr(3, end - 3)};
  name[0] =
    static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  const auto after = trimmed(text.substr(end + 2));
  return fmt::format("**{}:**{}{}", name, after.empty() ? "" : " ", after);
}

bool is_google_section(std::string_view line) {
  for (const std::string_view each :
       {"Args:", "Arguments:", "Attributes:", "Example:", "Examples:", "Note:",
        "Raises:", "Returns:", "Yields:"})
    if (line == each)
      return true;
  return false;
}

// --- Names -------------------------------------------------------------------

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

/// What a name names.
struct named {
  const json* module = nullptr;
  const json* symbol = nullptr; // in it
  const json* member = nullptr; // in that
};

const json* item_in(const json& all, const std::string& name) {
  for (const auto& each : all)
    if (each.is_object() && text_in(each, "name") == name)
      return &each;
  return nullptr;
}

// The rest below the longest module that begins so: "Store.find".
std::pair<named, std::string> module_of(const json& manifest,
                                        const std::string& name) {
  named made;
  std::string rest;
  std::size_t longest = 0;
  for (const auto& each : manifest.at("modules")) {
    const auto own = text_in(each, "name");
    if ((name != own && !name.starts_with(own + ".")) || own.size() < longest)
      continue;
    longest = own.size();
    made.module = &each;
    rest = name == own ? "" : name.substr(own.size() + 1);
  }
  return {made, rest};
}

named find(const json& manifest, const std::string& name) {
  auto [made, rest] = module_of(manifest, name);
  if (made.module == nullptr || rest.empty())
    return made;
  const auto dot = rest.find('.');
  made.symbol = item_in(made.module->at("symbols"), rest.substr(0, dot));
  if (made.symbol == nullptr) {
    made.module = nullptr;
  } else if (text_in(*made.symbol, "kind") == "reexport") {
    const auto home = text_in(*made.symbol, "of");
    return find(manifest, dot == rest.npos ? home : home + rest.substr(dot));
  } else if (dot != rest.npos) {
    if (made.symbol->contains("members"))
      made.member = item_in(made.symbol->at("members"), rest.substr(dot + 1));
    if (made.member == nullptr)
      made.module = nullptr;
  }
  return made;
}

std::string callable_text(const std::string& name, const json& told) {
  std::string made;
  if (told.contains("overloads")) {
    made += fmt::format("\n    {}\n", python_signature(name, told));
    made += fmt::format("\nTypes: {}\n", told.value("tier", "variadic"));
  }
  if (const auto doc = text_in(told, "doc"); !doc.empty())
    made += "\n" + markdown_of(doc);
  return made;
}

std::string module_page(const json& module) {
  const auto name = text_in(module, "name");
  auto made =
    fmt::format("# {0}\n\n`#include <{1}>`\n", name, header_path(name));
  if (const auto doc = text_in(module, "doc"); !doc.empty())
    made += "\n" + markdown_of(doc);
  made += "\n";
  for (const auto& each : module.at("symbols"))
    made += fmt::format("- `{}` ({})\n", text_in(each, "name"),
                        text_in(each, "kind"));
  return made;
}

} // namespace

std::string first_sentence(const std::string& doc) {
  auto text = doc.substr(0, doc.find("\n\n"));
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (const auto end = text.find(". "); end != text.npos)
    text.resize(end + 1);
  return text;
}

std::string markdown_of(std::string_view doc) {
  const auto lines = lines_of(doc);
  std::string made;
  bool is_code = false;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto& line = lines[at];
    const bool is_prompt = trimmed(line).starts_with(">>>");
    if (is_prompt && !is_code) {
      made += "```python\n";
      is_code = true;
    }
    if (is_code && trimmed(line).empty()) {
      made += "```\n";
      is_code = false;
    }
    if (is_code)
      made += fmt::format("{}\n", trimmed(line));
    else if (at + 1 < lines.size() && is_underline(lines[at + 1])
             && !trimmed(line).empty())
      made += fmt::format("**{}**\n", trimmed(lines[at++]));
    else if (is_google_section(line))
      made += fmt::format("**{}**\n", line.substr(0, line.size() - 1));
    else
      made += with_inline(with_directive(line)) + "\n";
  }
  return made + (is_code ? "```\n" : "");
}

std::string python_signature(const std::string& name, const json& callable) {
  const auto& overloads = callable.at("overloads");
  std::string made;
  bool was_by_name = false, was_by_position = false;
  const auto add = [&](const std::string& text) {
    made += (made.empty() ? "" : ", ") + text;
  };
  for (const auto& each : overloads.at(0).at("parameters")) {
    const auto kind = text_in(each, "kind");
    if (was_by_position && kind != "positional_only")
      add("/");
    was_by_position = kind == "positional_only";
    if (kind == "keyword" && !was_by_name)
      add("*");
    was_by_name |= kind == "keyword" || kind == "rest";
    const auto by_default = text_in(each, "default");
    add(fmt::format("{}{}{}{}",
                    kind == "rest"   ? "*"
                    : kind == "more" ? "**"
                                     : "",
                    text_in(each, "name"), by_default.empty() ? "" : "=",
                    by_default));
  }
  if (was_by_position)
    made += ", /";
  if (made.size() > signature_characters_max)
    made.resize(signature_characters_max);
  return fmt::format("{}({}){}", name, made,
                     overloads.size() > 1
                       ? fmt::format(" and {} more", overloads.size() - 1)
                       : "");
}

result<std::string> page_of(const json& manifest, const std::string& name) {
  if (module_of(manifest, name).first.module == nullptr)
    return error{errc::library_unknown,
                 fmt::format("{}: no module of the manifest begins so", name)};
  const auto found = find(manifest, name);
  if (found.module == nullptr)
    return error{errc::symbol_unknown,
                 fmt::format("{}: the manifest has no such name", name)};
  if (found.symbol == nullptr)
    return module_page(*found.module);
  const auto own = text_in(*found.symbol, "name");
  auto made = fmt::format("# {}\n\n`#include <{}>`\n", name,
                          header_path(text_in(*found.module, "name")));
  if (found.member != nullptr)
    return made + callable_text(text_in(*found.member, "name"), *found.member);
  if (!found.symbol->contains("constructor"))
    return made + callable_text(own, *found.symbol);
  if (const auto doc = text_in(*found.symbol, "doc"); !doc.empty())
    made += "\n" + markdown_of(doc);
  made += callable_text(own, found.symbol->at("constructor")) + "\n";
  for (const auto& each : found.symbol->at("members"))
    made += fmt::format("- `{}` ({})\n", text_in(each, "name"),
                        text_in(each, "kind"));
  return made;
}

std::vector<found_page> search(const json& manifest, const std::string& words) {
  std::vector<found_page> by_name, by_doc;
  const auto wanted = lower(words);
  const auto look = [&](const std::string& path, const json& told) {
    const auto name = text_in(told, "name"), doc = text_in(told, "doc");
    const auto is_in = [&](const std::string& text) {
      return lower(text).find(wanted) != text.npos;
    };
    if (is_in(name))
      by_name.push_back({path, first_sentence(doc)});
    else if (is_in(doc))
      by_doc.push_back({path, first_sentence(doc)});
  };
  for (const auto& module : manifest.at("modules"))
    for (const auto& symbol : module.at("symbols")) {
      const auto kind = text_in(symbol, "kind");
      if (kind == "reexport" || kind == "hole")
        continue;
      const auto path =
        fmt::format("{}.{}", text_in(module, "name"), text_in(symbol, "name"));
      look(path, symbol);
      if (kind == "class")
        for (const auto& each : symbol.at("members"))
          if (!text_in(each, "name").starts_with("__"))
            look(fmt::format("{}.{}", path, text_in(each, "name")), each);
    }
  by_name.insert(by_name.end(), by_doc.begin(), by_doc.end());
  return by_name;
}

} // namespace snakebridge::codegen
