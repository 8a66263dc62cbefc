#include "console.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace snakebridge::cli {

namespace {

constexpr auto redrawn_after = std::chrono::seconds{1};
constexpr auto wiping = "\r\x1b[K";

bool can_be_wiped() {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr
         && std::string_view{terminal} != "dumb";
}

std::size_t columns() {
  constexpr std::size_t usual = 80;
  winsize window{};
  const bool told =
    ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
  return told ? window.ws_col : usual;
}

// In one line, between characters.
std::string cut(std::string text, std::size_t bytes_max) {
  std::replace_if(
    text.begin(), text.end(), [](unsigned char each) { return each < ' '; },
    ' ');
  if (text.size() <= bytes_max)
    return text;
  while (bytes_max > 0 && (text[bytes_max] & 0xC0) == 0x80)
    --bytes_max;
  return text.substr(0, bytes_max);
}

// Errors of stderr are nobody's: where would they be told?
void write(std::FILE* to, std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), to));
  static_cast<void>(std::fflush(to));
}

} // namespace

void console::begin_progress(std::string label) {
  end_progress();
  if (!can_be_wiped())
    return;
  label_ = std::move(label);
  begun_ = clock::now();
  next_ = begun_ + progress_after_;
  drawing_.emplace([this](const std::stop_token& ended) { draw_until(ended); });
}

void console::end_progress() {
  drawing_.reset(); // it asks for its end, and waits for it
  const std::lock_guard held{mutex_};
  wipe();
}

bool console::print(std::string_view line) {
  const std::lock_guard held{mutex_};
  wipe();
  next_ = clock::now() + progress_after_;
  is_shared_ = false;
  const bool written =
    std::fwrite(line.data(), 1, line.size(), stdout) == line.size()
    && std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE)
    throw std::system_error{errno, std::generic_category(), "stdout"};
  return written;
}

void console::complain(std::string_view text) {
  const std::lock_guard held{mutex_};
  wipe();
  write(stderr, text);
}

void console::show(const log_line& line) {
  const std::lock_guard held{mutex_};
  wipe();
  next_ = clock::now() + progress_after_;
  is_shared_ = line.end == line_end::carriage_return;
  write(line.is_error ? stderr : stdout,
        line.text + (is_shared_ ? '\r' : '\n'));
}

void console::draw_until(const std::stop_token& ended) {
  std::unique_lock held{mutex_};
  while (!ended.stop_requested()) {
    const auto next = next_;
    changed_.wait_until(held, ended, next, [] { return false; });
    if (ended.stop_requested() || clock::now() < next_)
      continue; // something was printed meanwhile
    if (!is_shared_)
      draw();
    next_ = clock::now() + redrawn_after;
  }
}

void console::draw() {
  const auto taken =
    std::chrono::duration_cast<std::chrono::seconds>(clock::now() - begun_);
  const auto time = fmt::format(" … {} s", taken.count());
  write(stderr, wiping + cut(label_, columns() - time.size()) + time);
  is_drawn_ = true;
}

void console::wipe() {
  if (is_drawn_)
    write(stderr, wiping);
  is_drawn_ = false;
}

} // namespace snakebridge::cli
