#include <snakebridge/generated.hpp>

#include <algorithm>
#include <cctype>
#include <iterator>

#include <fmt/format.h>

#include "bridge/held_object.hpp"

namespace snakebridge::detail {

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

question& question::add(given item) {
  if (item.is_given())
    positional_.push_back(std::move(item));
  return *this;
}

question& question::add(const std::vector<given>& items) {
  positional_.insert(positional_.end(), items.begin(), items.end());
  return *this;
}

question& question::add(std::string_view name, given item) {
  if (item.is_given())
    named_.emplace_back(name, std::move(item));
  return *this;
}

question&
question::add_more(const std::vector<std::pair<std::string, given>>& items) {
  named_.insert(named_.end(), items.begin(), items.end());
  return *this;
}

namespace {

// The member that a number stands for.
operation member_of(const enumeration& of, const value& number) {
  if (of.has_integers)
    return {.what = verb::call,
            .module = std::string{of.module},
            .name = std::string{of.name},
            .positional = {number}};
  const auto* const last = of.members + of.count;
  const auto* const found =
    std::find_if(of.members, last, [&](const enumeration::member& each) {
      return each.number == number.as<std::int64_t>();
    });
  if (found == last)
    throw_error(
      {errc::not_convertible, fmt::format("{}.{} has no member {}", of.module,
                                          of.name, repr_short(number))});
  return {.what = verb::get,
          .module = std::string{of.module},
          .name = fmt::format("{}.{}", of.name, found->name)};
}

// The object itself for a member of an enum, which has no value form.
value sent(const caller& python, const given& item) {
  if (item.member_of() == nullptr)
    return item.item();
  return object{
    held_object::run(python, member_of(*item.member_of(), item.item()))}
    .held();
}

} // namespace

caller question::caller_of_self() const {
  const auto* self = asked_.target.get_if<ref>();
  if (self == nullptr || !self->owner)
    throw_error({errc::ref_invalid,
                 fmt::format("{}: this object is None, or a value, and of no "
                             "bridge",
                             describe(asked_))});
  return *self->owner->through();
}

operation question::made(const caller& python) {
  auto asked = asked_;
  for (const auto& each : positional_)
    asked.positional.push_back(sent(python, each));
  for (const auto& [name, item] : named_)
    asked.named.emplace_back(name, sent(python, item));
  return asked;
}

value question::ask(const caller& python, leaves form) {
  return held_object::ask(python, made(python), form);
}

held_ptr question::keep(const caller& python) {
  return held_object::run(python, made(python));
}

// A method's generator is an object first, and then iterated.
stream<> question::open(const caller& python) {
  auto asked = made(python);
  if (asked.what == verb::call)
    asked.what = verb::stream;
  else if (asked.what != verb::iterate)
    asked = {.what = verb::iterate,
             .target =
               object{held_object::run(python, std::move(asked))}.held()};
  auto made = python.stream_of(asked);
  made.reader_.own_items();
  return made;
}

/// A call of an async caller that has its session.
struct question::way {
  async_caller::way found;
  caller_ptr bound; // null: it has been refused one
};

place_ptr question::begin(const async_caller& python) {
  asked_ = made(python.through_);
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
      done(owned, [&](const value& told) {
        const auto* name = told.get_if<ref>();
        return object{name != nullptr ? name->owner
                                      : held_object::adopt(bound, told)};
      });
    });
}

list question::positional() const {
  list made;
  for (const auto& each : positional_)
    made.push_back(each.item());
  return made;
}

dict question::named() const {
  dict made;
  for (const auto& [name, item] : named_)
    made.set(name, item.item());
  return made;
}

result<std::int64_t> question::number_of(const caller& python,
                                         const enumeration& of,
                                         const value& told) {
  const auto refused = [&] {
    return not_convertible(fmt::format("a member of {}.{}", of.module, of.name),
                           told);
  };
  if (!told.is_ref())
    return refused();
  const auto named =
    held_object::ask(python,
                     {.what = verb::attribute,
                      .name = of.has_integers ? "value" : "name",
                      .target = told},
                     leaves::refs);
  if (of.has_flags)
    return named.to<std::int64_t>();
  for (std::size_t at = 0; at < of.count; ++at) {
    const auto& each = of.members[at];
    if (of.has_integers ? named == value{each.number}
                        : named == value{std::string{each.name}})
      return each.number;
  }
  return refused();
}

} // namespace snakebridge::detail
