#include "call.hpp"

#include "shown.hpp"

namespace snakebridge::cli {

namespace {

int show(const request& asked, console& out, const result<value>& outcome) {
  if (!outcome)
    return fail(out, outcome.error());
  static_cast<void>(out.print(shown(*outcome, asked.json)));
  return 0; // also where nobody reads: `| head` is no failure
}

} // namespace

int call(const request& asked, console& out) {
  const auto keywords = keywords_of(asked);
  return with_bridge(asked, out, [&](const caller& python) {
    return show(
      asked, out,
      python.call(asked.module, asked.name, arguments_of(asked), keywords));
  });
}

int get(const request& asked, console& out) {
  return with_bridge(asked, out, [&](const caller& python) {
    return show(asked, out, python.get(asked.module, asked.name));
  });
}

int eval(const request& asked, console& out) {
  return with_bridge(asked, out, [&](const caller& python) {
    return show(asked, out, python.eval(asked.name));
  });
}

} // namespace snakebridge::cli
