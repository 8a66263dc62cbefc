// What a host reads: the replies on the data socket, and on the control socket
// why its worker did not start. What a caller then does with a value is part of
// it: a value that cannot be printed or compared is no value.
#include <snakebridge/result.hpp>

#include "runtime/wire/messages.hpp"
#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

namespace {

const ref_origin some_origin{"a", 7, 3};
constexpr std::uint64_t refs_max = ref_rules{}.max;

std::size_t footprint(const value& item) {
  std::size_t bytes = sizeof item;
  if (const auto* text = item.get_if<std::string>())
    bytes += text->capacity();
  else if (const auto* raw = item.get_if<snakebridge::bytes>())
    bytes += raw->size();
  else if (const auto* entries = item.get_if<dict>())
    for (const auto& [key, mapped] : *entries)
      bytes += 16 + footprint(key) + footprint(mapped);
  else if (const auto* items = snakebridge::detail::items_of(item))
    for (const auto& each : *items)
      bytes += footprint(each);
  return bytes;
}

std::size_t footprint(const python_error& raised) {
  const auto own = [&](const auto&... texts) { return (texts.size() + ...); };
  auto bytes =
    sizeof raised
    + own(raised.type, raised.module, raised.message, raised.traceback);
  for (const auto& each : raised.frames)
    bytes += sizeof each + own(each.file, each.function);
  for (const auto* texts : {&raised.notes, &raised.mro})
    for (const auto& each : *texts)
      bytes += sizeof each + each.size();
  if (raised.cause)
    bytes += footprint(*raised.cause);
  if (raised.context && raised.context != raised.cause)
    bytes += footprint(*raised.context);
  return bytes;
}

// A message costs its size some times over, however it is twisted.
void expect_in_proportion(std::size_t bytes, const frame& received) {
  constexpr std::size_t times_max = 40, small_bytes = 160 * 1024;
  promise(bytes
            <= times_max * received.message.size() * sizeof(word) + small_bytes,
          "it takes memory out of proportion");
}

void expect_refs_are_ours(const value& item) {
  if (const auto* name = item.get_if<ref>())
    promise(name->node.empty() && name->session == some_origin.session
              && name->interpreter == some_origin.interpreter
              && name->epoch == some_origin.epoch,
            "a ref says it is of another interpreter");
  if (const auto* entries = item.get_if<dict>())
    for (const auto& [key, mapped] : *entries) {
      expect_refs_are_ours(key);
      expect_refs_are_ours(mapped);
    }
  else if (const auto* items = snakebridge::detail::items_of(item))
    for (const auto& each : *items)
      expect_refs_are_ours(each);
}

frame arrived(wire::outgoing& message) {
  frame made;
  for (const auto& part : message.parts())
    made.message.insert(made.message.end(), part.begin(), part.end());
  return made;
}

// What can be sent back comes back as it was. Not refs, which name a type only
// on their way from the worker.
void expect_round_trip(const value& item, const std::string& printed) {
  if (printed.find("<ref ") != std::string::npos)
    return;
  wire::outgoing message{wire::words_of(item)};
  try {
    wire::write_value(message.builder().initRoot<schema::Reply>().initValue(),
                      item);
  } catch (const exception& refused) {
    const auto code = refused.error().code();
    promise(code == errc::not_convertible || code == errc::payload_too_large,
            "a value that was read is refused for no reason");
    return;
  }
  const auto again =
    wire::decode_reply(arrived(message), some_origin, refs_max).outcome;
  promise(again && repr(*again) == printed, "a value that was read changed");
}

void expect_usable(const value& item) {
  expect_refs_are_ours(item);
  const auto printed = repr(item);
  repr_short(item);
  const auto copy = item;
  static_cast<void>(copy == item);
  promise(copy.hash() == item.hash(), "a copy hashes differently");
  expect_round_trip(item, printed);
}

} // namespace

void run_reply(const frame& received) {
  const auto [outcome, items, malformed, held, ran] =
    wire::decode_reply(received, some_origin, refs_max);
  promise(!malformed || items.empty(), "what is malformed has items");
  promise(ran.count() >= 0, "a call ran for less than nothing");
  std::size_t bytes = 0;
  for (const auto& each : items) {
    bytes += footprint(each);
    expect_usable(each);
  }
  if (outcome) {
    promise(!malformed, "a value is malformed");
    expect_in_proportion(bytes + footprint(*outcome), received);
    return expect_usable(*outcome);
  }
  expect_in_proportion(bytes, received);
  const auto& why = outcome.error();
  promise(!malformed || why.code() == errc::message_malformed,
          "what is malformed is called something else");
  if (const auto* raised = why.python())
    expect_in_proportion(footprint(*raised), received);
}

void run_called(const frame& received) {
  const auto told =
    wire::decode_called(received, [](std::uint64_t) { return some_origin; });
  if (!told) {
    promise(told.error().code() == errc::message_malformed,
            "what is malformed is called something else");
    return;
  }
  std::size_t bytes = 0;
  for (const auto& each : told->given.positional) {
    bytes += footprint(each);
    expect_usable(each);
  }
  for (const auto& [name, item] : told->given.named) {
    bytes += name.size() + footprint(item);
    expect_usable(item);
  }
  expect_in_proportion(bytes, received);
}

void run_failed(const frame& received) {
  bool malformed = false;
  const auto why = wire::decode_start_failure(received, malformed);
  promise(malformed ? why.code() == errc::message_malformed
                    : why.code() == errc::startup_failed
                        || why.code() == errc::environment_invalid,
          "a worker did not start for no known reason");
}

} // namespace snakebridge::fuzz
