#include "runtime/wire/items.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/base/roomy_stack.hpp"

namespace snakebridge::wire {

namespace {

using builder = schema::Items::Builder;

template <class Holds>
bool all_of(const item_row& items, Holds holds) {
  for (std::size_t at = 0; at < items.size(); ++at)
    if (!holds(items[at]))
      return false;
  return true;
}

// True where each item is of just that type.
template <class T>
bool all_are(const item_row& items) {
  return all_of(items, [](const value& item) {
    return !item.is_typed() && item.get_if<T>() != nullptr;
  });
}

template <class T, class Numbers>
void write_numbers(Numbers to, const item_row& items) {
  for (unsigned at = 0; at < to.size(); ++at)
    to.set(at, *items[at].get_if<T>());
}

void write_texts(schema::Texts::Builder to, const item_row& items) {
  auto lengths = to.initLengths(count_of(items.size()));
  std::size_t bytes = 0;
  for (unsigned at = 0; at < lengths.size(); ++at) {
    const auto length = items[at].get_if<std::string>()->size();
    lengths.set(at, count_of(length));
    bytes += length;
  }
  auto* place = to.initUtf8(count_of(bytes)).begin();
  for (unsigned at = 0; at < lengths.size(); ++at) {
    const auto& text = *items[at].get_if<std::string>();
    place = std::copy(text.begin(), text.end(), place);
  }
}

// All of them together have to be one text that the format can hold.
bool fit_together(const item_row& items) {
  std::size_t bytes = 0;
  return all_of(items, [&](const value& item) {
    bytes += item.get_if<std::string>()->size();
    return bytes < data_bytes_max;
  });
}

// True for the texts that `first` has too: those of one origin lie in one box.
bool same_text(const value& one, const value& other) {
  const auto* text = one.get_if<std::string>();
  const auto* wanted = other.get_if<std::string>();
  return text != nullptr
         && (text == wanted || (!one.is_typed() && *text == *wanted));
}

// Dicts that have the same texts as keys, in the same order.
bool are_records(const item_row& items) {
  const auto& first = *items[0].get_if<dict>();
  if (first.size() < 2 || !all_are<std::string>(item_row::keys_of(first)))
    return false;
  return all_of(items, [&](const value& item) {
    const auto& entries = *item.get_if<dict>();
    return std::equal(entries.begin(), entries.end(), first.begin(),
                      first.end(), [](const auto& one, const auto& other) {
                        return same_text(one.first, other.first);
                      });
  });
}

constexpr std::size_t levels_looked_at = 3;

std::size_t words_of_text(std::size_t bytes) {
  return bytes / sizeof(word) + 1;
}

std::size_t words_in(const value& from, std::size_t level);

// The first, the last and some between tell of all.
std::size_t words_of_items(const item_row& items, std::size_t level) {
  constexpr std::size_t looks = 8;
  if (level >= levels_looked_at || items.size() == 0)
    return items.size();
  const auto step = std::max<std::size_t>(1, items.size() / looks);
  std::size_t words = 0, looked_at = 0;
  for (std::size_t at = 0; at < items.size(); at += step, ++looked_at)
    words += words_in(items[at], level);
  return looked_at == items.size()
           ? words
           : std::min(limits::words_guessed_max,
                      words / looked_at * items.size() + items.size());
}

// As an item among others of its kind.
std::size_t words_in(const value& from, std::size_t level) {
  constexpr std::size_t words_of_others = 16;
  if (const auto* text = from.get_if<std::string>())
    return words_of_text(text->size());
  if (const auto* raw = from.get_if<bytes>())
    return words_of_text(raw->size());
  if (const auto* large = from.get_if<integer>())
    return words_of_text(large->bytes().size());
  if (const auto* items = detail::items_of(from))
    return words_of_items(item_row{*items}, level + 1) + 1;
  if (const auto* entries = from.get_if<dict>())
    return words_of_items(item_row::values_of(*entries), level + 1);
  return from.kind() <= kind::floating ? 1 : words_of_others;
}

} // namespace

std::size_t words_of(const value& from) {
  constexpr std::size_t words_of_value = 16;
  const auto* entries = from.get_if<dict>();
  return words_of_value + words_in(from, 0)
         + (entries == nullptr
              ? 0
              : words_of_items(item_row::keys_of(*entries), 1));
}

value_writer::value_writer(std::size_t bytes_max, bool is_reply)
    : bytes_max_{bytes_max},
      is_reply_{is_reply},
      items_left_{bytes_max / bytes_of_an_item_min} {}

void value_writer::take(std::size_t items) {
  if (items > items_left_)
    throw exception{too_large(bytes_max_)};
  items_left_ -= items;
}

void value_writer::write_lists(schema::Lists::Builder to, const item_row& items,
                               std::size_t depth) {
  auto lengths = to.initLengths(count_of(items.size()));
  std::size_t count = 0;
  for (unsigned at = 0; at < lengths.size(); ++at) {
    const auto length = items[at].size();
    lengths.set(at, count_of(length));
    take(length);
    count += length;
  }
  std::vector<const value*> all;
  all.reserve(count);
  for (std::size_t at = 0; at < items.size(); ++at)
    for (const auto& item : *items[at].get_if<list>())
      all.push_back(&item);
  write_items(to.initItems(), item_row{all}, depth);
}

void value_writer::write_records(schema::Records::Builder to,
                                 const item_row& items, std::size_t depth) {
  const auto& first = *items[0].get_if<dict>();
  to.setCount(count_of(items.size()));
  write_texts(to.initKeys(), item_row::keys_of(first));
  auto columns = to.initColumns(count_of(first.size()));
  std::vector<const value*> column(items.size());
  for (unsigned key = 0; key < columns.size(); ++key) {
    take(items.size());
    for (std::size_t at = 0; at < items.size(); ++at)
      column[at] = &(items[at].get_if<dict>()->begin() + key)->second;
    write_items(columns[key], item_row{column}, depth);
  }
}

bool value_writer::write_packed(builder to, const item_row& items,
                                std::size_t depth) {
  const auto count = count_of(items.size());
  switch (items[0].kind()) {
  case kind::floating:
    if (!all_are<double>(items))
      return false;
    write_numbers<double>(to.initFloats(count), items);
    return true;
  case kind::integer:
    if (!all_are<std::int64_t>(items))
      return false;
    write_numbers<std::int64_t>(to.initIntegers(count), items);
    return true;
  case kind::string:
    if (!all_are<std::string>(items) || !fit_together(items))
      return false;
    write_texts(to.initTexts(), items);
    return true;
  case kind::list:
    if (count < 2 || !all_are<list>(items))
      return false;
    check_depth(depth);
    write_lists(to.initLists(), items, depth + 1);
    return true;
  case kind::dict:
    if (count < 2 || !all_are<dict>(items) || !are_records(items))
      return false;
    check_depth(depth);
    write_records(to.initRecords(), items, depth + 1);
    return true;
  default:
    return false;
  }
}

void value_writer::write_items(builder to, const item_row& items,
                               std::size_t depth) {
  with_stack(limits::stack_of_a_level_bytes, [&] {
    if (items.size() == 0 || write_packed(to, items, depth))
      return;
    auto values = to.initValues(count_of(items.size()));
    for (unsigned at = 0; at < values.size(); ++at)
      write(values[at], items[at], depth);
  });
}

} // namespace snakebridge::wire
