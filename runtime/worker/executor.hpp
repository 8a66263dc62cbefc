#pragma once
// The thread of a worker that runs Python: its main thread. It reads requests
// from the data channel, one after the other, and answers each.

#include <memory>
#include <optional>
#include <span>

#include "runtime/base/process_mark.hpp"
#include "runtime/python/perform.hpp"
#include "runtime/python/raised.hpp"
#include "runtime/wire/channel.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/status_page.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// A call that came as a message, and is answered by one.
class wire_call final : public python_call {
public:
  /// `room`: as `wire::outgoing` wants it, for the reply.
  wire_call(std::size_t payload_bytes_max, std::span<word> room) : room_{room} {
    bytes_max = payload_bytes_max;
  }

  /// What it asks for, but for its arguments. Throws what `guarded` tells.
  void read(const frame& received);
  python_operation read(const session_objects& session) const override;
  std::vector<std::uint64_t> slots() const override;
  void write(result_writer& writer, py::handle outcome) override;
  void write(const value& outcome) override;
  void refuse_unwanted(bool ran) const override;
  std::unique_ptr<wire::outgoing> take_reply() { return std::move(reply_); }

private:
  schema::Reply::Builder new_reply();

  const std::span<word> room_;
  std::optional<wire::incoming> message_;
  schema::Request::Reader asked_;
  std::unique_ptr<wire::outgoing> reply_;
};

/// Lets go what a message says: how many objects that were.
std::size_t release(schema::Release::Reader asked, object_table& objects);

class executor {
public:
  /// `after_call`: runs after each, with the GIL, before it is answered.
  executor(channel& data, status_page& status, std::size_t payload_bytes_max,
           conversion_config rules, const std::vector<std::string>& importable,
           void (*after_call)() = [] {})
      : data_{data},
        status_{status},
        payload_bytes_max_{payload_bytes_max},
        after_call_{after_call},
        objects_{status.objects, std::move(rules), import_rules{importable}},
        room_(room_words) {}

  /// Serves until the host says no more, then frees all objects.
  void serve();

private:
  using message = std::unique_ptr<wire::outgoing>;

  channel_state receive(std::vector<frame>& arrived);
  bool take(const frame& received);
  void answer(const frame& received);
  message failed(const error& why) const;
  message brief(const python_error& raised, bool ran) const;
  void send(std::uint64_t call, message reply);

  const process_mark process_;
  channel& data_;
  status_page& status_;
  const std::size_t payload_bytes_max_;
  void (*const after_call_)();
  object_table objects_;
  // Of one reply at a time: memory that is warm already.
  static constexpr std::size_t room_words = std::size_t{1} << 17U;
  std::vector<word> room_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
