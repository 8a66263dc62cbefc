#include "runtime/wire/remote_messages.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/wire/items.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge::wire {

namespace {

void require(bool holds, const char* what) {
  if (!holds)
    throw KJ_EXCEPTION(FAILED, what);
}

call_route read_route(schema::Request::Route::Reader from) {
  constexpr auto last = static_cast<unsigned>(affinity::strict_fail_fast);
  require(from.getAffinity() <= last + 1, "an affinity of no known kind");
  call_route route{.interpreter = from.getInterpreter(),
                   .epoch = from.getEpoch(),
                   .pool = string(from.getPool()),
                   .affinity = {},
                   .leaves_given = from.getLeavesGiven(),
                   .idempotent = from.getIdempotent()};
  if (from.getAffinity() > 0)
    route.affinity = static_cast<affinity>(from.getAffinity() - 1);
  return route;
}

std::vector<step> read_path(capnp::List<schema::Request::Step>::Reader from,
                            const ref_origin& made_by) {
  std::vector<step> path;
  for (const auto each : full_size(from))
    if (each.isItem())
      path.push_back({.key = read_value(each.getItem(), made_by)});
    else
      path.push_back({.name = string(each.getAttribute())});
  return path;
}

void read_arguments(operation& into, schema::Request::Reader from,
                    const ref_origin& made_by) {
  for (const auto each : full_size(from.getPositional()))
    into.positional.push_back(read_value(each, made_by));
  for (const auto each : full_size(from.getNamed()))
    into.named.emplace_back(string(each.getName()),
                            read_value(each.getValue(), made_by));
}

operation read_operation(schema::Request::Reader from,
                         const ref_origin& made_by) {
  require(from.getVerb() <= static_cast<unsigned>(last_verb)
            && from.getLeaves() <= static_cast<unsigned>(last_leaves),
          "a verb, or a form, of no known kind");
  operation asked{.what = static_cast<verb>(from.getVerb()),
                  .module = string(from.getModule()),
                  .name = string(from.getName()),
                  .leaves = static_cast<leaves>(from.getLeaves()),
                  .keep_exception = from.getKeepException(),
                  .awaits = from.getAwaits()};
  if (from.getTarget() != 0)
    asked.target = ref{.node = std::string{made_by.node},
                       .session = std::string{made_by.session},
                       .interpreter = made_by.interpreter,
                       .epoch = made_by.epoch,
                       .slot = from.getTarget(),
                       .session_epoch = made_by.session_epoch};
  else if (from.hasReceiver())
    asked.target = read_value(from.getReceiver(), made_by);
  asked.path = read_path(from.getPath(), made_by);
  read_arguments(asked, from, made_by);
  for (const auto slot : from.getSlots())
    asked.slots.push_back(slot);
  if (asked.what == verb::next)
    asked.batch = read_batch(from.getBatch());
  return asked;
}

// The first object in it, at any depth: all of one answer live in one place.
const ref* first_ref_in(const value& in) {
  if (!in.holds_refs())
    return nullptr;
  if (const auto* named = in.get_if<ref>())
    return named;
  const auto first_of = [](const auto& items) -> const ref* {
    for (const auto& each : items)
      if (const auto* found = first_ref_in(each))
        return found;
    return nullptr;
  };
  if (const auto* items = detail::items_of(in))
    return first_of(*items);
  if (const auto* entries = in.get_if<dict>())
    for (const auto& [key, item] : *entries) {
      if (const auto* found = first_ref_in(key))
        return found;
      if (const auto* found = first_ref_in(item))
        return found;
    }
  return nullptr;
}

const ref* first_ref_in(const result<value>& outcome,
                        const std::vector<value>& items) {
  for (const auto& each : items)
    if (const auto* found = first_ref_in(each))
      return found;
  if (outcome)
    return first_ref_in(*outcome);
  const auto* raised = outcome.error().python();
  return raised != nullptr && raised->object ? &*raised->object : nullptr;
}

void write_death(schema::Death::Builder to, const post_mortem& from) {
  to.setPid(from.pid);
  to.setHasExited(from.exit_status.has_value());
  to.setExitStatus(from.exit_status.value_or(0));
  to.setSignal(text(from.signal));
  to.setReason(text(from.reason));
  to.setCall(text(from.call));
  to.setSession(text(from.session));
  to.setInterpreter(from.interpreter);
  to.setEpoch(from.epoch);
  auto lines = to.initLogLines(static_cast<unsigned>(from.log_lines.size()));
  for (unsigned at = 0; at < lines.size(); ++at)
    lines.set(at, text(from.log_lines[at]));
  to.setStacks(text(from.stacks));
  to.setUserMs(static_cast<std::uint64_t>(from.user_time.count()));
  to.setSystemMs(static_cast<std::uint64_t>(from.system_time.count()));
  to.setResidentBytesMax(from.resident_bytes_max);
}

std::chrono::milliseconds read_time(std::uint64_t ms) {
  constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();
  return std::chrono::milliseconds{
    static_cast<std::int64_t>(std::min(ms, longest))};
}

post_mortem read_death(schema::Death::Reader from) {
  post_mortem death{.pid = from.getPid(),
                    .exit_status = {},
                    .signal = string(from.getSignal()),
                    .reason = string(from.getReason()),
                    .call = string(from.getCall()),
                    .session = string(from.getSession()),
                    .interpreter = from.getInterpreter(),
                    .epoch = from.getEpoch(),
                    .log_lines = {},
                    .stacks = string(from.getStacks()),
                    .user_time = read_time(from.getUserMs()),
                    .system_time = read_time(from.getSystemMs()),
                    .resident_bytes_max = from.getResidentBytesMax()};
  if (from.getHasExited())
    death.exit_status = from.getExitStatus();
  const auto lines = from.getLogLines();
  const auto count =
    std::min<std::size_t>(lines.size(), limits::log_lines_kept_max);
  for (unsigned at = 0; at < count; ++at)
    death.log_lines.push_back(string(lines[at]));
  return death;
}

void write_error(schema::Reply::Builder to, const error& from) {
  to.setRan(from.may_have_run());
  if (const auto* raised = from.python()) {
    write_raised(to.initRaised(), *raised);
    return;
  }
  auto failed = to.initFailed();
  failed.setCode(static_cast<std::uint8_t>(from.code()));
  failed.setMessage(text(from.message()));
  if (const auto* death = from.post_mortem())
    write_death(failed.initDeath(), *death);
}

} // namespace

void write_route(message& request, const call_route& route) {
  auto to = static_cast<outgoing&>(request)
              .builder()
              .getRoot<schema::Request>()
              .initRoute();
  to.setInterpreter(route.interpreter);
  to.setEpoch(route.epoch);
  to.setPool(text(route.pool));
  to.setLeavesGiven(route.leaves_given);
  to.setIdempotent(route.idempotent);
  if (route.affinity)
    to.setAffinity(static_cast<std::uint8_t>(*route.affinity) + 1);
}

result<remote_request> decode_remote_request(const frame& received,
                                             ref_origin session) {
  try {
    incoming message{received};
    const auto asked = message.root<schema::Request>();
    auto route = read_route(asked.getRoute());
    session.interpreter = route.interpreter;
    session.epoch = route.epoch;
    return remote_request{read_operation(asked, session), std::move(route)};
  } catch (const kj::Exception& broken) {
    return tl::unexpected{malformed(broken)};
  } catch (const std::bad_alloc&) {
    return error{errc::payload_too_large, "there is no memory for the request"};
  }
}

bool is_large(const std::vector<value>& items) {
  std::size_t words = 0;
  for (const auto& each : items)
    words += words_of(each);
  return words * sizeof(word) > limits::payload_part_bytes_max;
}

result<std::shared_ptr<message>>
encode_remote_reply(const result<value>& outcome,
                    const std::vector<value>& items, std::size_t bytes_max) {
  std::size_t words = 64 + (outcome ? words_of(*outcome) : 0);
  for (const auto& each : items)
    words += words_of(each);
  auto made = build_message<schema::Reply>(
    bytes_max,
    [&](schema::Reply::Builder reply) {
      value_writer writer{bytes_max, true};
      if (outcome)
        writer.write(reply.initValue(), *outcome);
      else
        write_error(reply, outcome.error());
      if (!items.empty())
        writer.write_items(reply.initItems(), item_row{items}, 0);
      if (const auto* made = first_ref_in(outcome, items)) {
        reply.setInterpreter(made->interpreter);
        reply.setEpoch(made->epoch);
      }
    },
    std::min(words, bytes_max / sizeof(word)));
  if (!made)
    return tl::unexpected{std::move(made).error()};
  return std::shared_ptr<message>{*std::move(made)};
}

result<std::shared_ptr<message>>
encode_remote_called(const detail::callback_arguments& given,
                     std::size_t bytes_max) {
  auto made =
    build_message<schema::Called>(bytes_max, [&](schema::Called::Builder into) {
      value_writer writer{bytes_max};
      auto positional = into.initPositional(count_of(given.positional.size()));
      for (unsigned at = 0; at < positional.size(); ++at)
        writer.write(positional[at], given.positional[at]);
      auto named = into.initNamed(count_of(given.named.size()));
      for (unsigned at = 0; at < named.size(); ++at) {
        named[at].setName(text(given.named[at].first));
        writer.write(named[at].initValue(), given.named[at].second);
      }
    });
  if (!made)
    return tl::unexpected{std::move(made).error()};
  return std::shared_ptr<message>{*std::move(made)};
}

std::shared_ptr<message> encode_remote_returned(const callback_answer& told,
                                                std::size_t bytes_max) {
  const auto build = [&](const callback_answer& from) {
    return build_message<schema::Returned>(
      bytes_max, [&](schema::Returned::Builder into) {
        if (!from.failed)
          return value_writer{bytes_max}.write(into.initValue(), from.outcome);
        auto failed = into.initFailed();
        failed.setType(text(from.type));
        failed.setMessage(text(from.message));
      });
  };
  auto made = build(told);
  if (!made)
    made = build({.failed = true,
                  .type = "snakebridge::exception",
                  .message = made.error().message()});
  return *std::move(made);
}

result<callback_answer> decode_remote_returned(const frame& received,
                                               const ref_origin& session) {
  try {
    incoming message{received};
    const auto told = message.root<schema::Returned>();
    if (told.isValue())
      return callback_answer{.outcome = read_value(told.getValue(), session)};
    require(told.isFailed(), "an answer of a callback that only a host gives");
    return callback_answer{.failed = true,
                           .type = string(told.getFailed().getType()),
                           .message = string(told.getFailed().getMessage())};
  } catch (const kj::Exception& broken) {
    return tl::unexpected{malformed(broken)};
  } catch (const std::bad_alloc&) {
    return error{errc::payload_too_large, "there is no memory for the answer"};
  }
}

reply decode_remote_reply(const frame& received, ref_origin session) {
  std::optional<post_mortem> death;
  try {
    incoming message{received};
    const auto told = message.root<schema::Reply>();
    session.interpreter = told.getInterpreter();
    session.epoch = told.getEpoch();
    if (told.isFailed() && told.getFailed().hasDeath())
      death = read_death(told.getFailed().getDeath());
  } catch (const kj::Exception& broken) {
    return {.outcome = tl::unexpected{malformed(broken)}, .malformed = true};
  } catch (const std::bad_alloc&) {
    return {.outcome = tl::unexpected{
              error{errc::payload_too_large, "no memory left for the result"}}};
  }
  auto told = decode_reply(received, session, ~std::uint64_t{0});
  if (death && !told.outcome) {
    const auto& failed = told.outcome.error();
    told.outcome =
      tl::unexpected{error{failed.code(), failed.message(), *std::move(death),
                           failed.may_have_run()}};
  }
  return told;
}

} // namespace snakebridge::wire
