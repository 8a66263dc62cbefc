#include "runtime/worker/executor.hpp"

#include <algorithm>
#include <chrono>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/fault_points.hpp"
#include "runtime/base/timers.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

namespace {

void flush(const char* stream) {
  // Held: flushing may run Python code that puts another in its place.
  const auto open = py::reinterpret_borrow<py::object>(PySys_GetObject(stream));
  if (!open || open.is_none())
    return;
  static PyObject* const name = PyUnicode_InternFromString("flush");
  const auto done = py::reinterpret_steal<py::object>(
    PyObject_CallMethodNoArgs(open.ptr(), name));
  if (!done)
    PyErr_Clear(); // the program closed it: nothing to flush
}

bool unread(int pipe) {
  int bytes = 0;
  return ::ioctl(pipe, FIONREAD, &bytes) == 0 && bytes > 0;
}

void flush_streams() {
  flush("stdout");
  flush("stderr");
}

// What a call printed is read before its reply is sent, so that the host can
// tell which call it belongs to.
void await_readers() {
  constexpr int looks_per_ms = 20;
  for (int looks = limits::output_read_wait_ms_max * looks_per_ms;
       looks > 0 && (unread(STDOUT_FILENO) || unread(STDERR_FILENO)); --looks) {
    const py::gil_scoped_release free_for_others;
    ::usleep(1'000 / looks_per_ms);
  }
}

std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

} // namespace

void executor::serve() {
  std::vector<frame> arrived;
  auto state = channel_state::open;
  while (state == channel_state::open) {
    arrived.clear();
    state = receive(arrived);
    objects_.expire();
    for (const auto& each : arrived)
      if (!take(each))
        return;
    if (process_.forked()) // by a finaliser of what was let go
      end_forked_child();
  }
  objects_.release_all();
  flush_streams();
  await_readers();
}

// Waits for frames, but no longer than until an object expires.
channel_state executor::receive(std::vector<frame>& arrived) {
  const auto expiry = objects_.next_expiry();
  const py::gil_scoped_release while_waiting;
  if (data_.spin() || !expiry)
    return data_.receive(arrived, true);
  const auto left =
    std::chrono::ceil<std::chrono::milliseconds>(*expiry - steady_clock::now());
  pollfd readable{data_.poll_descriptor(), POLLIN, 0};
  const bool is_readable =
    ::poll(&readable, 1,
           static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, day_ms)))
    > 0;
  return is_readable ? data_.receive(arrived, true) : channel_state::open;
}

// False when the host speaks another language: there is no going on then.
bool executor::take(const frame& received) {
  if (received.header.kind == frame_kind::request) {
    answer(received);
    return true;
  }
  if (received.header.kind != frame_kind::release)
    return false;
  const auto released = guarded([&] {
    wire::incoming message{received};
    return release(message.root<schema::Release>(), objects_);
  });
  return released.has_value();
}

void executor::answer(const frame& received) {
  die_at(fault_point::call_lost_before);
  const auto& header = received.header;
  const running_call running{.id = header.call,
                             .deadline_ns = header.deadline_ns,
                             .withdrawal = status_.withdrawal(header.call)};
  // First "started", then the look at the clock and the withdrawal: the host
  // does them the other way round (worker_host::abandon).
  status_.started.store(header.call);
  if (running.is_over()) {
    auto dropped = std::make_unique<wire::outgoing>();
    dropped->builder().initRoot<schema::Reply>().setDropped();
    return send(header.call, std::move(dropped));
  }
  wire_call asked{payload_bytes_max_, room_};
  performed done;
  {
    // What is told of an exception is interrupted as well: it is Python code.
    const running_scope scope{running};
    auto read = guarded([&] { asked.read(received); });
    if (read)
      done = perform(asked, objects_);
    else
      done.outcome = std::move(read);
    // As are the streams that its code has put in the place of Python's.
    flush_streams();
  }
  after_call_();
  auto reply = done.outcome ? asked.take_reply() : failed(done.outcome.error());
  auto told = reply->builder().getRoot<schema::Reply>();
  told.setRefs(done.refs);
  told.setNames(done.names);
  await_readers();
  die_at(fault_point::call_lost_after);
  send(received.header.call, std::move(reply));
}

std::size_t release(schema::Release::Reader asked, object_table& objects) {
  const auto slots = asked.getSlots();
  if (slots.size() == 0)
    return objects.release(asked.getSession());
  std::size_t freed = 0;
  for (const auto slot : slots)
    freed += objects.forget(asked.getSession(), slot) ? 1 : 0;
  return freed;
}

void wire_call::read(const frame& received) {
  message_.emplace(received);
  asked_ = message_->root<schema::Request>();
  if (asked_.getVerb() > static_cast<unsigned>(last_verb))
    throw exception{error{errc::message_malformed, "no such verb"}};
  if (asked_.getLeaves() > static_cast<unsigned>(last_leaves))
    throw exception{error{errc::message_malformed, "no such form of results"}};
  what = static_cast<verb>(asked_.getVerb());
  session = asked_.getSession();
  bounds = wire::read_bounds(asked_);
  keep_exception = asked_.getKeepException();
  as = static_cast<leaves>(asked_.getLeaves());
}

python_operation wire_call::read(const session_objects& objects) const {
  python_operation made{.what = what,
                        .module = view(asked_.getModule()),
                        .name = view(asked_.getName()),
                        .target = {},
                        .positional = {},
                        .named = {}};
  if (asked_.getTarget() != 0)
    made.target =
      py::reinterpret_borrow<py::object>(objects.find(asked_.getTarget()));
  else if (has_target(what))
    made.target = to_python(asked_.getReceiver(), objects);
  const auto positional = wire::full_size(asked_.getPositional());
  made.positional.reserve(positional.size());
  for (auto item : positional)
    made.positional.push_back(to_python(item, objects));
  for (auto each : wire::full_size(asked_.getNamed()))
    made.named.emplace_back(view(each.getName()),
                            to_python(each.getValue(), objects));
  return made;
}

std::vector<std::uint64_t> wire_call::slots() const {
  std::vector<std::uint64_t> found;
  if (asked_.getTarget() != 0)
    found.push_back(asked_.getTarget());
  for (auto item : wire::full_size(asked_.getPositional()))
    if (item.isRef())
      found.push_back(item.getRef().getSlot());
  return found;
}

schema::Reply::Builder wire_call::new_reply() {
  reply_.reset(); // its room is to be all zero
  reply_ = std::make_unique<wire::outgoing>(room_);
  return reply_->builder().initRoot<schema::Reply>();
}

void wire_call::write(result_writer& writer, py::handle outcome) {
  writer.write_result(outcome, wire_sink{new_reply().initValue()});
  if (reply_->bytes() > bytes_max)
    throw exception{wire::too_large(bytes_max)};
}

void wire_call::write(const value& outcome) {
  wire::write_value(new_reply().initValue(), outcome);
}

void wire_call::refuse_unwanted(bool) const {
  if (call_of_this_thread()->is_withdrawn())
    throw exception{error{errc::cancelled, "it was withdrawn while it ran"}};
}

executor::message executor::failed(const error& why) const {
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(why.may_have_run());
  if (why.python() != nullptr) {
    wire::write_raised(into.initRaised(), *why.python());
    return reply->bytes() > payload_bytes_max_
             ? brief(*why.python(), why.may_have_run())
             : std::move(reply);
  }
  auto failure = into.initFailed();
  failure.setCode(static_cast<std::uint8_t>(why.code()));
  failure.setMessage({why.message().c_str(), why.message().size()});
  return reply;
}

// An exception whose text alone is more than the host takes at once. If it was
// kept, its object still tells all.
executor::message executor::brief(const python_error& raised, bool ran) const {
  python_error told;
  told.type = raised.type.substr(0, payload_bytes_max_ / 16);
  told.module = raised.module.substr(0, payload_bytes_max_ / 16);
  told.message = "its text is beyond payload_bytes_max";
  told.object = raised.object;
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(ran);
  wire::write_raised(into.initRaised(), told);
  return reply;
}

void executor::send(std::uint64_t call, message reply) {
  const frame_header header{
    .words = 0, .kind = frame_kind::reply, .call = call, .deadline_ns = 0};
  if (data_.send(header, std::move(reply)))
    return;
  // A large reply: the host reads it bit by bit.
  const py::gil_scoped_release while_waiting;
  do {
    pollfd writable{data_.poll_descriptor(), POLLOUT, 0};
    ::poll(&writable, 1, -1);
  } while (!data_.flush());
}

} // namespace snakebridge
