// A table of calls of the standard library and of NumPy: what is generated
// answers what a call by name answers, results and exceptions alike.
#include <iostream>
#include <set>
#include <string>
#include <variant>

#include <fmt/format.h>

#include <snakebridge/format.hpp>
#include <snakebridge/py/math.hpp>
#include <snakebridge/py/numpy.hpp>
#include <snakebridge/py/operator.hpp>
#include <snakebridge/py/statistics.hpp>
#include <snakebridge/py/string.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace math = sb::py::math;
namespace np = sb::py::numpy;
namespace op = sb::py::operator_;
namespace statistics = sb::py::statistics;
namespace string = sb::py::string;

namespace {

class table {
public:
  explicit table(const sb::caller& python) : python_{python} {}

  template <class T>
  void add(const std::string& name, const sb::result<T>& made,
           const sb::result<sb::value>& asked) {
    ++rows_;
    functions_.insert(name);
    if (is_same(made, asked))
      return;
    ++others_;
    std::cout << name << ": generated " << told(made) << ", by name "
              << told(asked) << '\n';
  }
  int end() const {
    std::cout << rows_ << " calls of " << functions_.size() << " functions, "
              << others_ << " differ\n";
    return rows_ >= 200 && others_ == 0 ? 0 : 1;
  }

private:
  template <class T>
  bool is_same(const sb::result<T>& made,
               const sb::result<sb::value>& asked) const {
    if (!made || !asked)
      return !made && !asked && made.error().python() != nullptr
             && asked.error().python() != nullptr
             && made.error().python()->type == asked.error().python()->type
             && made.error().python()->message
                  == asked.error().python()->message;
    // What stubs call a float may be an int.
    if constexpr (std::same_as<T, double>)
      return asked->template to<double>() == *made;
    else
      return told(made) == told(asked);
  }
  template <class T>
  std::string told(const sb::result<T>& of) const {
    return of ? told_item(*of) : to_string(of.error());
  }
  template <class T>
  std::string told_item(const T& of) const {
    if constexpr (std::derived_from<T, sb::object>)
      return of.str();
    else
      return told_value(sb::value{of});
  }
  template <class... Ts>
  std::string told_item(const std::variant<Ts...>& of) const {
    return std::visit(
      [this](const auto& each) { return this->told_item(each); }, of);
  }
  std::string told_value(const sb::value& of) const {
    return of.is_ref() ? python_.adopt(of.as<sb::ref>()).str()
                       : fmt::format("{}", of);
  }

  const sb::caller& python_;
  int rows_ = 0;
  int others_ = 0;
  std::set<std::string> functions_;
};

} // namespace

#define ROW(module, space, function, ...)                                      \
  all.add(module "." #function, space::function(python, __VA_ARGS__),          \
          python.call(module, #function, __VA_ARGS__))
#define MATH(function, ...) ROW("math", math, function, __VA_ARGS__)
#define MATH3(function)                                                        \
  MATH(function, 0.5);                                                         \
  MATH(function, 1);                                                           \
  MATH(function, 2.5)
#define OP(function, ...) ROW("operator", op, function, __VA_ARGS__)
#define STAT(function, ...) ROW("statistics", statistics, function, __VA_ARGS__)
#define NP(function, ...) ROW("numpy", np, function, __VA_ARGS__)
#define NP2(function)                                                          \
  NP(function, 0.5);                                                           \
  NP(function, (sb::list{0.25, 0.5, 1.0}))

static void call_math(const sb::caller& python, table& all) {
  MATH3(acos);
  MATH3(acosh);
  MATH3(asin);
  MATH3(asinh);
  MATH3(atan);
  MATH3(atanh);
  MATH3(cbrt);
  MATH3(ceil);
  MATH3(cos);
  MATH3(cosh);
  MATH3(degrees);
  MATH3(erf);
  MATH3(erfc);
  MATH3(exp);
  MATH3(exp2);
  MATH3(expm1);
  MATH3(fabs);
  MATH3(floor);
  MATH3(frexp);
  MATH3(gamma);
  MATH3(isfinite);
  MATH3(isinf);
  MATH3(isnan);
  MATH3(lgamma);
  MATH3(log);
  MATH3(log10);
  MATH3(log1p);
  MATH3(log2);
  MATH3(modf);
  MATH3(radians);
  MATH3(sin);
  MATH3(sinh);
  MATH3(sqrt);
  MATH3(tan);
  MATH3(tanh);
  MATH3(trunc);
  MATH3(ulp);
  MATH(sqrt, -1);
  MATH(log, 0);
  MATH(log, 8, 2);
  MATH(pow, 2, 0.5);
  MATH(pow, 0, -1);
  MATH(atan2, 1, 2);
  MATH(copysign, 1, -0.0);
  MATH(fmod, 7, 3);
  MATH(fmod, 1, 0);
  MATH(remainder, 7, 4);
  MATH(ldexp, 0.5, 3);
  MATH(nextafter, 1, 2);
  MATH(comb, 5, 2);
  MATH(perm, 5, 2);
  MATH(factorial, 10);
  MATH(factorial, -1);
  MATH(isqrt, 17);
  MATH(isclose, 1.0, 1.0000000001);
  MATH(fsum, (sb::list{0.1, 0.2, 0.3}));
  MATH(prod, (sb::list{2, 3, 4}));
  MATH(dist, (sb::list{0, 0}), (sb::list{3, 4}));
}

static void call_standard(const sb::caller& python, table& all) {
  OP(add, 1, 2);
  OP(sub, 1, 2);
  OP(mul, "ab", 2);
  OP(truediv, 1, 2);
  OP(truediv, 1, 0);
  OP(floordiv, 7, 2);
  OP(mod, 7, 3);
  OP(eq, 1, 1.0);
  OP(ne, "a", "b");
  OP(lt, 1, 2);
  OP(le, 2, 2);
  OP(gt, "b", "a");
  OP(ge, 1, 2);
  OP(neg, 3);
  OP(pos, 3);
  OP(invert, 5);
  OP(abs, -4);
  OP(index, 7);
  OP(lshift, 1, 4);
  OP(rshift, 16, 2);
  OP(and_, 6, 3);
  OP(or_, 6, 3);
  OP(truth, 0);
  OP(is_, 1, 1);
  OP(concat, (sb::list{1}), (sb::list{2}));
  OP(contains, (sb::list{1, 2}), 2);
  OP(countOf, (sb::list{1, 1}), 1);
  OP(indexOf, (sb::list{3, 4}), 4);
  OP(indexOf, (sb::list{3}), 9);
  OP(getitem, (sb::list{5, 6}), 1);
  OP(length_hint, (sb::list{5, 6}));
  STAT(mean, (sb::list{1, 2, 4}));
  STAT(median, (sb::list{3.0, 1.0, 2.0}));
  STAT(mode, (sb::list{1, 1, 2}));
  STAT(stdev, (sb::list{1.0, 2.0, 4.0}));
  STAT(pstdev, (sb::list{1.0, 2.0, 4.0}));
  STAT(variance, (sb::list{1.0, 2.0}));
  STAT(pvariance, (sb::list{1.0, 2.0}));
  STAT(fmean, (sb::list{1, 2}));
  STAT(geometric_mean, (sb::list{1, 4}));
  STAT(harmonic_mean, (sb::list{1.0, 4.0}));
  STAT(median_low, (sb::list{1, 2, 3, 4}));
  STAT(median_high, (sb::list{1, 2}));
  STAT(multimode, (sb::list{1, 1, 2, 2}));
  STAT(mean, (sb::list{}));
  STAT(quantiles, (sb::list{1.0, 2.0, 3.0}));
  ROW("string", string, capwords, "hello world");
}

static void call_numpy(const sb::caller& python, table& all) {
  NP2(sin);
  NP2(cos);
  NP2(tan);
  NP2(exp);
  NP2(sqrt);
  NP2(log);
  NP2(abs);
  NP2(floor);
  NP2(ceil);
  NP2(square);
  NP2(sign);
  NP2(log2);
  NP2(log10);
  NP2(arctan);
  NP2(mean);
  NP2(median);
  NP2(sum);
  NP2(prod);
  NP2(var);
  NP2(max);
  NP2(min);
  NP2(size);
  NP2(ndim);
  NP2(round);
  NP2(cumsum);
  NP2(isnan);
  NP2(asarray);
  NP(zeros, 3);
  NP(ones, 2);
  NP(arange, 5);
  NP(eye, 2);
  NP(identity, 2);
  NP(linspace, 0, 1);
  NP(dot, (sb::list{1, 2}), (sb::list{3, 4}));
  NP(argmax, (sb::list{1, 3, 2}));
  NP(argmin, (sb::list{1, 3, 2}));
  NP(argsort, (sb::list{1, 3, 2}));
  NP(sort, (sb::list{1, 3, 2}));
  NP(unique, (sb::list{1, 1, 2}));
  NP(diff, (sb::list{1, 3, 6}));
  NP(add, 1, 2);
  NP(subtract, 1, 2);
  NP(multiply, 2, (sb::list{1, 2}));
  NP(maximum, 1, 2);
  NP(minimum, 1, 2);
  NP(power, 2, 3);
  NP(any, (sb::list{false, true}));
  NP(all, (sb::list{false, true}));
  NP(dot, (sb::list{1, 2}), (sb::list{3}));
  NP(arange, "x");
}

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1, .python = VENV}}}};
  const sb::caller& python = bridge;
  table all{python};
  call_math(python, all);
  call_standard(python, all);
  call_numpy(python, all);
  return all.end();
}
