#include <snakebridge/bridge.hpp>

#include "bridge/bridge_core.hpp"
#include "bridge/this_thread.hpp"

namespace snakebridge {

namespace {

result<void> nothing(const result<value>& outcome) {
  return outcome.transform([](const value&) {});
}

template <class T>
result<T> as(const result<value>& outcome) {
  return outcome.and_then([](const value& item) { return item.to<T>(); });
}

} // namespace

caller::caller(std::shared_ptr<bridge_core> core,
               std::shared_ptr<session_core> through)
    : core_{std::move(core)},
      session_{std::move(through)} {}

result<value> caller::run(operation& asked) const {
  auto outcome = core_->run(asked, options_, session_);
  note_refs(outcome);
  return outcome;
}

void caller::note_refs(const result<value>& answered) const {
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

result<value> caller::get(std::string_view module,
                          std::string_view name) const {
  operation asked{.what = verb::get,
                  .module = std::string{module},
                  .name = std::string{name}};
  return run(asked);
}

result<value> caller::attr(const value& object, std::string_view name) const {
  operation asked{
    .what = verb::attribute, .name = std::string{name}, .target = object};
  return run(asked);
}

result<void> caller::set_attr(const value& object, std::string_view name,
                              value item) const {
  operation asked{.what = verb::set_attribute,
                  .name = std::string{name},
                  .target = object,
                  .positional = {std::move(item)}};
  return nothing(run(asked));
}

result<value> caller::item(const value& object, value key) const {
  operation asked{
    .what = verb::item, .target = object, .positional = {std::move(key)}};
  return run(asked);
}

result<void> caller::set_item(const value& object, value key,
                              value item) const {
  operation asked{.what = verb::set_item,
                  .target = object,
                  .positional = {std::move(key), std::move(item)}};
  return nothing(run(asked));
}

result<std::string> caller::repr(const value& object) const {
  operation asked{.what = verb::repr, .target = object};
  return as<std::string>(run(asked));
}

result<std::string> caller::str(const value& object) const {
  operation asked{.what = verb::str, .target = object};
  return as<std::string>(run(asked));
}

result<std::size_t> caller::len(const value& object) const {
  operation asked{.what = verb::length, .target = object};
  return as<std::size_t>(run(asked));
}

result<value> caller::eval(std::string_view expression,
                           const dict& variables) const {
  auto named = variables_of(variables);
  if (!named)
    return named.error();
  operation asked{.what = verb::evaluate,
                  .name = std::string{expression},
                  .named = *std::move(named)};
  return run(asked);
}

result<void> caller::exec(std::string_view code, const dict& variables) const {
  auto named = variables_of(variables);
  if (!named)
    return named.error();
  operation asked{.what = verb::execute,
                  .name = std::string{code},
                  .named = *std::move(named)};
  return nothing(run(asked));
}

result<bool> caller::release(const value& object) const {
  operation asked{.what = verb::release, .target = object};
  auto outcome = as<bool>(run(asked));
  // What died with its interpreter or its session is released already.
  if (!outcome
      && (outcome.error().code() == errc::ref_stale
          || outcome.error().code() == errc::ref_released
          || outcome.error().code() == errc::session_closed))
    return false;
  return outcome;
}

std::string caller::current_session() const {
  if (session_)
    return session_->id();
  auto waits = this_thread().options;
  overlay(waits, options_);
  return or_throw(core_->choose({}, waits.session, waits))->id();
}

} // namespace snakebridge
