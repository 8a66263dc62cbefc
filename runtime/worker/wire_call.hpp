#pragma once
// A call that came as a message, and is answered by one. Used by an executor,
// with the GIL.

#include <memory>
#include <optional>

#include "runtime/python/perform.hpp"
#include "runtime/wire/messages.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class wire_call final : public python_call {
public:
  /// `room`: as `wire::outgoing` wants it, for the reply; null: it has none.
  wire_call(std::size_t payload_bytes_max, std::shared_ptr<wire::room> room)
      : room_{std::move(room)} {
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

  const std::shared_ptr<wire::room> room_;
  std::optional<wire::incoming> message_;
  schema::Request::Reader asked_;
  std::unique_ptr<wire::outgoing> reply_;
};

/// Lets go what a message says: how many objects that were.
std::size_t release(schema::Release::Reader asked, object_table& objects);

} // namespace gnu::visibility("hidden")]]snakebridge
