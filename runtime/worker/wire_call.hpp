#pragma once
// A call that came as a message, and is answered by one. Used by an executor,
// with the GIL.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/python/perform.hpp"
#include "runtime/wire/messages.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// Items as messages. The last of them are in the reply.
class wire_items final : public item_batch {
public:
  /// Posts them: they are sent later.
  using sender = std::function<void(std::shared_ptr<message>)>;

  wire_items(const batch_limits& limits, std::size_t bytes_max,
             std::shared_ptr<wire::room> room, sender post);

  /// The reply, with what has not been sent off.
  std::unique_ptr<wire::outgoing> end(bool more);

private:
  std::size_t write(result_writer& writer, py::handle item,
                    std::uint32_t at) override;
  std::size_t write(std::int64_t item, std::uint32_t at) override {
    return write_number(item, at);
  }
  std::size_t write(double item, std::uint32_t at) override {
    return write_number(item, at);
  }
  template <class T>
  std::size_t write_number(T item, std::uint32_t at);
  void send(std::uint32_t count) override;
  void send(const numbers& all) override { post_(finish(all)); }
  schema::Value::Builder place(std::uint32_t at);
  std::size_t bytes() const;
  std::unique_ptr<wire::outgoing> finish(std::uint32_t count);
  std::unique_ptr<wire::outgoing> finish(const numbers& all);

  const std::size_t bytes_max_;
  const std::shared_ptr<wire::room> room_;
  const sender post_;
  std::unique_ptr<wire::outgoing> message_; // null: nothing is written
  capnp::List<schema::Value>::Builder items_;
};

class wire_call final : public python_call {
public:
  using awaiter = std::function<void(const wire_call&, py::handle awaitable)>;

  /// `room`: as `wire::outgoing` wants it, for the reply; null: it has none.
  /// `post`: for items that are not in the reply.
  /// `on_await`: as `await`.
  wire_call(std::size_t payload_bytes_max, std::shared_ptr<wire::room> room,
            wire_items::sender post, awaiter on_await)
      : room_{std::move(room)},
        post_{std::move(post)},
        on_await_{std::move(on_await)} {
    bytes_max = payload_bytes_max;
  }

  /// The rest of a call that awaits: what `read` has learnt, without the
  /// message, and without room or items.
  wire_call(const wire_call& begun, std::nullptr_t)
      : python_call{begun},
        began{begun.began} {
    session_id = {}; // in the message
  }

  /// What it asks for, but for its arguments. Throws what `guarded` tells.
  void read(const frame& received);
  python_operation read(const session_objects& session) const override;
  std::vector<std::uint64_t> slots() const override;
  void write(result_writer& writer, py::handle outcome) override;
  void write(const value& outcome) override;
  item_batch& items() override;
  void end_items(bool more) override { reply_ = items_->end(more); }
  void await(py::handle awaitable) override { on_await_(*this, awaitable); }
  void refuse_unwanted(bool ran) const override;
  std::unique_ptr<wire::outgoing> take_reply() { return std::move(reply_); }

  std::chrono::steady_clock::time_point began; ///< where that is looked at

private:
  schema::Reply::Builder new_reply();

  const std::shared_ptr<wire::room> room_;
  const wire_items::sender post_;
  const awaiter on_await_;
  std::optional<wire_items> items_;
  std::optional<wire::incoming> message_;
  schema::Request::Reader asked_;
  std::unique_ptr<wire::outgoing> reply_;
};

/// Lets go what a message says: how many objects that were.
std::size_t release(schema::Release::Reader asked, object_table& objects);

} // namespace gnu::visibility("hidden")]]snakebridge
