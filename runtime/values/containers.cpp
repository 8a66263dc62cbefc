// The containers of values: dict and set find by hash what is more than a few.
#include <algorithm>
#include <bit>

#include <snakebridge/value.hpp>

#include "config/tunables.hpp"

namespace snakebridge {

slice::slice(value stop) : slice{value{}, std::move(stop)} {}

slice::slice(value start, value stop, value step)
    : row<value>({std::move(start), std::move(stop), std::move(step)}) {}

namespace detail {

// Up to so many keys are searched one by one.
static constexpr std::size_t searched_linearly_max = 16;

template <class IsIt>
std::size_t key_index::find(const value& key, std::size_t count,
                            const IsIt& is_it) const {
  if (!slots_.empty() && count > searched_linearly_max) {
    const auto mask = slots_.size() - 1;
    auto at = key.hash() & mask;
    for (std::size_t steps = 0;
         steps < limits::key_steps_max && slots_[at] != 0;
         ++steps, at = (at + 1) & mask)
      if (is_it(slots_[at] - 1))
        return slots_[at] - 1;
    if (!crowded_)
      return count;
  }
  for (std::size_t place = 0; place < count; ++place)
    if (is_it(place))
      return place;
  return count;
}

template <class KeyAt>
void key_index::append(std::size_t count, const KeyAt& key_at) {
  if (count <= searched_linearly_max)
    return;
  // A third stays free, so that searches end soon.
  const bool grows = 3 * count > 2 * slots_.size();
  if (grows) {
    slots_.assign(std::bit_ceil(2 * count), 0);
    crowded_ = false;
  }
  const auto from = grows || count == searched_linearly_max + 1 ? 0 : count - 1;
  for (auto place = from; place < count; ++place)
    put(place, key_at);
}

// What no search would find stays out, or many of it, all with one hash, would
// take a time that grows with their square: a NaN, and a marker like another.
template <class KeyAt>
void key_index::put(std::size_t place, const KeyAt& key_at) {
  const value& key = key_at(place);
  // Comparing containers may take long: a worker chooses them. They go in.
  const bool compares_soon =
    key.kind() != kind::tuple && key.kind() != kind::frozenset
    && key.kind() != kind::list && key.kind() != kind::dict
    && key.kind() != kind::set;
  if (compares_soon && key.kind() != kind::string && !(key == key))
    return;
  const auto mask = slots_.size() - 1;
  auto at = key.hash() & mask;
  for (std::size_t steps = 0; steps < limits::key_steps_max; ++steps) {
    if (slots_[at] == 0) {
      slots_[at] = static_cast<std::uint32_t>(place + 1);
      return;
    }
    if (compares_soon && key_at(slots_[at] - 1) == key)
      return;
    at = (at + 1) & mask;
  }
  crowded_ = true;
}

void key_index::reserve(std::size_t count) {
  if (count > searched_linearly_max && slots_.empty())
    slots_.assign(std::bit_ceil(2 * count), 0);
}

} // namespace detail

dict::dict(std::initializer_list<entry> entries) {
  reserve(entries.size());
  for (const auto& [key, item] : entries)
    set(key, item);
}

void dict::reserve(std::size_t entries) {
  entries_.reserve(entries);
  if (entries_.empty())
    index_.reserve(entries);
}

std::size_t dict::position(const value& key) const {
  return index_.find(key, entries_.size(), [&](std::size_t place) {
    return entries_[place].first == key;
  });
}

const value* dict::find(const value& key) const {
  const auto place = position(key);
  return place == entries_.size() ? nullptr : &entries_[place].second;
}

void dict::set(value key, value item) {
  const auto place = position(key);
  if (place < entries_.size())
    entries_[place].second = std::move(item);
  else
    append(std::move(key), std::move(item));
}

void dict::append(value key, value item) {
  entries_.emplace_back(std::move(key), std::move(item));
  index_.append(entries_.size(), [this](std::size_t at) -> const value& {
    return entries_[at].first;
  });
}

bool operator==(const dict& left, const dict& right) {
  return left.size() == right.size()
         && std::all_of(left.begin(), left.end(), [&](const auto& entry) {
              const auto* other = right.find(entry.first);
              return other != nullptr && *other == entry.second;
            });
}

set::set(std::initializer_list<value> items) {
  reserve(items.size());
  for (const auto& item : items)
    insert(item);
}

void set::reserve(std::size_t items) {
  items_.reserve(items);
  if (items_.empty())
    index_.reserve(items);
}

std::size_t set::position(const value& item) const {
  return index_.find(item, items_.size(),
                     [&](std::size_t place) { return items_[place] == item; });
}

bool set::contains(const value& item) const {
  return position(item) < items_.size();
}

bool set::insert(value item) {
  if (contains(item))
    return false;
  append(std::move(item));
  return true;
}

void set::append(value item) {
  items_.push_back(std::move(item));
  index_.append(items_.size(),
                [this](std::size_t at) -> const value& { return items_[at]; });
}

bool operator==(const set& left, const set& right) {
  return left.size() == right.size()
         && std::all_of(left.begin(), left.end(), [&](const value& item) {
              return right.contains(item);
            });
}

} // namespace snakebridge
