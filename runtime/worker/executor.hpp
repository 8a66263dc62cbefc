#pragma once
// The thread of a worker that runs Python: its main thread. It reads requests
// from the data channel, one after the other, and answers each.

#include <memory>

#include "runtime/channel.hpp"
#include "runtime/python/perform.hpp"
#include "runtime/python/raised.hpp"
#include "runtime/status_page.hpp"
#include "runtime/wire.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// What a message asks for. Its names lie in the message; its arguments are new
/// objects, none for the verbs that release. Throws what `guarded` tells.
python_operation read_request(schema::Request::Reader asked,
                              const session_objects& session);

/// Lets go what a message says: how many objects that were.
std::size_t release(schema::Release::Reader asked, object_table& objects);

class executor {
public:
  executor(channel& data, status_page& status, std::size_t payload_bytes_max,
           conversion_config rules, const std::vector<std::string>& importable)
      : data_{data},
        status_{status},
        payload_bytes_max_{payload_bytes_max},
        objects_{status.objects, std::move(rules), import_rules{importable}},
        room_(room_words) {}

  /// Serves until the host says no more, then frees all objects.
  void serve();

private:
  using message = std::unique_ptr<wire::outgoing>;

  channel_state receive(std::vector<frame>& arrived);
  bool take(const frame& received);
  void answer(const frame& received);
  message run(schema::Request::Reader asked, exception_place& keep_in);
  message run_release(schema::Request::Reader asked, session_objects& session);
  message failed(const error& why) const;
  message brief(const python_error& raised) const;
  void send(std::uint64_t call, message reply);

  channel& data_;
  status_page& status_;
  const std::size_t payload_bytes_max_;
  object_table objects_;
  // Of one reply at a time: memory that is warm already.
  static constexpr std::size_t room_words = std::size_t{1} << 17U;
  std::vector<word> room_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
