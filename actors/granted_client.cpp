#include "actors/granted_client.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>

#include "config/tunables.hpp"
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

  std::mutex mutex_;
  std::vector<value> items_;         ///< that have come
  std::optional<result<value>> end_; ///< of the batch
  bool runs_ = false;                ///< a batch is being made
  std::size_t items_max_ = 0;
  replies waits_;
  std::atomic<bool> is_over_ = false;
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

  /// It is there to be cancelled.
  void note(std::uint64_t call) {
    const std::lock_guard lock{mutex_};
    running_.emplace(call, cancel_source{});
  }
  void make(std::uint64_t call, received_message request,
            steady_clock::time_point deadline, on_remote_reply done);
  void cancel(std::uint64_t call);
  void cancel_all();

private:
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
  std::optional<cancel_source> take(std::uint64_t call);
  result<remote_reply> reply(const result<value>& outcome,
                             const std::vector<value>& items = {}) const {
    return reply_of(in_, payload_bytes_max_, outcome, items);
  }

  const session_ptr in_;
  const std::size_t payload_bytes_max_;
  const std::shared_ptr<value_thread> values_;
  const std::function<void(on_counted)> release_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, cancel_source> running_;
  std::map<stream_place, std::shared_ptr<read_stream>> streams_;
};

std::optional<cancel_source> granted_client::calls::take(std::uint64_t call) {
  const std::lock_guard lock{mutex_};
  auto found = running_.extract(call);
  return found ? std::optional{std::move(found.mapped())} : std::nullopt;
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
  for (auto& [call, source] : calls)
    source.cancel(); // the session may live on
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
  const auto& home = in_->home();
  auto made = wire::decode_remote_request(
    received,
    {.session = in_->id(), .node = home.node, .session_epoch = home.epoch});
  if (!made) {
    take(call);
    return done(tl::unexpected{std::move(made).error()});
  }
  auto options = options_of(*made, in_->clock().now(), deadline);
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
    options.cancel = here->second.token();
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
      streams_.try_emplace(place_of(*named), std::make_shared<read_stream>())
        .first->second;
    here->second = stream->cancels;
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
  calls_->note(call);
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
