// What Python in a worker calls: callbacks run in the host, and this thread
// waits for what they answer. What they call in turn it serves meanwhile.
#include <sys/socket.h>

#include "runtime/base/finally.hpp"
#include "runtime/python/from_python.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/to_python.hpp"
#include "runtime/wire/worker_start.hpp"
#include "runtime/worker/executor.hpp"

namespace snakebridge {

namespace {

std::unique_ptr<wire::outgoing>
called(session_objects& objects, std::uint64_t session, std::uint64_t callback,
       std::uint64_t visit, std::size_t bytes_max, const py::tuple& positional,
       const py::dict& named) {
  auto message = std::make_unique<wire::outgoing>();
  auto into = message->builder().initRoot<schema::Called>();
  into.setSession(session);
  into.setCallback(callback);
  into.setVisit(visit);
  result_writer writer{objects, leaves::refs, bytes_max};
  auto items = into.initPositional(wire::count_of(py::len(positional)));
  unsigned at = 0;
  for (const auto& each : positional)
    writer.write(each, wire_sink{items[at++]});
  auto names = into.initNamed(wire::count_of(py::len(named)));
  at = 0;
  for (const auto& [name, item] : named) {
    names[at].setName(name.cast<std::string>());
    writer.write(item, wire_sink{names[at++].initValue()});
  }
  if (message->bytes() > bytes_max)
    throw exception{wire::too_large(bytes_max)};
  writer.commit();
  return message;
}

} // namespace

// As a signal handler does: whole, or not at all.
static void call_host() {
  const frame_header told{
    .words = 0, .kind = frame_kind::called, .call = 0, .deadline_ns = 0};
  ::send(worker_descriptor::control, &told, sizeof told, MSG_NOSIGNAL);
}

py::object executors::call(std::uint64_t session, std::uint64_t callback,
                           const py::tuple& positional, const py::dict& named) {
  if (process_.forked() || ended_ || !objects_.has(session))
    throw_thrown("snakebridge::session_closed",
                 "the callback is gone: its session has ended");
  auto* const here = executor::here();
  auto* const own = here != nullptr ? &inboxes_[here->number()] : nullptr;
  const auto* running = call_of_this_thread();
  visit mine;
  begin(mine, own);
  const finally over{[&] { end(mine, own); }};
  auto asked = called(objects_.of(session), session, callback, mine.number,
                      settings_.payload_bytes_max, positional, named);
  data_.over().post(
    {.kind = frame_kind::called, .call = running != nullptr ? running->id : 0},
    std::move(asked));
  {
    const py::gil_scoped_release while_waiting;
    flush();
    if (running == nullptr)
      call_host(); // nobody may read there
  }
  for (;;) {
    frame inside;
    auto came = news::end;
    {
      const py::gil_scoped_release while_waiting;
      came = next_inside(mine, own, inside);
    }
    if (came == news::end)
      throw_cancelled(); // the host is gone, and so are we soon
    if (came == news::time)
      break;
    if (!here->take(inside)) {
      refuse_host();
      throw_cancelled();
    }
  }
  return answer_of(*mine.answer, session);
}

py::object executors::answer_of(const frame& returned, std::uint64_t session) {
  wire::incoming message{returned};
  const auto told = message.root<schema::Returned>();
  py::object raised;
  if (told.isRaised() && objects_.has(session))
    raised = py::reinterpret_borrow<py::object>(
      objects_.of(session).find(told.getRaised()));
  for (const auto slot : told.getForget())
    objects_.forget(session, slot);
  if (raised)
    throw_again(raised);
  if (told.isCancelled())
    throw_cancelled();
  if (told.isFailed())
    throw_thrown(wire::string(told.getFailed().getType()),
                 wire::string(told.getFailed().getMessage()));
  if (!told.isValue())
    throw_thrown("snakebridge::ref_released", "what it raised is gone");
  return to_python(told.getValue(), objects_.of(session));
}

void executors::drop(std::uint64_t session, std::uint64_t callback) noexcept {
  if (process_.forked() || ended_)
    return;
  auto message = std::make_unique<wire::outgoing>();
  auto gone = message->builder().initRoot<schema::Dropped>();
  gone.setSession(session);
  gone.setCallback(callback);
  data_.over().send({.kind = frame_kind::dropped}, std::move(message));
}

} // namespace snakebridge
