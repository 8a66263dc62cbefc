#pragma once
// The calls of one worker: those it was given and has not answered, and who
// reads its answers. A thread that waits for an answer reads for all while it
// waits, so that a call takes just two switches; answers nobody waits for are
// read by the host's own thread. A call that awaits something leaves its
// executor for the worker's event loop. Owned by a worker_host; any thread.

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/descriptor.hpp"
#include "runtime/calls/interpreter_host.hpp"
#include "runtime/hosts/worker_care.hpp"
#include "runtime/hosts/worker_process.hpp"
#include "runtime/values/origin.hpp"
#include "runtime/wire/peer.hpp"

namespace snakebridge {

class worker_link {
public:
  /// Who has the worker. It is told from any thread.
  class owner {
  public:
    /// The own thread is to look: it reads from now on, a call was given up,
    /// there is something to send, or to finish. Also with the link's lock.
    virtual void wake() = 0;
    /// It has answered calls.
    virtual void on_room() = 0;
    /// It breaks the protocol, or there is no memory for what it sent.
    virtual void kill(std::string reason) = 0;
    /// There is nothing more to read.
    virtual void on_channel_end() = 0;
    /// It lives as long as this does.
    virtual std::shared_ptr<interpreter_host> self() = 0;

  protected:
    ~owner() = default;
  };

  /// `python`: as in pool_config, to tell of.
  /// `bytes_max`: of what a callback answers, encoded.
  worker_link(owner& by, incarnation self, std::filesystem::path python,
              std::size_t executors, std::size_t bytes_max);

  // For the host, from its own thread.

  /// Makes what it needs of the system, if that is missing; false where there
  /// is no descriptor left for it.
  bool make_missing_event();
  /// The process is there: it may be given calls once it is `open`.
  void connect(worker_process& to, std::unique_ptr<channel> data);
  void open();
  /// Sends what is left: false when there is more than there is room for.
  bool send();
  /// Whether the own thread is to read, and what it polls for that.
  bool own_thread_reads() const;
  int poll_descriptor() const { return data_->over().poll_descriptor(); }
  /// As `peer::spin` and `peer::doze`.
  bool spin() { return data_->spin(); }
  bool doze() { return data_->doze(); }
  channel_state read() { return read(reader::own_thread); }
  /// Answers what leaders brought in for nobody.
  void finish_handed_off();
  /// Threads that help read in its stead. It looks at it every now and then:
  /// true while that is so.
  bool look_at_helpers();
  /// What each executor is at, and after them the loop.
  void look(std::span<executor_sight> seen) const;
  /// Calls of the loop that nobody wants any more, since the last time.
  std::vector<std::uint64_t> take_unwanted();
  /// A call it has; null: it has not.
  exchange_ptr find(std::uint64_t call) const;
  /// The calls that executors run.
  std::vector<exchange_ptr> running_calls() const;
  /// What it had when it died, and has answered to nobody.
  struct rest {
    std::vector<exchange_ptr> started, unstarted;
    std::vector<exchange_ptr> running; ///< those of `started`
    std::vector<std::size_t> held;     ///< how many each executor had
  };
  rest close();
  /// They are answered, or will run elsewhere.
  void forget(const rest& gone);
  /// A thread of Python's own calls, perhaps when nobody reads.
  void listen();
  /// Wakes the own thread when a call is back, as long as it is set.
  std::atomic<bool> tells_returns = false;

  // For the host, from any thread.

  bool is_open() const { return open_; }
  /// No more calls; those it has are answered.
  void finish();
  /// No more calls.
  void shut() { open_ = false; }

  // As those of interpreter_host.

  bool accept(const exchange_ptr& taken);
  bool accept_inside(const exchange_ptr& taken);
  void flush();
  exchange::news wait_for(exchange& mine, timers& clock);
  void help(exchange& mine, timers& clock, steady_clock::time_point until);
  void hurry(exchange& told);
  call_stage abandon(const exchange& given_up);
  void withdraw(std::uint64_t session);
  void release(std::uint64_t session, std::size_t executor);
  std::size_t running() const { return running_; }
  std::size_t running(std::size_t executor) const {
    return seats_[executor].running;
  }
  /// Where the loop is, among the executors.
  std::size_t loop() const { return seats_.size() - 1; }

private:
  /// What one executor has, or the loop.
  struct seat {
    std::uint64_t last = 0;          // number of a call
    std::vector<exchange_ptr> calls; // in order
    // The same of what callbacks call, inside the one that runs.
    std::uint64_t last_inside = 0;
    std::vector<exchange_ptr> inside;
    // Those, and what was taken out and is not at its end yet: replies that are
    // being read, and calls that are about to run elsewhere.
    std::atomic<std::size_t> running = 0;
  };
  /// A helper is a leader that answers others' calls as well.
  enum class reader { own_thread, leader, helper };
  /// A callback that was called and has not answered.
  struct visit {
    std::uint64_t call = 0; // that it happened in; 0: none
    std::uint64_t session = 0;
  };

  using replies = std::vector<std::pair<exchange_ptr, frame>>;

  channel_state read(reader who);
  template <class Read>
  channel_state gather(const replies& replied, const Read& read);
  std::size_t enough_to_tell(const replies& replied) const;
  exchange_ptr take_back(frame& reply, reader who);
  bool finish_all_handed_off();
  void finish(const exchange_ptr& replied, const frame& reply);
  void let_go(const exchange& replied, const result<value>& untaken);
  bool move_to_loop(const frame& told);
  bool take_news_of_callback(frame& arrived, reader who);
  void run_called(const exchange_ptr& in, const frame& called);
  void run_called_later(const exchange_ptr& in, const frame& called);
  void answer_visit(std::uint64_t number, std::unique_ptr<message> told);
  void drop(const frame& dropped);
  void give(const value& outcome, std::uint64_t session,
            const std::shared_ptr<session_callbacks>& known);
  std::shared_ptr<session_callbacks> callbacks_of(std::uint64_t session) const;
  void gone(const exchange& each);
  bool begin_to_lead(const exchange& mine);
  bool begin_to_help();
  void end_of_lead();
  bool is_to_lead() const;

  // With the lock.
  void hand_off(exchange_ptr told, frame& message, reader who);
  void post(const exchange_ptr& taken);
  void withdraw(const exchange& unwanted);
  void give_up_inside(const exchange& given_up);
  void cancel_visits(const std::function<bool(const visit&)>& which);
  exchange_ptr last_started(const std::vector<exchange_ptr>& calls) const;
  exchange_ptr* find_locked(std::uint64_t call);
  exchange_ptr take_out(exchange_ptr* place);
  bool is_empty() const;
  void let_own_thread_read();
  void ensure_reader();
  void post_release(std::shared_ptr<message> released, std::size_t executor);

  owner& owner_;
  const incarnation self_;
  const std::filesystem::path python_;
  const std::size_t bytes_max_;
  descriptor call_leader_;
  worker_process* process_ = nullptr;
  std::unique_ptr<peer> data_; // set once, before it is open

  mutable std::mutex mutex_;
  std::atomic<bool> open_ = false;
  std::atomic<bool> leader_ = false;
  std::atomic<bool> own_thread_reads_ = false;
  std::atomic<bool> wakes_ = false; // the own thread, with the next flush
  std::size_t unwaited_ = 0;        // calls that nobody waits for
  std::size_t prompt_ = 0;          // of those, that may not be late
  // Threads that help read for all, one after the other, as long as they come
  // again soon: the own thread is not woken when one goes.
  std::atomic<bool> helped_ = false;
  std::uint64_t helps_ = 0, helps_seen_ = 0;
  std::vector<exchange*> helpers_;    // each by the call it waits for
  std::atomic<int> not_gathered_ = 0; // reads to be told of at once, of helpers
  std::vector<seat> seats_;           // by executor; the last is the loop's
  // Of the loop's calls: all nobody wants, and those not taken yet.
  std::set<std::uint64_t> unwanted_;
  std::vector<std::uint64_t> newly_unwanted_;
  std::uint64_t replies_ = 0;
  std::atomic<std::size_t> running_ = 0;
  // For the own thread, in the order it was read in: what nobody waits for.
  std::vector<std::pair<exchange_ptr, frame>> handed_off_;
  // Of sessions that have had calls there.
  std::unordered_map<std::uint64_t, std::shared_ptr<session_callbacks>>
    callbacks_;
  std::uint64_t last_session_ = 0;     // of a call
  std::set<std::uint64_t> given_some_; // of those sessions: Python has some
  // Threads of Python's own that have called, and are not heard yet. It may be
  // heard of them later than of what they ask.
  std::int64_t unheard_ = 0;
  std::unordered_map<std::uint64_t, visit> visits_; // by number
  std::size_t called_ = 0;                          // and not run to the end
};

} // namespace snakebridge
