// Functions of Python's standard library, called by their names: each call with
// what it answered. How long each took goes to stderr, for that differs.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <snakebridge/format.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

namespace {

/// Calls that are printed, and compared with what they ought to answer.
class shown_calls {
public:
  explicit shown_calls(const sb::bridge& bridge) : bridge_{bridge} {}

  template <class... Arguments>
  sb::value expect(const sb::value& wanted, const std::string& module,
                   const std::string& function, const Arguments&... arguments) {
    const auto begun = std::chrono::steady_clock::now();
    auto answer = sb::or_throw(bridge_.call(module, function, arguments...));
    const std::chrono::duration<double, std::micro> took =
      std::chrono::steady_clock::now() - begun;
    const auto list = sb::repr(sb::list{arguments...});
    fmt::print("+-- {}.{}({})\n|   {}: {}\n", module, function,
               list.substr(1, list.size() - 2), answer.type_name(), answer);
    fmt::print(stderr, "{}.{}: {:.0f} us\n", module, function, took.count());
    right_ &= answer == wanted && answer.kind() == wanted.kind();
    return answer;
  }

  bool right() const { return right_; }

private:
  const sb::bridge& bridge_;
  bool right_ = true;
};

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    shown_calls calls{bridge};
    calls.expect(1024.0, "math", "pow", 2, 10);
    calls.expect(12.0, "math", "sqrt", 144);
    calls.expect(19, "builtins", "len", "Hello, SnakeBridge!");
    calls.expect("Hello World", "string", "capwords", "hello world");

    const sb::dict library{{"name", "snakebridge"},
                           {"since", sb::list{2026, 1}}};
    const auto text =
      calls.expect(R"({"name": "snakebridge", "since": [2026, 1]})", "json",
                   "dumps", library);
    calls.expect(library, "json", "loads", text);

    // A worker has the folder of the program, and its environment.
    const bool is_here =
      sb::or_throw(bridge.call("os", "getcwd")).as<std::filesystem::path>()
      == std::filesystem::current_path();
    const bool is_ours = sb::or_throw(bridge.call("os", "getenv", "PATH"))
                         == sb::value{std::getenv("PATH")};
    const auto platform = sb::or_throw(bridge.call("platform", "platform"));
    fmt::print(stderr, "{}\n", platform);
    const bool is_told = platform.size() > 0;
    fmt::print("its folder is ours: {}\nits PATH is ours: {}\n"
               "its platform is told: {}\n",
               is_here, is_ours, is_told);
    return calls.right() && is_here && is_ours && is_told ? 0 : 1;
  });
}
