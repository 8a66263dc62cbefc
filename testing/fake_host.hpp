#pragma once
// A host whose Python is a script: no process, no thread, no clock. It runs one
// call at a time, on whatever thread made it the call's turn, and does what the
// test says. It knows one module, `fake`, with four functions:
//
//   fake.object(…)      makes an object and answers its ref
//   fake.echo(x)        answers x
//   fake.named(x=1, …)  answers its keyword arguments as a dict
//   fake.hold(…)        runs until the test says `finish` or `fail`, also when
//                       it is given up: as code does that heeds no interruption
//
// The same names work as methods and attributes of its objects. Everything it
// is told goes into a trace: "start:1" (the epoch), "ready:1",
// "call:fake.echo", "release:a" (the session's id), "abandon:fake.hold",
// "stop", "kill:why", "end". Any thread; owned by whoever would own a real
// host.

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/calls/interpreter_host.hpp"
#include "testing/fake_manners.hpp"

namespace snakebridge::testing {

class fake_host : public interpreter_host {
  using lock = std::lock_guard<std::recursive_mutex>;

public:
  using tell = std::function<void(std::string)>;

  explicit fake_host(incarnation self, fake_manners how = {}, tell trace = {})
      : self_{std::move(self)},
        how_{how},
        trace_{std::move(trace)} {}

  // What the test says.

  void ready();
  /// Ends the call that runs; false when none does.
  bool finish_as(result<value> answer, const exchange* just_this = nullptr);
  bool finish(value answer) { return finish_as(std::move(answer)); }
  bool fail(error why) { return finish_as(tl::unexpected{std::move(why)}); }
  /// The same with an object that the call makes.
  bool finish_with_object();
  /// The call that runs is the `next` of a stream: these are its items, so far.
  void deliver(std::vector<value> items);
  /// Ends at once: the running call answers `why`, the others go elsewhere.
  void die(error why);
  void die(const std::string& why) {
    die(error{errc::interpreter_died, why}.with_may_have_run(true));
  }
  /// Ends as it was told to by `stop` or `kill`.
  void end();

  /// "fake.hold": the call that runs; empty when none does.
  std::string runs() const;
  std::size_t accepted() const { return stats().running; }
  std::uint64_t live_objects() const { return stats().live_objects; }
  std::uint64_t live_objects(std::uint64_t session) const;
  std::uint32_t epoch() const { return self_.epoch; }
  bool is_up() const;

  // interpreter_host.

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool accept(const exchange_ptr& taken) override;
  bool accept_inside(const exchange_ptr& taken) override;
  void flush() override;
  call_stage abandon(exchange& given_up) override;
  void withdraw(std::uint64_t session) override;
  void release(std::uint64_t session, std::size_t) override;
  std::size_t running() const override;
  std::size_t running(std::size_t) const override;
  bool has_ended() const override;
  host_stats stats() const override;

protected:
  /// What a call answers, with the host locked; nothing: it runs on.
  virtual std::optional<result<value>> perform(const exchange_ptr& taken);
  /// The call that runs awaits something from now on: others run meanwhile.
  /// Within `perform`.
  void let_it_await() { awaits_now_ = true; }
  /// Performs one that runs already.
  void perform_late(const exchange_ptr& taken) {
    std::optional<result<value>> answer;
    {
      const lock guard{mutex_};
      answer = perform(taken);
    }
    if (answer)
      finish_as(std::move(*answer), taken.get());
  }
  std::optional<error> gone(const exchange& asked);
  static bool names_function(const operation& asked) {
    return asked.what <= verb::attribute || asked.what == verb::stream
           || asked.what == verb::helper;
  }
  static result<value> raised(std::string type, std::string message);
  value make_object(const session_gate& session,
                    std::string type_name = "fake.object");
  /// An object of type fake.stream, of the items of a list or tuple; others are
  /// not_iterable.
  result<value> make_stream(const session_gate& session, const value& items,
                            std::chrono::nanoseconds each = {});
  /// Between two items of that stream; 0: they come at once.
  std::chrono::nanoseconds pace_of(std::uint64_t stream) const;
  /// The next item of it, for a call that runs; false when there is none.
  bool deliver_one(exchange& asked, std::uint64_t stream);

private:
  enum class life { starting, up, ended };

  void note(std::string event) const {
    if (trace_)
      trace_(std::move(event));
  }
  bool serve_one();
  void tell_refs(const exchange& of);
  result<value> perform_function(const exchange& asked);
  result<value> perform_verb(exchange& asked);
  bool next(exchange& asked, std::uint64_t slot);
  exchange_ptr take_awaiting(const exchange& which);
  void end_with(host_end how);

  const incarnation self_;
  const fake_manners how_;
  const tell trace_;
  host_events events_;

  // Recursive: a completion may come straight back to us.
  mutable std::recursive_mutex mutex_;
  life life_ = life::starting;
  std::optional<host_end> told_to_end_;
  bool begun_ = false;   // the first of accepted_ runs
  bool serving_ = false; // by a thread that is in `flush`
  bool awaits_now_ = false;
  std::deque<exchange_ptr> accepted_;
  std::deque<exchange_ptr> inside_; // made by callbacks: they wait for none
  std::vector<exchange_ptr> awaiting_;
  std::uint64_t last_slot_ = 0;
  std::uint64_t replies_ = 0;
  std::map<std::uint64_t, std::set<std::uint64_t>> objects_; // by session
  struct stream {
    std::deque<value> left;
    std::chrono::nanoseconds each{0};
  };
  std::map<std::uint64_t, stream> streams_; // by slot
  std::set<std::uint64_t> released_; // sessions: what they make dies with them
  std::map<std::uint64_t, std::string> names_; // of sessions, for the trace
};

inline void fake_host::start(host_events events) {
  events_ = std::move(events);
  note("start:" + std::to_string(self_.epoch));
  if (how_.ready_at_once)
    ready();
}

inline void fake_host::ready() {
  {
    const lock guard{mutex_};
    if (life_ != life::starting)
      return;
    life_ = life::up;
  }
  note("ready:" + std::to_string(self_.epoch));
  events_.on_ready();
}

inline bool fake_host::is_up() const {
  const lock guard{mutex_};
  return life_ == life::up;
}

inline bool fake_host::accept(const exchange_ptr& taken) {
  const lock guard{mutex_};
  if (life_ != life::up || told_to_end_
      || accepted_.size() >= how_.accepted_max)
    return false;
  accepted_.push_back(taken);
  names_[taken->session->number] = taken->session->id;
  return true;
}

inline bool fake_host::accept_inside(const exchange_ptr& taken) {
  const lock guard{mutex_};
  if (life_ != life::up)
    return false;
  inside_.push_back(taken);
  return true;
}

// Runs calls until one has to wait for the test. One thread at a time: who
// comes meanwhile, from within an answer too, leaves its calls to that one.
inline void fake_host::flush() {
  {
    const lock guard{mutex_};
    if (std::exchange(serving_, true))
      return;
  }
  while (serve_one()) {
  }
}

inline bool fake_host::serve_one() {
  exchange_ptr next;
  std::optional<result<value>> answer;
  {
    const lock guard{mutex_};
    const bool is_inside = !inside_.empty();
    if (!is_inside && (begun_ || accepted_.empty()))
      return serving_ = false;
    auto& line = is_inside ? inside_ : accepted_;
    next = line.front();
    if (next->answered()) { // given up before its turn
      line.pop_front();
      return true;
    }
    if (!is_inside)
      begun_ = true;
    note("call:" + describe(next->asked));
    answer = perform(next);
    const bool awaits = std::exchange(awaits_now_, false);
    // What runs on inside another leaves that alone.
    if (!answer && (awaits || is_inside))
      awaiting_.push_back(next);
    else if (!answer)
      return serving_ = false;
    line.pop_front();
    if (!is_inside)
      begun_ = false;
    tell_refs(*next);
  }
  if (answer)
    next->answer(std::move(*answer));
  events_.on_room();
  return true;
}

inline exchange_ptr fake_host::take_awaiting(const exchange& which) {
  const auto place =
    std::find_if(awaiting_.begin(), awaiting_.end(),
                 [&](const auto& each) { return each.get() == &which; });
  if (place == awaiting_.end())
    return nullptr;
  auto taken = std::move(*place);
  awaiting_.erase(place);
  return taken;
}

inline bool fake_host::finish_as(result<value> answer,
                                 const exchange* just_this) {
  exchange_ptr done;
  {
    const lock guard{mutex_};
    if (just_this)
      done = take_awaiting(*just_this);
    if (!done) {
      if (!begun_ || (just_this && accepted_.front().get() != just_this))
        return false;
      done = std::move(accepted_.front());
      accepted_.pop_front();
      begun_ = false;
    }
    tell_refs(*done);
  }
  done->answer(std::move(answer));
  flush();
  events_.on_room();
  return true;
}

inline void fake_host::deliver(std::vector<value> items) {
  exchange_ptr runs;
  {
    const lock guard{mutex_};
    if (begun_)
      runs = accepted_.front();
  }
  if (runs)
    runs->deliver(std::move(items));
}

inline bool fake_host::finish_with_object() {
  value made;
  {
    const lock guard{mutex_};
    if (!begun_)
      return false;
    made = make_object(*accepted_.front()->session);
  }
  return finish_as(std::move(made));
}

// As a real one does with each reply.
inline void fake_host::tell_refs(const exchange& of) {
  const auto& session = *of.session;
  const auto held = objects_[session.number].size();
  session.refs.told({.interpreter = self_.interpreter,
                     .epoch = self_.epoch,
                     .reply = ++replies_,
                     .held = static_cast<std::uint32_t>(held)},
                    session.id);
}

inline std::string fake_host::runs() const {
  const lock guard{mutex_};
  return begun_ ? describe(accepted_.front()->asked) : std::string{};
}

inline call_stage fake_host::abandon(exchange& given_up) {
  const lock guard{mutex_};
  note("abandon:" + describe(given_up.asked));
  if (take_awaiting(given_up)) // its task is cancelled
    return call_stage::running;
  return begun_ && accepted_.front().get() == &given_up
           ? call_stage::running
           : call_stage::handed_over;
}

inline void fake_host::withdraw(std::uint64_t session) {
  const lock guard{mutex_};
  if (begun_ && accepted_.front()->session->number == session)
    note("withdraw:" + describe(accepted_.front()->asked));
  std::erase_if(awaiting_, [&](const exchange_ptr& each) {
    return each->session->number == session;
  });
}

inline void fake_host::release(std::uint64_t session, std::size_t) {
  const lock guard{mutex_};
  note("release:" + names_[session]);
  released_.insert(session);
  objects_.erase(session);
}

inline std::size_t fake_host::running() const {
  const lock guard{mutex_};
  return accepted_.size() + awaiting_.size();
}

inline std::size_t fake_host::running(std::size_t) const {
  const lock guard{mutex_};
  return accepted_.size();
}

inline bool fake_host::has_ended() const {
  const lock guard{mutex_};
  return life_ == life::ended || told_to_end_;
}

inline host_stats fake_host::stats() const {
  const lock guard{mutex_};
  std::uint64_t live = 0;
  for (const auto& [session, slots] : objects_)
    live += slots.size();
  return {.pid = 0,
          .running = accepted_.size() + awaiting_.size(),
          .live_objects = live};
}

inline std::uint64_t fake_host::live_objects(std::uint64_t session) const {
  const lock guard{mutex_};
  const auto place = objects_.find(session);
  return place == objects_.end() ? 0 : place->second.size();
}

inline void fake_host::stop() {
  note("stop");
  {
    const lock guard{mutex_};
    if (told_to_end_ || life_ == life::ended)
      return;
    told_to_end_ =
      host_end{.why = {errc::shutting_down, "the interpreter was stopped"},
               .asked = true,
               .unstarted = {}};
  }
  if (how_.ends_at_once)
    end();
}

inline void fake_host::kill(std::string reason) {
  {
    const lock guard{mutex_};
    if (life_ == life::ended)
      return;
    note("kill:" + reason);
    const bool asked = told_to_end_ && told_to_end_->asked;
    told_to_end_ = host_end{
      .why = error{errc::interpreter_died, reason}.with_may_have_run(true),
      .asked = asked,
      .unstarted = {}};
  }
  if (how_.ends_at_once)
    end();
}

inline void fake_host::die(error why) {
  end_with({.why = std::move(why), .asked = false, .unstarted = {}});
}

inline void fake_host::end() {
  std::optional<host_end> how;
  {
    const lock guard{mutex_};
    how = std::exchange(told_to_end_, std::nullopt);
  }
  if (how)
    end_with(std::move(*how));
}

inline void fake_host::end_with(host_end how) {
  std::vector<exchange_ptr> started;
  {
    const lock guard{mutex_};
    if (std::exchange(life_, life::ended) == life::ended)
      return;
    started.swap(awaiting_);
    started.insert(started.end(), inside_.begin(), inside_.end());
    inside_.clear();
    if (std::exchange(begun_, false)) {
      started.push_back(std::move(accepted_.front()));
      accepted_.pop_front();
    }
    for (auto& each : std::exchange(accepted_, {}))
      if (!each->answered())
        how.unstarted.push_back(std::move(each));
    objects_.clear();
  }
  note("end");
  for (const auto& each : started)
    each->answer(tl::unexpected{how.why});
  // Whoever is told may let go of this host at once.
  const auto told = std::move(events_.on_end);
  told(std::move(how));
}

} // namespace snakebridge::testing
