#include "runtime/python/object_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge {

session_objects::~session_objects() {
  forget_all();
}

const conversion_config& session_objects::rules() const {
  return table_.rules_;
}

py::object session_objects::proxy_of(std::uint64_t callback) const {
  if (!table_.callbacks_)
    throw exception{
      error{errc::not_convertible, "callbacks cannot be called from here"}};
  return callback_proxy(table_.callbacks_, number_, callback,
                        giving_ ? giving_->given() : nullptr);
}

session_objects::giving::giving(session_objects& to)
    : to_{to},
      around_{std::exchange(to.giving_, this)} {}

session_objects::giving::~giving() {
  to_.giving_ = around_;
}

void session_objects::giving::done() {
  if (given_)
    *given_ = true;
}

std::shared_ptr<const bool> session_objects::giving::given() {
  if (!given_)
    given_ = std::make_shared<bool>(false);
  return given_;
}

const import_rules& session_objects::imports() const {
  return table_.imports_;
}

helper_registry& session_objects::helpers() const {
  return table_.helpers_;
}

known_names& session_objects::names() const {
  return table_.names_;
}

void session_objects::begin_call(const ref_bounds& bounds) {
  const bool they_expire = bounds.rules.ttl.count() > 0; // before it is copied
  bounds_ = bounds;
  if (++calls_ > 1)
    return; // another may be writing its result
  settled_ = table_.last_slot_;
  unsettled_ = 0;
  if (they_expire)
    call_began_ = table_.now_();
}

std::uint64_t session_objects::keep(py::object kept) {
  const auto slot = ++table_.last_slot_;
  const auto place =
    objects_.insert(objects_.end(), {slot, std::move(kept), {}});
  places_.emplace(slot, place);
  ++unsettled_;
  table_.counts_.live.fetch_add(1, std::memory_order_relaxed);
  if (expires()) {
    use(*place);
    table_.expect_expiry(place->used + bounds_.rules.ttl);
  }
  return slot;
}

std::optional<std::uint64_t> session_objects::keep_if_allowed(py::object kept) {
  if (bounds_.rules.on_full == on_full::refuse && objects_.size() >= room())
    return std::nullopt;
  const auto slot = keep(std::move(kept));
  settle();
  return slot;
}

// How many it may hold here.
std::size_t session_objects::room() const {
  return bounds_.rules.max - std::min(bounds_.elsewhere, bounds_.rules.max);
}

void session_objects::settle() {
  const bool prunes = bounds_.rules.on_full == on_full::prune;
  if (unsettled_ == 0 && !(prunes && objects_.size() > room()))
    return;
  const auto max = bounds_.rules.max;
  if (!prunes && objects_.size() > room())
    throw exception{
      error{errc::quota_exceeded,
            fmt::format("would hold {} refs, more than its max_refs = {}; "
                        "release some, or open it with more",
                        objects_.size() + bounds_.elsewhere, max)}};
  if (unsettled_ > max)
    throw exception{error{
      errc::quota_exceeded,
      fmt::format("would get {} refs in one result, more than its max_refs = "
                  "{}; ask for less at once, or open it with more",
                  unsettled_, max)}};
  // Ended last of all: their finalisers may run Python code.
  std::vector<py::object> gone;
  while (objects_.size() > std::max(room(), unsettled_))
    gone.push_back(let_go(cause::pruned));
  settled_ = table_.last_slot_;
  unsettled_ = 0;
}

// Takes out the one that was not used for the longest.
py::object session_objects::let_go(cause why) {
  auto& oldest = objects_.front();
  auto taken = std::move(oldest.object);
  if (gone_.size() >= limits::refs_gone_max)
    gone_.erase(gone_.begin());
  gone_.emplace(oldest.slot, why);
  places_.erase(oldest.slot);
  objects_.pop_front();
  auto& counts = table_.counts_;
  counts.live.fetch_sub(1, std::memory_order_relaxed);
  (why == cause::pruned ? counts.pruned : counts.expired)
    .fetch_add(1, std::memory_order_relaxed);
  return taken;
}

void session_objects::use(kept_object& used) const {
  if (expires())
    used.used = table_.now_();
}

// What the call used was in use until its end.
void session_objects::end_call() {
  if (calls_ > 0 && --calls_ > 0)
    return;
  if (!expires() || objects_.empty())
    return;
  const auto now = table_.now_();
  for (auto each = objects_.rbegin();
       each != objects_.rend() && each->used >= call_began_; ++each)
    each->used = now;
  table_.expect_expiry(objects_.front().used + bounds_.rules.ttl);
}

void session_objects::expire(time_of_use now, std::vector<py::object>& gone) {
  if (!expires() || calls_ > 0)
    return;
  const auto ttl = bounds_.rules.ttl;
  while (!objects_.empty() && objects_.front().used + ttl <= now)
    gone.push_back(let_go(cause::expired));
  if (objects_.empty())
    return;
  table_.expect_expiry(objects_.front().used + ttl);
}

error session_objects::why_gone(std::uint64_t slot) const {
  const auto place = gone_.find(slot);
  if (place == gone_.end())
    return {errc::ref_released,
            fmt::format("object {} was released; make it again", slot)};
  if (place->second == cause::pruned)
    return {errc::ref_released,
            fmt::format("object {} was pruned: session holds more than "
                        "max_refs = {}; make it again, and release what is not "
                        "needed or open the session with more",
                        slot, bounds_.rules.max)};
  return {errc::ref_released,
          fmt::format(
            "object {} expired: not used for {:g} s, the ttl of its "
            "session; make it again",
            slot, std::chrono::duration<double>{bounds_.rules.ttl}.count())};
}

py::handle session_objects::find(std::uint64_t slot) const {
  const auto place = places_.find(slot);
  if (place == places_.end())
    throw exception{why_gone(slot)};
  const auto found = place->second;
  objects_.splice(objects_.end(), objects_, found);
  use(*found);
  return found->object;
}

bool session_objects::forget(std::uint64_t slot) {
  const auto place = places_.find(slot);
  if (place == places_.end())
    return false;
  // Taken out first: its finaliser may run Python code.
  const auto taken = std::move(place->second->object);
  objects_.erase(place->second);
  places_.erase(place);
  if (slot > settled_ && unsettled_ > 0)
    --unsettled_;
  table_.counts_.live.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

std::size_t session_objects::forget_all() {
  auto taken = std::exchange(objects_, {});
  const auto count = taken.size();
  places_.clear();
  // Before the module: their finalisers may use what it defines.
  taken.clear();
  if (module_ && module_->end())
    table_.has_garbage_ = true;
  module_.reset();
  table_.counts_.live.fetch_sub(count, std::memory_order_relaxed);
  return count;
}

std::size_t session_objects::end_in_call() {
  ended_ = true;
  const auto taken = std::exchange(objects_, {});
  places_.clear();
  unsettled_ = 0;
  table_.counts_.live.fetch_sub(taken.size(), std::memory_order_relaxed);
  return taken.size();
}

const session_module& session_objects::module() {
  if (!module_)
    module_.emplace(imports(), table_.context_, id_, epoch_,
                    table_.callbacks_ ? proxy_of(0) : py::none());
  return *module_;
}

session_objects* object_table::find(std::uint64_t session) {
  if (last_found_ != nullptr && last_ == session)
    return last_found_;
  const auto place = sessions_.find(session);
  if (place == sessions_.end())
    return nullptr;
  last_ = session;
  return last_found_ = place->second.get();
}

session_objects& object_table::of(std::uint64_t session, std::string_view id,
                                  std::uint64_t epoch) {
  if (auto* const known = find(session))
    return *known;
  auto& place = sessions_[session];
  place = std::make_unique<session_objects>(*this, session, id, epoch);
  return *place;
}

object_table::holding object_table::end_call(std::uint64_t session,
                                             bool begun) {
  auto* const found = find(session);
  if (found == nullptr)
    return {};
  auto& ended = *found;
  if (begun)
    ended.end_call();
  if (ended.ended_ && ended.calls_ == 0) {
    release(session);
    return {};
  }
  const auto held = ended.objects_.size();
  return {.objects = static_cast<std::uint32_t>(held),
          .names = ended.module_ && ended.module_->has_names(),
          .is_news = std::exchange(ended.last_told_, held) != held};
}

void object_table::expect_expiry(time_of_use when) {
  next_expiry_ = std::min(next_expiry_.load(), when);
}

void object_table::expire() {
  const auto due = next_expiry_.load();
  if (due == never)
    return;
  const auto now = now_();
  if (now < due)
    return;
  next_expiry_ = never;
  std::vector<py::object> gone; // as in `settle`
  for (const auto& [number, each] : sessions_)
    each->expire(now, gone);
  if (next_expiry_.load() != never)
    next_expiry_ =
      std::max(next_expiry_.load(),
               now + std::chrono::milliseconds{limits::expiry_step_ms});
  collect();
}

bool object_table::forget(std::uint64_t session, std::uint64_t slot) {
  auto* const found = find(session);
  return found != nullptr && found->forget(slot);
}

std::size_t object_table::release(std::uint64_t session) {
  // By a callback, inside a call of the session, which goes on.
  if (auto* const found = find(session); found != nullptr && found->calls_ > 0)
    return found->end_in_call();
  const auto taken = sessions_.extract(session);
  last_found_ = nullptr;
  const auto count = taken.empty() ? 0 : taken.mapped()->forget_all();
  collect();
  return count;
}

void object_table::release_all() {
  const auto taken = std::exchange(sessions_, {});
  last_found_ = nullptr;
}

void object_table::collect() {
  if (!has_garbage_)
    return;
  const auto began = now_();
  if (began < collect_again_) {
    expect_expiry(collect_again_);
    return;
  }
  has_garbage_ = false;
  const auto gc =
    py::reinterpret_steal<py::object>(PyImport_ImportModule("gc"));
  const auto collected = py::reinterpret_steal<py::object>(
    gc ? PyObject_CallMethod(gc.ptr(), "collect", nullptr) : nullptr);
  if (!collected)
    PyErr_Clear(); // interrupted: then Python collects it, later
  const auto now = now_();
  collect_again_ = now + limits::collections_apart * (now - began);
}

} // namespace snakebridge
