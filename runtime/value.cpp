#include <snakebridge/value.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include <fmt/format.h>

namespace snakebridge {

template <class T>
value value::boxed_as(snakebridge::kind type, T item) {
  value made;
  made.item_.box = new box_of<T>{std::move(item)};
  made.kind_ = type;
  return made;
}

value::value(const char* text) : value{std::string{text}} {}
value::value(std::string text)
    : value{boxed_as(kind::string, std::move(text))} {}
value::value(snakebridge::bytes data)
    : value{boxed_as(kind::bytes, std::move(data))} {}
value::value(snakebridge::list items)
    : value{boxed_as(kind::list, std::move(items))} {}
value::value(snakebridge::tuple items)
    : value{boxed_as(kind::tuple, std::move(items))} {}
value::value(snakebridge::dict entries)
    : value{boxed_as(kind::dict, std::move(entries))} {}
value::value(snakebridge::ref name)
    : value{boxed_as(kind::ref, std::move(name))} {}

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

void value::release() noexcept {
  if (item_.box->holders.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  switch (kind_) {
  case kind::string:
    delete static_cast<const box_of<std::string>*>(item_.box);
    break;
  case kind::bytes:
    delete static_cast<const box_of<snakebridge::bytes>*>(item_.box);
    break;
  case kind::list:
    delete static_cast<const box_of<snakebridge::list>*>(item_.box);
    break;
  case kind::tuple:
    delete static_cast<const box_of<snakebridge::tuple>*>(item_.box);
    break;
  case kind::dict:
    delete static_cast<const box_of<snakebridge::dict>*>(item_.box);
    break;
  case kind::ref:
    delete static_cast<const box_of<snakebridge::ref>*>(item_.box);
    break;
  default:
    break; // scalars have no box
  }
}

std::size_t value::size() const {
  switch (kind_) {
  case kind::string:
    return get_if<std::string>()->size();
  case kind::bytes:
    return get_if<snakebridge::bytes>()->size();
  case kind::list:
    return get_if<snakebridge::list>()->size();
  case kind::tuple:
    return get_if<snakebridge::tuple>()->size();
  case kind::dict:
    return get_if<snakebridge::dict>()->size();
  default:
    throw_error(not_convertible("something with a size", *this));
  }
}

const value& value::operator[](const value& key) const {
  if (const auto* entries = get_if<snakebridge::dict>()) {
    if (const auto* found = entries->find(key))
      return *found;
    throw_error(
      {errc::not_convertible,
       fmt::format("no key {} in {}", repr_short(key), repr_short(*this))});
  }
  const auto* items = detail::items_of(*this);
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
  throw_error(not_convertible("list, tuple or dict", *this));
}

value::iterator value::end() const {
  if (const auto* items = detail::items_of(*this))
    return iterator{items->data() + items->size()};
  const auto* entries = get_if<snakebridge::dict>();
  return iterator{entries->size() ? &*entries->begin() + entries->size()
                                  : nullptr};
}

namespace {

// 1, 1.0 and True are one key: whole floats hash as their integer.
std::size_t hash_number(double item) {
  constexpr double beyond = 9223372036854775808.0; // 2^63
  if (item >= -beyond && item < beyond && std::trunc(item) == item)
    return std::hash<std::int64_t>{}(static_cast<std::int64_t>(item));
  return std::hash<double>{}(item);
}

std::size_t hash_items(const std::vector<value>& items) {
  std::size_t mixed = items.size();
  for (const auto& item : items)
    mixed = mixed * 1'000'003 ^ item.hash();
  return mixed;
}

} // namespace

std::size_t value::hash() const {
  // Mixed, so that keys chosen to collide have to be chosen well.
  auto mixed = static_cast<std::uint64_t>(plain_hash());
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return static_cast<std::size_t>(mixed ^ (mixed >> 31U));
}

std::size_t value::plain_hash() const {
  switch (kind_) {
  case kind::boolean:
    return std::hash<std::int64_t>{}(item_.boolean ? 1 : 0);
  case kind::integer:
    return std::hash<std::int64_t>{}(item_.integer);
  case kind::floating:
    return hash_number(item_.floating);
  case kind::string:
    return std::hash<std::string>{}(*get_if<std::string>());
  case kind::bytes:
    return std::hash<std::string_view>{}(get_if<snakebridge::bytes>()->view());
  case kind::list:
    return hash_items(*get_if<snakebridge::list>());
  case kind::tuple:
    return hash_items(*get_if<snakebridge::tuple>());
  case kind::dict: // in any order
    return get_if<snakebridge::dict>()->size();
  case kind::ref:
    return std::hash<snakebridge::ref>{}(*get_if<snakebridge::ref>());
  case kind::none:
    break;
  }
  return 0;
}

namespace {

bool is_number(const value& item) {
  return item.kind() == kind::boolean || item.kind() == kind::integer
         || item.kind() == kind::floating;
}

bool equal_numbers(const value& left, const value& right) {
  const auto whole = [](const value& item) -> std::int64_t {
    const auto* flag = item.get_if<bool>();
    return flag ? (*flag ? 1 : 0) : *item.get_if<std::int64_t>();
  };
  const auto* real_left = left.get_if<double>();
  const auto* real_right = right.get_if<double>();
  if (real_left && real_right)
    return *real_left == *real_right;
  if (!real_left && !real_right)
    return whole(left) == whole(right);
  const double real = real_left ? *real_left : *real_right;
  const auto integer = whole(real_left ? right : left);
  // Compared as integers: a double beyond 2^53 is not every integer near it.
  constexpr double beyond = 9223372036854775808.0;
  return real >= -beyond && real < beyond && std::trunc(real) == real
         && static_cast<std::int64_t>(real) == integer;
}

} // namespace

bool operator==(const value& left, const value& right) {
  if (is_number(left) && is_number(right))
    return equal_numbers(left, right);
  if (left.kind() != right.kind())
    return false;
  switch (left.kind()) {
  case kind::string:
    return *left.get_if<std::string>() == *right.get_if<std::string>();
  case kind::bytes:
    return *left.get_if<bytes>() == *right.get_if<bytes>();
  case kind::list:
    return *left.get_if<list>() == *right.get_if<list>();
  case kind::tuple:
    return *left.get_if<tuple>() == *right.get_if<tuple>();
  case kind::dict:
    return *left.get_if<dict>() == *right.get_if<dict>();
  case kind::ref:
    return *left.get_if<ref>() == *right.get_if<ref>();
  default:
    return true; // None
  }
}

// Beyond this many entries a dict finds its keys by hash.
static constexpr std::size_t searched_linearly_max = 16;

dict::dict(std::initializer_list<entry> entries) {
  reserve(entries.size());
  for (const auto& [key, item] : entries)
    set(key, item);
}

std::size_t dict::position(const value& key) const {
  if (index_.empty()) {
    const auto place =
      std::find_if(entries_.begin(), entries_.end(),
                   [&](const entry& each) { return each.first == key; });
    return static_cast<std::size_t>(place - entries_.begin());
  }
  const auto [first, last] = index_.equal_range(key.hash());
  for (auto each = first; each != last; ++each)
    if (entries_[each->second].first == key)
      return each->second;
  return entries_.size();
}

const value* dict::find(const value& key) const {
  const auto place = position(key);
  return place == entries_.size() ? nullptr : &entries_[place].second;
}

void dict::set(value key, value item) {
  const auto place = position(key);
  if (place < entries_.size()) {
    entries_[place].second = std::move(item);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(item));
  if (entries_.size() <= searched_linearly_max)
    return;
  const auto from = index_.empty() ? 0 : entries_.size() - 1;
  for (auto at = from; at < entries_.size(); ++at)
    index_.emplace(entries_[at].first.hash(), at);
}

bool operator==(const dict& left, const dict& right) {
  return left.size() == right.size()
         && std::all_of(left.begin(), left.end(), [&](const auto& entry) {
              const auto* other = right.find(entry.first);
              return other != nullptr && *other == entry.second;
            });
}

} // namespace snakebridge
