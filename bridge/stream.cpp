#include <snakebridge/stream.hpp>

#include "actors/stream_core.hpp"
#include "bridge/bridge_core.hpp"
#include "bridge/held_object.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace detail {

/// What one reader has.
class stream_reader::state : public stream_reader::unread {
public:
  state(caller through, result<std::shared_ptr<stream_core>> begun)
      : through_{std::move(through)} {
    if (begun)
      of_ = *std::move(begun);
    else
      failed_ = std::move(begun).error();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { static_cast<void>(close()); }

  std::optional<result<value>> take() {
    if (next == end && !refill()) {
      if (!failed_)
        return {};
      return reached(
        result<value>{tl::unexpected{*std::exchange(failed_, {})}});
    }
    std::optional<result<value>> item{std::in_place, std::move(*next++)};
    if (!(*item)->holds_refs())
      return item;
    if (owner_)
      **item = held_object::own(owner_, **item);
    else
      through_.note_refs(*item);
    return item;
  }

  void own_items() {
    if (of_)
      owner_ = held_object::bind(through_, of_->session());
  }

  result<void> close() {
    failed_.reset();
    const auto closed = take_apart();
    if (!closed)
      return {};
    if (auto here = through_.core_->in_its_process(); !here)
      return here; // it is our parent's
    return closed->close();
  }

  void change(const std::function<result<void>(stream_core&)>& set) {
    if (!of_ || !through_.core_->in_its_process())
      return;
    if (auto changed = set(*of_); !changed) {
      failed_ = std::move(changed).error();
      take_apart()->close([](const result<void>&) {});
    }
  }

private:
  bool refill() {
    if (!of_)
      return false;
    if (auto here = through_.core_->in_its_process(); !here) {
      failed_ = std::move(here).error();
      of_.reset();
      return false;
    }
    auto taken = of_->take();
    put(std::move(taken.items));
    if (!batch_.empty())
      return true;
    of_.reset();
    failed_ = std::move(taken.failed);
    return false;
  }

  void put(std::vector<value> items) {
    batch_ = std::move(items);
    next = batch_.data();
    end = next + batch_.size();
  }

  // What is to be closed: null, it has ended. What has come and was not read is
  // let go.
  std::shared_ptr<stream_core> take_apart() {
    auto whole = std::exchange(of_, nullptr);
    batch_.erase(batch_.begin(), batch_.end() - (end - next));
    const auto unread = std::exchange(batch_, {});
    put({});
    if (whole && through_.core_->in_its_process())
      whole->let_go(unread);
    return whole;
  }

  const caller through_;
  std::shared_ptr<stream_core> of_; // null: it has ended
  caller_ptr owner_;                // of objects among the items; or null
  std::optional<error> failed_;     // told once
  std::vector<value> batch_;
};

stream_reader::stream_reader(std::unique_ptr<state> of)
    : state_{of.release()} {}

void stream_reader::deleter::operator()(unread* of) const {
  delete static_cast<state*>(of);
}

stream_reader::state* stream_reader::whole() const {
  return static_cast<state*>(state_.get());
}

std::optional<result<value>> stream_reader::next_of_state() {
  return state_ ? whole()->take() : std::optional<result<value>>{};
}

result<void> stream_reader::close() {
  return state_ ? whole()->close() : result<void>{};
}

void stream_reader::own_items() {
  if (state_)
    whole()->own_items();
}

void stream_reader::batch(std::size_t items) {
  if (state_)
    whole()->change([items](stream_core& of) { return of.set_batch(items); });
}

void stream_reader::timeout_idle(std::chrono::milliseconds time) {
  if (state_)
    whole()->change([time](stream_core& of) { return of.set_timeout(time); });
}

} // namespace detail

stream<> caller::stream_of(operation& asked) const {
  using detail::stream_reader;
  return snakebridge::stream<>{
    stream_reader{std::make_unique<stream_reader::state>(
      *this, core_->stream(asked, options_, session_))}};
}

stream<> caller::stream(const value& iterable) const {
  operation asked{.what = verb::iterate, .target = iterable};
  return stream_of(asked);
}

} // namespace snakebridge
