#include "types.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "names.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

struct plain_type {
  const char* taken;
  const char* given;
  const char* kind;
};

constexpr std::size_t variant_types_max = 4;

const std::map<std::string, plain_type>& plain_types() {
  constexpr plain_type whole{"std::int64_t", "std::int64_t", "int"};
  constexpr plain_type real{"double", "double", "float"};
  constexpr plain_type truth{"bool", "bool", "bool"};
  constexpr plain_type text{"std::string_view", "std::string", "text"};
  constexpr plain_type raw{"sb::bytes", "sb::bytes", "bytes"};
  constexpr plain_type both{"std::complex<double>", "std::complex<double>",
                            "complex"};
  constexpr plain_type path{"sb::path_like", "std::filesystem::path", "text"};
  constexpr plain_type any{"sb::value", "sb::value", "any"};
  static const std::map<std::string, plain_type> all = {
    {"int", whole},
    {"SupportsIndex", whole},
    {"SupportsInt", whole},
    {"numpy.integer", whole},
    {"numpy.signedinteger", whole},
    {"numpy.unsignedinteger", whole},
    // Of settings: whole numbers of any size.
    {"sb::integer", {"sb::integer", "sb::integer", "int"}},
    {"float", real},
    {"SupportsFloat", real},
    {"numpy.floating", real},
    {"numpy.number", real},
    {"numpy.inexact", real},
    {"numbers.Real", real},
    {"bool", truth},
    {"numpy.bool", truth},
    {"numpy.bool_", truth},
    {"str", text},
    {"numpy.str_", text},
    {"bytes", raw},
    {"bytearray", raw},
    {"memoryview", raw},
    {"Buffer", raw},
    {"numpy.bytes_", raw},
    {"complex", both},
    {"SupportsComplex", both},
    {"numpy.complexfloating", both},
    {"StrPath", path},
    {"pathlib.Path", path},
    {"pathlib.PurePath", path},
    {"datetime.datetime", {"sb::datetime", "sb::datetime", "datetime"}},
    {"datetime.date", {"sb::date", "sb::date", "date"}},
    {"datetime.time", {"sb::time", "sb::time", "time"}},
    {"datetime.timedelta", {"sb::timedelta", "sb::timedelta", "timedelta"}},
    {"decimal.Decimal", {"sb::decimal", "sb::decimal", "decimal"}},
    {"uuid.UUID", {"sb::uuid", "sb::uuid", "uuid"}},
    {"None", {"sb::none_t", "void", "none"}},
    {"Callable", {"sb::callback", "sb::object", "callable"}},
    {"slice", {"sb::slice", "sb::object", "slice"}},
    {"Any", any},
    {"object", any},
    {"Hashable", any},
    {"numpy.generic", any},
    {"numpy.ArrayLike", {"sb::array_like", "sb::value", "any"}},
    {"numpy.DTypeLike", {"sb::dtype_like", "sb::value", "any"}},
    {"...", any},
    {"EllipsisType", {"sb::ellipsis_t", "sb::value", "ellipsis"}},
  };
  return all;
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> of) {
  return std::any_of(of.begin(), of.end(),
                     [&](const char* each) { return name == each; });
}

cpp_type any_type() {
  return {.taken = "sb::value", .given = "sb::value", .kinds = {"any"}};
}
cpp_type any_object() {
  return {.taken = "sb::object", .given = "sb::object", .kinds = {"object"}};
}

class reader {
public:
  reader(const generated_classes& classes, const std::string& self)
      : classes_{classes},
        self_{self} {}

  /// `inside`: it is what a container or a choice has in it.
  cpp_type read(const json& of, bool inside = false) const {
    if (of.is_string())
      return named(of.get<std::string>());
    if (!of.is_array() || of.empty())
      return any_type();
    const auto name = of[0].get<std::string>();
    if (name == "union")
      return choice(of);
    if (name == "literal")
      return literal(of, inside);
    return generic(name, of);
  }

private:
  cpp_type named(const std::string& name) const {
    if (name == "Self")
      return self_.empty() ? any_object() : of_class(self_);
    if (const auto found = classes_.find(name); found != classes_.end())
      return of_class(name);
    const auto& plain = plain_types();
    if (const auto found = plain.find(name); found != plain.end())
      return {.taken = found->second.taken,
              .given = found->second.given,
              .kinds = {found->second.kind}};
    if (name.starts_with("numpy.") && is_numpy_scalar(name))
      return read(numpy_scalar(name));
    return generic(name, json::array({name}));
  }

  static bool is_numpy_scalar(const std::string& name) {
    return numpy_scalar(name) != "object";
  }
  // float64, uint8, complex128 and the like.
  static std::string numpy_scalar(const std::string& name) {
    const auto inner = name.substr(name.rfind('.') + 1);
    const auto begins = [&](std::initializer_list<const char*> with) {
      return std::any_of(with.begin(), with.end(), [&](const char* each) {
        const std::string_view prefix{each};
        return inner.starts_with(prefix)
               && std::all_of(
                 inner.begin() + static_cast<std::ptrdiff_t>(prefix.size()),
                 inner.end(), [](char c) { return c >= '0' && c <= '9'; });
      });
    };
    if (begins({"float", "double", "single", "half", "longdouble"}))
      return "float";
    if (begins({"int", "uint", "long", "ulong", "short", "ushort", "byte",
                "ubyte", "intp", "uintp", "intc", "uintc", "longlong",
                "ulonglong"}))
      return "int";
    if (begins({"complex", "cdouble", "csingle", "clongdouble"}))
      return "complex";
    return "object";
  }

  cpp_type of_class(const std::string& path) const {
    const auto& known = classes_.at(path);
    const auto name =
      fmt::format("{}::{}", namespace_of(known.module), known.name);
    cpp_type made{.taken = name, .given = name, .classes = {path}};
    made.kinds = {"class " + path};
    for (const auto& base : known.bases)
      made.kinds.insert("class " + base);
    return made;
  }

  cpp_type literal(const json& of, bool inside) const {
    std::set<std::string> kinds;
    std::string words;
    for (std::size_t at = 1; at < of.size(); ++at) {
      kinds.insert(of[at].is_string()    ? "str"
                   : of[at].is_boolean() ? "bool"
                                         : "int");
      if (of[at].is_string())
        words += fmt::format("{}{}", words.empty() ? "" : ", ",
                             cpp_text(of[at].get<std::string>()));
    }
    if (kinds.size() > 1) {
      json types{"union"};
      for (const auto& each : kinds)
        types.push_back(each);
      return choice(types);
    }
    auto made = named(*kinds.begin());
    if (*kinds.begin() == "str" && !inside)
      made.taken = fmt::format("sb::literal<{}>", words);
    return made;
  }

  static void note(cpp_type& outer, const cpp_type& inner) {
    outer.classes.insert(inner.classes.begin(), inner.classes.end());
  }

  // Of what may be None besides.
  static cpp_type or_none(cpp_type of) {
    if (!of.is_known())
      return of;
    if (!of.taken.starts_with("sb::literal<"))
      of.taken = fmt::format("std::optional<{}>", of.taken);
    if (of.given != "sb::value" && of.given != "sb::object" && !of.is_stream)
      of.given = fmt::format("std::optional<{}>", of.given);
    of.kinds.insert("none");
    return of;
  }

  cpp_type choice(const json& of) const {
    const auto nones = std::count(of.begin() + 1, of.end(), json("None"));
    const bool is_single = of.size() == 2 + static_cast<std::size_t>(nones);
    std::vector<cpp_type> parts;
    for (std::size_t at = 1; at < of.size(); ++at) {
      if (of[at] == "None")
        continue;
      auto part = read(of[at], !is_single);
      if (!part.is_known())
        return is_single ? part : any_type();
      if (std::none_of(parts.begin(), parts.end(), [&](const cpp_type& each) {
            return each.taken == part.taken;
          }))
        parts.push_back(std::move(part));
    }
    if (parts.empty())
      return named("None");
    auto made = one_of(std::move(parts));
    return nones > 0 ? or_none(std::move(made)) : made;
  }

  static bool is_wider(const cpp_type& wide, const cpp_type& narrow) {
    if (wide.taken == "double")
      return narrow.taken == "std::int64_t";
    if (wide.taken == "std::complex<double>")
      return narrow.taken == "double" || narrow.taken == "std::int64_t";
    if (wide.taken == "sb::path_like")
      return narrow.taken == "std::string_view";
    if (wide.taken == "sb::object")
      return narrow.kinds.begin()->starts_with("class ");
    return false;
  }

  // Two lists are told apart by nothing: they are one of anything.
  static void add_apart(std::vector<cpp_type>& all, const cpp_type& next) {
    for (auto& each : all)
      for (const char* kind : {"list", "dict", "set"})
        if (!each.is_stream && !next.is_stream && each.kinds.contains(kind)
            && next.kinds.contains(kind) && each.kinds.size() == 1
            && next.kinds.size() == 1) {
          note(each, next);
          const auto both = kind == std::string_view{"list"}
                              ? std::string{"std::vector<sb::value>"}
                              : fmt::format("sb::{}", kind);
          each.given = both;
          each.taken = both;
          return;
        }
    all.push_back(next);
  }

  // The widest of them, or one of four at most.
  static cpp_type one_of(std::vector<cpp_type> parts) {
    const auto is_covered = [&](const cpp_type& each) {
      return std::any_of(parts.begin(), parts.end(), [&](const cpp_type& wide) {
        return is_wider(wide, each);
      });
    };
    std::vector<cpp_type> left;
    for (const auto& each : parts)
      if (!is_covered(each))
        add_apart(left, each);
    if (left.size() == 1)
      return left.front();
    cpp_type made;
    std::vector<std::string> taken, given;
    for (const auto& each : left) {
      note(made, each);
      made.kinds.insert(each.kinds.begin(), each.kinds.end());
      taken.push_back(each.taken);
      if (std::find(given.begin(), given.end(), each.given) == given.end())
        given.push_back(each.given);
      made.is_stream |= each.is_stream;
    }
    if (left.size() > variant_types_max || made.is_stream)
      return any_type();
    made.taken = fmt::format("std::variant<{}>", fmt::join(taken, ", "));
    made.given = given_by(left, given);
    return made;
  }

  // What comes back is told by its kind: of two classes, nothing does.
  static std::string given_by(const std::vector<cpp_type>& parts,
                              const std::vector<std::string>& given) {
    if (given.size() == 1)
      return given.front();
    const auto objects =
      std::count_if(parts.begin(), parts.end(), [](const cpp_type& each) {
        return each.kinds.begin()->starts_with("class ")
               || each.given == "sb::object";
      });
    if (objects == static_cast<std::ptrdiff_t>(parts.size()))
      return "sb::object";
    if (objects > 1
        || std::any_of(given.begin(), given.end(), [](const std::string& each) {
             return each == "void" || each == "sb::value";
           }))
      return "sb::value";
    return fmt::format("std::variant<{}>", fmt::join(given, ", "));
  }

  static bool is_simple(const cpp_type& key) {
    return is_one_of(key.given,
                     {"std::int64_t", "double", "bool", "std::string"});
  }

  cpp_type item(const json& of, std::size_t at) const {
    return at < of.size() ? read(of[at], true) : any_type();
  }

  cpp_type generic(const std::string& name, const json& of) const {
    if (is_one_of(name, {"list", "Sequence", "MutableSequence", "Iterable",
                         "Collection", "deque", "Reversible", "ValuesView",
                         "SupportsLenAndGetItem", "SupportsGetItem",
                         "SupportsIter", "KeysView"}))
      return holding("std::vector", "list", item(of, 1));
    if (is_one_of(name, {"Iterator", "Generator", "AsyncIterator",
                         "AsyncIterable", "AsyncGenerator"})) {
      const auto inner = item(of, 1);
      auto made = holding("std::vector", "list", inner);
      made.given = inner.given == "void" ? "sb::value" : inner.given;
      made.is_stream = true;
      return made;
    }
    if (is_one_of(name, {"Awaitable", "Coroutine"})) {
      auto made = item(of, name == "Coroutine" ? 3 : 1);
      made.taken = "sb::object";
      made.kinds = {"object"};
      made.is_awaited = true;
      return made;
    }
    if (is_one_of(name, {"set", "frozenset", "Set", "MutableSet"}))
      return is_simple(item(of, 1)) ? holding("std::set", "set", item(of, 1))
                                    : cpp_type{.taken = "sb::set",
                                               .given = "sb::set",
                                               .kinds = {"set"}};
    if (is_one_of(name, {"dict", "Mapping", "MutableMapping", "defaultdict",
                         "OrderedDict"}))
      return mapping(of);
    if (name == "tuple")
      return row(of);
    if (name == "PathLike")
      return named("StrPath");
    return any_object();
  }

  static cpp_type holding(const char* container, const char* kind,
                          const cpp_type& inner) {
    cpp_type made{
      .taken = fmt::format("{}<{}>", container, inner.taken),
      .given = fmt::format("{}<{}>", container,
                           inner.given == "void" ? "sb::value" : inner.given),
      .kinds = {kind}};
    note(made, inner);
    return made;
  }

  cpp_type mapping(const json& of) const {
    const auto key = item(of, 1), inner = item(of, 2);
    if (!is_simple(key))
      return {.taken = "sb::dict", .given = "sb::dict", .kinds = {"dict"}};
    cpp_type made{
      .taken = fmt::format("std::map<{}, {}>", key.taken, inner.taken),
      .given = fmt::format("std::map<{}, {}>", key.given,
                           inner.given == "void" ? "sb::value" : inner.given),
      .kinds = {"dict"}};
    note(made, inner);
    return made;
  }

  cpp_type row(const json& of) const {
    if (of.size() < 2 || of.back() == "...") {
      auto made = holding("std::vector", "list", item(of, 1));
      made.taken = fmt::format("sb::row_of<{}>", item(of, 1).taken);
      return made;
    }
    cpp_type made;
    made.kinds = {"list"};
    std::vector<std::string> taken, given;
    for (std::size_t at = 1; at < of.size(); ++at) {
      const auto inner = item(of, at);
      note(made, inner);
      taken.push_back(inner.taken);
      given.push_back(inner.given == "void" ? "sb::none_t" : inner.given);
    }
    made.taken = fmt::format("std::tuple<{}>", fmt::join(taken, ", "));
    made.given = fmt::format("std::tuple<{}>", fmt::join(given, ", "));
    return made;
  }

  const generated_classes& classes_;
  const std::string& self_;
};

} // namespace

cpp_type type_of(const json& of, const generated_classes& classes,
                 const std::string& self) {
  return reader{classes, self}.read(of);
}

json either(const json& one, const json& other) {
  if (one == other)
    return one;
  json made{"union"};
  for (const auto& side : {one, other}) {
    if (side.is_null())
      return nullptr;
    const bool is_union = side.is_array() && side[0] == "union";
    for (std::size_t at = is_union ? 1 : 0; at < (is_union ? side.size() : 1);
         ++at) {
      const auto& part = is_union ? side[at] : side;
      if (std::find(made.begin() + 1, made.end(), part) == made.end())
        made.push_back(part);
    }
  }
  return made;
}

bool has_value_form(const std::string& path,
                    const std::vector<std::string>& bases) {
  if (is_one_of(path, {"datetime.datetime", "datetime.date", "datetime.time",
                       "datetime.timedelta", "decimal.Decimal", "uuid.UUID"}))
    return true;
  return std::find(bases.begin(), bases.end(), "numpy.generic") != bases.end();
}

std::string namespace_of(const std::string& module) {
  std::string made = "sb::py";
  std::size_t at = 0;
  while (at <= module.size()) {
    const auto dot = std::min(module.find('.', at), module.size());
    made += "::" + namespace_name(module.substr(at, dot - at));
    at = dot + 1;
  }
  return made;
}

} // namespace snakebridge::codegen
