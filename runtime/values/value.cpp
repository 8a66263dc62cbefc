#include <snakebridge/value.hpp>

#include <snakebridge/callback.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace snakebridge {

struct value::named_box : box {
  named_box(std::string type_name, value plain)
      : type_name{std::move(type_name)},
        plain{std::move(plain)} {}
  const std::string type_name;
  const value plain;
};

namespace {

std::uint8_t in(const value& item) {
  return static_cast<std::uint8_t>(
    (item.holds_refs() ? detail::holds_a_ref : 0)
    | (item.holds_callbacks() ? detail::holds_a_callback : 0));
}

std::uint8_t held_by(const std::vector<value>& items) {
  std::uint8_t held = 0;
  for (const auto& each : items)
    held |= in(each);
  return held;
}

std::uint8_t held_by(const dict& entries) {
  std::uint8_t held = 0;
  for (const auto& [key, item] : entries)
    held |= in(key) | in(item);
  return held;
}

std::uint8_t held_by(const set& items) {
  return held_by(items.items());
}

std::uint8_t held_by(const ref&) {
  return detail::holds_a_ref;
}

std::uint8_t held_by(const callback&) {
  return detail::holds_a_callback;
}

template <class T>
concept may_hold = requires(const T& item) {
  held_by(item);
};

} // namespace

template <detail::stored T>
value::value(T item) : kind_{detail::kind_of<T>},
                       form_{form::boxed} {
  if constexpr (may_hold<T>)
    holds_ = held_by(item);
  item_.box = new box_of<T>{std::move(item)};
}
template value::value(std::string);
template value::value(snakebridge::bytes);
template value::value(snakebridge::list);
template value::value(snakebridge::tuple);
template value::value(snakebridge::dict);
template value::value(snakebridge::ref);
template value::value(std::complex<double>);
template value::value(snakebridge::set);
template value::value(snakebridge::frozenset);
template value::value(snakebridge::date);
template value::value(snakebridge::time);
template value::value(snakebridge::datetime);
template value::value(snakebridge::timedelta);
template value::value(snakebridge::decimal);
template value::value(snakebridge::uuid);
template value::value(snakebridge::atom);
template value::value(snakebridge::unserializable);
template value::value(snakebridge::callback);
template value::value(snakebridge::slice);
template value::value(snakebridge::ellipsis_t);

value::value(const char* text) : value{std::string{text}} {}

value value::of_boolean(bool item) noexcept {
  value made;
  made.kind_ = kind::boolean;
  made.item_.boolean = item;
  return made;
}

value value::of_integer(std::int64_t item) noexcept {
  value made;
  made.kind_ = kind::integer;
  made.item_.integer = item;
  return made;
}

value value::of_floating(double item) noexcept {
  value made;
  made.kind_ = kind::floating;
  made.item_.floating = item;
  return made;
}

value value::of_integer(snakebridge::integer item) {
  if (const auto small = item.to_int64())
    return of_integer(*small);
  value made;
  made.item_.box = new box_of<snakebridge::integer>{std::move(item)};
  made.kind_ = kind::integer;
  made.form_ = form::boxed;
  return made;
}

value value::of_type(std::string type_name, value plain) {
  if (plain.is_typed())
    plain = value{plain.plain()};
  const auto type = plain.kind_;
  const bool is_scalar = type == kind::boolean || type == kind::integer
                         || type == kind::floating || type == kind::complex
                         || type == kind::string || type == kind::bytes;
  if (!is_scalar)
    throw_error(not_convertible("a number, text or bytes", plain));
  value made;
  made.item_.box = new named_box{std::move(type_name), std::move(plain)};
  made.kind_ = type;
  made.form_ = form::named;
  return made;
}

void value::release() noexcept {
  if (item_.box->holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete item_.box;
}

const value& value::plain() const& noexcept {
  return form_ == form::named ? static_cast<const named_box*>(item_.box)->plain
                              : *this;
}

bool value::is_stream() const {
  const auto* name = get_if<snakebridge::ref>();
  return name != nullptr && name->is_stream;
}

std::string value::type_name() const {
  if (form_ == form::named)
    return static_cast<const named_box*>(item_.box)->type_name;
  if (const auto* name = get_if<snakebridge::ref>())
    return name->type_name;
  return std::string{to_string(kind_)};
}

std::size_t value::size() const {
  if (const auto* text = get_if<std::string>())
    return text->size();
  if (const auto* data = get_if<snakebridge::bytes>())
    return data->size();
  if (const auto* entries = get_if<snakebridge::dict>())
    return entries->size();
  if (const auto* items = detail::items_of(*this))
    return items->size();
  throw_error(not_convertible("something with a size", *this));
}

const value& value::operator[](const value& key) const& {
  if (const auto* entries = get_if<snakebridge::dict>()) {
    if (const auto* found = entries->find(key))
      return *found;
    throw_error(
      {errc::not_convertible,
       fmt::format("no key {} in {}", repr_short(key), repr_short(*this))});
  }
  const auto* items = detail::sequence_of(*this);
  if (items == nullptr)
    throw_error(not_convertible("list, tuple or dict", *this));
  const auto index = key.as<std::int64_t>();
  const auto size = static_cast<std::int64_t>(items->size());
  if (index >= size || index < -size)
    throw_error({errc::not_convertible,
                 fmt::format("no index {} in {} items", index, size)});
  return (*items)[static_cast<std::size_t>(index < 0 ? index + size : index)];
}

value::iterator value::begin() const {
  if (const auto* items = detail::items_of(*this))
    return iterator{items->data()};
  if (const auto* entries = get_if<snakebridge::dict>())
    return iterator{entries->size() ? &*entries->begin() : nullptr};
  throw_error(not_convertible("list, tuple, set or dict", *this));
}

value::iterator value::end() const {
  if (const auto* items = detail::items_of(*this))
    return iterator{items->data() + items->size()};
  if (const auto* entries = get_if<snakebridge::dict>())
    return iterator{entries->size() ? &*entries->begin() + entries->size()
                                    : nullptr};
  throw_error(not_convertible("list, tuple, set or dict", *this));
}

std::optional<unserializable> unserializable_info(const value& item) {
  if (const auto* marker = item.get_if<unserializable>())
    return *marker;
  return {};
}

} // namespace snakebridge
