#include "actors/granted_client.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <unordered_map>

#include "config/tunables.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "runtime/node/large_message.hpp"
#include "runtime/values/each_ref.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

call_options options_of(const wire::remote_request& made,
                        steady_clock::time_point now,
                        steady_clock::time_point deadline) {
  const auto& [asked, route] = made;
  call_options options{
    .timeout = std::chrono::ceil<std::chrono::milliseconds>(deadline - now),
    .pool = route.pool,
    .affinity = route.affinity,
    .idempotent = route.idempotent,
    .keep_exception = asked.keep_exception,
    .awaits = asked.awaits};
  if (route.leaves_given)
    options.leaves = asked.leaves;
  return options;
}

// What it made is freed where the reply cannot be sent, or nobody takes it:
// nobody will ever have its refs. The call has run all the same.
result<remote_reply> reply_of(const session_ptr& in, std::size_t bytes_max,
                              const result<value>& outcome,
                              const std::vector<value>& items = {}) {
  std::vector<ref> brought;
  const auto note = [&](const ref& each) { brought.push_back(each); };
  for (const auto& each : items)
    each_ref(each, note);
  each_ref(outcome, note);
  std::shared_ptr<untaken_objects> objects;
  if (!brought.empty())
    objects =
      std::make_shared<untaken_objects>([in, brought = std::move(brought)] {
        for (const auto& each : brought)
          in->let_go(each);
      });
  auto made = wire::encode_remote_reply(outcome, items, bytes_max);
  if (!made)
    return tl::unexpected{made.error().with_may_have_run(true)};
  return remote_reply{*std::move(made), std::move(objects)};
}

} // namespace

// --- Streams -----------------------------------------------------------------

// A batch comes here as its items do, and goes on as the other node asks: what
// there is, at most as much as it wants, else what comes next. So a producer
// that is slow holds nothing back, and one whose items are not wanted makes no
// more than one batch.
class granted_client::read_stream {
public:
  using replies = std::function<void(const result<value>&, std::vector<value>)>;

  explicit read_stream(session_ptr in) : in_{std::move(in)} {}
  read_stream(const read_stream&) = delete;
  read_stream& operator=(const read_stream&) = delete;
  /// Nobody will have the objects that have come and were not asked for.
  ~read_stream() {
    const auto let_go = [this](const ref& each) { in_->let_go(each); };
    for (const auto& each : items_)
      each_ref(each, let_go);
    if (end_)
      each_ref(*end_, let_go);
  }

  /// Answers with what there is, or when there is something; true: the next
  /// batch is to be asked for.
  bool ask(std::size_t items_max, replies done) {
    std::unique_lock lock{mutex_};
    if (waits_) {
      lock.unlock();
      done(tl::unexpected{error{errc::overloaded,
                                "a batch of that stream is asked for already"}},
           {});
      return false;
    }
    waits_ = std::move(done);
    items_max_ = items_max;
    const bool begins = !runs_ && !end_ && items_.empty();
    runs_ = runs_ || begins;
    answer(lock);
    return begins;
  }
  void take(std::vector<value> come) {
    std::unique_lock lock{mutex_};
    std::move(come.begin(), come.end(), std::back_inserter(items_));
    answer(lock);
  }
  /// The batch has ended; true: somebody waits for the next.
  bool end(result<value> outcome) {
    std::unique_lock lock{mutex_};
    runs_ = false;
    if (outcome != result<value>{true}) // there is no more, or it failed
      end_ = std::move(outcome);
    else if (waits_)
      return runs_ = true;
    answer(lock);
    return false;
  }

  /// It has said that there is no more.
  bool is_over() const { return is_over_; }

  cancel_source cancels;

private:
  void answer(std::unique_lock<std::mutex>& lock) {
    if (!waits_ || (items_.empty() && !end_))
      return;
    std::vector<value> told;
    const auto count = std::min(items_.size(), items_max_);
    std::move(items_.begin(), items_.begin() + static_cast<long>(count),
              std::back_inserter(told));
    items_.erase(items_.begin(), items_.begin() + static_cast<long>(count));
    result<value> outcome = true; // there may be more
    if (items_.empty() && end_) {
      outcome = *std::exchange(end_, std::nullopt);
      is_over_ = true;
    }
    const auto done = std::exchange(waits_, nullptr);
    lock.unlock();
    done(outcome, std::move(told));
  }

  const session_ptr in_;
  std::mutex mutex_;
  std::vector<value> items_;         ///< that have come
  std::optional<result<value>> end_; ///< of the batch
  bool runs_ = false;                ///< a batch is being made
  std::size_t items_max_ = 0;
  replies waits_;
  std::atomic<bool> is_over_ = false;
};

// --- Callbacks ---------------------------------------------------------------

// A callback that waits, on this thread, for the program of another node. What
// that one calls meanwhile is called from here, as a callback's own calls are,
// and what Python calls back in those is called here: however deep that goes,
// it is one thread.
class granted_client::visit {
public:
  using outcome = result<received_message>;

  /// False: it is over, and nothing is called here any more.
  bool add(std::function<void()> job) {
    const std::lock_guard lock{mutex_};
    if (is_over_)
      return false;
    if (const auto inner = inner_.lock(); inner && inner->add(job))
      return true;
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return true;
  }
  /// A job of it waits in another one: what there is to do is done in that.
  void wait_in(const std::shared_ptr<visit>& inner) {
    const std::lock_guard lock{mutex_};
    inner_ = inner;
    for (auto& each : std::exchange(jobs_, {}))
      inner->add(std::move(each));
  }
  bool is_on_this_thread() const {
    return thread_ == std::this_thread::get_id();
  }
  void set(outcome answer) {
    const std::lock_guard lock{mutex_};
    answer_.emplace(std::move(answer));
    changed_.notify_all();
  }
  /// Nothing: it was cancelled, or too late.
  std::optional<outcome> wait(steady_clock::time_point until,
                              const cancel_token& cancel) {
    std::unique_lock lock{mutex_};
    while (changed_.wait_until(lock, cancel, until, [this] {
      return answer_.has_value() || !jobs_.empty();
    }) && !jobs_.empty())
      do_job(lock);
    is_over_ = true;
    while (!jobs_.empty())
      do_job(lock);
    return std::move(answer_);
  }

private:
  void do_job(std::unique_lock<std::mutex>& lock) {
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }

  const std::thread::id thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable_any changed_; // waits with a cancel_token
  std::weak_ptr<visit> inner_;          // that a job waits in
  std::deque<std::function<void()>> jobs_;
  std::optional<outcome> answer_;
  bool is_over_ = false;
};

// --- Calls -------------------------------------------------------------------

/// Those that run, and the streams they read. Any thread.
class granted_client::calls : public std::enable_shared_from_this<calls> {
public:
  calls(session_ptr in, std::size_t payload_bytes_max,
        std::shared_ptr<value_thread> values,
        std::function<void(on_counted)> release)
      : in_{std::move(in)},
        payload_bytes_max_{payload_bytes_max},
        values_{std::move(values)},
        release_{std::move(release)} {}

  /// It is there to be cancelled. `number`: its client's.
  void note(std::uint64_t call, std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    running_.emplace(call, running_call{number});
  }
  void make(std::uint64_t call, received_message request,
            steady_clock::time_point deadline, on_remote_reply done);
  void cancel(std::uint64_t call);
  void cancel_all();
  /// Calls back, and waits for the answer. Throws thrown_elsewhere.
  value call_back(callback_caller& through,
                  const detail::callback_arguments& given);

private:
  class far_callback;

  struct running_call {
    std::uint64_t number; ///< its client's
    cancel_source cancels = {};
  };

  /// Interpreter, its epoch and the slot there: each incarnation numbers its
  /// own slots.
  using stream_place = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;
  static stream_place place_of(const ref& named) {
    return {named.interpreter, named.epoch, named.slot};
  }

  void begin(std::uint64_t call, wire::remote_request made,
             call_options options, const on_remote_reply& done);
  void read(std::uint64_t call, const operation& asked, call_options options,
            const on_remote_reply& done);
  void make_batch(const std::shared_ptr<read_stream>& of, const operation& next,
                  const call_options& options);
  void forget_streams(const operation& freed);
  std::unordered_map<std::uint64_t, callback>
  callbacks_of(std::vector<received_callback> come);
  std::optional<cancel_source> take(std::uint64_t call);
  std::shared_ptr<visit> visit_of_this_thread() const;
  std::shared_ptr<visit> find_visit(std::uint64_t number);
  std::uint64_t number_of(const cancel_token& cancelled_by);
  result<remote_reply> reply(const result<value>& outcome,
                             const std::vector<value>& items = {}) const {
    auto made = reply_of(in_, payload_bytes_max_, outcome, items);
    if (made && is_large(bytes_of(*made->content)))
      made->content = freed_by(values_, std::move(made->content));
    return made;
  }

  const session_ptr in_;
  const std::size_t payload_bytes_max_;
  const std::shared_ptr<value_thread> values_;
  const std::function<void(on_counted)> release_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, running_call> running_;
  std::map<stream_place, std::shared_ptr<read_stream>> streams_;
  std::uint64_t last_visit_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<visit>> visits_;
};

// What Python has of a callback of the other node.
class granted_client::calls::far_callback final : public detail::callable {
public:
  far_callback(std::weak_ptr<calls> in,
               std::shared_ptr<callback_caller> through)
      : in_{std::move(in)},
        through_{std::move(through)} {}

  value call(detail::callback_arguments given) const override {
    if (const auto in = in_.lock())
      return in->call_back(*through_, given);
    throw thrown_elsewhere{"snakebridge::exception",
                           "the callback is gone: its program has left the "
                           "session"};
  }
  std::string signature() const override { return "(*args, **kwargs)"; }

private:
  const std::weak_ptr<calls> in_;
  const std::shared_ptr<callback_caller> through_;
};

std::unordered_map<std::uint64_t, callback>
granted_client::calls::callbacks_of(std::vector<received_callback> come) {
  std::unordered_map<std::uint64_t, callback> made;
  for (auto& [id, caller] : come) {
    std::shared_ptr<const detail::callable> through =
      std::make_shared<far_callback>(weak_from_this(), std::move(caller));
    made.try_emplace(id, std::move(through));
  }
  return made;
}

// With the lock. The last it has begun, which waits in no other; null: none.
std::shared_ptr<granted_client::visit>
granted_client::calls::visit_of_this_thread() const {
  std::pair<std::uint64_t, std::shared_ptr<visit>> last;
  for (const auto& [number, each] : visits_)
    if (number > last.first && each->is_on_this_thread())
      last = {number, each};
  return last.second;
}

std::shared_ptr<granted_client::visit>
granted_client::calls::find_visit(std::uint64_t number) {
  const std::lock_guard lock{mutex_};
  const auto here = visits_.find(number);
  return here == visits_.end() ? nullptr : here->second;
}

// The number of the call which that cancels; 0: it is none of this client's.
std::uint64_t
granted_client::calls::number_of(const cancel_token& cancelled_by) {
  const std::lock_guard lock{mutex_};
  for (const auto& [call, running] : running_)
    if (running.cancels.token() == cancelled_by)
      return running.number;
  return 0;
}

value granted_client::calls::call_back(
  callback_caller& through, const detail::callback_arguments& given) {
  const auto failed = [](const std::string& why) {
    return thrown_elsewhere{"snakebridge::exception", why};
  };
  // On a thread of Python's own it is in no call.
  auto* around = callback_scope::in(in_->id());
  callback_place where{.deadline = in_->deadline({})};
  cancel_token cancel;
  if (around != nullptr) {
    const auto& outer = around->of();
    where.interpreter = outer.interpreter;
    where.epoch = outer.epoch;
    where.deadline = outer.deadline;
    cancel = outer.cancel;
    where.within = number_of(cancel);
  }
  auto asked = wire::encode_remote_called(given, payload_bytes_max_);
  if (!asked)
    throw failed(asked.error().message());
  const auto mine = std::make_shared<visit>();
  {
    const std::lock_guard lock{mutex_};
    if (const auto outer = visit_of_this_thread())
      outer->wait_in(mine);
    where.visit = ++last_visit_;
    visits_.emplace(where.visit, mine);
  }
  through.call(*std::move(asked), where,
               [mine](visit::outcome answer) { mine->set(std::move(answer)); });
  if (around != nullptr)
    around->takes_jobs = [mine](std::function<void()> job) {
      return mine->add(std::move(job));
    };
  auto answer = mine->wait(where.deadline, cancel);
  if (around != nullptr)
    around->takes_jobs = {};
  {
    const std::lock_guard lock{mutex_};
    visits_.erase(where.visit);
  }
  if (!answer) {
    through.give_up(where.visit);
    throw failed(cancel.stop_requested()
                   ? "the call it was called in was given up"
                   : "its program did not answer in time");
  }
  if (!*answer)
    throw failed(answer->error().message());
  auto& come = **answer;
  const auto& home = in_->home();
  auto told = wire::decode_remote_returned(
    {.header = {.words = static_cast<std::uint32_t>(come.words.size())},
     .message = std::move(come.words)},
    {in_->id(), where.interpreter, where.epoch, home.node, home.epoch});
  if (!told)
    throw failed(told.error().message());
  if (told->failed)
    throw thrown_elsewhere{std::move(told->type), std::move(told->message)};
  return std::move(told->outcome);
}

std::optional<cancel_source> granted_client::calls::take(std::uint64_t call) {
  const std::lock_guard lock{mutex_};
  auto found = running_.extract(call);
  return found ? std::optional{std::move(found.mapped().cancels)}
               : std::nullopt;
}

void granted_client::calls::cancel(std::uint64_t call) {
  if (auto source = take(call))
    source->cancel();
}

void granted_client::calls::cancel_all() {
  decltype(running_) calls;
  decltype(streams_) streams;
  {
    const std::lock_guard lock{mutex_};
    calls.swap(running_);
    streams.swap(streams_);
  }
  for (auto& [call, running] : calls)
    running.cancels.cancel(); // the session may live on
  for (const auto& [at, stream] : streams)
    stream->cancels.cancel();
}

void granted_client::calls::make(std::uint64_t call, received_message request,
                                 steady_clock::time_point deadline,
                                 on_remote_reply done) {
  const auto held = std::move(request.held); // as long as it is read
  const frame received{
    .header = {.words = static_cast<std::uint32_t>(request.words.size())},
    .message = std::move(request.words)};
  const auto callbacks = callbacks_of(std::move(request.callbacks));
  const auto& home = in_->home();
  auto made =
    wire::decode_remote_request(received, {.session = in_->id(),
                                           .node = home.node,
                                           .session_epoch = home.epoch,
                                           .callbacks = &callbacks});
  if (!made) {
    take(call);
    return done(tl::unexpected{std::move(made).error()});
  }
  auto options = options_of(*made, in_->clock().now(), deadline);
  const auto inside = request.inside > 0 ? find_visit(request.inside) : nullptr;
  if (inside
      && inside->add([self = shared_from_this(), call, made = *made, options,
                      done] { self->begin(call, made, options, done); }))
    return;
  begin(call, *std::move(made), std::move(options), done);
}

void granted_client::calls::begin(std::uint64_t call, wire::remote_request made,
                                  call_options options,
                                  const on_remote_reply& done) {
  auto& asked = made.asked;
  if (asked.what == verb::release_session) {
    take(call);
    return release_(
      [self = shared_from_this(), done](const result<std::size_t>& count) {
        done(self->reply(
          count.transform([](std::size_t objects) { return value{objects}; })));
      });
  }
  if (asked.what == verb::next)
    return read(call, asked, std::move(options), done);
  if (asked.what == verb::close || asked.what == verb::release)
    forget_streams(asked);
  {
    const std::lock_guard lock{mutex_};
    const auto here = running_.find(call);
    if (here == running_.end())
      return; // given up as it was read
    options.cancel = here->second.cancels.token();
  }
  in_->submit(
    std::move(asked), options,
    [self = shared_from_this(), call, done](const result<value>& outcome) {
      self->take(call);
      done(self->reply(outcome));
    });
}

void granted_client::calls::make_batch(const std::shared_ptr<read_stream>& of,
                                       const operation& next,
                                       const call_options& options) {
  in_->submit(
    next, options,
    [self = shared_from_this(), of, next, options](result<value> outcome) {
      if (of->end(std::move(outcome)))
        self->make_batch(of, next, options);
    },
    [of](std::vector<value> come) { of->take(std::move(come)); });
}

void granted_client::calls::read(std::uint64_t call, const operation& asked,
                                 call_options options,
                                 const on_remote_reply& done) {
  const auto* named = asked.target.get_if<ref>();
  if (named == nullptr) {
    take(call);
    return done(tl::unexpected{
      error{errc::message_malformed, "a batch of what is no stream"}});
  }
  std::shared_ptr<read_stream> stream;
  {
    const std::lock_guard lock{mutex_};
    const auto here = running_.find(call);
    if (here == running_.end())
      return;
    std::erase_if(streams_,
                  [](const auto& each) { return each.second->is_over(); });
    stream =
      streams_.try_emplace(place_of(*named), std::make_shared<read_stream>(in_))
        .first->second;
    here->second.cancels = stream->cancels;
    options.cancel = stream->cancels.token();
  }
  const bool begins =
    stream->ask(asked.batch.items, [self = shared_from_this(), call,
                                    done](const result<value>& outcome,
                                          std::vector<value> items) {
      self->take(call);
      if (!wire::is_large(items))
        return done(self->reply(outcome, items));
      // There may be more ready than the loop can write.
      self->values_->run([self, done, outcome, items = std::move(items)] {
        done(self->reply(outcome, items));
      });
    });
  if (!begins)
    return;
  // Who waits for it has its own time, and may be another when it comes.
  options.timeout = milliseconds{day_ms};
  make_batch(stream, asked, options);
}

void granted_client::calls::forget_streams(const operation& freed) {
  const auto* named = freed.target.get_if<ref>();
  if (named == nullptr)
    return;
  std::vector<std::shared_ptr<read_stream>> gone;
  {
    const std::lock_guard lock{mutex_};
    const auto forget = [&](const stream_place& at) {
      if (const auto found = streams_.extract(at))
        gone.push_back(found.mapped());
    };
    forget(place_of(*named));
    for (const auto slot : freed.slots)
      forget({named->interpreter, named->epoch, slot});
  }
  for (const auto& each : gone)
    each->cancels.cancel();
}

// --- The client --------------------------------------------------------------

granted_client::granted_client(std::unique_ptr<client> mine, session_ptr in,
                               std::size_t payload_bytes_max,
                               std::shared_ptr<value_thread> values,
                               std::function<void(on_counted)> release,
                               std::function<void()> on_end)
    : mine_{std::move(mine)},
      values_{std::move(values)},
      on_end_{std::move(on_end)},
      calls_{std::make_shared<calls>(std::move(in), payload_bytes_max, values_,
                                     std::move(release))} {}

granted_client::~granted_client() {
  calls_->cancel_all();
  on_end_();
}

void granted_client::submit(std::uint64_t call, received_message request,
                            steady_clock::time_point deadline,
                            on_remote_reply done) {
  calls_->note(call, request.number);
  if (!request.is_large())
    return calls_->make(call, std::move(request), deadline, std::move(done));
  // A std::function can be copied, and so must be what it holds.
  const auto large = std::make_shared<received_message>(std::move(request));
  values_->run([in = calls_, call, large, deadline, done] {
    in->make(call, std::move(*large), deadline, done);
  });
}

void granted_client::cancel(std::uint64_t call) {
  calls_->cancel(call);
}

} // namespace snakebridge
