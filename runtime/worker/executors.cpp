#include "runtime/worker/executors.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <poll.h>

#include "runtime/base/fault_points.hpp"
#include "runtime/python/awaiting.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/worker/executor.hpp"
#include "runtime/worker/printed.hpp"

namespace snakebridge {

executors::executors(std::unique_ptr<channel> data, status_page& status,
                     const executor_settings& settings)
    : settings_{settings},
      data_{std::move(data)},
      status_{status},
      objects_{status.objects, settings.conversion,
               import_rules{settings.importable}},
      inboxes_(settings.count) {
  objects_.use(settings.helpers);
  objects_.call_back_by({std::shared_ptr<void>{}, this}); // it ends with us
  on_loop_beat([this] {
    status_.executors[settings_.count].thread = PyThread_get_thread_ident();
    ++status_.loop_beats;
  });
}

void executors::serve() {
  executor{*this, 0}.serve();
  await_threads();
  objects_.release_all();
  // Proxies that Python still has call nobody from now on: `ended_` is set.
  flush_streams();
  await_readers();
}

// As Python's own threads, so that `threading` knows them by name.
void executors::start() {
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
  thread_ended_.wait(lock, [this] { return threads_ == 0 && awaiting_ == 0; });
}

// Waits until that is so, at most until then, and leads meanwhile if none does.
// What it looks at is written by who leads alone: so who leads may look without
// the lock.
template <class HasCome>
executors::news
executors::wait(waiter& mine, std::unique_lock<std::mutex>& lock,
                HasCome has_come, steady_clock::time_point until) {
  for (;;) {
    if (has_come())
      return news::frame;
    if (ended_)
      return news::end;
    if (!is_led_) {
      is_led_ = true;
      lock.unlock();
      const auto is_done = [&, this] { return ended_ || has_come(); };
      data_.lead([this] { return read(); }, is_done, until);
      const bool done = is_done();
      lock.lock();
      is_led_ = false;
      if (!done)
        return news::time;
      continue;
    }
    mine.is_awaited = true;
    auto woken = std::cv_status::no_timeout;
    if (until == steady_clock::time_point::max())
      mine.changed.wait(lock);
    else
      woken = mine.changed.wait_until(lock, until);
    mine.is_awaited = false;
    if (woken == std::cv_status::timeout && !has_come())
      return news::time; // it may have been called to lead
  }
}

// Waits for the next frame of an executor: for `end` once there is none left.
executors::news executors::next(std::size_t executor, frame& into,
                                steady_clock::time_point until) {
  auto& mine = inboxes_[executor];
  std::unique_lock lock{mutex_};
  const auto came = wait(
    mine, lock, [&] { return !mine.inside.empty() || !mine.frames.empty(); },
    until);
  if (came == news::frame) {
    auto& from = mine.inside.empty() ? mine.frames : mine.inside;
    into = std::move(from.front());
    from.pop_front();
  }
  if (came != news::end)
    appoint(); // while this one works another reads
  return came;
}

executors::news executors::next_inside(visit& mine, inbox* own, frame& into) {
  std::unique_lock lock{mutex_};
  const auto came = wait(
    mine, lock,
    [&] { return mine.answer || (own != nullptr && !own->inside.empty()); },
    steady_clock::time_point::max());
  if (came == news::end)
    return came;
  appoint();
  if (mine.answer)
    return news::time;
  into = std::move(own->inside.front());
  own->inside.pop_front();
  return came;
}

void executors::begin(visit& mine, inbox* own) {
  const std::lock_guard lock{mutex_};
  mine.number = ++last_visit_;
  visits_.emplace(mine.number, &mine);
  if (own != nullptr)
    own->visits.push_back(&mine);
}

void executors::end(visit& mine, inbox* own) {
  const std::lock_guard lock{mutex_};
  visits_.erase(mine.number);
  if (own != nullptr)
    own->visits.pop_back();
}

// Calls one that waits to lead, if none does. With the lock.
void executors::appoint() {
  if (is_led_)
    return;
  const auto call = [](waiter& each) {
    if (each.is_awaited)
      each.changed.notify_one();
    return each.is_awaited;
  };
  for (auto& each : inboxes_)
    if (each.frames.empty() && each.inside.empty() && call(each))
      return;
  for (const auto& [number, each] : visits_)
    if (!each->answer && call(*each))
      return;
}

channel_state executors::read() {
  const auto state = data_.read([this](std::vector<frame>& arrived) {
    const std::lock_guard lock{mutex_};
    for (auto& each : arrived)
      if (!deliver(each)) {
        ended_ = true; // the host speaks another language
        data_.over().close();
        return;
      }
  });
  if (state != channel_state::open || ended_)
    end();
  return state;
}

// Puts it where it is waited for. With the lock.
bool executors::deliver(frame& arrived) {
  const auto call = arrived.header.call;
  if (arrived.header.kind == frame_kind::returned) {
    const auto place = visits_.find(call);
    if (place == visits_.end() || place->second->answer)
      return false;
    place->second->answer = std::move(arrived);
    place->second->changed.notify_one();
    return true;
  }
  const auto executor = executor_of(call);
  if (executor >= inboxes_.size())
    return false;
  auto& to = inboxes_[executor];
  if (arrived.header.kind != frame_kind::request || !is_inside(call)) {
    to.frames.push_back(std::move(arrived));
    to.changed.notify_one();
    return true;
  }
  to.inside.push_back(std::move(arrived));
  waiter& waits =
    to.visits.empty() ? static_cast<waiter&>(to) : *to.visits.back();
  waits.changed.notify_one();
  return true;
}

void executors::end() {
  const std::lock_guard lock{mutex_};
  ended_ = true;
  for (auto& each : inboxes_)
    each.changed.notify_one();
  for (const auto& [number, each] : visits_)
    each->changed.notify_one();
}

// It speaks another language.
void executors::refuse_host() {
  data_.over().close(); // who reads sees the end
  end();
}

executors::reply executors::reply_to(wire_call& asked,
                                     const performed& done) const {
  auto made = done.outcome ? asked.take_reply() : failed(done.outcome.error());
  auto told = made->builder().getRoot<schema::Reply>();
  told.setRefs(done.holds.objects);
  told.setNames(done.holds.names);
  if (settings_.times_calls)
    told.setRanNs(static_cast<std::uint64_t>(
      std::chrono::nanoseconds{look_at_clock() - asked.began}.count()));
  return made;
}

executors::reply executors::failed(const error& why) const {
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(why.may_have_run());
  if (why.python() != nullptr) {
    wire::write_raised(into.initRaised(), *why.python());
    return reply->bytes() > settings_.payload_bytes_max
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
executors::reply executors::brief(const python_error& raised, bool ran) const {
  python_error told;
  told.type = raised.type.substr(0, settings_.payload_bytes_max / 16);
  told.module = raised.module.substr(0, settings_.payload_bytes_max / 16);
  told.message = "its text is beyond payload_bytes_max";
  told.object = raised.object;
  auto reply = std::make_unique<wire::outgoing>();
  auto into = reply->builder().initRoot<schema::Reply>();
  into.setRan(ran);
  wire::write_raised(into.initRaised(), told);
  return reply;
}

// A call on the event loop.
class executors::awaited_call final : public await_listener {
public:
  awaited_call(executors& all, const wire_call& begun, std::uint64_t from)
      : all_{all},
        asked_{begun, nullptr},
        from_{from} {}
  // What Cap'n Proto has in it may throw as it ends, and does not here.
  ~awaited_call() noexcept override = default;

private:
  executors& all_;
  wire_call asked_;
  const std::uint64_t from_;

public:
  const std::uint64_t number = new_await();
  const std::uint64_t id = call_id(number, all_.settings_.count);

private:
  // Its executor has it no more, once the host hears of that.
  void on_begin() override {
    auto& last = all_.status_.executors[all_.settings_.count].started;
    last = std::max(last.load(), id); // with the GIL
    auto told = std::make_unique<wire::outgoing>();
    told->builder().initRoot<schema::Awaiting>().setCall(id);
    auto& to = all_.data_.over();
    to.post({.kind = frame_kind::awaiting, .call = from_}, std::move(told));
    const py::gil_scoped_release while_waiting;
    all_.flush();
  }

  void on_end(py::handle task, const running_call& of) override {
    performed done;
    {
      const running_scope scope{of};
      done = finish_awaited(asked_, all_.objects_, task);
      flush_streams();
    }
    die_at(fault_point::call_lost_after);
    all_.send(id, all_.reply_to(asked_, done));
    all_.end_await();
  }
};

void executors::await(const wire_call& begun, const running_call& running,
                      py::handle awaitable) {
  const auto listener =
    std::make_shared<awaited_call>(*this, begun, running.id);
  ++awaiting_;
  try {
    begin_to_await(listener->number, awaitable, listener->id,
                   running.deadline_ns, listener);
  } catch (...) {
    end_await();
    throw;
  }
}

void executors::end_await() {
  const std::lock_guard lock{mutex_};
  --awaiting_;
  thread_ended_.notify_all();
}

void executors::send(std::uint64_t call, std::shared_ptr<message> reply) {
  auto& to = data_.over();
  if (to.send({.kind = frame_kind::reply, .call = call}, std::move(reply)))
    return;
  // A large reply: the host reads it bit by bit.
  const py::gil_scoped_release while_waiting;
  flush();
}

// Without the GIL.
void executors::flush() {
  auto& to = data_.over();
  while (!to.flush()) {
    pollfd writable{to.poll_descriptor(), POLLOUT, 0};
    ::poll(&writable, 1, -1);
  }
}

} // namespace snakebridge
