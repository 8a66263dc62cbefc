#include <snakebridge/bridge.hpp>

#include "bridge/bridge_core.hpp"
#include "bridge/continuation_place.hpp"
#include "bridge/this_thread.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace detail {

result<bool> read_released(result<value> answered) {
  if (!answered
      && (answered.error().code() == errc::ref_stale
          || answered.error().code() == errc::ref_released
          || answered.error().code() == errc::session_closed))
    return false;
  return read_as<bool>(std::move(answered));
}

result<helper_index> read_helpers(result<value> answered) {
  if (!answered)
    return tl::unexpected{std::move(answered).error()};
  return attempt([&] {
    using texts = std::vector<std::vector<std::string>>;
    const auto told = answered->as<std::map<std::string, texts>>();
    helper_index index;
    for (const auto& each : told.at("found"))
      index.found.push_back({each.at(0), each.at(1), each.at(2), each.at(3)});
    for (const auto& each : told.at("failed"))
      index.failed.push_back({each.at(0), each.at(1)});
    return index;
  });
}

} // namespace detail

caller::caller(std::shared_ptr<bridge_core> core,
               std::shared_ptr<session_core> through)
    : core_{std::move(core)},
      session_{std::move(through)} {}

caller::caller(const caller& other) = default;
caller::caller(caller&& other) noexcept = default;
caller& caller::operator=(const caller& other) = default;
caller& caller::operator=(caller&& other) noexcept = default;
caller::~caller() = default;

async_caller::async_caller(caller through) : through_{std::move(through)} {}

async_caller async_caller::with(call_options options) const {
  return async_caller{through_.with(std::move(options))};
}

result<value> caller::run(operation& asked) const {
  auto outcome = core_->run(asked, options_, session_);
  note_refs(outcome);
  return outcome;
}

void caller::note_refs(const result<value>& answered) const {
  if (options_.leaves == leaves::objects)
    return; // they have owners of their own
  for (auto* scope = this_thread().refs; scope != nullptr;
       scope = scope->around_)
    if (scope->covers(*this))
      return scope->take(answered);
}

caller caller::with(call_options options) const {
  auto other = *this;
  overlay(other.options_, options);
  if (!options.session.empty()) {
    other.options_.session = std::move(options.session);
    other.session_.reset();
  }
  return other;
}

async_caller caller::async() const {
  return async_caller{*this};
}

std::string caller::current_session() const {
  if (session_)
    return session_->id();
  auto waits = this_thread().options;
  overlay(waits, options_);
  const operation code{.what = verb::evaluate}; // what runs where this is
  return or_throw(core_->choose(code, waits.session, waits))->id();
}

async_caller::way async_caller::no_way() const {
  return {std::make_shared<detail::continuation_place>(through_.core_)};
}

async_caller::way async_caller::find_way(const operation& asked) const {
  call_options options;
  auto session = through_.core_->session_for(asked, through_.options_,
                                             through_.session_, options);
  if (!session) {
    auto none = no_way();
    none.refused = std::move(session).error();
    return none;
  }
  auto place = std::make_shared<detail::continuation_place>(
    through_.core_, *session, callback_scope::here());
  return {std::move(place), *std::move(session), std::move(options)};
}

std::shared_ptr<exchange>
async_caller::begin(way& of, operation& asked,
                    std::function<void(result<value>)> done) {
  auto told = [done = std::move(done)](result<value> answered) {
    done(reached(std::move(answered)));
  };
  if (!of.refused)
    return of.session->submit_for_later(std::move(asked), of.options,
                                        std::move(told));
  told(tl::unexpected{*std::move(of.refused)});
  return nullptr;
}

} // namespace snakebridge
