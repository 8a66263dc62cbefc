// Two calls of each of twenty modules of Python's standard library. How long
// all of it took goes to stderr.
#include <chrono>
#include <complex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <snakebridge/format.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

struct row {
  std::string module;
  std::string function;
  sb::list arguments;
  sb::value wanted;
};

const std::vector<row>& table() {
  static const std::vector<row> rows{
    {"math", "sqrt", {144}, 12.0},
    {"math", "gcd", {12, 18}, 6},
    {"cmath", "sqrt", {-4}, std::complex{0.0, 2.0}},
    {"cmath", "isinf", {1.5}, false},
    {"statistics", "mean", {sb::list{1, 2, 3, 4}}, 2.5},
    {"statistics", "median", {sb::list{3, 1, 2}}, 2},
    {"operator", "floordiv", {7, 2}, 3},
    {"operator", "concat", {"snake", "bridge"}, "snakebridge"},
    {"json", "dumps", {sb::dict{{"a", nullptr}}}, R"({"a": null})"},
    {"json", "loads", {R"({"b": 2.5})"}, sb::dict{{"b", 2.5}}},
    {"re", "sub", {"[aeiou]", "*", "snake"}, "sn*k*"},
    {"re", "findall", {R"(\d+)", "1, 22"}, sb::list{"1", "22"}},
    {"string", "capwords", {"quick brown fox"}, "Quick Brown Fox"},
    {"string", "capwords", {"snake-bridge", "-"}, "Snake-Bridge"},
    {"textwrap", "shorten", {"the quick brown fox", 12}, "the [...]"},
    {"textwrap", "dedent", {"  a\n  b"}, "a\nb"},
    {"base64", "b64encode", {sb::bytes{"abc"}}, sb::bytes{"YWJj"}},
    {"base64", "b64decode", {"YWJj"}, sb::bytes{"abc"}},
    {"binascii", "hexlify", {sb::bytes{"\x01\xff"}}, sb::bytes{"01ff"}},
    {"binascii", "crc_hqx", {sb::bytes{"abc"}, 0}, 40406},
    {"zlib", "crc32", {sb::bytes{"abc"}}, 891'568'578},
    {"zlib", "adler32", {sb::bytes{"abc"}}, 38'600'999},
    {"urllib.parse", "quote", {"a b&c"}, "a%20b%26c"},
    {"urllib.parse", "unquote", {"a%20b"}, "a b"},
    {"html", "escape", {"<b>"}, "&lt;b&gt;"},
    {"html", "unescape", {"&lt;"}, "<"},
    {"os.path", "join", {"/tmp", "x"}, "/tmp/x"},
    {"os.path", "splitext", {"a.tar.gz"}, sb::tuple{"a.tar", ".gz"}},
    {"fnmatch", "fnmatch", {"a.cpp", "*.cpp"}, true},
    {"fnmatch", "filter", {sb::list{"a.py", "b.c"}, "*.c"}, sb::list{"b.c"}},
    {"calendar", "isleap", {2024}, true},
    {"calendar", "leapdays", {2000, 2026}, 7},
    {"datetime", "date.fromisoformat", {"2026-02-06"}, 2026y / 2 / 6},
    {"datetime", "timedelta", {1, 30}, 24h + 30s},
    {"shlex", "split", {"a 'b c'"}, sb::list{"a", "b c"}},
    {"shlex", "quote", {"a b"}, "'a b'"},
    {"keyword", "iskeyword", {"lambda"}, true},
    {"keyword", "issoftkeyword", {"lambda"}, false},
    {"unicodedata", "name", {"é"}, "LATIN SMALL LETTER E WITH ACUTE"},
    {"unicodedata", "normalize", {"NFKC", "ﬁ"}, "fi"},
  };
  return rows;
}

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    const auto begun = std::chrono::steady_clock::now();
    int failed = 0;
    for (const auto& [module, function, arguments, wanted] : table()) {
      const auto answer = bridge.call(module, function, sb::args_of(arguments));
      const bool is_right = answer && *answer == wanted;
      fmt::print("{}.{}: {}{}\n", module, function,
                 answer ? sb::repr(*answer) : answer.error().message(),
                 is_right ? "" : "  <- not what it should be");
      if (!is_right)
        ++failed;
    }
    const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - begun;
    fmt::print("{} ok, {} failed\n", table().size() - failed, failed);
    fmt::print(stderr, "{:.3f} s\n", took.count());
    return failed == 0 ? 0 : 1;
  });
}
