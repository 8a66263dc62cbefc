#include "runtime/wire.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge::wire {

namespace {

// Each value inside a dict is a list, an entry and a struct further down.
constexpr int nesting_max = 3 * static_cast<int>(limits::value_depth_max) + 32;

capnp::ReaderOptions reader_limits(const frame& received) {
  capnp::ReaderOptions options;
  // Every word may be read once, and text a second time while it is copied:
  // messages that point many times at one place run out.
  options.traversalLimitInWords = 8 * received.message.size() + 1'024;
  options.nestingLimit = nesting_max;
  return options;
}

kj::ArrayPtr<const capnp::word> words_of(const frame& received) {
  static_assert(sizeof(word) == sizeof(capnp::word));
  return {reinterpret_cast<const capnp::word*>(received.message.data()),
          received.message.size()};
}

capnp::Text::Reader text(const std::string& from) {
  return {from.data(), from.size()};
}

capnp::Data::Reader data(const bytes& from) {
  return {reinterpret_cast<const kj::byte*>(from.data()), from.size()};
}

std::string string(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

template <class Items>
void write_items(capnp::List<schema::Value>::Builder to, const Items& from,
                 std::size_t depth) {
  unsigned at = 0;
  for (const auto& item : from)
    write_value(to[at++], item, depth);
}

unsigned count_of(std::size_t items) {
  constexpr std::size_t most = (std::size_t{1} << 29U) - 1;
  if (items > most)
    throw exception{too_large(0)};
  return static_cast<unsigned>(items);
}

// What a reply's refs are completed with.
struct origin {
  const session_gate& session;
  const incarnation& from;
};

value read_value(schema::Value::Reader from, const origin& made_by);

template <class Items>
Items read_items(capnp::List<schema::Value>::Reader from,
                 const origin& made_by) {
  Items items;
  items.reserve(from.size());
  for (auto item : from)
    items.push_back(read_value(item, made_by));
  return items;
}

value read_value(schema::Value::Reader from, const origin& made_by) {
  switch (from.which()) {
  case schema::Value::NONE:
    return {};
  case schema::Value::BOOLEAN:
    return value::of_boolean(from.getBoolean());
  case schema::Value::INTEGER:
    return value::of_integer(from.getInteger());
  case schema::Value::FLOATING:
    return value::of_floating(from.getFloating());
  case schema::Value::STRING:
    return string(from.getString());
  case schema::Value::BYTES: {
    const auto content = from.getBytes();
    return bytes{content.begin(), content.size()};
  }
  case schema::Value::LIST:
    return read_items<list>(from.getList(), made_by);
  case schema::Value::TUPLE:
    return read_items<tuple>(from.getTuple(), made_by);
  case schema::Value::DICT: {
    dict entries;
    entries.reserve(from.getDict().size());
    for (auto entry : from.getDict()) {
      const auto key = entry.getKey().which();
      if (key == schema::Value::LIST || key == schema::Value::DICT)
        throw KJ_EXCEPTION(FAILED, "a key that Python could not hash");
      entries.set(read_value(entry.getKey(), made_by),
                  read_value(entry.getValue(), made_by));
    }
    return entries;
  }
  case schema::Value::REF:
    return ref{.node = {},
               .session = made_by.session.id,
               .interpreter = made_by.from.interpreter,
               .epoch = made_by.from.epoch,
               .slot = from.getRef().getSlot(),
               .type_name = string(from.getRef().getTypeName())};
  }
  throw KJ_EXCEPTION(FAILED, "a value of no known kind");
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

void write_value(schema::Value::Builder to, const value& from,
                 std::size_t depth) {
  const bool container = from.kind() == kind::list || from.kind() == kind::tuple
                         || from.kind() == kind::dict;
  if (container && depth >= limits::value_depth_max)
    throw exception{
      error{errc::payload_too_large,
            fmt::format("the value is more than {} containers deep",
                        limits::value_depth_max)}};
  switch (from.kind()) {
  case kind::none:
    return to.setNone();
  case kind::boolean:
    return to.setBoolean(*from.get_if<bool>());
  case kind::integer:
    return to.setInteger(*from.get_if<std::int64_t>());
  case kind::floating:
    return to.setFloating(*from.get_if<double>());
  case kind::string:
    return to.setString(text(*from.get_if<std::string>()));
  case kind::bytes:
    return to.setBytes(data(*from.get_if<bytes>()));
  case kind::list:
    return write_items(to.initList(count_of(from.size())), *from.get_if<list>(),
                       depth + 1);
  case kind::tuple:
    return write_items(to.initTuple(count_of(from.size())),
                       *from.get_if<tuple>(), depth + 1);
  case kind::dict: {
    auto entries = to.initDict(count_of(from.size()));
    unsigned at = 0;
    for (const auto& [key, item] : *from.get_if<dict>()) {
      auto entry = entries[at++];
      write_value(entry.initKey(), key, depth + 1);
      write_value(entry.initValue(), item, depth + 1);
    }
    return;
  }
  case kind::ref:
    return to.initRef().setSlot(from.get_if<ref>()->slot);
  }
}

result<std::unique_ptr<outgoing>> encode_request(const operation& asked,
                                                 std::uint64_t session,
                                                 std::size_t bytes_max) {
  return build_message<schema::Request>(
    bytes_max, [&](schema::Request::Builder request) {
      request.setSession(session);
      request.setVerb(static_cast<std::uint8_t>(asked.what));
      request.setModule(text(asked.module));
      request.setName(text(asked.name));
      request.setKeepException(asked.keep_exception);
      if (const auto* target = asked.target.get_if<ref>())
        request.setTarget(target->slot);
      if (!asked.positional.empty())
        write_items(request.initPositional(count_of(asked.positional.size())),
                    asked.positional, 0);
      if (!asked.named.empty()) {
        auto named = request.initNamed(count_of(asked.named.size()));
        for (unsigned i = 0; i < named.size(); ++i) {
          named[i].setName(text(asked.named[i].first));
          write_value(named[i].initValue(), asked.named[i].second);
        }
      }
    });
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
      return read_value(reply.getValue(), {session, from});
    case schema::Reply::RAISED:
      return tl::unexpected{
        error{read_raised(reply.getRaised(), session, from)}};
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

} // namespace snakebridge::wire
