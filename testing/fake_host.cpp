// What a fake host answers.
#include "testing/fake_host.hpp"

namespace snakebridge::testing {

result<value> fake_host::raised(std::string type, std::string message) {
  python_error told;
  told.type = std::move(type);
  told.module = "builtins";
  told.message = std::move(message);
  return tl::unexpected{error{std::move(told)}};
}

value fake_host::make_object(const session_gate& session,
                             std::string type_name) {
  const auto slot = ++last_slot_;
  if (!released_.contains(session.number))
    objects_[session.number].insert(slot);
  return ref{.node = session.home.node,
             .session = session.id,
             .interpreter = self_.interpreter,
             .epoch = self_.epoch,
             .slot = slot,
             .type_name = std::move(type_name),
             .session_epoch = session.home.epoch};
}

result<value> fake_host::make_stream(const session_gate& session,
                                     const value& items,
                                     std::chrono::nanoseconds each) {
  const auto* all = items.get_if<list>();
  if (all == nullptr)
    return tl::unexpected{
      error{errc::not_iterable,
            "'" + std::string{items.type_name()} + "' is no list of a fake"}};
  auto made = make_object(session, "fake.stream");
  streams_[made.as<ref>().slot] = {{all->begin(), all->end()}, each};
  return made;
}

std::chrono::nanoseconds fake_host::pace_of(std::uint64_t stream) const {
  const lock guard{mutex_};
  const auto place = streams_.find(stream);
  return place == streams_.end() ? std::chrono::nanoseconds{}
                                 : place->second.each;
}

bool fake_host::deliver_one(exchange& asked, std::uint64_t stream) {
  std::vector<value> item;
  {
    const lock guard{mutex_};
    auto& left = streams_[stream].left;
    if (left.empty()) {
      objects_[asked.session->number].erase(stream);
      return false;
    }
    item.push_back(std::move(left.front()));
    left.pop_front();
  }
  asked.deliver(std::move(item));
  return true;
}

// Answers whether there are more.
bool fake_host::next(exchange& asked, std::uint64_t slot) {
  auto& left = streams_[slot].left;
  std::vector<value> batch;
  while (!left.empty() && batch.size() < asked.asked.batch.items) {
    batch.push_back(std::move(left.front()));
    left.pop_front();
  }
  // As Python, which has to look for one more.
  const bool ended = batch.size() < asked.asked.batch.items;
  asked.deliver(std::move(batch));
  if (ended)
    objects_[asked.session->number].erase(slot);
  return !ended;
}

// Why the object of the call is not there, if it is not.
std::optional<error> fake_host::gone(const exchange& asked) {
  const auto* target = asked.asked.target.get_if<ref>();
  if (target == nullptr || asked.asked.what == verb::release
      || objects_[asked.session->number].contains(target->slot))
    return {};
  return error{errc::ref_released,
               "object " + std::to_string(target->slot) + " was released"};
}

// Nothing: the call runs until the test ends it.
std::optional<result<value>> fake_host::perform(const exchange_ptr& taken) {
  auto& asked = *taken;
  const auto& what = asked.asked;
  if (auto why = gone(asked))
    return tl::unexpected{std::move(*why)};
  if (what.what == verb::next && how_.holds_items)
    return std::nullopt;
  if (!names_function(what))
    return perform_verb(asked);
  if ((what.what <= verb::get || what.what == verb::stream)
      && what.module != "fake")
    return raised("ModuleNotFoundError",
                  "No module named '" + what.module + "'");
  if (what.name == "hold" || !how_.answers_at_once)
    return std::nullopt;
  auto outcome = perform_function(asked);
  return what.what == verb::stream && outcome
           ? make_stream(*asked.session, *outcome)
           : std::move(outcome);
}

result<value> fake_host::perform_function(const exchange& asked) {
  const auto& what = asked.asked;
  if (what.name == "object")
    return make_object(*asked.session);
  if (what.name == "echo")
    return what.positional.empty() ? value{} : what.positional.front();
  if (what.name == "named") {
    dict told;
    for (const auto& [name, item] : what.named)
      told.set(name, item);
    return value{std::move(told)};
  }
  return raised("AttributeError", "no attribute '" + what.name + "'");
}

result<value> fake_host::perform_verb(exchange& asked) {
  if (how_.talks_nonsense)
    return value{"nonsense"};
  const auto& what = asked.asked;
  const auto* target = what.target.get_if<ref>();
  const auto slot = target ? target->slot : 0;
  auto& objects = objects_[asked.session->number];
  switch (what.what) {
  case verb::item:
  case verb::call_object:
    return what.positional.empty() ? value{} : what.positional.front();
  case verb::repr:
    return value{"<fake.object " + std::to_string(slot) + ">"};
  case verb::str:
    return value{"fake " + std::to_string(slot)};
  case verb::length:
    return value{static_cast<std::int64_t>(objects.size())};
  case verb::evaluate:
    return value{what.name};
  case verb::iterate:
    return make_stream(*asked.session, what.target);
  case verb::next:
    return value{next(asked, slot)};
  case verb::close:
    objects.erase(slot);
    return value{};
  case verb::await:
    return what.target;
  case verb::release: {
    auto freed = objects.erase(slot);
    for (const auto each : what.slots)
      freed += objects.erase(each);
    return value{freed > 0};
  }
  case verb::release_session:
    return value{static_cast<std::int64_t>(std::exchange(objects, {}).size())};
  default:
    return value{};
  }
}

} // namespace snakebridge::testing
