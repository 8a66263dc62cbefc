// Modules of the standard library, each by its wrapper. Prints what it found to
// be otherwise than it should, and ends with 1 then.
#include <iostream>

#include <snakebridge/py/datetime.hpp>
#include <snakebridge/py/fractions.hpp>
#include <snakebridge/py/json.hpp>
#include <snakebridge/py/math.hpp>
#include <snakebridge/py/pathlib.hpp>
#include <snakebridge/py/re.hpp>
#include <snakebridge/py/sqlite3.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace py = snakebridge::py;

namespace {

int wrong = 0;

void expect(bool is_so, const char* what) {
  if (!is_so) {
    std::cout << "not so: " << what << '\n';
    ++wrong;
  }
}

#define EXPECT(...) expect((__VA_ARGS__), #__VA_ARGS__)

void use_math(const sb::caller& python) {
  EXPECT(py::math::sqrt(python, 16.0) == 4.0);
  EXPECT(py::math::gcd(python, {12, 18}) == 6);
  EXPECT(py::math::sqrt(python, -1).error().is("ValueError"));
}

void use_json(const sb::caller& python) {
  const auto text =
    py::json::dumps(python, sb::dict{{"a", sb::list{1, 2}}}, {.indent = 1});
  EXPECT(text == "{\n \"a\": [\n  1,\n  2\n ]\n}");
  EXPECT(or_throw(py::json::loads(python, *text))["a"][1] == sb::value{2});
}

void use_pathlib(const sb::caller& python) {
  const py::pathlib::PurePosixPath path{python, {"/tmp", "a.txt"}};
  EXPECT(path.name() == "a.txt");
  EXPECT(path.with_suffix(".md").name() == "a.md");
  EXPECT(py::pathlib::PurePosixPath{path.parent() / "b"}.name() == "b");
}

void use_re(const sb::caller& python) {
  const auto found = or_throw(py::re::search(python, "(\\w)=(\\d+)", "x=42"));
  EXPECT(found && found->group(2) == sb::value{"42"});
  EXPECT(!or_throw(py::re::search(python, "y", "x")));
}

void use_sqlite3(const sb::caller& python) {
  const auto base = or_throw(py::sqlite3::connect(python, ":memory:"));
  base.execute("create table t (a, b)");
  base.execute("insert into t values (?, ?)", sb::list{1, "x"});
  const auto rows = base.execute("select * from t").fetchall();
  EXPECT(rows.size() == 1 && rows[0] == sb::value{sb::tuple{1, "x"}});
  const auto failed = sb::attempt([&] { return base.execute("nonsense"); });
  EXPECT(failed.error().is(py::sqlite3::OperationalError));
}

void use_datetime(const sb::caller& python) {
  const auto day = py::datetime::date_fromisoformat(python, "2024-02-29");
  EXPECT(day && day->month == 2 && day->day == 29);
  const auto moment = py::datetime::datetime(python, 2024, 2, 29, {.hour = 12});
  EXPECT(moment && moment->time.hour == 12);
}

void use_fractions(const sb::caller& python) {
  const py::fractions::Fraction third{python, 1, 3};
  EXPECT(third.denominator() == 3);
  EXPECT((-third).numerator() == -1);
  EXPECT(py::fractions::Fraction(python, "3.25").numerator() == 13);
}

} // namespace

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  for (auto* use : {use_math, use_json, use_pathlib, use_re, use_sqlite3,
                    use_datetime, use_fractions})
    use(bridge);
  return wrong;
}
