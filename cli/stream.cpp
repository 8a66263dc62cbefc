#include "stream.hpp"

#include "shown.hpp"

namespace snakebridge::cli {

int stream(const request& asked, console& out) {
  const auto keywords = keywords_of(asked);
  return with_bridge(asked, out, [&](const caller& python) {
    auto items =
      python.stream(asked.module, asked.name, arguments_of(asked), keywords);
    if (asked.timeout_ms > 0)
      items.timeout_idle(std::chrono::milliseconds{asked.timeout_ms});
    std::int64_t left = asked.limit;
    const auto read = items.for_each([&](const value& item) {
      const bool is_read = out.print(shown(item, asked.json));
      return is_read && --left != 0 ? flow::next : flow::stop;
    });
    return read ? 0 : fail(out, read.error());
  });
}

} // namespace snakebridge::cli
