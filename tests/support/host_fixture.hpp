#pragma once
// One interpreter without its actors: a host, the dispatcher that feeds it, the
// clock, and sessions that call it. What the interpreter actor does,
// `test_interpreter` does when told. Its end waits for the host's end: a test
// leaves no process and no thread.

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <snakebridge/format.hpp>

#include "runtime/calls/dispatcher.hpp"
#include "runtime/hosts/embedded_host.hpp"
#include "runtime/hosts/worker_host.hpp"
#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

inline steady_clock::time_point in_time() {
  return steady_clock::now() + patience;
}
/// A deadline that has passed.
inline steady_clock::time_point passed() {
  return steady_clock::time_point{};
}

template <class... Arguments>
operation asking(verb what, std::string module, std::string name,
                 Arguments&&... arguments) {
  operation asked{
    .what = what, .module = std::move(module), .name = std::move(name)};
  snakebridge::detail::add_arguments(asked,
                                     std::forward<Arguments>(arguments)...);
  return asked;
}

template <class... Arguments>
operation asking_of(verb what, value target, std::string name,
                    Arguments&&... arguments) {
  auto asked =
    asking(what, {}, std::move(name), std::forward<Arguments>(arguments)...);
  asked.target = std::move(target);
  return asked;
}

/// An answer that will come, of a call nobody waits for.
using promised = std::future<result<value>>;

/// A session's calls; ended with its owner.
class test_session {
public:
  test_session(std::shared_ptr<dispatcher> calls, const std::string& id,
               std::uint32_t interpreter = 7, const ref_rules& rules = {})
      : calls_{std::move(calls)},
        interpreter_{interpreter},
        gate_{std::make_shared<session_gate>(next_number(), id, rules)} {}
  test_session(test_session&&) = default;
  ~test_session() {
    if (gate_)
      close();
  }

  template <class... Arguments>
  result<value> call(std::string module, std::string function,
                     Arguments&&... arguments) {
    return run(asking(verb::call, std::move(module), std::move(function),
                      std::forward<Arguments>(arguments)...));
  }
  template <class... Arguments>
  result<value> method(const value& target, std::string name,
                       Arguments&&... arguments) {
    return run(asking_of(verb::method, target, std::move(name),
                         std::forward<Arguments>(arguments)...));
  }
  template <class... Variables>
  result<value> eval(std::string code, Variables&&... variables) {
    return run(asking(verb::evaluate, {}, std::move(code),
                      std::forward<Variables>(variables)...));
  }
  template <class... Variables>
  result<value> exec(std::string code, Variables&&... variables) {
    return run(asking(verb::execute, {}, std::move(code),
                      std::forward<Variables>(variables)...));
  }
  template <class... Arguments>
  result<value> on(verb what, const value& target, Arguments&&... arguments) {
    return run(
      asking_of(what, target, {}, std::forward<Arguments>(arguments)...));
  }
  result<value> release(const value& target) {
    return on(verb::release, target);
  }

  result<value> run(operation asked,
                    steady_clock::time_point deadline = in_time()) {
    const auto to = destination_of(asked);
    return calls_->run(std::move(asked), gate_, deadline, to);
  }

  /// The call itself is kept by who serves it, as in real life.
  promised submit(operation asked,
                  steady_clock::time_point deadline = in_time()) {
    auto told = std::make_shared<std::promise<result<value>>>();
    auto answer = told->get_future();
    submit(std::move(asked), deadline, [told](result<value> outcome) {
      told->set_value(std::move(outcome));
    });
    return answer;
  }
  void submit(operation asked, steady_clock::time_point deadline,
              completion done) {
    const auto to = destination_of(asked);
    calls_->submit(std::make_shared<exchange>(std::move(asked), gate_, deadline,
                                              to, std::move(done)));
  }

  /// Ends the session; its objects are freed. Idempotent.
  void close() {
    if (!gate_->closed.exchange(true))
      calls_->release(gate_->number);
  }
  std::uint64_t number() const { return gate_->number; }
  const std::string& id() const { return gate_->id; }

private:
  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }

  destination destination_of(const operation& asked) const {
    return {.interpreter = interpreter_, .epoch = epoch_of(asked)};
  }
  static std::uint32_t epoch_of(const operation& asked) {
    if (const auto* target = asked.target.get_if<ref>())
      return target->epoch;
    for (const auto& each : asked.positional)
      if (const auto* name = each.get_if<ref>())
        return name->epoch;
    return 0;
  }

  std::shared_ptr<dispatcher> calls_;
  const std::uint32_t interpreter_;
  std::shared_ptr<session_gate> gate_;
};

/// The answer of a submitted call; a test that gets none fails.
inline result<value> answer_of(promised&& answer) {
  if (answer.wait_for(patience) == std::future_status::ready)
    return answer.get();
  ADD_FAILURE() << "a call was never answered";
  return tl::unexpected{error{errc::deadline_exceeded, "never answered"}};
}

inline result<value> answer_of(promised& answer) {
  return answer_of(std::move(answer));
}

class test_interpreter {
public:
  static constexpr std::uint32_t number = 7;

  struct make_host {
    std::function<std::shared_ptr<interpreter_host>(
      incarnation, std::shared_ptr<live_threads>)>
      make;
    std::size_t payload_bytes_max = 0; ///< as in dispatcher_settings
    std::uint32_t executors = 1;       ///< the same
  };

  explicit test_interpreter(make_host how, std::size_t waiting_max = 1'000)
      : make_{std::move(how.make)},
        calls_{std::make_shared<dispatcher>(
          dispatcher_settings{.waiting_max = waiting_max,
                              .shy_of_deaths = {},
                              .payload_bytes_max = how.payload_bytes_max,
                              .executors = how.executors},
          clock_)} {
    calls_->add(number);
    calls_->bring_back(number);
  }
  test_interpreter(const test_interpreter&) = delete;
  ~test_interpreter() {
    if (host_ && !ended())
      stop();
    host_.reset();
    EXPECT_TRUE(threads_->wait_for_none(patience)) << "a host's thread lives";
  }

  /// Begins the next incarnation.
  void start() {
    {
      const std::lock_guard lock{mutex_};
      end_.reset();
    }
    const auto epoch = calls_->next_epoch(number);
    host_ =
      make_({.pool = "test", .interpreter = number, .epoch = epoch}, threads_);
    host_->start({.on_ready =
                    [this, weak = std::weak_ptr{host_}] {
                      calls_->attach(number, weak.lock());
                    },
                  .on_room = [this] { calls_->pump(number); },
                  .on_end =
                    [this, epoch, which = host_.get()](host_end end) {
                      calls_->detach(number, which, epoch, end);
                      const std::lock_guard lock{mutex_};
                      end_ = std::move(end);
                      ended_.notify_all();
                    }});
  }
  /// The same, and waits until it can be called.
  result<void> start_and_wait() {
    start();
    // Not `wait_ready`: that tells of the death of one that was before.
    EXPECT_TRUE(eventually([this] { return facts().ready || ended(); }))
      << "it neither starts nor fails";
    if (facts().ready)
      return {};
    return tl::unexpected{wait_end().why};
  }

  /// How the host ended; a test whose host does not end fails.
  host_end wait_end() {
    std::unique_lock lock{mutex_};
    if (!ended_.wait_for(lock, patience, [this] { return end_.has_value(); })) {
      ADD_FAILURE() << "the host does not end";
      return {.why = {errc::overloaded, "the host does not end"},
              .asked = false,
              .unstarted = {}};
    }
    return *end_;
  }
  host_end stop() {
    host_->stop();
    return wait_end();
  }
  host_end kill(std::string why) {
    host_->kill(std::move(why));
    return wait_end();
  }

  test_session open(const std::string& id = "a", const ref_rules& rules = {}) {
    return {calls_, id, number, rules};
  }
  interpreter_host& host() { return *host_; }
  dispatcher& calls() { return *calls_; }
  interpreter_facts facts() const { return calls_->look(number); }
  std::uint64_t live_objects() { return host_->stats().live_objects; }
  /// True when no object is left, which may take the host a moment.
  bool ends_empty() {
    return eventually([this] { return live_objects() == 0; });
  }

private:
  bool ended() {
    const std::lock_guard lock{mutex_};
    return end_.has_value();
  }

  const decltype(make_host::make) make_;
  const std::shared_ptr<live_threads> threads_ =
    std::make_shared<live_threads>();
  const std::shared_ptr<timers> clock_ = std::make_shared<thread_timers>();
  const std::shared_ptr<dispatcher> calls_;
  std::shared_ptr<interpreter_host> host_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<host_end> end_;
};

/// Everything a worker printed.
class printed_lines {
public:
  void add(const log_line& line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(line);
  }
  std::vector<log_line> all() const {
    const std::lock_guard lock{mutex_};
    return lines_;
  }
  /// The line of that text, once it has come; a test fails without it.
  log_line find(const std::string& text) const {
    log_line found;
    const auto there = [&] {
      for (const auto& each : all())
        if (each.text == text) {
          found = each;
          return true;
        }
      return false;
    };
    EXPECT_TRUE(eventually(there)) << "never printed: " << text;
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::vector<log_line> lines_;
};

/// Settings under which nothing runs out of time by itself.
inline worker_settings patient_worker(printed_lines& into) {
  worker_settings settings;
  settings.payload_bytes_max = std::size_t{64} << 20U;
  settings.start_timeout = settings.stop_timeout = patience;
  settings.cancel_grace = settings.kill_grace = patience;
  settings.on_output = [&into](const log_line& line) { into.add(line); };
  return settings;
}

inline test_interpreter::make_host worker_of(worker_settings settings) {
  return {[settings](incarnation self, std::shared_ptr<live_threads> threads) {
            return std::make_shared<worker_host>(std::move(self), settings,
                                                 std::move(threads));
          },
          settings.payload_bytes_max, settings.threads};
}

inline test_interpreter::make_host embedded() {
  return {[](incarnation self, std::shared_ptr<live_threads> threads) {
    embedded_settings settings;
    settings.queue_max = 1'000;
    settings.start_timeout = settings.cancel_grace = patience;
    return std::make_shared<embedded_host>(std::move(self), std::move(settings),
                                           std::move(threads));
  }};
}

/// The value; a test that gets an error instead fails.
inline value value_of(const result<value>& outcome) {
  if (outcome)
    return *outcome;
  ADD_FAILURE() << outcome.error();
  return {};
}

/// The error's code; a test that gets a value instead fails.
template <class T>
errc code_of(const result<T>& outcome) {
  if (!outcome)
    return outcome.error().code();
  ADD_FAILURE() << "answered a value";
  return {};
}

/// The Python exception; a test that gets anything else fails.
inline python_error raised_by(const result<value>& outcome) {
  if (!outcome && outcome.error().python() != nullptr)
    return *outcome.error().python();
  ADD_FAILURE() << "did not raise: "
                << (outcome ? repr_short(*outcome)
                            : to_string(outcome.error()));
  return {};
}

} // namespace snakebridge::testing
