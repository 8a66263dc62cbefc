#include "runtime/worker/wire_call.hpp"

#include <algorithm>
#include <span>
#include <variant>

#include "runtime/python/running_call.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

namespace {

std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

constexpr std::size_t words_of_a_reply = 64;
constexpr std::size_t words_of_an_end = 16; // what `end` adds, at most
constexpr std::size_t words_of_an_item = 3;

// The list of a batch is made for as many items as there may be.
batch_limits fitting(batch_limits limits, std::size_t bytes_max) {
  limits.bytes = std::min(limits.bytes, bytes_max / 2);
  const auto items = limits.bytes / 2 / (words_of_an_item * sizeof(word));
  if (items < limits.items)
    limits.items = std::max(static_cast<std::uint32_t>(items), 1U);
  return limits;
}

// Only the first of its values are to be told.
void cut(schema::Items::Builder items, std::uint32_t count) {
  auto values = items.disownValues();
  values.truncate(count);
  items.adoptValues(kj::mv(values));
}

void put(schema::Value::Builder to, std::int64_t item) {
  to.setInteger(item);
}
void put(schema::Value::Builder to, double item) {
  to.setFloating(item);
}
void put_in(schema::Items::Builder to, std::span<const std::int64_t> from) {
  to.setIntegers(kj::arrayPtr(from.data(), from.size()));
}
void put_in(schema::Items::Builder to, std::span<const double> from) {
  to.setFloats(kj::arrayPtr(from.data(), from.size()));
}

} // namespace

wire_items::wire_items(const batch_limits& limits, std::size_t bytes_max,
                       std::shared_ptr<wire::room> room, sender post)
    : item_batch{fitting(limits, bytes_max)},
      bytes_max_{bytes_max},
      room_{std::move(room)},
      post_{std::move(post)} {}

// Where that item is to be written.
schema::Value::Builder wire_items::place(std::uint32_t at) {
  if (!message_) {
    message_ = wire::outgoing::in(room_, words_of_a_reply
                                           + limits_.items * words_of_an_item);
    items_ =
      message_->builder().initRoot<schema::Reply>().initItems().initValues(
        limits_.items);
  }
  return items_[at];
}

std::size_t wire_items::bytes() const {
  return message_->bytes() + words_of_an_end * sizeof(word);
}

std::size_t wire_items::write(result_writer& writer, py::handle item,
                              std::uint32_t at) {
  writer.write_result(item, wire_sink{place(at)});
  return bytes();
}

template <class T>
std::size_t wire_items::write_number(T item, std::uint32_t at) {
  put(place(at), item);
  return bytes();
}

// What there is, as a message.
std::unique_ptr<wire::outgoing> wire_items::finish(std::uint32_t count) {
  place(0);
  cut(message_->builder().getRoot<schema::Reply>().getItems(), count);
  return std::move(message_);
}

std::unique_ptr<wire::outgoing> wire_items::finish(const numbers& all) {
  const auto count = std::visit([](auto each) { return each.size(); }, all);
  auto made = wire::outgoing::in(room_, words_of_a_reply + count);
  const auto items = made->builder().initRoot<schema::Reply>().initItems();
  std::visit([&items](auto each) { put_in(items, each); }, all);
  return made;
}

void wire_items::send(std::uint32_t count) {
  if (message_ && message_->bytes() > bytes_max_) {
    // What did not fit is in it, and cannot be taken out again.
    auto whole = std::move(message_);
    place(0);
    const auto items = whole->builder()
                         .getRoot<schema::Reply>()
                         .getItems()
                         .getValues()
                         .asReader();
    for (std::uint32_t at = 0; at < count; ++at)
      items_.setWithCaveats(at, items[at]);
  }
  post_(finish(count));
}

std::unique_ptr<wire::outgoing> wire_items::end(bool more) {
  const std::lock_guard lock{mutex_};
  auto whole = has_numbers_only() ? finish(take_numbers())
                                  : finish(std::exchange(count_, 0));
  whole->builder().getRoot<schema::Reply>().initValue().setBoolean(more);
  return whole;
}

item_batch& wire_call::items() {
  if (!asked_.hasBatch())
    throw exception{error{errc::message_malformed, "next of no batch"}};
  return items_.emplace(wire::read_batch(asked_.getBatch()), bytes_max, room_,
                        post_);
}

void wire_call::read(const frame& received) {
  if (!received.is_whole())
    throw std::bad_alloc{};
  message_.emplace(received);
  asked_ = message_->root<schema::Request>();
  if (asked_.getVerb() > static_cast<unsigned>(last_verb))
    throw exception{error{errc::message_malformed, "no such verb"}};
  if (asked_.getLeaves() > static_cast<unsigned>(last_leaves))
    throw exception{error{errc::message_malformed, "no such form of results"}};
  what = static_cast<verb>(asked_.getVerb());
  session = asked_.getSession();
  session_id = view(asked_.getSessionId());
  session_epoch = asked_.getSessionEpoch();
  bounds = wire::read_bounds(asked_);
  keep_exception = asked_.getKeepException();
  awaits = asked_.getAwaits();
  as = static_cast<leaves>(asked_.getLeaves());
}

python_operation wire_call::read(const session_objects& objects) const {
  python_operation made;
  made.what = what;
  made.module = view(asked_.getModule());
  made.name = view(asked_.getName());
  made.helpers_given = asked_.getHelpersGiven();
  if (asked_.getTarget() != 0)
    made.target =
      py::reinterpret_borrow<py::object>(objects.find(asked_.getTarget()));
  else if (has_target(what))
    made.target = to_python(asked_.getReceiver(), objects);
  for (auto each : wire::full_size(asked_.getPath()))
    made.path.push_back(
      each.isItem()
        ? python_operation::step{{}, to_python(each.getItem(), objects)}
        : python_operation::step{view(each.getAttribute()), {}});
  const auto positional = wire::full_size(asked_.getPositional());
  made.positional.reserve(positional.size());
  for (auto item : positional)
    made.positional.push_back(to_python(item, objects));
  for (auto each : wire::full_size(asked_.getNamed()))
    made.named.emplace_back(view(each.getName()),
                            to_python(each.getValue(), objects));
  return made;
}

std::vector<std::uint64_t> wire_call::slots() const {
  std::vector<std::uint64_t> found;
  if (asked_.getTarget() != 0)
    found.push_back(asked_.getTarget());
  for (const auto slot : asked_.getSlots())
    found.push_back(slot);
  return found;
}

schema::Reply::Builder wire_call::new_reply() {
  reply_.reset(); // it leaves the room to us
  // A call inside this one may have it still.
  reply_ = wire::outgoing::in(room_);
  return reply_->builder().initRoot<schema::Reply>();
}

void wire_call::write(result_writer& writer, py::handle outcome) {
  writer.write_result(outcome, wire_sink{new_reply().initValue()});
  if (reply_->bytes() > bytes_max)
    throw exception{wire::too_large(bytes_max)};
}

void wire_call::write(const value& outcome) {
  wire::write_value(new_reply().initValue(), outcome);
}

void wire_call::refuse_unwanted(bool) const {
  if (call_of_this_thread()->is_withdrawn())
    throw exception{error{errc::cancelled, "it was withdrawn while it ran"}};
}

std::size_t release(schema::Release::Reader asked, object_table& objects) {
  const auto slots = asked.getSlots();
  if (slots.size() == 0)
    return objects.release(asked.getSession());
  std::size_t freed = 0;
  for (const auto slot : slots)
    freed += objects.forget(asked.getSession(), slot) ? 1 : 0;
  return freed;
}

} // namespace snakebridge
