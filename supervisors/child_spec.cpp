#include "supervisors/child_spec.hpp"

#include <caf/exit_reason.hpp>
#include <caf/message.hpp>

#include <fmt/format.h>

#include <set>
#include <string_view>

namespace snakebridge {

namespace {

using std::chrono::milliseconds;

caf::error refuse(supervisor_errc code, const child_spec& spec,
                  std::string_view what) {
  return make_error(code, fmt::format("child '{}': {}", spec.id, what));
}

caf::error refuse(supervisor_errc code, const supervisor_spec& spec,
                  std::string_view what) {
  return make_error(code, fmt::format("{}: {}", spec.name, what));
}

bool is_known(restart_type value) {
  return value == restart_type::permanent || value == restart_type::transient
         || value == restart_type::temporary;
}

bool is_known(strategy value) {
  return value == strategy::one_for_one || value == strategy::one_for_all
         || value == strategy::rest_for_one
         || value == strategy::simple_one_for_one;
}

bool is_known(child_type value) {
  return value == child_type::worker || value == child_type::supervisor;
}

bool is_known(auto_shutdown value) {
  return value == auto_shutdown::never
         || value == auto_shutdown::any_significant
         || value == auto_shutdown::all_significant;
}

bool is_negative(const shutdown_limit& limit) {
  auto time = std::get_if<milliseconds>(&limit);
  return time != nullptr && *time < milliseconds{0};
}

// All options but `id` and `start`, which a pool's template may leave open.
caf::error validate_options(const child_spec& spec, auto_shutdown under) {
  if (!is_known(spec.restart))
    return refuse(supervisor_errc::bad_restart_type, spec,
                  "restart is not permanent, transient or temporary");
  if (!is_known(spec.type))
    return refuse(supervisor_errc::bad_child_type, spec,
                  "type is not worker or supervisor");
  if (spec.shutdown && is_negative(*spec.shutdown))
    return refuse(supervisor_errc::bad_shutdown, spec, "shutdown is negative");
  if (spec.up_timeout < milliseconds{0})
    return refuse(supervisor_errc::bad_up_timeout, spec,
                  "up_timeout is negative");
  if (spec.significant && spec.restart == restart_type::permanent)
    return refuse(supervisor_errc::permanent_significant, spec,
                  "a permanent child cannot be significant: it always returns; "
                  "make it transient or temporary");
  if (spec.significant && under == auto_shutdown::never)
    return refuse(supervisor_errc::never_significant, spec,
                  "it is significant, but auto_shutdown is never; say "
                  "any_significant or all_significant");
  return {};
}

caf::error validate_flags(const supervisor_spec& spec) {
  if (!is_known(spec.strategy))
    return refuse(supervisor_errc::bad_strategy, spec, "unknown strategy");
  if (spec.intensity < 0)
    return refuse(supervisor_errc::bad_intensity, spec,
                  "intensity is negative");
  if (spec.period <= milliseconds{0})
    return refuse(supervisor_errc::bad_period, spec, "period is not positive");
  if (!is_known(spec.auto_shutdown))
    return refuse(supervisor_errc::bad_auto_shutdown, spec,
                  "unknown auto_shutdown");
  const auto& waits = spec.backoff;
  // The jitter is asked for so that NaN is refused too.
  if (waits.minimum < milliseconds{0} || waits.maximum < waits.minimum
      || !(waits.jitter >= 0 && waits.jitter <= 1)
      || waits.reset_after < milliseconds{0})
    return refuse(supervisor_errc::bad_backoff, spec,
                  "backoff needs 0 <= minimum <= maximum, a jitter of 0 to 1 "
                  "and reset_after >= 0");
  return {};
}

caf::error validate_pool(const supervisor_spec& spec) {
  if (spec.auto_shutdown != auto_shutdown::never)
    return refuse(supervisor_errc::pool_auto_shutdown, spec,
                  "simple_one_for_one has no auto_shutdown; say never");
  if (spec.children.size() != 1)
    return refuse(supervisor_errc::pool_needs_one_spec, spec,
                  "simple_one_for_one takes exactly one child spec");
  if (spec.children.front().id.empty())
    return refuse(supervisor_errc::missing_id, spec.children.front(),
                  "id is missing");
  return validate_options(spec.children.front(), spec.auto_shutdown);
}

} // namespace

shutdown_limit shutdown_of(const child_spec& spec) {
  if (spec.shutdown)
    return *spec.shutdown;
  if (spec.type == child_type::supervisor)
    return infinity;
  return default_shutdown;
}

caf::error validate(const child_spec& spec, auto_shutdown under) {
  if (spec.id.empty())
    return refuse(supervisor_errc::missing_id, spec, "id is missing");
  if (!spec.start)
    return refuse(supervisor_errc::missing_start, spec, "start is missing");
  return validate_options(spec, under);
}

caf::error validate(const supervisor_spec& spec) {
  if (auto bad = validate_flags(spec))
    return bad;
  if (spec.strategy == strategy::simple_one_for_one)
    return validate_pool(spec);
  std::set<std::string_view> ids;
  for (const auto& child : spec.children) {
    if (auto bad = validate(child, spec.auto_shutdown))
      return bad;
    if (!ids.insert(child.id).second)
      return refuse(supervisor_errc::duplicate_id, child,
                    "another child has this id");
  }
  return {};
}

caf::error shutdown_because(std::string text) {
  return {static_cast<std::uint8_t>(caf::exit_reason::user_shutdown),
          caf::atom("exit"), caf::make_message(std::move(text))};
}

} // namespace snakebridge
