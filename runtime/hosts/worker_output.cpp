#include "runtime/hosts/worker_output.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

void worker_output::connect(descriptor output, descriptor errors) {
  streams_[0].pipe = std::move(output);
  streams_[1].pipe = std::move(errors);
}

void worker_output::read(bool of_errors) {
  auto& from = streams_[of_errors ? 1 : 0];
  if (!from.pipe)
    return;
  log_line now;
  now.is_error = of_errors;
  const auto running = running_(now);
  if (running != from.call)
    finish(from);
  from.call = running;
  from.line = std::move(now);
  const auto take = [&](std::string_view text, line_end end) {
    take_line(from.line, text, end);
  };
  if (!from.lines.read_from(from.pipe.get(), take))
    from.pipe.reset();
}

bool worker_output::has_rest() const {
  return std::any_of(std::begin(streams_), std::end(streams_),
                     [](const stream& each) { return each.lines.has_rest(); });
}

void worker_output::finish_of_ended_calls(
  const std::function<bool(std::uint64_t call)>& has) {
  for (auto& each : streams_)
    if (each.lines.has_rest() && each.call != 0 && !has(each.call))
      finish(each);
}

void worker_output::finish() {
  for (const bool of_errors : {false, true}) {
    read(of_errors);
    finish(streams_[of_errors ? 1 : 0]);
  }
}

void worker_output::finish(stream& of) {
  of.lines.finish([&](std::string_view text, line_end end) {
    take_line(of.line, text, end);
  });
}

void worker_output::take_line(log_line& line, std::string_view text,
                              line_end end) {
  line.text = text;
  line.end = end;
  // Of a progress bar the last state is enough.
  if (end != line_end::carriage_return) {
    if (last_lines_.size() >= limits::log_lines_kept_max)
      last_lines_.pop_front();
    last_lines_.push_back(line.text);
  }
  try {
    on_line_(line);
  } catch (const std::exception& failed) {
    logger()->error("on_output threw: {}", failed.what());
  } catch (...) {
    logger()->error("on_output threw what is no std::exception");
  }
}

} // namespace snakebridge
