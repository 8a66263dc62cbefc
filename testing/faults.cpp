#include <snakebridge/faults.hpp>

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/fault_points.hpp"

namespace snakebridge::testing {

namespace {

error invalid(std::string why) {
  return {errc::config_invalid, std::move(why)};
}

std::optional<error> wrong(std::string_view point, const fault& how) {
  if (!find_fault_point(point))
    return invalid(fmt::format("no fault point is named '{}'; there are {}",
                               point, fmt::join(fault_point_names, ", ")));
  if ((how.nth == 0) == (how.percent == 0))
    return invalid(fmt::format("{}: give either nth or percent", point));
  if (how.percent > 100)
    return invalid(
      fmt::format("{}: percent is {}, not 1 to 100", point, how.percent));
  if (how.byte > limits::fault_byte_max)
    return invalid(fmt::format("{}: byte is {}, not 0 to {}", point, how.byte,
                               limits::fault_byte_max));
  if (how.time.count() < 0 || how.time.count() > limits::fault_time_ms_max)
    return invalid(fmt::format("{}: time_ms is {}, not 0 to {}", point,
                               how.time.count(), limits::fault_time_ms_max));
  return {};
}

// Takes what comes before the separator, and leaves what comes after it.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto taken = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return taken;
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, into);
  return read.ec == std::errc{} && read.ptr == end;
}

bool read_setting(std::string_view setting, fault& into) {
  const auto name = take_until(setting, '=');
  std::uint32_t number = 0;
  if (!read_number(setting, number))
    return false;
  if (name == "nth")
    into.nth = number;
  else if (name == "percent")
    into.percent = number;
  else if (name == "byte")
    into.byte = number;
  else if (name == "time_ms")
    into.time = std::chrono::milliseconds{number};
  else
    return false;
  return true;
}

} // namespace

faults& faults::at(std::string_view point, fault how) {
  if (const auto why = wrong(point, how))
    throw_error(*why);
  faults_.insert_or_assign(std::string{point}, how);
  return *this;
}

std::string faults::to_string() const {
  auto line = fmt::format("seed={}", seed_);
  const fault usual;
  for (const auto& [point, how] : faults_) {
    line += how.nth != 0 ? fmt::format(" {}:nth={}", point, how.nth)
                         : fmt::format(" {}:percent={}", point, how.percent);
    if (how.byte != usual.byte)
      line += fmt::format(",byte={}", how.byte);
    if (how.time != usual.time)
      line += fmt::format(",time_ms={}", how.time.count());
  }
  return line;
}

result<faults> faults::parse(std::string_view line) {
  if (line.size() > limits::fault_plan_bytes_max)
    return tl::unexpected{invalid(fmt::format(
      "a plan of faults has at most {} bytes", limits::fault_plan_bytes_max))};
  const auto seed = take_until(line, ' ');
  std::uint64_t number = 0;
  if (!seed.starts_with("seed=") || !read_number(seed.substr(5), number))
    return tl::unexpected{
      invalid(fmt::format("'{}' is no seed=NUMBER to begin a plan of faults "
                          "with",
                          seed))};
  faults plan{number};
  while (!line.empty()) {
    auto settings = take_until(line, ' ');
    const auto point = take_until(settings, ':');
    fault how;
    while (!settings.empty())
      if (const auto setting = take_until(settings, ',');
          !read_setting(setting, how))
        return tl::unexpected{
          invalid(fmt::format("{}: '{}' is no nth, percent, byte or time_ms "
                              "with its number",
                              point, setting))};
    if (const auto why = wrong(point, how))
      return tl::unexpected{*why};
    plan.faults_.insert_or_assign(std::string{point}, how);
  }
  return plan;
}

std::vector<std::string_view> faults::points() {
  return {std::begin(fault_point_names), std::end(fault_point_names)};
}

armed_faults::armed_faults(const faults& plan) {
  fault_plan numbered{.seed = plan.seed()};
  for (const auto& [point, how] : plan.all())
    numbered.faults[static_cast<std::size_t>(*find_fault_point(point))] = how;
  for (std::size_t i = 0; i < fault_point_count; ++i)
    before_.push_back(fault_count(static_cast<fault_point>(i)));
  set_faults(numbered);
}

armed_faults::~armed_faults() {
  clear_faults();
}

std::uint64_t armed_faults::happened(std::string_view point) const {
  const auto at = find_fault_point(point);
  if (!at)
    throw_error(invalid(fmt::format("no fault point is named '{}'", point)));
  return fault_count(*at) - before_[static_cast<std::size_t>(*at)];
}

armed_faults arm(const faults& plan) {
  if (!has_fault_points)
    throw_error(invalid("the library was built without fault points: build it "
                        "with -DSNAKEBRIDGE_FAULTS=ON"));
  if (faults_set())
    throw_error(invalid("another plan of faults is in force: end it first"));
  return armed_faults{plan};
}

} // namespace snakebridge::testing
