#include "runtime/wire.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge::wire {

namespace {

// Each value inside a dict is a list, an entry and a struct further down.
constexpr int nesting_max = 3 * static_cast<int>(limits::value_depth_max) + 32;

capnp::ReaderOptions reader_limits(const frame& received) {
  capnp::ReaderOptions options;
  // Every word is read once, and some we ask for twice: messages that point
  // many times at one place run out.
  options.traversalLimitInWords = 2 * received.message.size() + 1'024;
  options.nestingLimit = nesting_max;
  return options;
}

kj::ArrayPtr<const capnp::word> words_of(const frame& received) {
  static_assert(sizeof(word) == sizeof(capnp::word));
  return {reinterpret_cast<const capnp::word*>(received.message.data()),
          received.message.size()};
}

python_error read_raised(schema::PythonError::Reader from, std::size_t chain) {
  python_error raised{.type = string(from.getType()),
                      .module = string(from.getModule()),
                      .message = string(from.getMessage()),
                      .traceback = string(from.getTraceback()),
                      .frames = {},
                      .notes = {},
                      .mro = {},
                      .cause = {},
                      .context = {}};
  const auto frames = full_size(from.getFrames());
  if (frames.size() > limits::exception_frames_max)
    throw KJ_EXCEPTION(FAILED, "an exception with more frames than are told");
  for (auto each : frames)
    raised.frames.push_back(
      {string(each.getFile()), each.getLine(), string(each.getFunction())});
  for (auto note : from.getNotes())
    raised.notes.push_back(string(note));
  for (auto base : from.getMro())
    raised.mro.push_back(string(base));
  const bool same = from.getContextIsCause();
  if (chain < limits::exception_chain_max) {
    if (from.hasCause())
      raised.cause = std::make_shared<const python_error>(
        read_raised(from.getCause(), chain + 1));
    if (same)
      raised.context = raised.cause;
    else if (from.hasContext())
      raised.context = std::make_shared<const python_error>(
        read_raised(from.getContext(), chain + 1));
  }
  return raised;
}

error read_failure(schema::Failure::Reader from) {
  const auto code = from.getCode();
  if (code < static_cast<unsigned>(errc::python_raised)
      || code > static_cast<unsigned>(errc::shutting_down))
    throw KJ_EXCEPTION(FAILED, "a failure of no known code");
  return {static_cast<errc>(code), string(from.getMessage())};
}

} // namespace

std::span<const message_part> outgoing::parts() {
  const auto segments = builder_.getSegmentsForOutput();
  // The flat array's table: how many segments less one, then each size; padded
  // to whole words.
  segment_table_.assign(table_words(), word{});
  auto* table = reinterpret_cast<std::uint32_t*>(segment_table_.data());
  table[0] = static_cast<std::uint32_t>(segments.size() - 1);
  parts_.clear();
  parts_.emplace_back(segment_table_);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    table[i + 1] = static_cast<std::uint32_t>(segments[i].size());
    parts_.emplace_back(reinterpret_cast<const word*>(segments[i].begin()),
                        segments[i].size());
  }
  return parts_;
}

incoming::incoming(const frame& received)
    : reader_{words_of(received), reader_limits(received)} {}

error malformed(const kj::Exception& what) {
  return {errc::message_malformed, fmt::format("a message does not parse: {}",
                                               what.getDescription().cStr())};
}

error too_large(std::size_t bytes_max) {
  return {errc::payload_too_large,
          bytes_max == 0
            ? std::string{"one text or list has more than 2^29 items; send it "
                          "in pieces"}
            : fmt::format("the value needs more than {} bytes, the "
                          "payload_bytes_max; send less, or keep it in Python "
                          "and send its ref",
                          bytes_max)};
}

void write_raised(schema::PythonError::Builder to, const python_error& from,
                  std::size_t chain) {
  to.setType(text(from.type));
  to.setModule(text(from.module));
  to.setMessage(text(from.message));
  to.setTraceback(text(from.traceback));
  auto frames = to.initFrames(count_of(from.frames.size()));
  for (unsigned i = 0; i < frames.size(); ++i) {
    frames[i].setFile(text(from.frames[i].file));
    frames[i].setLine(from.frames[i].line);
    frames[i].setFunction(text(from.frames[i].function));
  }
  auto notes = to.initNotes(count_of(from.notes.size()));
  for (unsigned i = 0; i < notes.size(); ++i)
    notes.set(i, text(from.notes[i]));
  auto mro = to.initMro(count_of(from.mro.size()));
  for (unsigned i = 0; i < mro.size(); ++i)
    mro.set(i, text(from.mro[i]));
  if (chain >= limits::exception_chain_max)
    return;
  if (from.cause)
    write_raised(to.initCause(), *from.cause, chain + 1);
  // `raise … from` in a handler makes them one: told twice at each step, a
  // chain would double its size with every exception.
  if (from.context && from.context == from.cause)
    to.setContextIsCause(true);
  else if (from.context)
    write_raised(to.initContext(), *from.context, chain + 1);
}

result<std::unique_ptr<outgoing>> encode_request(const operation& asked,
                                                 std::uint64_t session,
                                                 std::size_t bytes_max) {
  // Each with its place in a list; the request itself and its names.
  std::size_t words = 64 + asked.name.size() / sizeof(word);
  for (const auto& item : asked.positional)
    words += words_of(item);
  for (const auto& [name, item] : asked.named)
    words += words_of(item) + name.size() / sizeof(word) + 4;
  // One too large is refused while it is written, not by taking all memory.
  words = std::min(words, bytes_max / sizeof(word));
  return build_message<schema::Request>(
    bytes_max,
    [&](schema::Request::Builder request) {
      request.setSession(session);
      request.setVerb(static_cast<std::uint8_t>(asked.what));
      request.setMarkers(asked.leaves == leaves::markers);
      request.setModule(text(asked.module));
      request.setName(text(asked.name));
      if (const auto* target = asked.target.get_if<ref>())
        request.setTarget(target->slot);
      auto positional =
        request.initPositional(count_of(asked.positional.size()));
      for (unsigned i = 0; i < positional.size(); ++i)
        write_value(positional[i], asked.positional[i]);
      if (!asked.named.empty()) {
        auto named = request.initNamed(count_of(asked.named.size()));
        for (unsigned i = 0; i < named.size(); ++i) {
          named[i].setName(text(asked.named[i].first));
          write_value(named[i].initValue(), asked.named[i].second);
        }
      }
    },
    words);
}

std::unique_ptr<outgoing> encode_release(std::uint64_t session) {
  auto message = std::make_unique<outgoing>();
  message->builder().initRoot<schema::Release>().setSession(session);
  return message;
}

result<value> decode_reply(const frame& received, const session_gate& session,
                           const incarnation& from, bool& malformed) {
  malformed = false;
  try {
    incoming message{received};
    auto reply = message.root<schema::Reply>();
    switch (reply.which()) {
    case schema::Reply::VALUE:
      return read_value(reply.getValue(),
                        {session.id, from.interpreter, from.epoch});
    case schema::Reply::RAISED:
      return tl::unexpected{error{read_raised(reply.getRaised(), 0)}};
    case schema::Reply::FAILED:
      return tl::unexpected{read_failure(reply.getFailed())};
    case schema::Reply::DROPPED:
      return tl::unexpected{
        error{errc::deadline_exceeded, "its time ran out before it started"}};
    }
    throw KJ_EXCEPTION(FAILED, "a reply of no known kind");
  } catch (const kj::Exception& broken) {
    malformed = true;
    return tl::unexpected{wire::malformed(broken)};
  } catch (const std::bad_alloc&) {
    return tl::unexpected{
      error{errc::payload_too_large, "no memory left for the result"}
        .with_may_have_run(true)};
  }
}

error decode_start_failure(const frame& received, bool& malformed) {
  malformed = false;
  try {
    incoming message{received};
    const auto failure = message.root<schema::Failure>();
    const bool environment =
      failure.getCode() == static_cast<unsigned>(errc::environment_invalid);
    return {environment ? errc::environment_invalid : errc::startup_failed,
            string(failure.getMessage())};
  } catch (const kj::Exception& broken) {
    malformed = true;
    return wire::malformed(broken);
  }
}

result<start_orders> decode_start(const frame& received) {
  try {
    incoming message{received};
    const auto start = message.root<schema::Start>();
    return start_orders{string(start.getPython()), start.getPayloadBytesMax()};
  } catch (const kj::Exception& broken) {
    return tl::unexpected{malformed(broken)};
  }
}

} // namespace snakebridge::wire
