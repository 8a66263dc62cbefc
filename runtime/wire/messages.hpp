#pragma once
// The host's side of the wire: operations into frames, frames into results.
// What comes from a worker is hostile: sizes and depths are checked, and what
// does not parse is `message_malformed`.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <snakebridge/callback.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/operation.hpp>

#include "runtime/base/ensure.hpp"
#include "runtime/values/origin.hpp"
#include "runtime/wire/channel.hpp"

#include "schemas/message.capnp.h"

namespace snakebridge::wire {

class item_row;

/// Memory for one message at a time, warm already. All zero between two.
struct room {
  explicit room(std::size_t count) : words(count) {}
  std::vector<word> words;
  std::atomic<bool> is_in_use = false; ///< somebody builds or sends in it
};

/// A message being built, and how it is cut into the parts of a frame.
class outgoing final : public message {
public:
  outgoing() : builder_{words_of_a_small_message} {}
  /// Begins with a segment of that size: one that holds all is the fastest.
  explicit outgoing(std::size_t words)
      : builder_{static_cast<unsigned>(std::clamp<std::size_t>(
        words, words_of_a_small_message, words_of_a_first_segment_max))} {}
  /// Begins in that room, if there is one and nobody uses it; else with a
  /// segment of that size.
  static std::unique_ptr<outgoing>
  in(const std::shared_ptr<room>& wanted,
     std::size_t words = words_of_a_small_message) {
    // Taken before anything is made in it: another thread may want it, too.
    if (wanted && !wanted->is_in_use.exchange(true))
      return std::unique_ptr<outgoing>{new outgoing{lease{wanted}}};
    return std::make_unique<outgoing>(words);
  }
  ~outgoing() noexcept override {} // the builder's may throw, in theory

  capnp::MallocMessageBuilder& builder() { return builder_; }
  /// Once it is finished; they stay the same.
  std::span<const message_part> parts() override;
  /// As the frame will say: with the segment table.
  std::size_t bytes() {
    return (builder_.sizeInWords() + table_words()) * sizeof(word);
  }

private:
  static constexpr std::size_t words_of_a_small_message = 128;
  static constexpr std::size_t words_of_a_first_segment_max = 1U << 27U;

  /// Of a room that has been taken.
  struct lease {
    lease() = default;
    explicit lease(std::shared_ptr<room> taken) : of{std::move(taken)} {}
    lease(lease&& other) noexcept = default;
    ~lease() {
      if (of)
        of->is_in_use = false;
    }
    std::shared_ptr<room> of = nullptr;
  };
  explicit outgoing(lease begins_in)
      : room_{std::move(begins_in)},
        builder_{
          kj::arrayPtr(reinterpret_cast<capnp::word*>(room_.of->words.data()),
                       room_.of->words.size())} {}

  lease room_; // ends when the builder has made it all zero again
  capnp::MallocMessageBuilder builder_;
  std::size_t table_words() {
    return builder_.getSegmentsForOutput().size() / 2 + 1;
  }

  std::vector<word> segment_table_;
  std::vector<message_part> parts_;
};

/// Runs `build` on a new message. Errors: payload_too_large when it grew
/// beyond `bytes_max`, beyond what the format can hold, or beyond the memory.
/// `words`: what it will about need.
template <class Root, class Build>
result<std::unique_ptr<outgoing>>
build_message(std::size_t bytes_max, Build build, std::size_t words = 0);

/// A reader of a received message, with limits in force.
class incoming {
public:
  explicit incoming(const frame& received);
  template <class Root>
  typename Root::Reader root() {
    return reader_.getRoot<Root>();
  }

private:
  capnp::FlatArrayMessageReader reader_;
};

/// What a message that does not parse is called.
error malformed(const kj::Exception& what);

/// Encodes an operation. Errors: payload_too_large.
result<std::unique_ptr<outgoing>>
encode_request(const operation& asked, std::uint64_t session,
               std::size_t bytes_max, const ref_bounds& refs = {},
               const std::string& session_id = {},
               std::uint64_t session_epoch = 0);
/// For the interpreter that is to have it: what its session holds elsewhere.
void write_elsewhere(message& request, std::uint32_t elsewhere);
/// The bounds in it; throws kj::Exception for those no host would set.
ref_bounds read_bounds(schema::Request::Reader from);
/// How a stream's items are to come; the same throw.
batch_limits read_batch(schema::Request::Batch::Reader from);
/// Throws payload_too_large, kj::Exception.
void write_conversion(schema::Start::Builder to, const conversion_config& from);
conversion_config read_conversion(schema::Start::Reader from);
void write_names(capnp::List<capnp::Text>::Builder to,
                 const std::vector<std::string>& from);
void write_limits(schema::Start::Builder to, const worker_limits& from);
worker_limits read_limits(schema::Start::Reader from);
void write_helpers(schema::Start::Helpers::Builder to,
                   const helper_rules& from);
helper_rules read_helpers(schema::Start::Helpers::Reader from);
std::unique_ptr<outgoing> encode_release(std::uint64_t session);
/// Of what a reply brought that nobody takes; null when that is nothing.
std::unique_ptr<outgoing> encode_release(std::uint64_t session,
                                         const result<value>& untaken);

/// How many refs a session holds once a call is done.
struct refs_held {
  std::uint32_t count = 0;
  bool names = false; ///< there are some in the session's namespace
};

struct reply {
  /// Errors: those in the message; message_malformed; deadline_exceeded for a
  /// dropped call.
  result<value> outcome;
  std::vector<value> items = {}; ///< of a stream
  bool malformed = false;
  std::optional<refs_held> held = {}; ///< nothing where the call was dropped
  std::chrono::nanoseconds ran{}; ///< as the worker says; 0: it was not asked
};

/// The answer of a call. Its refs get the origin they have; one that tells of
/// more than `refs_max` of them is malformed.
reply decode_reply(const frame& received, const ref_origin& made_by,
                   std::uint64_t refs_max);

/// A `Failed`, as why the worker did not start: environment_invalid or
/// startup_failed; message_malformed (`malformed` is set then).
/// What Python calls.
struct called {
  std::uint64_t visit = 0;
  std::uint64_t session = 0;
  std::uint64_t callback = 0;
  detail::callback_arguments given;
};
/// `origin_of`: of the refs of a session. Errors: message_malformed,
/// payload_too_large.
result<called> decode_called(
  const frame& received,
  const std::function<ref_origin(std::uint64_t session)>& origin_of);

error decode_start_failure(const frame& received, bool& malformed);

/// A `Start`, as the worker gets it. Errors: message_malformed.
struct start_orders {
  std::string python;
  std::uint64_t payload_bytes_max = 0;
  conversion_config conversion = {};
  worker_limits limits = {};
  std::vector<std::string> preload = {};
  std::vector<std::string> path = {};
  int host_pid = 0;
  std::uint32_t threads = 1;
  bool times_calls = false;
  helper_rules helpers = {};
  std::string on_start = {};
  std::string build = {}; ///< its host's `build_mark`
};
result<start_orders> decode_start(const frame& received);

/// Writes the values of one message, which may have `bytes_max`.
class value_writer {
public:
  /// `is_reply`: of a host, to another node: with all its worker has told it.
  explicit value_writer(std::size_t bytes_max, bool is_reply = false);

  /// Throws payload_too_large for what is too deep or surely too large, and
  /// not_convertible for what Python could not have: a marker too.
  void write(schema::Value::Builder to, const value& from,
             std::size_t depth = 0);
  void write_items(schema::Items::Builder to, const item_row& items,
                   std::size_t depth);

private:
  void take(std::size_t items);
  void write_typed(schema::Value::Builder to, const value& from);
  void write_container(schema::Value::Builder to, const value& from,
                       std::size_t depth);
  void write_slice(schema::Slice::Builder to, const slice& from,
                   std::size_t depth);
  bool write_packed(schema::Items::Builder to, const item_row& items,
                    std::size_t depth);
  void write_lists(schema::Lists::Builder to, const item_row& items,
                   std::size_t depth);
  void write_records(schema::Records::Builder to, const item_row& items,
                     std::size_t depth);

  const std::size_t bytes_max_;
  const bool is_reply_;
  std::size_t items_left_;
};

/// The same for one value of any size.
inline void write_value(schema::Value::Builder to, const value& from) {
  value_writer{~std::size_t{0}}.write(to, from);
}

/// Throws payload_too_large for a container inside so many others.
void check_depth(std::size_t depth);

/// What an item of a container takes in a message, at least (value.capnp,
/// Items): a container of more than fit in cannot be sent.
inline constexpr std::size_t bytes_of_an_item_min = 4;
/// Of a text or of data in a message, and of items in a list.
inline constexpr std::size_t data_bytes_max = (std::size_t{1} << 29U) - 1;

/// Only from the worker to its host.
void write_marker(schema::Value::Builder to, const unserializable& from);

/// About how many words it takes.
std::size_t words_of(const value& from);

/// Throws kj::Exception for what Python could not have sent.
value read_value(schema::Value::Reader from, const ref_origin& made_by);
std::vector<value> read_items(schema::Items::Reader from,
                              const ref_origin& made_by);

/// Calls `take(text, at, count)` for each of them. Throws kj::Exception.
template <class Take>
void each_text(schema::Texts::Reader from, Take take);

/// The columns, as many as there are keys: their lengths are to be checked.
/// Throws kj::Exception.
capnp::List<schema::Items>::Reader columns_of(schema::Records::Reader from,
                                              std::size_t keys);

/// Of a list or text in a message. Throws payload_too_large.
unsigned count_of(std::size_t items);
/// Throws payload_too_large for more than the format can hold.
inline capnp::Text::Reader text(const std::string& from) {
  return {from.data(), count_of(from.size() + 1) - 1};
}
inline std::string string(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

/// The list itself, where each item is as large as we write it. Others would
/// cost us more than their sender. Throws kj::Exception.
template <class Items>
Items full_size(Items items);

/// Of all its causes, contexts and members, limits::exception_chain_max are
/// written; its object as a slot.
void write_raised(schema::PythonError::Builder to, const python_error& from);
/// What was written, cut at the same limits. The origin is that of its object.
python_error read_raised(schema::PythonError::Reader from,
                         const ref_origin& made_by);

// ---------------------------------------------------------------------------

template <class Items>
Items full_size(Items items) {
  if (items.size() == 0)
    return items;
  using layout = typename capnp::FromReader<decltype(items[0])>::_capnpPrivate;
  const capnp::AnyStruct::Reader first{items[0]}; // as are all
  if (first.getDataSection().size() < layout::dataWordSize * sizeof(word)
      || first.getPointerSection().size() < layout::pointerCount)
    throw KJ_EXCEPTION(FAILED, "a list of items smaller than they are");
  return items;
}

template <class Take>
void each_text(schema::Texts::Reader from, Take take) {
  const auto lengths = from.getLengths();
  const auto utf8 = from.getUtf8();
  std::size_t at = 0;
  for (unsigned i = 0; i < lengths.size(); ++i) {
    const std::size_t length = lengths[i];
    if (length > utf8.size() - at)
      throw KJ_EXCEPTION(FAILED, "texts longer than what they are in");
    take(std::string_view{reinterpret_cast<const char*>(utf8.begin()) + at,
                          length},
         i, lengths.size());
    at += length;
  }
  if (at != utf8.size())
    throw KJ_EXCEPTION(FAILED, "text that is in none of the texts");
}

error too_large(std::size_t bytes_max);

template <class Root, class Build>
result<std::unique_ptr<outgoing>>
build_message(std::size_t bytes_max, Build build, std::size_t words) {
  try {
    auto message = std::make_unique<outgoing>(words);
    build(message->builder().template initRoot<Root>());
    if (message->bytes() > bytes_max)
      return tl::unexpected{too_large(bytes_max)};
    return message;
  } catch (const std::bad_alloc&) {
    return error{errc::payload_too_large, "there is no memory to encode it"};
  } catch (const exception& refused) {
    return tl::unexpected{refused.error()};
  } catch (const kj::Exception&) {
    // The only way to fail while building: a text or list beyond 2^29 items.
    return tl::unexpected{too_large(bytes_max)};
  }
}

} // namespace snakebridge::wire
