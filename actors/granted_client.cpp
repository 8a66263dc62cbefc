#include "actors/granted_client.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>

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

// The call has run all the same. What it made is freed where the reply cannot
// be sent: nobody will ever have its refs.
result<std::shared_ptr<message>>
reply_of(const session_ptr& in, std::size_t bytes_max,
         const result<value>& outcome, const std::vector<value>& items = {}) {
  auto made = wire::encode_remote_reply(outcome, items, bytes_max);
  if (made)
    return made;
  const auto free = [&](const ref& each) { in->let_go(each); };
  for (const auto& each : items)
    each_ref(each, free);
  each_ref(outcome, free);
  return tl::unexpected{made.error().with_may_have_run(true)};
}

} // namespace

std::optional<cancel_source> granted_client::running::take(std::uint64_t call) {
  const std::lock_guard lock{mutex};
  auto found = calls.extract(call);
  return found ? std::optional{std::move(found.mapped())} : std::nullopt;
}

granted_client::granted_client(std::unique_ptr<client> mine, session_ptr in,
                               std::size_t payload_bytes_max,
                               std::function<void(on_counted)> release,
                               std::function<void()> on_end)
    : mine_{std::move(mine)},
      in_{std::move(in)},
      payload_bytes_max_{payload_bytes_max},
      release_{std::move(release)},
      on_end_{std::move(on_end)} {}

void granted_client::submit(std::uint64_t call, std::vector<word> request,
                            steady_clock::time_point deadline,
                            on_remote_reply done) {
  const frame received{
    .header = {.words = static_cast<std::uint32_t>(request.size())},
    .message = std::move(request)};
  const auto& home = in_->home();
  auto made = wire::decode_remote_request(
    received,
    {.session = in_->id(), .node = home.node, .session_epoch = home.epoch});
  if (!made)
    return done(tl::unexpected{std::move(made).error()});
  auto options = options_of(*made, in_->clock().now(), deadline);
  if (made->asked.what == verb::release_session)
    return release_([in = in_, done, bytes_max = payload_bytes_max_](
                      const result<std::size_t>& count) {
      done(reply_of(in, bytes_max, count.transform([](std::size_t objects) {
        return value{objects};
      })));
    });
  if (made->asked.what == verb::next)
    return read(call, std::move(made->asked), std::move(options),
                std::move(done));
  if (made->asked.what == verb::close || made->asked.what == verb::release)
    forget_streams(made->asked);
  start(call, options);
  in_->submit(std::move(made->asked), options,
              [in = in_, running = running_, call, done,
               bytes_max = payload_bytes_max_](const result<value>& outcome) {
                running->take(call);
                done(reply_of(in, bytes_max, outcome));
              });
}

void granted_client::start(std::uint64_t call, call_options& options,
                           cancel_source by) {
  options.cancel = by.token();
  const std::lock_guard lock{running_->mutex};
  running_->calls.emplace(call, std::move(by));
}

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

void granted_client::make_batch(const session_ptr& in,
                                const std::shared_ptr<read_stream>& of,
                                const operation& next,
                                const call_options& options) {
  in->submit(
    next, options,
    [in, of, next, options](result<value> outcome) {
      if (of->end(std::move(outcome)))
        make_batch(in, of, next, options);
    },
    [of](std::vector<value> come) { of->take(std::move(come)); });
}

void granted_client::read(std::uint64_t call, operation asked,
                          call_options options, on_remote_reply done) {
  const auto* named = asked.target.get_if<ref>();
  if (named == nullptr)
    return done(tl::unexpected{
      error{errc::message_malformed, "a batch of what is no stream"}});
  std::erase_if(streams_,
                [](const auto& each) { return each.second->is_over(); });
  const auto stream =
    streams_.try_emplace(place_of(*named), std::make_shared<read_stream>())
      .first->second;
  start(call, options, stream->cancels);
  const bool begins = stream->ask(
    asked.batch.items,
    [in = in_, running = running_, call, done, bytes_max = payload_bytes_max_](
      const result<value>& outcome, const std::vector<value>& items) {
      running->take(call);
      done(reply_of(in, bytes_max, outcome, items));
    });
  if (!begins)
    return;
  // Who waits for it has its own time, and may be another when it comes.
  options.timeout = milliseconds{day_ms};
  make_batch(in_, stream, asked, options);
}

void granted_client::forget_streams(const operation& freed) {
  const auto* named = freed.target.get_if<ref>();
  if (named == nullptr)
    return;
  const auto forget = [this](const stream_place& at) {
    if (const auto gone = streams_.extract(at))
      gone.mapped()->cancels.cancel();
  };
  forget(place_of(*named));
  for (const auto slot : freed.slots)
    forget({named->interpreter, named->epoch, slot});
}

granted_client::~granted_client() {
  std::unordered_map<std::uint64_t, cancel_source> left;
  {
    const std::lock_guard lock{running_->mutex};
    left.swap(running_->calls);
  }
  for (auto& [call, source] : left)
    source.cancel(); // the session may live on
  for (const auto& [at, stream] : streams_)
    stream->cancels.cancel();
  on_end_();
}

void granted_client::cancel(std::uint64_t call) {
  if (auto source = running_->take(call))
    source->cancel();
}

} // namespace snakebridge
