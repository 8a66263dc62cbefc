// What becomes what, both ways: what Python says each value is, and whether it
// comes back as it went.
#include <chrono>
#include <complex>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include <snakebridge/format.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::literals;

namespace {

// A type of the program's own.
struct sale {
  std::string region;
  int quantity = 0;
  std::optional<double> price;
  bool operator==(const sale&) const = default;
};
SNAKEBRIDGE_FIELDS(sale, region, quantity, price);

class showcase {
public:
  explicit showcase(const sb::bridge& bridge) : bridge_{bridge} {}

  void section(const char* name) const { fmt::print("-- {}\n", name); }

  /// Sends the item, asks Python for its type, and expects it back.
  template <class T>
  void there_and_back(const T& item) {
    const sb::dict there{{"item", item}};
    const auto type = sb::or_throw(bridge_.eval("type(item).__name__", there))
                        .as<std::string>();
    const auto back = sb::or_throw(bridge_.eval("item", there));
    fmt::print("{}: {}\n", type, back);
    expect(back.as<T>() == item);
  }

  void expect(bool holds) { right_ &= holds; }
  bool right() const { return right_; }

private:
  const sb::bridge& bridge_;
  bool right_ = true;
};

void numbers(showcase& show) {
  show.section("1 int: exact, however large");
  show.there_and_back(42);
  show.there_and_back(-17);
  show.there_and_back(std::numeric_limits<std::uint64_t>::max());
  show.there_and_back(sb::integer{"9999999999999999999"});

  show.section("2 float, and complex");
  show.there_and_back(3.14159);
  show.there_and_back(1.23e-10);
  show.there_and_back(2.0); // no int
  show.there_and_back(std::numeric_limits<double>::infinity());
  show.there_and_back(std::complex{1.0, -2.0});

  show.section("3 bool, and None");
  show.there_and_back(true);
  show.there_and_back(sb::none); // (The original answers the text "None".)
}

void texts(showcase& show) {
  show.section("4 str, in UTF-8");
  show.there_and_back(std::string{"hello"});
  show.there_and_back(std::string{"ñandú, 蛇, 🐍"});

  show.section("5 bytes, any");
  show.there_and_back(sb::bytes{"\x00\xff\x80 no UTF-8"sv});
}

void containers(showcase& show) {
  show.section("6 list");
  show.there_and_back(std::vector{1, 2, 3});
  show.there_and_back(sb::value{sb::list{1, "two", 3.0, nullptr}});

  show.section("7 tuple"); // (In the original it arrives as a list.)
  show.there_and_back(std::tuple{1, std::string{"two"}, 3.0});

  show.section("8 dict, its keys of any type that hashes, and its order");
  show.there_and_back(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  show.there_and_back(sb::value{sb::dict{{2, "int"}, {sb::tuple{0, 1}, "xy"}}});

  show.section("9 set");
  show.there_and_back(std::set<int>{7});
}

void times_and_structs(showcase& show) {
  show.section("10 dates and times");
  show.there_and_back(std::chrono::year_month_day{2026y / 2 / 6});
  show.there_and_back(90min);
  show.there_and_back(std::chrono::sys_days{2026y / 2 / 6} + 13h + 250ms);

  show.section("11 nested, by way of json, and a struct");
  show.there_and_back(sale{.region = "north", .quantity = 3, .price = {}});
}

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    showcase show{bridge};
    numbers(show);
    texts(show);
    containers(show);
    times_and_structs(show);
    const sb::value nested = sb::dict{
      {"users", sb::list{sb::dict{{"name", "Ada"}, {"tags", sb::list{"x"}}}}},
      {"total", 1}};
    const auto text = sb::or_throw(bridge.call("json", "dumps", nested));
    const auto same = sb::or_throw(bridge.call("json", "loads", text));
    fmt::print("{}\n", same);
    show.expect(same == nested);

    show.section("12 atoms, objects, bytes as an argument");
    // An atom arrives as a str: Python has no atoms.
    const auto cuda =
      sb::or_throw(bridge.eval("device", {{"device", sb::atom{"cuda"}}}));
    fmt::print("{}: {}\n", cuda.type_name(), cuda);
    show.expect(cuda == "cuda");
    // What has no value form stays in Python, and is named by a ref.
    const auto path = sb::or_throw(bridge.call("pathlib", "Path", "/tmp"));
    // `path.type_name()` has the module too, which is another since
    // Python 3.13.
    const auto type = bridge.eval("type(path).__name__", {{"path", path}});
    fmt::print("{}: {}\n", sb::or_throw(type).as<std::string>(),
               sb::or_throw(bridge.method(path, "as_uri")));
    show.expect(path.is_ref());
    const auto digest =
      sb::or_throw(bridge.call("hashlib", "md5", sb::bytes{"abc"}));
    fmt::print("md5: {}\n", sb::or_throw(bridge.method(digest, "hexdigest")));
    return show.right() ? 0 : 1;
  });
}
