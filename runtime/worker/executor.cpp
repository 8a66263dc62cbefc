#include "runtime/worker/executor.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/fault_points.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/worker/wire_call.hpp"

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

} // namespace

// --- Together ----------------------------------------------------------------

executors::executors(std::unique_ptr<channel> data, status_page& status,
                     const executor_settings& settings)
    : settings_{settings},
      data_{std::move(data)},
      status_{status},
      objects_{status.objects, settings.conversion,
               import_rules{settings.importable}},
      inboxes_(settings.count) {}

void executors::serve() {
  start_threads();
  executor{*this, 0}.serve();
  await_threads();
  objects_.release_all();
  flush_streams();
  await_readers();
}

// As Python's own threads, so that `threading` knows them by name.
void executors::start_threads() {
  if (settings_.count == 1)
    return;
  const auto new_thread = py::module_::import("threading").attr("Thread");
  for (std::size_t number = 1; number < settings_.count; ++number) {
    const py::cpp_function run{[this, number] {
      executor{*this, number}.serve();
      const std::lock_guard lock{mutex_};
      --threads_;
      thread_ended_.notify_all();
    }};
    {
      const std::lock_guard lock{mutex_};
      ++threads_;
    }
    new_thread(py::arg("target") = run,
               py::arg("name") = fmt::format("snakebridge-{}", number),
               py::arg("daemon") = true)
      .attr("start")();
  }
}

void executors::await_threads() {
  const py::gil_scoped_release while_waiting;
  std::unique_lock lock{mutex_};
  thread_ended_.wait(lock, [this] { return threads_ == 0; });
}

// Waits for the next frame of an executor: for `end` once there is none left.
executors::news executors::next(std::size_t executor, frame& into,
                                steady_clock::time_point until) {
  auto& mine = inboxes_[executor];
  std::unique_lock lock{mutex_};
  for (;;) {
    if (!mine.frames.empty()) {
      into = std::move(mine.frames.front());
      mine.frames.pop_front();
      appoint(); // while this one works another reads
      return news::frame;
    }
    if (ended_)
      return news::end;
    if (!is_led_) {
      is_led_ = true;
      lock.unlock();
      const auto came = lead(executor, until);
      lock.lock();
      is_led_ = false;
      if (came == news::time) {
        appoint();
        return came;
      }
      continue;
    }
    mine.is_awaited = true;
    mine.changed.wait(lock);
    mine.is_awaited = false;
  }
}

// Calls one that waits to lead, if none does. With the lock.
void executors::appoint() {
  if (is_led_)
    return;
  const auto free =
    std::find_if(inboxes_.begin(), inboxes_.end(), [](const inbox& each) {
      return each.is_awaited && each.frames.empty();
    });
  if (free != inboxes_.end())
    free->changed.notify_one();
}

executors::news executors::lead(std::size_t executor,
                                steady_clock::time_point until) {
  // Only who leads puts frames into an inbox.
  const auto is_done = [&, this] {
    return ended_ || !inboxes_[executor].frames.empty();
  };
  data_.lead([this] { return read(); }, is_done, until);
  return is_done() ? news::frame : news::time;
}

channel_state executors::read() {
  const auto state = data_.read([this](std::vector<frame>& arrived) {
    const std::lock_guard lock{mutex_};
    for (auto& each : arrived) {
      const auto executor = executor_of(each.header.call);
      if (executor >= inboxes_.size()) {
        ended_ = true; // the host speaks another language
        data_.over().close();
        return;
      }
      inboxes_[executor].frames.push_back(std::move(each));
      inboxes_[executor].changed.notify_one();
    }
  });
  if (state != channel_state::open)
    end();
  return state;
}

void executors::end() {
  const std::lock_guard lock{mutex_};
  ended_ = true;
  for (auto& each : inboxes_)
    each.changed.notify_one();
}

// It speaks another language.
void executors::refuse_host() {
  data_.over().close(); // who reads sees the end
  end();
}

void executors::send(std::uint64_t call, std::shared_ptr<message> reply) {
  auto& to = data_.over();
  if (to.send({.kind = frame_kind::reply, .call = call}, std::move(reply)))
    return;
  // A large reply: the host reads it bit by bit.
  const py::gil_scoped_release while_waiting;
  do {
    pollfd writable{to.poll_descriptor(), POLLOUT, 0};
    ::poll(&writable, 1, -1);
  } while (!to.flush());
}

// --- One of them -------------------------------------------------------------

void executor::serve() {
  all_.status_.executors[number_].thread = PyThread_get_thread_ident();
  for (;;) {
    // It waits no longer than until an object expires.
    const auto until =
      all_.objects_.next_expiry().value_or(steady_clock::time_point::max());
    frame received;
    auto came = executors::news::end;
    {
      const py::gil_scoped_release while_waiting;
      came = all_.next(number_, received, until);
    }
    if (came == executors::news::end)
      break;
    all_.objects_.expire();
    if (came == executors::news::frame && !take(received))
      all_.refuse_host();
    if (all_.process_.forked()) // by a finaliser of what was let go
      end_forked_child();
  }
  all_.status_.executors[number_].thread = 0;
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
    return release(message.root<schema::Release>(), all_.objects_);
  });
  return released.has_value();
}

void executor::answer(const frame& received) {
  die_at(fault_point::call_lost_before);
  // First "started", then the look at the clock and the withdrawal: the host
  // does them the other way round (worker_link::abandon).
  all_.status_.started(received.header.call).store(received.header.call);
  ++all_.running_;
  auto reply = perform_call(received);
  // Where another runs as well, what was printed belongs to none for sure.
  if (all_.running_ == 1)
    await_readers();
  --all_.running_;
  die_at(fault_point::call_lost_after);
  all_.send(received.header.call, std::move(reply));
}

executor::message executor::perform_call(const frame& received) {
  const auto& header = received.header;
  const running_call running{.id = header.call,
                             .deadline_ns = header.deadline_ns,
                             .withdrawal =
                               all_.status_.withdrawal(header.call)};
  if (running.is_over()) {
    auto dropped = std::make_unique<wire::outgoing>();
    dropped->builder().initRoot<schema::Reply>().setDropped();
    return dropped;
  }
  wire_call asked{all_.settings_.payload_bytes_max, room_};
  performed done;
  {
    // What is told of an exception is interrupted as well: it is Python code.
    const running_scope scope{running};
    auto read = guarded([&] { asked.read(received); });
    if (read)
      done = perform(asked, all_.objects_);
    else
      done.outcome = std::move(read);
    // As are the streams that its code has put in the place of Python's.
    flush_streams();
  }
  if (number_ == 0)
    all_.settings_.after_call();
  auto reply = done.outcome ? asked.take_reply() : failed(done.outcome.error());
  auto told = reply->builder().getRoot<schema::Reply>();
  told.setRefs(done.refs);
  told.setNames(done.names);
  return reply;
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

executor::message executor::failed(const error& why) const {
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(why.may_have_run());
  if (why.python() != nullptr) {
    wire::write_raised(into.initRaised(), *why.python());
    return reply->bytes() > all_.settings_.payload_bytes_max
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
  told.type = raised.type.substr(0, all_.settings_.payload_bytes_max / 16);
  told.module = raised.module.substr(0, all_.settings_.payload_bytes_max / 16);
  told.message = "its text is beyond payload_bytes_max";
  told.object = raised.object;
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(ran);
  wire::write_raised(into.initRaised(), told);
  return reply;
}

} // namespace snakebridge
