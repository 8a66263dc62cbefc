#pragma once
// The callbacks of a session that Python has: as often as it was given each.
// They end when Python has dropped them all, or with the session. Shared by the
// session's gate and the hosts that Python may call them from; any thread.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include <snakebridge/callback.hpp>

#include "runtime/values/callback_answer.hpp"

namespace snakebridge {

/// Where code of the program runs that Python calls.
class program_side {
public:
  virtual ~program_side() = default;
  /// Runs it here, where its calls use the session.
  virtual void run_here(const std::function<void()>& what) const = 0;
  /// The same on a callback thread, soon.
  virtual void run_later(std::function<void()> what) const = 0;
  /// What Python calls by a name, which is the first argument.
  virtual std::optional<callback> tools() const { return {}; }
};

/// The number of that as a callback; others are never 0.
inline constexpr std::uint64_t tools_callback = 0;

/// What a callback throws for one of another node, which has thrown that.
struct thrown_elsewhere {
  std::string type;
  std::string message;
};

/// Calls it, on this thread.
callback_answer call_back(const callback& of,
                          detail::callback_arguments given) noexcept;

class session_callbacks {
public:
  explicit session_callbacks(std::string session)
      : session{std::move(session)} {}

  const std::string session; ///< its id

  /// Once, before there are calls.
  void run_on(std::shared_ptr<const program_side> program) {
    program_ = std::move(program);
  }
  void run_here(const std::function<void()>& what) const;
  void run_later(std::function<void()> what) const;

  // `holder`: what stands for one Python that has them.

  /// It is about to get those in it.
  void add(const value& given, const void* holder);
  void add(const operation& asked, const void* holder);
  /// It did not.
  void remove(const operation& asked, const void* holder);
  std::optional<callback> find(std::uint64_t id) const;
  /// It has one less of that.
  void drop(std::uint64_t id, const void* holder);
  /// It has some.
  bool are_held_by(const void* holder) const;
  /// It has none any more.
  void forget(const void* holder);
  /// Python gets no more, and has none.
  void end();

private:
  struct given_one {
    callback of;
    std::unordered_map<const void*, std::size_t> times = {}; ///< by holder
  };
  using all = std::unordered_map<std::uint64_t, given_one>;

  void destroy(all gone) const;
  static void take_out(all& from, all::iterator place, const void* holder,
                       bool once, all& gone);

  std::shared_ptr<const program_side> program_; // null: threads as they come
  mutable std::mutex mutex_;
  bool ended_ = false;
  all given_; // by id
};

/// Each in what is sent with it, as often as it is there.
void each_callback(const operation& asked,
                   const std::function<void(const callback&)>& take);
/// There are some in what is sent with it.
bool holds_callbacks(const operation& asked);

} // namespace snakebridge
