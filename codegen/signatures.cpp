#include "signatures.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

constexpr std::size_t overloads_max = 8;
constexpr std::size_t leading_max = 3; // that may be given by position
constexpr std::size_t shorthand_overloads_max = 2;

/// An overload with its parameters sorted out.
struct sorted {
  std::vector<parameter> required;
  std::vector<parameter> leading; // have defaults, and may go by position
  std::vector<parameter> named;   // have defaults, and go by name
  std::vector<parameter> rest;    // one or none
  std::vector<parameter> more;
  json returns;
};

class sorter {
public:
  sorter(const generated_classes& classes, const std::string& self)
      : classes_{classes},
        self_{self} {}

  sorted sort(const json& overload) const {
    sorted made{.required = {},
                .leading = {},
                .named = {},
                .rest = {},
                .more = {},
                .returns = overload.at("returns")};
    for (const auto& each : overload.at("parameters")) {
      parameter one{.python = each.at("name"),
                    .name = cpp_name(each.at("name").get<std::string>()),
                    .kind = each.at("kind"),
                    .type = each.at("type")};
      if (one.name == "python" || one.name == "options"
          || one.name == cpp_name(self_.substr(self_.rfind('.') + 1)))
        one.name += '_';
      one.by_default = each.value("default", "");
      const bool by_name = one.kind == "keyword";
      const bool may_lack =
        each.contains("default") && (by_name || !each.contains("required"));
      if (one.kind == "rest")
        made.rest.push_back(std::move(one));
      else if (one.kind == "more")
        made.more.push_back(std::move(one));
      else if (may_lack)
        (by_name ? made.named : made.leading).push_back(std::move(one));
      else
        require(made, std::move(one));
    }
    return made;
  }

  void type(std::vector<parameter>& all) const {
    for (auto& each : all)
      each.cpp = type_of(each.type, classes_, self_);
  }
  void type(sorted& of) const {
    for (auto* each :
         {&of.required, &of.leading, &of.named, &of.rest, &of.more})
      type(*each);
  }

private:
  // What stands before one that must be given by position must be so too.
  static void require(sorted& made, parameter one) {
    if (one.kind != "keyword") {
      std::move(made.leading.begin(), made.leading.end(),
                std::back_inserter(made.required));
      made.leading.clear();
    }
    made.required.push_back(std::move(one));
  }

  const generated_classes& classes_;
  const std::string& self_;
};

// A type that says no more than what its objects can do: "SupportsAbs",
// "_operator._SupportsDunderLT".
bool is_ability(const json& type) {
  if (type.is_array() && !type.empty())
    return type[0] == "union"
             ? std::all_of(type.begin() + 1, type.end(), is_ability)
             : is_ability(type[0]);
  if (!type.is_string())
    return false;
  auto name = type.get<std::string>();
  name.erase(0, name.rfind('.') + 1);
  name.erase(0, name.find_first_not_of('_'));
  return name.starts_with("Supports") || name == "Container" || name == "Sized";
}

// Numbers and texts can do things too. Only where nothing else is told apart by
// it.
void take_abilities(sorted& of) {
  for (auto* all : {&of.required, &of.leading, &of.named})
    for (auto& each : *all)
      if (each.cpp.taken == "sb::object" && is_ability(each.type)) {
        each.cpp.taken = "sb::value";
        each.cpp.kinds = {"any"};
      }
}

bool overlap(const cpp_type& one, const cpp_type& other) {
  if (!one.is_known() || !other.is_known())
    return true;
  const auto has_class = [](const cpp_type& of) {
    return std::any_of(of.kinds.begin(), of.kinds.end(), [](const auto& each) {
      return each.starts_with("class ");
    });
  };
  if ((one.kinds.contains("object") && has_class(other))
      || (other.kinds.contains("object") && has_class(one)))
    return true;
  return std::any_of(
    one.kinds.begin(), one.kinds.end(),
    [&](const std::string& each) { return other.kinds.contains(each); });
}

// No argument tells which of them is called.
bool are_alike(const sorted& one, const sorted& other) {
  return one.required.size() == other.required.size()
         && one.rest.size() == other.rest.size()
         && std::equal(one.required.begin(), one.required.end(),
                       other.required.begin(),
                       [](const parameter& a, const parameter& b) {
                         return overlap(a.cpp, b.cpp);
                       });
}

void join(std::vector<parameter>& into, const std::vector<parameter>& from) {
  for (const auto& each : from) {
    const auto found =
      std::find_if(into.begin(), into.end(), [&](const parameter& known) {
        return known.python == each.python;
      });
    if (found == into.end())
      into.push_back(each);
    else
      found->type = either(found->type, each.type);
  }
}

void join(sorted& into, const sorted& from) {
  for (std::size_t at = 0; at < into.required.size(); ++at)
    into.required[at].type =
      either(into.required[at].type, from.required[at].type);
  join(into.leading, from.leading);
  join(into.named, from.named);
  for (auto* each : {&into.rest, &into.more}) {
    const auto& other = each == &into.rest ? from.rest : from.more;
    if (each->empty())
      *each = other;
    else if (!other.empty())
      each->front().type = either(each->front().type, other.front().type);
  }
  into.returns = either(into.returns, from.returns);
}

// One that stands among the options of some and is required of others.
void drop_required(sorted& of) {
  const auto is_required = [&](const parameter& each) {
    return std::any_of(
      of.required.begin(), of.required.end(),
      [&](const parameter& known) { return known.python == each.python; });
  };
  std::erase_if(of.leading, is_required);
  std::erase_if(of.named, is_required);
  std::erase_if(of.named, [&](const parameter& each) {
    return std::any_of(
      of.leading.begin(), of.leading.end(),
      [&](const parameter& known) { return known.python == each.python; });
  });
}

std::vector<sorted> folded(const json& overloads, const sorter& with) {
  std::vector<sorted> made;
  for (const auto& each : overloads) {
    auto next = with.sort(each);
    with.type(next);
    made.push_back(std::move(next));
  }
  const auto fold = [&](const auto& alike) {
    for (std::size_t one = 0; one < made.size(); ++one)
      for (std::size_t other = made.size() - 1; other > one; --other)
        if (alike(made[one], made[other])) {
          join(made[one], made[other]);
          with.type(made[one]);
          made.erase(made.begin() + static_cast<std::ptrdiff_t>(other));
          other = made.size(); // it may be like others now
        }
  };
  fold(are_alike);
  if (made.size() > overloads_max)
    fold([](const sorted& one, const sorted& other) {
      return one.required.size() == other.required.size()
             && one.rest.size() == other.rest.size();
    });
  for (auto& each : made)
    drop_required(each);
  return made;
}

bool takes(const cpp_type& of, const char* kind) {
  return of.kinds.contains(kind);
}

bool takes_numbers(const cpp_type& of) {
  return takes(of, "int") || takes(of, "float") || takes(of, "complex");
}

// Where one has an int and another a float, 5 is for the first.
void tell_apart(std::vector<sorted>& all) {
  for (auto& one : all)
    for (const auto& other : all)
      for (std::size_t at = 0; at < one.required.size(); ++at)
        if (&one != &other && at < other.required.size()
            && takes_numbers(one.required[at].cpp)
            && takes_numbers(other.required[at].cpp)
            && one.required[at].cpp.taken != other.required[at].cpp.taken)
          one.required[at].is_exact = true;
}

// It would pass for options in braces.
bool is_braced(const cpp_type& of) {
  return takes(of, "list") || takes(of, "dict") || takes(of, "set");
}

std::vector<form> forms_of(const sorted& of, bool has_options,
                           bool has_shorthands) {
  std::vector<form> made;
  form least{.given = of.required, .has_options = has_options};
  if (!of.rest.empty() && of.leading.empty())
    least.given.push_back(of.rest.front());
  made.push_back(least);
  const auto only_so = static_cast<std::size_t>(std::count_if(
    of.leading.begin(), of.leading.end(),
    [](const parameter& each) { return each.kind == "positional_only"; }));
  const auto by_place =
    has_shorthands ? std::max(only_so, leading_max) : only_so;
  const auto most =
    of.rest.empty() ? std::min(of.leading.size(), by_place) : of.leading.size();
  form longer{.given = of.required};
  for (std::size_t at = 0; at < most; ++at) {
    if (at >= only_so && of.rest.empty() && is_braced(of.leading[at].cpp))
      break;
    longer.given.push_back(of.leading[at]);
    auto next = longer;
    next.is_shorthand = at >= only_so && of.rest.empty();
    if (at + 1 == of.leading.size() && !of.rest.empty())
      next.given.push_back(of.rest.front());
    next.has_options =
      has_options && (at + 1 == only_so || at + 1 == of.leading.size())
      && !(of.named.empty() && of.more.empty() && at + 1 == of.leading.size());
    made.push_back(std::move(next));
  }
  return made;
}

// No argument tells which of them is meant.
bool are_alike(const form& one, const form& other) {
  return std::equal(
    one.given.begin(), one.given.end(), other.given.begin(), other.given.end(),
    [](const parameter& a, const parameter& b) {
      return (a.kind == "rest") == (b.kind == "rest") && overlap(a.cpp, b.cpp);
    });
}

// The least way to call each goes before longer ones of others.
void drop_alike(std::vector<signature>& all) {
  std::vector<form> known;
  const auto is_known = [&](const form& each) {
    const bool is =
      std::any_of(known.begin(), known.end(),
                  [&](const form& other) { return are_alike(each, other); });
    if (!is)
      known.push_back(each);
    return is;
  };
  std::vector<bool> is_least_known;
  for (const auto& each : all)
    is_least_known.push_back(is_known(each.forms.front()));
  for (std::size_t at = 0; at < all.size(); ++at) {
    auto& forms = all[at].forms;
    forms.erase(std::remove_if(forms.begin() + 1, forms.end(), is_known),
                forms.end());
    if (is_least_known[at])
      forms.erase(forms.begin());
  }
  std::erase_if(all, [](const signature& each) { return each.forms.empty(); });
}

signature made_of(const sorted& of, bool has_shorthands,
                  const std::string& options, const generated_classes& classes,
                  const std::string& self) {
  signature made;
  for (const auto& each : of.leading)
    if (each.kind != "positional_only")
      made.options.push_back(each);
  made.options.insert(made.options.end(), of.named.begin(), of.named.end());
  made.options.insert(made.options.end(), of.more.begin(), of.more.end());
  std::set<std::string> names = {options}; // no member has its struct's name
  for (auto& each : made.options)
    while (!names.insert(each.name).second)
      each.name += '_';
  if (!made.options.empty())
    made.options_name = options;
  made.forms = forms_of(of, !made.options.empty(), has_shorthands);
  made.returns = type_of(of.returns, classes, self);
  return made;
}

} // namespace

std::vector<signature> signatures_of(const json& callable,
                                     const generated_classes& classes,
                                     const std::string& self,
                                     const std::string& name) {
  const sorter with{classes, self};
  auto all = folded(callable.at("overloads"), with);
  tell_apart(all);
  if (all.size() == 1)
    take_abilities(all.front());
  std::vector<signature> made;
  for (std::size_t at = 0; at < all.size(); ++at) {
    auto options = name.empty() ? "options" : name + "_options";
    if (at > 0)
      options += fmt::format("_{}", at + 1);
    made.push_back(made_of(all[at], all.size() <= shorthand_overloads_max,
                           options, classes, self));
    made.back().is_first = at == 0;
  }
  drop_alike(made);
  return made;
}

signature single_signature_of(const json& callable,
                              const generated_classes& classes,
                              const std::string& self) {
  const sorter with{classes, self};
  std::optional<sorted> one;
  for (const auto& each : callable.at("overloads")) {
    auto next = with.sort(each);
    if (!one)
      one = std::move(next);
    else if (next.required.size() == one->required.size())
      join(*one, next);
  }
  with.type(*one);
  return made_of(*one, false, "", classes, self);
}

} // namespace snakebridge::codegen
