#include <snakebridge/generated.hpp>

#include <algorithm>
#include <cctype>
#include <iterator>

#include <fmt/format.h>

#include "bridge/held_object.hpp"

namespace snakebridge {

object borrowed(const value& answered) {
  return object{detail::held_object::adopt(nullptr, answered)};
}

namespace detail {

namespace {

bool has_words(std::string_view text, std::string_view words) {
  const auto same = [](unsigned char one, unsigned char other) {
    return std::tolower(one) == std::tolower(other);
  };
  return words.empty()
         || std::search(text.begin(), text.end(), words.begin(), words.end(),
                        same)
              != text.end();
}

} // namespace

value sent_as(const enumeration& of, std::int64_t number) {
  const std::string type{of.type};
  if (of.has_integers)
    return value::of_type(type, value::of_integer(number));
  const auto* const last = of.members + of.count;
  const auto* const found =
    std::find_if(of.members, last, [&](const enumeration::member& each) {
      return each.number == number;
    });
  // Python has no member of a number's name, and refuses it.
  return value::of_type(type, found == last ? std::to_string(number)
                                            : std::string{found->name});
}

result<std::int64_t> number_of(const enumeration& of, const value& told) {
  const auto* const member = told.get_if<ref>();
  if (member != nullptr && member->base != nullptr) {
    const auto* const number = member->base->get_if<std::int64_t>();
    if (of.has_flags && number != nullptr)
      return *number;
    const auto written = repr(*member->base);
    for (std::size_t at = 0; at < of.count; ++at)
      if (of.members[at].written == written)
        return of.members[at].number;
  }
  return not_convertible(fmt::format("a member of {}", of.type), told);
}

std::vector<function_entry> search(const function_entry* all, std::size_t count,
                                   std::string_view words) {
  std::vector<function_entry> made;
  std::copy_if(all, all + count, std::back_inserter(made),
               [&](const function_entry& each) {
                 return has_words(each.name, words)
                        || has_words(each.summary, words);
               });
  return made;
}

question::question(std::string_view module, std::string_view name)
    : question{verb::call, module, name} {}

question::question(const object& self, std::string_view name)
    : question{verb::method, self, name} {}

question::question(verb what, std::string_view module, std::string_view name)
    : asked_{
      .what = what, .module = std::string{module}, .name = std::string{name}} {}

question::question(verb what, const object& self, std::string_view name)
    : asked_{.what = what, .name = std::string{name}, .target = self.held()} {}

question::question(question&& other) noexcept = default;
question::~question() = default;

word_argument::operator given() const {
  if (state_ == is_absent)
    return {};
  return state_ == is_none ? value{} : value{std::string{word_}};
}

result<object> object_in(const value& from) {
  if (!from.is_ref())
    return not_convertible("an object", from);
  return converter<object>::from_value(from);
}

question& question::add(const given& item) {
  if (item.is_given())
    asked_.positional.push_back(item.item());
  return *this;
}

question& question::add(const std::vector<given>& items) {
  for (const auto& each : items)
    add(each);
  return *this;
}

question& question::add(std::string_view name, const given& item) {
  if (item.is_given())
    asked_.named.emplace_back(name, item.item());
  return *this;
}

question&
question::add_more(const std::vector<std::pair<std::string, given>>& items) {
  for (const auto& [name, item] : items)
    add(name, item);
  return *this;
}

const ref* question::self() const {
  const auto* named = asked_.target.get_if<ref>();
  return named != nullptr && named->owner && named->owner->is_of_bridge()
           ? named
           : nullptr;
}

error question::of_no_bridge() const {
  return {errc::ref_invalid,
          fmt::format("{}: this object is None, a value or borrowed, and of no "
                      "bridge",
                      describe(asked_))};
}

caller question::caller_of_self() const {
  if (self() == nullptr)
    throw_error(of_no_bridge());
  return *self()->owner->through();
}

value question::ask(const caller& python, leaves form) {
  return held_object::ask(python, std::move(asked_), form);
}

object question::kept(const caller& python) {
  return object{held_object::run(python, std::move(asked_))};
}

object question::answer_object(const caller& python, bool any) {
  if (any)
    return kept(python);
  return or_throw(object_in(ask(python, leaves::objects)));
}

object question::answer_object(bool any) {
  return answer_object(caller_of_self(), any);
}

value question::answer_value() {
  return ask(caller_of_self(), leaves::refs);
}

result<object> question::attempt_object(const caller& python, bool any) {
  return attempt([&] { return answer_object(python, any); });
}

result<value> question::attempt_value(const caller& python) {
  return attempt([&] { return ask(python, leaves::refs); });
}

// A method's generator is an object first, and then iterated.
stream<> question::open(const caller& python) {
  if (asked_.what == verb::call)
    asked_.what = verb::stream;
  else if (asked_.what != verb::iterate)
    asked_ = {.what = verb::iterate, .target = kept(python).held()};
  auto made = python.stream_of(asked_);
  made.reader_.own_items();
  return made;
}

/// A call of an async caller that has its session.
struct question::way {
  async_caller::way found;
  caller_ptr bound; // null: it has been refused one
};

place_ptr question::begin(const async_caller& python) {
  const bool is_of_object = asked_.module.empty();
  if (is_of_object && self() == nullptr) {
    way_ = std::make_shared<way>(way{python.no_way(), nullptr});
    way_->found.refused = of_no_bridge();
    return way_->found.place;
  }
  way_ = std::make_shared<way>(way{python.find_way(asked_), nullptr});
  if (way_->found.session)
    way_->bound = held_object::bind(python.through_, way_->found.session);
  return way_->found.place;
}

void question::send(cancel_token cancel, leaves form,
                    std::function<void(result<value>, const keeper&)> done) {
  way_->found.options.leaves = form;
  asked_.client_ended = std::move(cancel);
  async_caller::begin(
    way_->found, asked_,
    [bound = way_->bound, done = std::move(done)](result<value> answered) {
      const auto owned = std::move(answered).transform(
        [&](const value& told) { return held_object::own(bound, told); });
      done(owned, [&](const result<value>& answer) {
        return answer.transform([&](const value& told) {
          const auto* name = told.get_if<ref>();
          return object{name != nullptr ? name->owner
                                        : held_object::adopt(bound, told)};
        });
      });
    });
}

list question::positional() const {
  return list(asked_.positional.begin(), asked_.positional.end());
}

dict question::named() const {
  dict made;
  for (const auto& [name, item] : asked_.named)
    made.set(name, item);
  return made;
}

} // namespace detail

} // namespace snakebridge
