#include "runtime/worker/wire_call.hpp"

#include "runtime/python/running_call.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

namespace {

std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

} // namespace

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
  bounds = wire::read_bounds(asked_);
  keep_exception = asked_.getKeepException();
  as = static_cast<leaves>(asked_.getLeaves());
}

python_operation wire_call::read(const session_objects& objects) const {
  python_operation made{.what = what,
                        .module = view(asked_.getModule()),
                        .name = view(asked_.getName()),
                        .target = {},
                        .positional = {},
                        .named = {}};
  if (asked_.getTarget() != 0)
    made.target =
      py::reinterpret_borrow<py::object>(objects.find(asked_.getTarget()));
  else if (has_target(what))
    made.target = to_python(asked_.getReceiver(), objects);
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
  for (auto item : wire::full_size(asked_.getPositional()))
    if (item.isRef())
      found.push_back(item.getRef().getSlot());
  return found;
}

schema::Reply::Builder wire_call::new_reply() {
  reply_.reset(); // it leaves the room to us
  reply_ = room_ ? std::make_unique<wire::outgoing>(room_)
                 : std::make_unique<wire::outgoing>();
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
