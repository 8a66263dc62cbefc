// One interface to any Python library: the ten things one can do, each once.
#include <iostream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;
using namespace std::literals;

namespace {

class tour {
public:
  explicit tour(sb::bridge& bridge) : bridge_{bridge} {}

  bool run() {
    values_and_objects();
    bytes_and_dicts();
    sessions();
    errors();
    return right_;
  }

private:
  void expect(const char* what, const sb::value& got, const sb::value& wanted) {
    const bool is_so = got == wanted;
    std::cout << "  " << what << ": " << got << (is_so ? "" : "  <- not so")
              << '\n';
    right_ &= is_so;
  }

  void values_and_objects() {
    std::cout << "1 call\n";
    expect("math.sqrt", or_throw(bridge_.call("math", "sqrt", 16)), 4.0);
    const auto pi = bridge_.call("builtins", "round", 3.14159, "ndigits"_a = 2);
    expect("round", or_throw(pi), 3.14);
    std::cout << "2 get\n";
    expect("math.tau", or_throw(bridge_.get("math", "tau")), 6.283185307179586);

    std::cout << "3 stream\n";
    const auto range = or_throw(bridge_.call("builtins", "range", 5));
    std::vector<int> squares;
    for (sb::result<int> number : bridge_.stream(range).as<int>())
      squares.push_back(*number * *number);
    expect("squares", squares, sb::list{0, 1, 4, 9, 16});
    expect("list(range(5))", or_throw(bridge_.call("builtins", "list", range)),
           sb::list{0, 1, 2, 3, 4});

    std::cout << "4 methods\n";
    const auto path = or_throw(bridge_.call("pathlib", "Path", "/tmp/a.txt"));
    expect("is_absolute", or_throw(bridge_.method(path, "is_absolute")), true);
    std::cout << "5 attributes\n";
    expect("suffix", or_throw(bridge_.attr(path, "suffix")), ".txt");
    const auto space = or_throw(bridge_.call("types", "SimpleNamespace"));
    or_throw(bridge_.set_attr(space, "x", 1));
    expect("x", or_throw(bridge_.attr(space, "x")), 1);
  }

  void bytes_and_dicts() {
    std::cout << "6 bytes\n";
    const auto md5 = or_throw(bridge_.call("hashlib", "md5", sb::bytes{"abc"}));
    expect("md5", or_throw(bridge_.method(md5, "hexdigest")),
           "900150983cd24fb0d6963f7d28e17f72");
    const sb::bytes any{"\x00\x01\x02\x7f\x80\xff"sv};
    const auto text = or_throw(bridge_.call("base64", "b64encode", any));
    expect("base64", text, sb::bytes{"AAECf4D/"});
    expect("and back", or_throw(bridge_.call("base64", "b64decode", text)),
           any);

    std::cout << "7 dicts\n";
    const std::map<int, std::string> numbered{{1, "one"}, {2, "two"}};
    expect("int keys", or_throw(bridge_.call("builtins", "dict", numbered)),
           sb::dict{{1, "one"}, {2, "two"}});
    const std::map<std::tuple<int, int>, std::string> grid{{{0, 1}, "xy"}};
    expect("tuple keys", or_throw(bridge_.call("builtins", "dict", grid)),
           sb::dict{{sb::tuple{0, 1}, "xy"}});
    // What has a value form is one, also beside what has none.
    or_throw(bridge_.exec("import re"));
    const auto mixed = or_throw(
      bridge_.eval("{'name': 'digits', 'pattern': re.compile(p), 'n': 3}",
                   {{"p", R"(\d+)"}}));
    const auto& pattern = mixed["pattern"];
    expect("name", mixed["name"], "digits");
    expect("n", mixed["n"], 3);
    expect("the pattern is a ref", pattern.is_ref(), true);
    expect("findall", or_throw(bridge_.method(pattern, "findall", "1 22")),
           sb::list{"1", "22"});
    // (In the original this may be the text "None".)
    expect("no match", or_throw(bridge_.method(pattern, "match", "x")),
           sb::none);
  }

  void sessions() {
    std::cout << "8 sessions\n";
    const auto mine = bridge_.current_session();
    expect("each thread has one", mine.starts_with("auto_"), true);
    const sb::session other = bridge_.open_session({.id = "other"});
    {
      const sb::session_scope inside{other};
      expect("in a scope", bridge_.current_session(), "other");
    }
    expect("after it", bridge_.current_session() == mine, true);
  }

  void errors() {
    std::cout << "9 or_throw\n";
    try {
      or_throw(bridge_.call("math", "sqrt", -1));
      right_ = false;
    } catch (const sb::python_exception& thrown) {
      expect("thrown", thrown.error().python()->type, "ValueError");
    }
    std::cout << "10 errors as values\n";
    const auto failed = bridge_.call("no_such_module", "f");
    expect("code", std::string{to_string(failed.error().code())},
           "python_raised");
    expect("its type", failed.error().python()->type, "ModuleNotFoundError");
    expect("instead", failed.value_or(sb::value{"a default"}), "a default");
  }

  sb::bridge& bridge_;
  bool right_ = true;
};

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    return tour{bridge}.run() ? 0 : 1;
  });
}
