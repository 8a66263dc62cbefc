#pragma once
// The seam between links and what is above them, on both sides of a link. At
// the owner of a session a `session_provider` makes a `remote_client` of each
// client that another node has there. On that node a `remote_session` stands
// for it. What they pass are a Request and a Reply (schemas/message.capnp) as
// they are: nobody here reads them.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <snakebridge/config.hpp>
#include <snakebridge/result.hpp>

#include "config/tunables.hpp"
#include "runtime/base/timers.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// What a session is to hold that is made by who opens it; where nothing is
/// said, as its node has it.
struct wanted_refs {
  std::optional<std::uint32_t> max = {};
  std::optional<std::chrono::milliseconds> ttl = {};
  std::optional<snakebridge::on_full> on_full = {};
};

/// The client of which session.
struct remote_open {
  std::string node;    ///< its owner's name; at the owner: who asks
  std::string session; ///< its id
  std::uint64_t epoch = 0;
  std::string pool = {};
  wanted_refs refs = {};
};

/// What a message that has come has of its link until it is let go: the room it
/// takes there, and the objects that a reply brings. On any thread.
class link_hold {
public:
  virtual ~link_hold() = default;
  /// The objects are taken: else they are freed with this.
  virtual void keep() = 0;
};

struct received_message;
/// Takes what is answered: once. It must not block.
using on_received = std::function<void(result<received_message>)>;

/// For whom a callback is called.
struct callback_place {
  std::uint32_t interpreter = 0; ///< that its arguments' objects live in
  std::uint32_t epoch = 0;
  std::uint64_t visit = 0;  ///< of its session at that node; not 0
  std::uint64_t within = 0; ///< the number of the request it is called in
  steady_clock::time_point deadline = {};
};

/// At the owner: a callback of a program on another node, which has it as long
/// as this lives. Any thread.
class callback_caller {
public:
  virtual ~callback_caller() = default;
  /// With a `Called`; what comes is a `Returned`. `done` is called on the
  /// loop's thread, or where it is refused on this.
  virtual void call(std::shared_ptr<message> given, const callback_place& where,
                    on_received done) = 0;
  /// Nobody waits for that one any more.
  virtual void give_up(std::uint64_t visit) = 0;
};
struct received_callback {
  std::uint64_t id; ///< in its request
  std::shared_ptr<callback_caller> caller;
};

/// A message that has come, flat.
struct received_message {
  std::vector<word> words;
  std::shared_ptr<link_hold> held = {}; ///< null: nothing
  // Of a request:
  std::vector<received_callback> callbacks = {};
  std::uint64_t inside = 0; ///< the visit whose callback makes it; 0: none
  std::uint64_t number = 0; ///< of its client

  /// To read it takes longer than a loop may be held up.
  bool is_large() const {
    return words.size() * sizeof(word) > limits::payload_part_bytes_max;
  }
};

/// Objects that a reply brings: freed at its end, unless somebody has taken
/// them. On any thread.
class untaken_objects {
public:
  explicit untaken_objects(std::function<void()> free)
      : free_{std::move(free)} {}
  ~untaken_objects() {
    if (!are_kept_)
      free_();
  }
  untaken_objects(const untaken_objects&) = delete;
  untaken_objects& operator=(const untaken_objects&) = delete;

  void keep() { are_kept_ = true; }

private:
  const std::function<void()> free_;
  std::atomic<bool> are_kept_ = false;
};

struct remote_reply {
  std::shared_ptr<message> content;
  std::shared_ptr<untaken_objects> objects = {}; ///< null: it brings none
};

/// Takes the answer of one call: once, from any thread.
using on_remote_reply = std::function<void(result<remote_reply>)>;
/// Hears that the session has ended, and why: once, from any thread.
using on_remote_end = std::function<void(error)>;

// At the owner. All of it is called on the loop's thread and must not block.

/// One client of a session that is on another node. Its end, by its destructor,
/// is that of any client: it has let go, or its link has ended.
class remote_client {
public:
  virtual ~remote_client() = default;
  /// Runs a call. `deadline`: what was left of its caller's time when it came;
  /// the caller's own clock decides, so this one need only stop work.
  virtual void submit(std::uint64_t call, received_message request,
                      steady_clock::time_point deadline,
                      on_remote_reply done) = 0;
  /// Nobody waits for that call any more: it was cancelled, or the link has
  /// ended. `done` may still be called.
  virtual void cancel(std::uint64_t call) = 0;
};

class session_provider {
public:
  using on_opened = std::function<void(result<std::unique_ptr<remote_client>>)>;

  virtual ~session_provider() = default;
  /// Answers by `done`, once, from any thread; when the node has ended by then,
  /// the client ends at once, on that thread. `ended`: of that session; it may
  /// be called when the client is gone.
  virtual void open(const remote_open& wanted, on_remote_end ended,
                    on_opened done) = 0;
};

// At the client. From any thread, and none of it blocks.

/// A callback of this program that the other node has, as long as this lives.
/// On the loop's thread.
class given_callback {
public:
  virtual ~given_callback() = default;
  /// What is answered gives it up, from the loop's thread: nobody waits for it
  /// any more.
  virtual std::function<void()> call(received_message given,
                                     const callback_place& where,
                                     on_remote_reply done) = 0;
};

/// A request on its way to the owner of its session.
struct sent_request {
  std::shared_ptr<message> content;
  /// Those in it, by their ids.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<given_callback>>>
    callbacks = {};
  std::uint64_t inside = 0; ///< the visit whose callback makes it; 0: none
  std::uint64_t number = 0; ///< callbacks that are called in it name that
};

/// A client of a session of another node. Its end releases it there, and
/// answers what it has in flight with `session_closed`.
class remote_session {
public:
  /// Takes the reply of one call. Once, on the loop's thread or, where the call
  /// was refused at once, on the caller's: it must not block.
  using on_reply = on_received;

  virtual ~remote_session() = default;
  /// Runs a call; the number it is cancelled by. Errors, besides those the
  /// owner answers: node_down (`may_have_run` says whether it may have begun),
  /// deadline_exceeded, cancelled, overloaded, payload_too_large,
  /// message_malformed.
  virtual std::uint64_t submit(sent_request request,
                               steady_clock::time_point deadline,
                               on_reply done) = 0;
  /// Gives the call up: it answers `cancelled`, unless it has been answered.
  virtual void cancel(std::uint64_t call) = 0;
};

} // namespace snakebridge
