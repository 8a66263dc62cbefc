#include "runtime/wire/messages.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/values/each_ref.hpp"

namespace snakebridge::wire {

namespace {

// A value inside a dict is a dict, its items, a list and an entry further down.
constexpr int nesting_max = 4 * static_cast<int>(limits::value_depth_max) + 32;

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

std::vector<std::string> read_names(capnp::List<capnp::Text>::Reader from) {
  std::vector<std::string> names;
  for (const auto name : from)
    names.push_back(string(name));
  return names;
}

error read_failure(schema::Failure::Reader from) {
  const auto code = from.getCode();
  if (code < static_cast<unsigned>(errc::python_raised)
      || code > static_cast<unsigned>(errc::shutting_down))
    throw KJ_EXCEPTION(FAILED, "a failure of no known code");
  return {static_cast<errc>(code), string(from.getMessage())};
}

result<value> read_outcome(schema::Reply::Reader reply,
                           const ref_origin& made_by) {
  switch (reply.which()) {
  case schema::Reply::VALUE:
    return read_value(reply.getValue(), made_by);
  case schema::Reply::RAISED:
    return error{read_raised(reply.getRaised(), made_by)}.with_may_have_run(
      reply.getRan());
  case schema::Reply::FAILED:
    return read_failure(reply.getFailed()).with_may_have_run(reply.getRan());
  case schema::Reply::DROPPED:
    return tl::unexpected{
      error{errc::deadline_exceeded, "its time ran out before it started"}};
  }
  throw KJ_EXCEPTION(FAILED, "a reply of no known kind");
}

void write_batch(schema::Request::Batch::Builder to, const batch_limits& from) {
  to.setItems(from.items);
  to.setBytes(from.bytes);
  to.setTimeMs(static_cast<std::uint32_t>(from.time.count()));
}

void write_path(capnp::List<schema::Request::Step>::Builder to,
                const std::vector<step>& from, value_writer& writer) {
  for (unsigned at = 0; at < to.size(); ++at)
    if (from[at].key)
      writer.write(to[at].initItem(), *from[at].key);
    else
      to[at].setAttribute(text(from[at].name));
}

std::vector<value> read_items(capnp::List<schema::Value>::Reader from,
                              const ref_origin& made_by) {
  std::vector<value> items;
  const auto all = full_size(from);
  items.reserve(all.size());
  for (const auto each : all)
    items.push_back(read_value(each, made_by));
  return items;
}

using slots = std::vector<std::uint64_t>;

slots slots_in(const result<value>& outcome) {
  slots found;
  each_ref(outcome, [&](const ref& each) { found.push_back(each.slot); });
  return found;
}

} // namespace

std::span<const message_part> outgoing::parts() {
  // Once: a channel that is dead may still read them when it is sent again.
  if (!parts_.empty())
    return parts_;
  const auto segments = builder_.getSegmentsForOutput();
  // The flat array's table: how many segments less one, then each size; padded
  // to whole words.
  segment_table_.assign(table_words(), word{});
  auto* table = reinterpret_cast<std::uint32_t*>(segment_table_.data());
  table[0] = static_cast<std::uint32_t>(segments.size() - 1);
  parts_.reserve(1 + segments.size());
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
            ? std::string{"one text, bytes or list has more than 2^29 items; "
                          "send it in pieces"}
            : fmt::format("the value needs more than {} bytes, the "
                          "payload_bytes_max; send less, or keep it in Python "
                          "and send its ref",
                          bytes_max)};
}

result<std::unique_ptr<outgoing>>
encode_request(const operation& asked, std::uint64_t session,
               std::size_t bytes_max, const ref_bounds& refs,
               const std::string& session_id, std::uint64_t session_epoch) {
  // Each with its place in a list; the request itself and its names.
  std::size_t words = 64 + asked.name.size() / sizeof(word);
  words += session_id.size() / sizeof(word);
  words += words_of(asked.target) + asked.slots.size();
  for (const auto& item : asked.positional)
    words += words_of(item);
  for (const auto& [name, item] : asked.named)
    words += words_of(item) + name.size() / sizeof(word) + 4;
  for (const auto& [name, key] : asked.path)
    words += name.size() / sizeof(word) + (key ? words_of(*key) : 0) + 4;
  // One too large is refused while it is written, not by taking all memory.
  words = std::min(words, bytes_max / sizeof(word));
  return build_message<schema::Request>(
    bytes_max,
    [&](schema::Request::Builder request) {
      request.setSession(session);
      request.setSessionId(text(session_id));
      request.setSessionEpoch(session_epoch);
      request.setVerb(static_cast<std::uint8_t>(asked.what));
      request.setLeaves(static_cast<std::uint8_t>(asked.leaves));
      request.setModule(text(asked.module));
      request.setName(text(asked.name));
      request.setKeepException(asked.keep_exception);
      request.setAwaits(asked.awaits);
      request.setHelpersGiven(asked.helpers_given);
      request.setRefsMax(refs.rules.max);
      request.setRefsElsewhere(refs.elsewhere);
      request.setRefsRefused(refs.rules.on_full == on_full::refuse);
      request.setRefTtlMs(static_cast<std::uint64_t>(refs.rules.ttl.count()));
      if (asked.what == verb::next)
        write_batch(request.initBatch(), asked.batch);
      value_writer writer{bytes_max};
      if (const auto* target = asked.target.get_if<ref>())
        request.setTarget(target->slot);
      else if (has_target(asked.what))
        writer.write(request.initReceiver(), asked.target);
      if (!asked.path.empty())
        write_path(request.initPath(count_of(asked.path.size())), asked.path,
                   writer);
      if (!asked.slots.empty()) {
        auto slots = request.initSlots(count_of(asked.slots.size()));
        for (unsigned i = 0; i < slots.size(); ++i)
          slots.set(i, asked.slots[i]);
      }
      auto positional =
        request.initPositional(count_of(asked.positional.size()));
      for (unsigned i = 0; i < positional.size(); ++i)
        writer.write(positional[i], asked.positional[i]);
      if (!asked.named.empty()) {
        auto named = request.initNamed(count_of(asked.named.size()));
        for (unsigned i = 0; i < named.size(); ++i) {
          named[i].setName(text(asked.named[i].first));
          writer.write(named[i].initValue(), asked.named[i].second);
        }
      }
    },
    words);
}

void write_conversion(schema::Start::Builder to,
                      const conversion_config& from) {
  to.setAtomClass(from.atom_class);
  write_names(to.initAtoms(count_of(from.atoms.size())), from.atoms);
  to.setMarkerDetail(static_cast<std::uint8_t>(from.detail));
  to.setMarkerReprBytesMax(from.repr_bytes_max);
}

conversion_config read_conversion(schema::Start::Reader from) {
  conversion_config rules{.atom_class = from.getAtomClass(),
                          .atoms = {},
                          .detail = unserializable_detail::none,
                          .repr_bytes_max = from.getMarkerReprBytesMax()};
  rules.atoms = read_names(from.getAtoms());
  if (from.getMarkerDetail()
      > static_cast<unsigned>(unserializable_detail::repr_redacted))
    throw KJ_EXCEPTION(FAILED, "a detail of no known kind");
  rules.detail = static_cast<unserializable_detail>(from.getMarkerDetail());
  return rules;
}

void write_limits(schema::Start::Builder to, const worker_limits& from) {
  to.setMemoryBytesMax(from.memory_bytes_max);
  to.setCpuSecondsMax(from.cpu_seconds_max);
  to.setOpenFilesMax(from.open_files_max);
  to.setNoNewPrivileges(from.no_new_privileges);
  write_names(to.initImportable(count_of(from.importable.size())),
              from.importable);
}

void write_names(capnp::List<capnp::Text>::Builder to,
                 const std::vector<std::string>& from) {
  for (unsigned i = 0; i < to.size(); ++i)
    to.set(i, text(from[i]));
}

worker_limits read_limits(schema::Start::Reader from) {
  worker_limits limits{.memory_bytes_max = from.getMemoryBytesMax(),
                       .cpu_seconds_max = from.getCpuSecondsMax(),
                       .open_files_max = from.getOpenFilesMax(),
                       .no_new_privileges = from.getNoNewPrivileges(),
                       .importable = {}};
  limits.importable = read_names(from.getImportable());
  return limits;
}

void write_helpers(schema::Start::Helpers::Builder to,
                   const helper_rules& from) {
  std::vector<std::string> paths;
  for (const auto& each : from.paths)
    paths.push_back(each.string());
  write_names(to.initPaths(count_of(paths.size())), paths);
  to.setPackEnabled(from.pack_enabled);
  write_names(to.initAllowlist(count_of(from.allowlist.size())),
              from.allowlist);
  to.setReload(from.reload);
}

helper_rules read_helpers(schema::Start::Helpers::Reader from) {
  helper_rules rules{.paths = {},
                     .pack_enabled = from.getPackEnabled(),
                     .allowlist = read_names(from.getAllowlist()),
                     .reload = from.getReload()};
  for (auto& each : read_names(from.getPaths()))
    rules.paths.emplace_back(std::move(each));
  return rules;
}

void write_elsewhere(message& request, std::uint32_t elsewhere) {
  static_cast<outgoing&>(request)
    .builder()
    .getRoot<schema::Request>()
    .setRefsElsewhere(elsewhere);
}

ref_bounds read_bounds(schema::Request::Reader from) {
  const auto ttl_ms = from.getRefTtlMs();
  if (from.getRefsMax() == 0
      || ttl_ms > static_cast<std::uint64_t>(ref_ttl_ms_max))
    throw KJ_EXCEPTION(FAILED, "bounds of refs that are none");
  return {.rules = {.max = from.getRefsMax(),
                    .on_full =
                      from.getRefsRefused() ? on_full::refuse : on_full::prune,
                    .ttl = std::chrono::milliseconds{ttl_ms}},
          .elsewhere = from.getRefsElsewhere()};
}

batch_limits read_batch(schema::Request::Batch::Reader from) {
  if (from.getItems() == 0 || from.getItems() > stream_batch_items_max)
    throw KJ_EXCEPTION(FAILED, "a batch that no host would ask for");
  return {.items = from.getItems(),
          .bytes = from.getBytes(),
          .time = std::chrono::milliseconds{from.getTimeMs()}};
}

std::unique_ptr<outgoing> encode_release(std::uint64_t session) {
  auto message = std::make_unique<outgoing>();
  message->builder().initRoot<schema::Release>().setSession(session);
  return message;
}

std::unique_ptr<outgoing> encode_release(std::uint64_t session,
                                         const result<value>& untaken) {
  const auto found = slots_in(untaken);
  if (found.empty())
    return nullptr;
  auto message = std::make_unique<outgoing>();
  auto release = message->builder().initRoot<schema::Release>();
  release.setSession(session);
  release.setSlots(kj::arrayPtr(found.data(), found.size()));
  return message;
}

reply decode_reply(const frame& received, const ref_origin& made_by,
                   std::uint64_t refs_max) {
  try {
    if (!received.is_whole())
      throw std::bad_alloc{};
    incoming message{received};
    const auto told = message.root<schema::Reply>();
    reply answered{.outcome = read_outcome(told, made_by),
                   .items = read_items(told.getItems(), made_by)};
    // Of a reply that is a lie nothing may reach the session's other
    // interpreters, which would let go what it holds there.
    if (told.getRefs() > refs_max)
      throw KJ_EXCEPTION(FAILED, "more refs than the session may hold");
    if (told.which() != schema::Reply::DROPPED)
      answered.held = {.count = told.getRefs(), .names = told.getNames()};
    constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();
    answered.ran = std::chrono::nanoseconds{
      static_cast<std::int64_t>(std::min(told.getRanNs(), longest))};
    return answered;
  } catch (const kj::Exception& broken) {
    return {.outcome = tl::unexpected{wire::malformed(broken)},
            .malformed = true};
  } catch (const std::bad_alloc&) {
    return {.outcome = tl::unexpected{
              error{errc::payload_too_large, "no memory left for the result"}
                .with_may_have_run(true)}};
  }
}

result<called> decode_called(
  const frame& received,
  const std::function<ref_origin(std::uint64_t session)>& origin_of) {
  try {
    if (!received.is_whole())
      throw std::bad_alloc{};
    incoming message{received};
    const auto told = message.root<schema::Called>();
    called made{.visit = told.getVisit(),
                .session = told.getSession(),
                .callback = told.getCallback(),
                .given = {}};
    const auto origin = origin_of(made.session);
    made.given.positional = read_items(told.getPositional(), origin);
    for (const auto each : full_size(told.getNamed()))
      made.given.named.emplace_back(string(each.getName()),
                                    read_value(each.getValue(), origin));
    return made;
  } catch (const kj::Exception& broken) {
    return tl::unexpected{malformed(broken)};
  } catch (const std::bad_alloc&) {
    return tl::unexpected{
      error{errc::payload_too_large, "there is no memory for what it sent"}};
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
    if (start.getThreads() < 1 || start.getThreads() > limits::executors_max)
      throw KJ_EXCEPTION(FAILED, "more threads than there may be, or none");
    return start_orders{string(start.getPython()),
                        start.getPayloadBytesMax(),
                        read_conversion(start),
                        read_limits(start),
                        read_names(start.getPreload()),
                        read_names(start.getPath()),
                        start.getHostPid(),
                        start.getThreads(),
                        start.getTimesCalls(),
                        read_helpers(start.getHelpers()),
                        string(start.getOnStart()),
                        string(start.getBuild())};
  } catch (const kj::Exception& broken) {
    return tl::unexpected{malformed(broken)};
  }
}

} // namespace snakebridge::wire
