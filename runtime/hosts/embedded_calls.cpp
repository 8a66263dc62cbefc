// What the threads of callers do in an embedded_host: they take their turn, run
// their calls, give them up.
#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/hosts/embedded_python.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/python/awaiting.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/perform.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

namespace {

// Why a call that was interrupted, or not begun, has no result.
error ended_early(const operation& asked, const session_gate& session,
                  call_stage reached) {
  return given_up_error(asked,
                        asked.cancel.stop_requested() ? errc::cancelled
                        : session.closed              ? errc::session_closed
                                                      : errc::deadline_exceeded,
                        reached);
}

// Items that go to their exchange as they are.
class value_items final : public item_batch {
public:
  value_items(const batch_limits& limits, exchange& to,
              const ref_origin& origin)
      : item_batch{limits},
        to_{to},
        origin_{origin} {}

private:
  std::size_t write(result_writer& writer, py::handle item,
                    std::uint32_t at) override {
    if (at == 0)
      bytes_ = 0;
    made_.resize(at + 1);
    writer.write_result(item, value_sink{made_[at], origin_});
    return bytes_ += wire::words_of(made_[at]) * sizeof(word);
  }
  std::size_t write(std::int64_t item, std::uint32_t at) override {
    return write_number(value::of_integer(item), at);
  }
  std::size_t write(double item, std::uint32_t at) override {
    return write_number(value::of_floating(item), at);
  }
  std::size_t write_number(value item, std::uint32_t at) {
    if (at == 0)
      bytes_ = 0;
    made_.resize(at);
    made_.push_back(std::move(item));
    return bytes_ += sizeof(word);
  }
  void send(std::uint32_t count) override {
    made_.resize(count);
    to_.deliver(std::exchange(made_, {}));
  }
  void send(const numbers& all) override {
    std::visit(
      [this](auto each) {
        to_.deliver(std::vector<value>(each.begin(), each.end()));
      },
      all);
  }

  exchange& to_;
  const ref_origin& origin_;
  std::vector<value> made_;
  std::size_t bytes_ = 0;
};

// A call of this process, whose result is a value.
class own_call : public python_call {
public:
  /// `taken`: where its items go; null: it has none.
  own_call(const operation& asked, exchange* taken)
      : asked_{asked},
        taken_{taken} {
    what = asked.what;
    keep_exception = asked.keep_exception;
    awaits = asked.awaits;
    as = asked.leaves;
  }

  python_operation read(const session_objects& objects) const override {
    python_operation made;
    made.what = what;
    made.module = asked_.module;
    made.name = asked_.name;
    made.helpers_given = asked_.helpers_given;
    if (has_target(what))
      made.target = to_python(asked_.target, objects);
    for (const auto& [name, key] : asked_.path)
      made.path.push_back(
        {name, key ? to_python(*key, objects) : py::object{}});
    made.positional.reserve(asked_.positional.size());
    for (const auto& item : asked_.positional)
      made.positional.push_back(to_python(item, objects));
    for (const auto& [name, item] : asked_.named)
      made.named.emplace_back(name, to_python(item, objects));
    return made;
  }

  std::vector<std::uint64_t> slots() const override {
    std::vector<std::uint64_t> found;
    if (const auto* target = asked_.target.get_if<ref>())
      found.push_back(target->slot);
    found.insert(found.end(), asked_.slots.begin(), asked_.slots.end());
    return found;
  }

  void write(result_writer& writer, py::handle outcome) override {
    writer.write_result(outcome, value_sink{told, origin});
  }
  void write(const value& outcome) override { told = outcome; }
  item_batch& items() override {
    ensure(taken_ != nullptr && taken_->takes_items(),
           "somebody takes the items of a stream");
    return items_.emplace(asked_.batch, *taken_, origin);
  }
  void end_items(bool more) override {
    items_->send_rest();
    told = more;
  }

  value told;

protected:
  ~own_call() = default;

private:
  const operation& asked_;
  exchange* const taken_;
  std::optional<value_items> items_;
};

} // namespace

// A call that awaits something: an exchange, whoever made it.
class embedded_host::awaited_call final
    : public await_listener,
      public std::enable_shared_from_this<awaited_call> {
public:
  using time_point = steady_clock::time_point;

  awaited_call(embedded_host& host, const python_call& begun,
               const exchange_ptr& told, time_point began)
      : host_{host.shared_from_this()},
        told_{told},
        began_{began},
        rest_{*told} {
    static_cast<python_call&>(rest_) = begun;
  }

  void begin(py::handle awaitable) {
    const bool is_counted = told_->id != 0;
    try {
      {
        const std::lock_guard lock{host_->mutex_};
        host_->python_side_->awaits.begin(number_);
        host_->awaiting_.emplace(number_, told_);
        if (!is_counted)
          ++host_->running_;
        told_->id = number_;
      }
      begin_to_await(
        number_, awaitable, number_,
        std::chrono::nanoseconds{told_->deadline.time_since_epoch()}.count(),
        shared_from_this());
    } catch (...) {
      const std::lock_guard lock{host_->mutex_};
      host_->python_side_->awaits.end(number_);
      if (host_->awaiting_.erase(number_) > 0 && !is_counted)
        --host_->running_;
      throw;
    }
    // It may have missed that it was given up.
    if (told_->answered() || told_->session->closed || host_->stopping_)
      host_->withdraw_await(number_);
  }

private:
  class rest final : public own_call {
  public:
    explicit rest(const exchange& told)
        : own_call{told.asked, nullptr},
          told_{told} {}

    void await(py::handle) override {
      ensure(false, "what is awaited is not awaited again");
    }
    void refuse_unwanted(bool) const override {
      if (told_.answered() || told_.session->closed)
        throw exception{
          error{errc::cancelled, "nobody waits for what it awaits"}};
    }

  private:
    const exchange& told_;
  };

  void on_end(py::handle task, const running_call& of) override {
    const auto python = host_->python_side_; // it may be let go meanwhile
    if (!python)
      return;
    const auto& session = *told_->session;
    performed done;
    {
      const running_scope scope{of};
      done = finish_awaited(rest_, python->objects, task);
    }
    {
      const std::lock_guard lock{host_->mutex_};
      host_->expiry_ = python->objects.next_expiry();
      host_->work_.notify_one();
    }
    host_->tell_held(session, done);
    answer(done.outcome ? result<value>{std::move(rest_.told)}
                        : result<value>{failure(std::move(done.outcome))});
  }

  error failure(result<void> failed) const {
    const auto& session = *told_->session;
    if (session.closed || steady_clock::now() >= told_->deadline)
      return ended_early(told_->asked, session, call_stage::running);
    return with_import_advice(
      naming_session(std::move(failed).error(), session.id), host_->self_.pool,
      host_->settings_.python);
  }

  void answer(result<value> outcome) {
    const py::gil_scoped_release while_it_is_told;
    if (told_->claim()) {
      told_->ran = steady_clock::now() - began_;
      told_->settle(std::move(outcome));
    }
    {
      const std::lock_guard lock{host_->mutex_};
      if (host_->awaiting_.erase(number_) == 0)
        return; // it is counted no more
      host_->python_side_->awaits.end(number_);
      --host_->running_;
      host_->await_ended_.notify_all();
    }
    host_->events_.on_room();
  }

  const std::shared_ptr<embedded_host> host_;
  const exchange_ptr told_;
  const time_point began_;
  const std::uint64_t number_ = new_await();
  rest rest_;
};

// A call that is run in somebody's turn.
class embedded_host::call_in_turn final : public own_call {
public:
  call_in_turn(embedded_host& host, const operation& asked,
               const session_gate& in, const turn& mine,
               const exchange_maker& later)
      : own_call{asked, mine.accepted.get()},
        host_{host},
        asked_{asked},
        in_{in},
        mine_{mine},
        later_{later} {
    session_id = in.id;
    session_epoch = in.home.epoch;
    session = in.number;
    bounds = in.refs.bounds_in(host.self_.interpreter);
    origin = in.origin_in(host.self_.interpreter, host.self_.epoch);
  }

  void await(py::handle awaitable) override {
    std::make_shared<awaited_call>(host_, *this, later_(), mine_.began)
      ->begin(awaitable);
  }

  // Looked at with the turn taken: a release of the session comes after us, or
  // has been before and nothing may be made any more.
  void refuse_unwanted(bool ran) const override {
    if (!ran && in_.closed && what != verb::release_session)
      throw exception{
        error{errc::session_closed,
              fmt::format("session '{}' has ended; open it again", in_.id)}};
    if (host_.python_side_->interrupts.is_withdrawn(mine_.number)
        || asked_.cancel.stop_requested())
      throw exception{ended_early(
        asked_, in_, ran ? call_stage::running : call_stage::handed_over)};
  }

private:
  embedded_host& host_;
  const operation& asked_;
  const session_gate& in_;
  const turn& mine_;
  const exchange_maker& later_;
};

// Of one that awaits still: with it there is Python's side.
void embedded_host::withdraw_await(std::uint64_t number) {
  python_side_->awaits.withdraw(number);
}

// Its calls get what is left of the time to stop, unless it is killed; then
// they are cancelled, and answered whatever they make of that.
void embedded_host::end_awaits(const error& why) {
  {
    std::unique_lock lock{mutex_};
    const auto none = [this] { return awaiting_.empty(); };
    if (kill_reason_.empty())
      await_ended_.wait_for(lock, settings_.stop_timeout, none);
    for (const auto& [number, told] : awaiting_)
      withdraw_await(number);
    await_ended_.wait_for(lock, settings_.cancel_grace, none);
  }
  forget_awaits(why);
}

void embedded_host::forget_awaits(const error& why) {
  std::unique_lock lock{mutex_};
  const auto left = std::exchange(awaiting_, {});
  running_ -= left.size();
  for (const auto& [number, told] : left)
    forgotten_.push_back(number);
  lock.unlock();
  for (const auto& [number, told] : left) {
    cancel_await(number);
    told->answer(tl::unexpected{why.with_may_have_run(true)});
  }
}

// With the lock. For threads of Python's own, that call back.
void embedded_host::know(const session_gate& session) {
  if (session.number == last_session_ || session.closed)
    return;
  callbacks_.try_emplace(session.number, session.callbacks);
  last_session_ = session.number;
}

// The turn, or why it is not ours; nothing when the host has ended.
std::optional<result<embedded_host::turn>>
embedded_host::take_turn(const operation& asked, const session_gate& session,
                         steady_clock::time_point deadline,
                         steady_clock::time_point now) {
  std::optional<py::gil_scoped_release> while_waiting;
  std::unique_lock lock{mutex_};
  if (stopping_ || !ready_)
    return std::nullopt;
  if (!turns_.try_enter()) {
    if (turns_.waiting() >= settings_.queue_max && !frees_objects(asked.what))
      return tl::unexpected{error{
        errc::overloaded, fmt::format("{} threads wait for interpreter {}, its "
                                      "queue_max; wait, or use workers",
                                      turns_.waiting(), self_.interpreter)}};
    const auto given_up = [&] {
      return stopping_ || asked.cancel.stop_requested()
             || (session.closed && asked.what != verb::release_session);
    };
    // Whoever has the turn needs the GIL, which the caller may hold.
    if (PyGILState_Check() != 0)
      while_waiting.emplace();
    if (!turns_.enter(lock, deadline, given_up)) {
      if (stopping_)
        return std::nullopt;
      return tl::unexpected{ended_early(asked, session, call_stage::queued)};
    }
    now = steady_clock::now();
  }
  know(session);
  turn_ = {.number = ++last_turn_,
           .asked = &asked,
           .session = &session,
           .began = now,
           .deadline = deadline};
  if (now < deadline)
    return turn_;
  turn_ = {};
  turns_.leave();
  return tl::unexpected{ended_early(asked, session, call_stage::queued)};
}

void embedded_host::end_turn() {
  {
    const std::lock_guard lock{mutex_};
    const auto expiry = python_side_->objects.next_expiry();
    const bool is_sooner = expiry < expiry_;
    expiry_ = expiry;
    turn_ = {};
    turns_.leave();
    if (!is_sooner)
      return;
  }
  work_.notify_one();
}

// With the lock held. The turn keeps what it uses: who has it is inside.
void embedded_host::withdraw_turn() {
  python_side_->interrupts.withdraw(turn_.number);
}

void embedded_host::tell_stalled(std::uint64_t number,
                                 steady_clock::time_point since,
                                 std::string stacks) {
  interpreter_event told;
  {
    const std::lock_guard lock{mutex_};
    if (turn_.number != number)
      return;
    told = event_of(event_kind::stalled, self_, ::getpid(), turn_.asked,
                    turn_.session);
  }
  tell_stalled(std::move(told), since, std::move(stacks));
}

void embedded_host::tell_loop_stalled(std::uint64_t call,
                                      steady_clock::time_point since,
                                      std::string stacks) {
  exchange_ptr runs; // null: who keeps it up is not known
  {
    const std::lock_guard lock{mutex_};
    if (const auto place = awaiting_.find(call); place != awaiting_.end())
      runs = place->second;
  }
  tell_stalled(event_of(event_kind::stalled, self_, ::getpid(),
                        runs ? &runs->asked : nullptr,
                        runs ? runs->session.get() : nullptr),
               since, std::move(stacks));
}

void embedded_host::tell_stalled(interpreter_event told,
                                 steady_clock::time_point since,
                                 std::string stacks) const {
  tell(settings_.on_event,
       stalled(std::move(told),
               std::chrono::duration_cast<std::chrono::milliseconds>(
                 steady_clock::now() - since),
               std::move(stacks)));
}

std::optional<result<value>>
embedded_host::run(const operation& asked, const session_gate& session,
                   steady_clock::time_point deadline, const callers_side& by) {
  // Of a callback, or of C++ that Python called by other ways: inside the call
  // that is its thread's, and under its number.
  if (const auto& around = here(); around.host == this) {
    auto inside = *around.in;
    inside.accepted.reset();
    inside.session = &session;
    inside.asked = &asked;
    inside.deadline = std::min(inside.deadline, deadline);
    by.ran_since = by.now;
    {
      const std::lock_guard lock{mutex_};
      know(session);
    }
    return execute(asked, session, inside, by.later);
  }
  std::uint64_t number = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  if (asked.cancel.stop_possible())
    on_cancel.emplace(asked.cancel, [this, &number] {
      const std::lock_guard lock{mutex_};
      if (number != 0 && turn_.number == number)
        withdraw_turn();
      turns_.look();
    });
  const auto mine = take_turn(asked, session, deadline, by.now);
  if (!mine)
    return std::nullopt;
  if (!*mine)
    return tl::unexpected{mine->error()};
  const finally over{[this] { end_turn(); }};
  if (on_cancel) {
    const std::lock_guard lock{mutex_};
    number = (*mine)->number;
  }
  by.ran_since = (*mine)->began;
  return execute(asked, session, **mine, by.later);
}

// With the GIL, which gives replies their order.
void embedded_host::tell_held(const session_gate& session,
                              const performed& done) {
  if (done.holds.is_news)
    session.refs.told({.interpreter = self_.interpreter,
                       .epoch = self_.epoch,
                       .reply = ++python_side_->replies,
                       .held = done.holds.objects},
                      session.id);
}

// Nothing where it awaits something.
std::optional<result<value>>
embedded_host::execute(const operation& asked, const session_gate& session,
                       const turn& mine, const exchange_maker& later) {
  const bool gives_callbacks = holds_callbacks(asked);
  if (gives_callbacks) {
    const std::lock_guard lock{mutex_};
    session.callbacks->add(asked, this);
  }
  const gil_guard gil;
  auto& interrupts = python_side_->interrupts;
  auto& whereabouts = here();
  const auto around = std::exchange(whereabouts, {this, &mine});
  const finally left{[&] { whereabouts = around; }};
  call_in_turn made{*this, asked, session, mine, later};
  performed done;
  {
    // What is told of an exception is interrupted as well: it is Python code.
    std::optional<interrupter::scope> watched;
    if (around.host != this)
      watched.emplace(interrupts, mine.number, mine.began, mine.deadline);
    done = perform(made, python_side_->objects, python_side_->ticks);
  }
  if (done.awaits)
    return std::nullopt;
  tell_held(session, done);
  if (done.outcome)
    return std::move(made.told);
  // Python has never had them.
  if (gives_callbacks && !done.outcome.error().may_have_run())
    session.callbacks->remove(asked, this);
  // Not where Python code raised it by itself. What comes of one that was
  // interrupted is nobody's, whatever its code made of that.
  if (interrupts.is_withdrawn(mine.number)
      || (is_interruption(done.outcome.error())
          && (session.closed || asked.cancel.stop_requested()
              || steady_clock::now() >= mine.deadline)))
    return ended_early(asked, session, call_stage::running);
  return with_import_advice(
    naming_session(std::move(done.outcome).error(), session.id), self_.pool,
    settings_.python);
}

bool embedded_host::accept(const exchange_ptr& taken) {
  const std::lock_guard lock{mutex_};
  if (!ready_ || stopping_ || accepted_.size() >= limits::handed_over_max)
    return false;
  taken->id = ++last_accepted_;
  accepted_.push_back(taken);
  ++running_;
  return true;
}

void embedded_host::flush() {
  offered_ = true;
  work_.notify_one();
}

// Its caller may hold the GIL, and who runs the call needs it.
exchange::news embedded_host::wait_for(exchange& mine, timers& clock) {
  if (PyGILState_Check() == 0)
    return mine.wait(clock);
  const py::gil_scoped_release while_waiting;
  return mine.wait(clock);
}

call_stage embedded_host::abandon(exchange& given_up) {
  const std::lock_guard lock{mutex_};
  if (given_up.id == 0)
    return call_stage::queued;
  if (turn_.accepted.get() == &given_up)
    withdraw_turn();
  for (const auto& [number, told] : awaiting_)
    if (told.get() == &given_up)
      withdraw_await(number);
  // One that is not here any more has run, here or in an earlier incarnation.
  const bool waits = std::any_of(
    accepted_.begin(), accepted_.end(),
    [&](const exchange_ptr& each) { return each.get() == &given_up; });
  return waits ? call_stage::handed_over : call_stage::running;
}

void embedded_host::withdraw(std::uint64_t session) {
  const std::lock_guard lock{mutex_};
  if (turn_.session != nullptr && turn_.session->number == session)
    withdraw_turn();
  for (const auto& [number, told] : awaiting_)
    if (told->session->number == session)
      withdraw_await(number);
  turns_.look(); // its threads that wait go away
}

void embedded_host::release(std::uint64_t session, std::size_t) {
  const std::lock_guard lock{mutex_};
  to_release_.push_back(session);
  callbacks_.erase(session);
  last_session_ = 0;
}

host_stats embedded_host::stats() const {
  const std::lock_guard lock{mutex_};
  return {.pid = static_cast<int>(::getpid()),
          .running = running_,
          .live_objects = counts_.live.load(),
          .pruned = counts_.pruned.load(),
          .expired = counts_.expired.load()};
}

} // namespace snakebridge
