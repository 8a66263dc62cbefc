// What is written for a manifest: golden/, and the rules that it follows.
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "codegen/emit.hpp"
#include "codegen/names.hpp"
#include "codegen/signatures.hpp"
#include "codegen/used.hpp"

namespace {

namespace cg = snakebridge::codegen;
using json = nlohmann::json;

std::string read(const std::string& name) {
  std::ifstream in{SNAKEBRIDGE_GOLDEN "/" + name};
  EXPECT_TRUE(in.is_open()) << name;
  return {std::istreambuf_iterator<char>{in}, {}};
}

cg::cpp_type type(const char* text, const cg::generated_classes& known = {}) {
  return cg::type_of(json::parse(text), known, "shop.Shelf");
}

// inventory: what becomes what; arrays: NumPy's types; attic: names, and
// modules that have to do with each other.
TEST(Emitter, WritesTheGoldenFilesOfItsManifestEachTime) {
  for (const auto* name : {"inventory", "attic", "arrays"}) {
    const auto manifest = json::parse(read(name + std::string{".json"}));
    for (int time = 0; time < 2; ++time) {
      cg::emitter emits{manifest};
      for (const auto& module : emits.modules()) {
        EXPECT_EQ(emits.header(module), read(module + ".hpp.txt"));
        EXPECT_EQ(emits.source(module, {}), read(module + ".cpp.txt"));
        EXPECT_EQ(emits.messages(module, {}), read(module + "_messages.txt"));
      }
    }
  }
}

TEST(Emitter, DefinesOnlyWhatIsUsed) {
  const auto manifest = json::parse(read("inventory.json"));
  cg::emitter emits{manifest};
  const auto source =
    emits.source("inventory", std::set<std::string>{"total", "price"});
  EXPECT_NE(source.find("total("), std::string::npos);
  EXPECT_EQ(source.find("spread("), std::string::npos);
  EXPECT_EQ(emits.messages("inventory", std::set<std::string>{"total"}), "");
  const auto messages = emits.messages(
    "inventory", std::set<std::string>{"total", "Item", "price", "as_message"});
  EXPECT_NE(messages.find("call_message total("), std::string::npos);
  EXPECT_NE(messages.find("attr_message Item::price("), std::string::npos);
  EXPECT_EQ(messages.find("spread("), std::string::npos);
  EXPECT_EQ(source.find("async_caller"), std::string::npos);
}

// Names like `size` are everywhere; a member needs an object.
TEST(Emitter, DefinesMembersOfClassesOfWhichThereMayBeObjects) {
  const auto manifest = json::parse(read("inventory.json"));
  cg::emitter emits{manifest};
  const auto has = [&](std::set<std::string> used, const char* what) {
    return emits.source("inventory", std::move(used)).find(what)
           != std::string::npos;
  };
  EXPECT_FALSE(has({"keys"}, "Store::keys("));
  EXPECT_TRUE(has({"Store", "keys"}, "Store::keys("));
  EXPECT_TRUE(has({"make", "price"}, "Item::price(")) << "it answers one";
  EXPECT_TRUE(has({"Store", "scan", "price"}, "Item::price("));
  EXPECT_TRUE(has({"Tool", "price"}, "Item::price(")) << "of its base";
  EXPECT_FALSE(has({"Tool", "nickname"}, "Store::operator+("));
  EXPECT_TRUE(has({"make"}, "Item::lt_(")) << "operators have no names";
  EXPECT_TRUE(has({"put"}, "enumeration_of(Place)"));
  EXPECT_TRUE(has({"Shelf", "grown"}, "Store_Shelf::grown("));
}

TEST(Emitter, TellsWhichTwoNamesClash) {
  const auto named = [](const char* name) {
    return json{{"name", name},
                {"kind", "constant"},
                {"type", "int"},
                {"home", std::string{"shop:"} + name}};
  };
  const json manifest{{"modules",
                       {{{"name", "shop"},
                         {"doc", ""},
                         {"symbols", {named("delete"), named("delete_")}}}}}};
  cg::emitter emits{manifest};
  static_cast<void>(emits.header("shop"));
  const auto notes = emits.notes();
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0].what, "renamed");
  EXPECT_EQ(notes[1].what, "clash");
  EXPECT_EQ(notes[1].symbol, "shop.delete_");
  EXPECT_EQ(notes[1].reason, "shop.delete is delete_ in C++ as well");
}

struct type_row {
  const char* python;
  const char* taken;
  const char* given;
};

TEST(Types, HaveTheirRows) {
  const cg::generated_classes known{
    {"shop.Shelf", {.module = "shop", .name = "Shelf"}},
    {"shop.Place", {.module = "shop", .name = "Place", .is_enum = true}}};
  const type_row rows[] = {
    {R"("int")", "std::int64_t", "std::int64_t"},
    {R"("SupportsIndex")", "std::int64_t", "std::int64_t"},
    {R"("sb::integer")", "sb::integer", "sb::integer"},
    {R"("float")", "double", "double"},
    {R"(["union", "int", "float"])", "double", "double"},
    {R"("bool")", "bool", "bool"},
    {R"("str")", "std::string_view", "std::string"},
    {R"("bytes")", "sb::bytes", "sb::bytes"},
    {R"("Buffer")", "sb::bytes", "sb::bytes"},
    {R"("complex")", "std::complex<double>", "std::complex<double>"},
    {R"("datetime.datetime")", "sb::datetime", "sb::datetime"},
    {R"("decimal.Decimal")", "sb::decimal", "sb::decimal"},
    {R"("uuid.UUID")", "sb::uuid", "sb::uuid"},
    {R"("None")", "sb::none_t", "void"},
    {R"(["union", "str", "None"])", "std::optional<std::string_view>",
     "std::optional<std::string>"},
    {R"(["union", "int", "str"])",
     "std::variant<std::int64_t, std::string_view>",
     "std::variant<std::int64_t, std::string>"},
    {R"(["union", "int", "str", "bytes", ["list", "int"], "slice"])",
     "sb::value", "sb::value"},
    {R"(["list", "int"])", "std::vector<std::int64_t>",
     "std::vector<std::int64_t>"},
    {R"(["Sequence", "str"])", "std::vector<std::string_view>",
     "std::vector<std::string>"},
    {R"(["Iterator", "int"])", "std::vector<std::int64_t>", "std::int64_t"},
    {R"(["dict", "str", "float"])", "std::map<std::string_view, double>",
     "std::map<std::string, double>"},
    {R"(["Mapping", ["tuple", "int", "int"], "float"])", "sb::dict",
     "sb::dict"},
    {R"(["tuple", "int", "str"])", "std::tuple<std::int64_t, std::string_view>",
     "std::tuple<std::int64_t, std::string>"},
    {R"(["tuple", "int", "..."])", "sb::row_of<std::int64_t>",
     "std::vector<std::int64_t>"},
    {R"(["set", "int"])", "std::set<std::int64_t>", "std::set<std::int64_t>"},
    {R"(["literal", "C", "F"])", "sb::literal<\"C\", \"F\">", "std::string"},
    {R"(["literal", 1, 2])", "std::int64_t", "std::int64_t"},
    {R"("shop.Place")", "sb::py::shop::Place", "sb::py::shop::Place"},
    {R"("StrPath")", "sb::path_like", "std::filesystem::path"},
    {R"(["PathLike", "str"])", "sb::path_like", "std::filesystem::path"},
    {R"("numpy.ArrayLike")", "sb::array_like", "sb::value"},
    {R"(["union", "numpy.ArrayLike", "None"])", "sb::array_like", "sb::value"},
    {R"(["union", "numpy.ArrayLike", "str"])", "sb::value", "sb::value"},
    {R"("numpy.DTypeLike")", "sb::dtype_like", "sb::value"},
    {R"(["union", "shop.Place", "None"])", "std::optional<sb::py::shop::Place>",
     "std::optional<sb::py::shop::Place>"},
    {R"(["list", "shop.Place"])", "std::vector<sb::py::shop::Place>",
     "std::vector<sb::py::shop::Place>"},
    {R"(["union", "shop.Place", "int"])",
     "std::variant<sb::py::shop::Place, std::int64_t>",
     "std::variant<sb::py::shop::Place, std::int64_t>"},
    {R"("numpy.floating")", "double", "double"},
    {R"("numpy.float64")", "double", "double"},
    {R"("Self")", "sb::py::shop::Shelf", "sb::py::shop::Shelf"},
    {R"("shop.Shelf")", "sb::py::shop::Shelf", "sb::py::shop::Shelf"},
    {R"(["list", "shop.Shelf"])", "std::vector<sb::py::shop::Shelf>",
     "std::vector<sb::py::shop::Shelf>"},
    {R"("fractions.Fraction")", "sb::object", "sb::object"},
    {R"("Callable")", "sb::callback", "sb::object"},
    {R"("Any")", "sb::value", "sb::value"},
    {R"(null)", "sb::value", "sb::value"},
    {R"(["Awaitable", "int"])", "sb::object", "std::int64_t"},
  };
  for (const auto& [python, taken, given] : rows) {
    const auto made = type(python, known);
    EXPECT_EQ(made.taken, taken) << python;
    EXPECT_EQ(made.given, given) << python;
  }
}

TEST(Names, OfWordsMacrosAndPrivateOnesAreOthers) {
  EXPECT_EQ(cg::cpp_name("class"), "class_");
  EXPECT_EQ(cg::cpp_name("errno"), "errno_");
  EXPECT_EQ(cg::cpp_name("major"), "major_");
  EXPECT_EQ(cg::cpp_name("SIGINT"), "SIGINT_");
  EXPECT_EQ(cg::cpp_name("EINVAL"), "EINVAL_");
  EXPECT_EQ(cg::cpp_name("EUR"), "EUR");
  EXPECT_EQ(cg::cpp_name("linux"), "linux_");
  EXPECT_EQ(cg::cpp_name("NZERO"), "NZERO_");
  EXPECT_EQ(cg::cpp_name("st_mtime"), "st_mtime_");
  EXPECT_EQ(cg::cpp_name("__x"), "py__x");
  EXPECT_EQ(cg::cpp_name("norm"), "norm");
  EXPECT_EQ(cg::member_name("Item", "Item"), "Item_");
  EXPECT_EQ(cg::member_name("end", "Match"), "end_");
  EXPECT_EQ(cg::namespace_of("unix.new"), "sb::py::unix_::new_");
}

TEST(Names, InACommentEndNoLineAndTakeNoOther) {
  const std::pair<const char*, const char*> rows[] = {
    {"a\rb", "a b"},
    {"a\nb\x0B"
     "c\x7F",
     "a b c"},
    {"a\\", "a"},
    {"a\\\f", "a"},
    {"a\\ ", "a"},
    {"a \\\t\\\r\\ ", "a"},
    {"\\n is \\n.", "\\n is \\n."},
    {" \\ ", ""}};
  for (const auto& [text, line] : rows)
    EXPECT_EQ(cg::one_line(text), line);
}

// A default's repr is whatever a library's author likes.
TEST(Emitter, WritesNothingOfTextsOutsideOfComments) {
  const std::string hostile = "1\r#error a\\\f", doc = "b\r#error \\ ";
  const json manifest{{"modules",
                       {{{"name", "shop"},
                         {"doc", doc},
                         {"symbols",
                          {{{"name", "buy"},
                            {"kind", "function"},
                            {"doc", doc},
                            {"home", "shop:buy"},
                            {"overloads",
                             {{{"parameters",
                                {{{"name", "x"},
                                  {"kind", "keyword"},
                                  {"type", "int"},
                                  {"default", hostile}}}},
                               {"returns", "int"}}}}}}}}}}};
  cg::emitter emits{manifest};
  const auto header = emits.header("shop");
  EXPECT_EQ(header.find_first_of("\r\f"), std::string::npos);
  EXPECT_NE(header.find("/// b #error\n"), std::string::npos) << header;
  EXPECT_NE(header.find("///< 1 #error a\n"), std::string::npos) << header;
}

TEST(Names, AreThereOnce) {
  cg::scope scope;
  EXPECT_TRUE(scope.take("a", "m.a"));
  EXPECT_TRUE(scope.take("a", "m.a"));
  EXPECT_FALSE(scope.take("a", "m.A"));
  EXPECT_EQ(*scope.owner("a"), "m.a");
}

TEST(Used, AreIdentifiersOutsideOfCommentsAndTexts) {
  std::set<std::string> names;
  cg::add_names(R"cpp(
// commented out
/* sum */ auto x = np::norm(b, "mean", 'c'); int n = 1'000; f(R"(raw")", y);
)cpp",
                names);
  EXPECT_EQ(names, (std::set<std::string>{"auto", "x", "np", "norm", "b", "int",
                                          "n", "f", "y"}));
}

json overload(const char* parameters, const char* returns) {
  return {{"parameters", json::parse(parameters)},
          {"returns", json::parse(returns)}};
}

TEST(Signatures, OfTheSameRequiredTypesAreOne) {
  const json callable{
    {"overloads",
     {overload(R"([{"name": "a", "kind": "positional", "type": "int"}])",
               R"("int")"),
      overload(R"([{"name": "a", "kind": "positional", "type": "int"},
                   {"name": "b", "kind": "keyword", "type": "str",
                    "default": "''"}])",
               R"("float")")}}};
  const auto made = cg::signatures_of(callable, {}, "", "f");
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].returns.given, "double");
  EXPECT_EQ(made[0].options.at(0).python, "b");
}

TEST(Signatures, OfAnAbilityTakeWhateverHasIt) {
  const json callable{{"overloads",
                       {overload(R"([{"name": "a", "kind": "positional",
                    "type": ["union", "_op._SupportsLT", "SupportsAbs"]}])",
                                 R"("Any")")}}};
  const auto made = cg::signatures_of(callable, {}, "", "f");
  EXPECT_EQ(made.at(0).forms.at(0).given.at(0).cpp.taken, "sb::value");
}

TEST(Signatures, TellAnIntFromAFloat) {
  const json callable{
    {"overloads",
     {overload(R"([{"name": "a", "kind": "positional", "type": "int"}])",
               R"("str")"),
      overload(R"([{"name": "a", "kind": "positional", "type": "float"}])",
               R"("bytes")")}}};
  const auto made = cg::signatures_of(callable, {}, "", "f");
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].forms.at(0).given.at(0).cpp.taken, "std::int64_t");
  EXPECT_TRUE(made[1].forms.at(0).given.at(0).is_exact);
  EXPECT_FALSE(made[1].is_first);
}

TEST(Signatures, ThatNothingTellsApartAreOne) {
  const json callable{
    {"overloads",
     {overload(R"([{"name": "a", "kind": "positional", "type": "Any"}])",
               R"("str")"),
      overload(R"([{"name": "a", "kind": "positional", "type": "int"}])",
               R"("None")")}}};
  const auto made = cg::signatures_of(callable, {}, "", "f");
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].returns.given, "std::optional<std::string>");
}

} // namespace
