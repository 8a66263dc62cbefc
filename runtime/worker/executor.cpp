#include "runtime/worker/executor.hpp"

#include "runtime/base/fault_points.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/worker/printed.hpp"
#include "runtime/worker/wire_call.hpp"

namespace snakebridge {

executor*& executor::of_this_thread() {
  static thread_local executor* mine = nullptr;
  return mine;
}

executor* executor::here() {
  return of_this_thread();
}

void executor::serve() noexcept {
  of_this_thread() = this;
  all_.status_.executors[number_].thread = PyThread_get_thread_ident();
  for (;;) {
    // It waits no longer than until an object expires; what awaits something
    // may yet make one.
    auto until = all_.objects_.next_expiry();
    if (all_.awaiting_ > 0)
      until =
        std::min(until, steady_clock::now()
                          + std::chrono::milliseconds{limits::expiry_step_ms});
    frame received;
    auto came = executors::news::end;
    {
      const py::gil_scoped_release while_waiting;
      came = all_.next(number_, received, until);
    }
    if (came == executors::news::end)
      break;
    all_.objects_.expire();
    end_if_forked();
    if (came == executors::news::frame && !take(received))
      all_.refuse_host();
    end_if_forked();
  }
  all_.status_.executors[number_].thread = 0;
}

// By a finaliser of what was let go.
void executor::end_if_forked() const {
  if (all_.process_.forked())
    end_forked_child();
}

// There is no going on where the host speaks another language.
bool executor::take(const frame& received) {
  if (received.header.kind == frame_kind::request) {
    answer(received);
    return true;
  }
  if (received.header.kind != frame_kind::release)
    return false;
  const auto released = guarded([&] {
    wire::incoming message{received};
    return release(message.root<schema::Release>(), all_.objects_);
  });
  return released.has_value();
}

void executor::answer(const frame& received) {
  die_at(fault_point::call_lost_before);
  // First "started", then the look at the clock and the withdrawal: the host
  // does them the other way round (worker_link::abandon).
  all_.status_.started(received.header.call).store(received.header.call);
  const auto& header = received.header;
  const running_call running{.id = header.call,
                             .deadline_ns = header.deadline_ns,
                             .withdrawal =
                               all_.status_.withdrawal(header.call)};
  if (running.is_over()) {
    auto dropped = std::make_unique<wire::outgoing>();
    dropped->builder().initRoot<schema::Reply>().setDropped();
    return all_.send(header.call, std::move(dropped));
  }
  ++all_.running_;
  auto reply = perform_call(received, running);
  end_if_forked(); // by what flushed a stream
  // Where another runs as well, what was printed belongs to none for sure.
  if (all_.running_ == 1)
    await_readers();
  --all_.running_;
  if (!reply)
    return; // it awaits something
  die_at(fault_point::call_lost_after);
  all_.send(header.call, std::move(reply));
}

// Null where there is no memory for it: then a reply takes what it needs.
std::shared_ptr<wire::room> executor::new_room() {
  try {
    return std::make_shared<wire::room>(room_words);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

executor::message executor::perform_call(const frame& received,
                                         const running_call& running) {
  // The last reply may be on its way still, in another thread's hands.
  if (!room_ || room_->is_in_use)
    room_ = new_room();
  wire_call asked{all_.settings_.payload_bytes_max, room_,
                  [this, call = received.header.call](auto items) {
                    all_.data_.over().post(
                      {.kind = frame_kind::items, .call = call},
                      std::move(items));
                  },
                  [this, &running](const wire_call& begun, py::handle what) {
                    all_.await(begun, running, what);
                  }};
  asked.began = all_.look_at_clock();
  performed done;
  {
    // What is told of an exception is interrupted as well: it is Python code.
    const running_scope scope{running};
    auto read = guarded([&] { asked.read(received); });
    if (read)
      done = perform(asked, all_.objects_, all_.ticks_);
    else
      done.outcome = std::move(read);
    // As are the streams that its code has put in the place of Python's.
    flush_streams();
  }
  if (number_ == 0)
    all_.settings_.after_call();
  return done.awaits ? message{} : all_.reply_to(asked, done);
}

} // namespace snakebridge
