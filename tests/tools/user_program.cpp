// A program as strangers write it, with all that the public headers offer:
// test_headers.py compiles it with their warnings and -Werror. It is not run.
#include <snakebridge/snakebridge.hpp>

#include <array>
#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace sb = snakebridge;
using namespace sb::literals;
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace shop {

struct item {
  std::string name;
  double price = 0;
  std::optional<std::string> note;
};
SNAKEBRIDGE_FIELDS(item, name, price, note);

struct sale {
  std::string region;
  std::int64_t quantity = 0;
  std::chrono::year_month_day day;
  std::vector<item> items;
  std::map<std::string, std::optional<double>> taxes;
  std::variant<int, std::string> code;
};
SNAKEBRIDGE_FIELDS(sale, region, quantity, day, items, taxes, code);

/// A type with a converter of its own.
struct money {
  std::int64_t cents = 0;
};

} // namespace shop

template <>
struct sb::converter<shop::money> {
  static value to_value(const shop::money& from) {
    return value{decimal{std::to_string(from.cents) + "E-2"}};
  }
  static result<shop::money> from_value(const value& from) {
    return from.to<std::int64_t>().transform(
      [](std::int64_t cents) { return shop::money{cents}; });
  }
};

namespace {

using table = std::vector<std::map<std::string, std::optional<int>>>;
using names = std::map<std::string, std::vector<std::string>>;
using number = std::variant<std::int64_t, double, std::string>;

sb::list standard_types() {
  const auto now = std::chrono::system_clock::now();
  const auto day = std::chrono::floor<std::chrono::days>(now);
  std::unordered_map<std::string, std::set<int>> groups{{"a", {1, 2}}};
  sb::list made{true,   1,    -2L,   3u,      4ull,     1.5f, 2.5,
                "text", "s"s, "v"sv, nullptr, sb::none, 'c'};
  made.push_back(std::vector<std::vector<int>>{{1, 2}, {3}, {}});
  made.push_back(table{{{"a", 1}, {"b", {}}}, {}});
  made.emplace_back(names{{"x", {"1", "2"}}});
  made.emplace_back(groups);
  made.emplace_back(std::optional<std::string>{"there"});
  made.emplace_back(std::optional<std::vector<double>>{});
  made.emplace_back(number{2.5});
  made.emplace_back(std::tuple{1, "two"s, 3.0, std::vector{4}});
  made.emplace_back(std::pair{"key"s, std::array<double, 2>{1, 2}});
  made.emplace_back(std::deque<std::list<std::string>>{{"a"}, {}});
  made.emplace_back(std::map<std::pair<int, int>, std::complex<double>>{});
  made.emplace_back(std::filesystem::path{"/tmp"} / "file");
  made.emplace_back(std::chrono::floor<std::chrono::microseconds>(now));
  made.emplace_back(std::chrono::year_month_day{day});
  made.emplace_back(90s);
  made.emplace_back(1500ms);
  made.emplace_back(std::chrono::hh_mm_ss{45min});
  return made;
}

sb::dict python_types() {
  sb::dict made{{"key", 1}, {sb::tuple{0, 1}, "xy"}, {2.5, sb::list{1, "two"}}};
  made.set("bytes", sb::bytes{"\x00\x01"sv});
  made.set("atom", sb::atom{"ok"});
  made.set("set", sb::set{1, 2, "three"});
  made.set("frozenset", sb::frozenset{1, sb::tuple{2, 3}});
  made.set("big", sb::integer{"99999999999999999999"});
  made.set("decimal", sb::decimal{"1.50"});
  made.set("delta", sb::timedelta::of(1500ms));
  made.set("moment", sb::datetime{{2024, 2, 29}, {12, 30, 0}});
  made.set("nested",
           sb::dict{{"list", sb::list{sb::dict{{"deep", sb::none}}}}});
  made.set(sb::value{std::vector{1}}.as<std::vector<int>>().front(), "front");
  return made;
}

shop::sale some_sale() {
  return {.region = "north",
          .quantity = 3,
          .day = std::chrono::year{2024} / 2 / 29,
          .items = {{"tea", 2.5, "green"}, {"cup", 4.0, {}}},
          .taxes = {{"vat", 0.2}, {"none", {}}},
          .code = "n-1"};
}

void convert(const sb::value& from) {
  const auto as_table = from.as<table>();
  const auto as_names = from.to<names>();
  const auto as_sale = from.to<shop::sale>();
  const auto sales = from.to<std::vector<shop::sale>>();
  const auto parts = from.to<std::tuple<int, std::string, sb::value>>();
  const auto floats = from.cast<std::vector<std::optional<float>>>();
  const auto rows = from.cast<std::map<std::string, std::vector<double>>>();
  const auto any = from.to<std::vector<number>>();
  const auto maybe = from.to<std::optional<shop::money>>();
  const auto moment = from.to<std::chrono::sys_time<std::chrono::seconds>>();
  if (as_sale)
    std::cout << as_sale->region << as_sale->items.size();
  if (sales && !sales->empty() && parts)
    std::cout << sales->front().quantity << std::get<1>(*parts);
  if (any && maybe && *maybe)
    std::cout << any->size() << (*maybe)->cents;
  std::cout << as_table.size() << as_names.value_or(names{}).size()
            << floats.size() << rows.size() << moment.has_value() << '\n';
}

void look_into(const sb::value& from) {
  for (const auto& each : from)
    std::cout << each << fmt::format("{}", each) << '\n';
  if (from.size() > 2 && from[0] == 1 && from[-1] != "two"s)
    std::cout << from[1]["key"].as<std::string>() << from.type_name();
  if (const auto* entries = from.get_if<sb::dict>())
    for (const auto& [key, item] : *entries)
      std::cout << key << sb::to_string(item.kind()) << '\n';
}

void iterate(const sb::bridge& bridge) {
  for (sb::result<sb::value> item : bridge.stream("builtins", "range", 10))
    if (item)
      std::cout << *item << '\n';
  const auto done =
    bridge.stream("m", "generate", 1, "size"_a = 2)
      .batch(64)
      .timeout_idle(1min)
      .for_each([](sb::value chunk) {
        return chunk.is_none() ? sb::flow::stop : sb::flow::next;
      });
  if (!done)
    std::cerr << done.error() << '\n';
  for (auto&& row : bridge.with({.pool = "gpu"})
                      .stream(sb::or_throw(bridge.call("m", "rows")))
                      .as<shop::item>())
    std::cout << sb::or_throw(std::move(row)).name << '\n';
  auto numbers = bridge.stream(sb::list{1, 2}).as<int>();
  numbers.batch(2).timeout_idle(5s);
  while (auto each = numbers.next())
    std::cout << each->value_or(0) << '\n';
  const auto moved = std::move(numbers);
  static_cast<void>(moved);
}

void call(const sb::bridge& bridge) {
  const auto root = bridge.call("math", "sqrt", 16);
  if (!root)
    std::cerr << root.error() << root.error().code() << '\n';
  else
    std::cout << *root << root->as<double>() << '\n';

  bool flag = true;
  const char* text = "text";
  const std::vector<std::string> parts{"/tmp", "x"};
  const std::map<std::string, int> named{{"ndigits", 2}};
  const auto path = sb::or_throw(bridge.call("pathlib", "Path", "/tmp"));
  const auto joined = bridge.call("os.path", "join", sb::args_of(parts));
  const auto rounded =
    bridge.call("builtins", "round", 3.14159, sb::kwargs_of(named));
  const auto mixed = bridge.call(
    "m", "f", 1, 2.5, "three", text, flag, nullptr, 'c', path,
    std::vector{1, 2}, some_sale(), shop::money{5}, parts, sb::list{1, "two"},
    sb::dict{{"a", sb::tuple{1}}}, "x"_a = 1, "y"_a = std::vector{1.5},
    "z"_a = some_sale(), "w"_a = text, sb::args_of(std::array<double, 2>{1, 2}),
    sb::kwargs_of(sb::dict{{"k", 1}, {"l", "two"}}));
  const auto in_turn = bridge.attr(path, "parent")
                         .and_then([&](const sb::value& parent) {
                           return bridge.method(parent, "iterdir");
                         })
                         .transform([](sb::value all) { return all.size(); })
                         .value_or(0U);
  for (const auto& each : *bridge.call("builtins", "range", 10))
    std::cout << each << '\n';
  for (const auto& [key, item] : (*mixed)["rows"].as<sb::dict>())
    std::cout << key << item << '\n';
  for (const auto& each : bridge.stats().pools[0].interpreters)
    std::cout << each.pid << each.calls << '\n';
  for (const auto& each : bridge.pools())
    std::cout << each << '\n';
  std::cout << in_turn << *joined << rounded.has_value()
            << (root == 4.0 && root != mixed) << '\n';
  const auto sales = bridge.eval("rows", {{"x", 21}, {"items", sb::list{1}}})
                       .and_then([](const sb::value& rows) {
                         return rows.to<std::vector<shop::sale>>();
                       });
  for (const auto& each : *sales)
    for (const auto& one : each.items)
      std::cout << one.name << one.note.value_or("none") << '\n';
}

void use_objects(const sb::bridge& bridge, const sb::ref& object) {
  if (const auto set = bridge.set_attr(object, "x", std::vector{1}); !set)
    std::cerr << set.error().message() << '\n';
  bridge.set_item(object, "key", sb::dict{{"a", 1}}).value();
  bridge.exec("y = x + 1", {{"x", 1}}).value();
  const auto shown = bridge.repr(object).value_or("?") + *bridge.str("x");
  const auto length = *bridge.len(sb::list{1}) + *bridge.len(object);
  const auto item = bridge.item(object, sb::tuple{0, 1}).or_else([&](auto&&) {
    return bridge.call_object(object, 1, "x"_a = 2);
  });
  std::cout << shown << length << *item << *bridge.release(object)
            << *bridge.release_auto_session() << bridge.current_session();
}

sb::result<std::map<std::string, double>> totals(const sb::bridge& bridge) {
  return sb::attempt([&] {
    std::map<std::string, double> made;
    for (const auto& [name, prices] :
         bridge.call("m", "prices")->as<std::map<std::string, table>>())
      made[name] += static_cast<double>(prices.size());
    return made;
  });
}

sb::result<void> monads(const sb::bridge& bridge) {
  sb::result<sb::value> kept = bridge.get("math", "pi");
  sb::result<std::optional<double>> wider = kept->to<double>();
  sb::result<std::vector<int>> many{std::in_place, 3U, 1};
  sb::result<std::unique_ptr<int>> owned = std::make_unique<int>(5);
  const auto all =
    wider.transform([](auto each) { return each.value_or(0); })
      .and_then([&](double each) { return bridge.call("math", "floor", each); })
      .and_then([](const sb::value& each) {
        return each.to<std::tuple<int, std::string>>();
      })
      .transform_error(
        [](const sb::error& failed) { return failed.with_may_have_run(false); })
      .or_else([](const sb::error& failed) {
        return sb::result<std::tuple<int, std::string>>{failed};
      });
  const auto nothing = sb::attempt([&] { std::cout << *kept << '\n'; });
  const auto flat = sb::attempt([&] { return bridge.call("m", "f"); });
  if (!nothing || !flat || !all)
    return sb::error{sb::errc::cancelled, "not all of it"};
  many.emplace(2U, 7);
  const auto moved = sb::or_throw(std::move(owned));
  for (const int each : sb::or_throw(many))
    std::cout << each << *moved << '\n';
  return bridge.exec("pass").and_then([&] { return bridge.exec("pass"); });
}

void tell(const sb::error& failed) {
  std::cerr << failed << fmt::format("{} {}", failed, failed.code()) << '\n';
  if (const auto* raised = failed.python())
    for (const auto& frame : raised->frames)
      std::cerr << raised->type << frame.file << frame.line << '\n';
  if (const auto* death = failed.post_mortem())
    std::cerr << to_string(*death) << death->exit_status.value_or(-1) << '\n';
  if (failed.is("ValueError") && failed.ml() != nullptr)
    std::cerr << failed.ml()->index() << '\n';
}

void use_scopes(const sb::bridge& bridge, std::stop_token stopped) {
  sb::cancel_source source;
  const auto quick =
    bridge.with({.timeout = 50ms, .pool = "gpu", .cancel = source.token()});
  const auto patient = quick.with({.timeout = 10min,
                                   .session = "mine",
                                   .affinity = sb::affinity::hint,
                                   .idempotent = true,
                                   .keep_exception = false,
                                   .leaves = sb::leaves::plain,
                                   .cancel = std::move(stopped)});
  sb::session s =
    bridge.open_session({.id = "model", .ttl = 1h, .max_refs = 5});
  const sb::session_scope in{s};
  const sb::runtime_scope under{
    {.timeout = 10min, .pool = "gpu", .profile = "ml_inference"}};
  sb::ref_scope mine{s};
  if (const auto kept = s.call("m", "make", "size"_a = 3))
    mine.keep(*kept);
  if (const auto late = patient.call("time", "sleep", 60); !late)
    tell(late.error());
}

sb::config settings() {
  sb::config wanted{.pools = {{.name = "default",
                               .size = 1,
                               .placement = sb::placement::embedded},
                              {.name = "gpu",
                               .env = {{"A", "1"}},
                               .preload = {"json"},
                               .restart = {.intensity = 1}}},
                    .timeout = 10s};
  wanted.on_output = [](const sb::log_line& line) { std::cout << line.text; };
  return wanted;
}

} // namespace

int main(int argc, char** argv) {
  std::cout << sb::value{standard_types()} << sb::value{python_types()};
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) {
    try {
      call(bridge);
      iterate(bridge);
      use_objects(bridge, bridge.call("m", "f")->as<sb::ref>());
      std::cout << totals(bridge)->size() << monads(bridge).has_value();
      use_scopes(bridge, {});
      const auto other = sb::bridge::start(settings());
      convert(sb::or_throw((*other)->call("m", "f")));
      look_into(sb::value{some_sale()});
    } catch (const sb::python_exception& raised) {
      tell(raised.error());
    } catch (const sb::exception& failed) {
      std::cerr << failed.what() << failed.error() << '\n';
    }
  });
}
