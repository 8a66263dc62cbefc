#include <snakebridge/object.hpp>

#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include <snakebridge/bridge.hpp>

#include "bridge/held_object.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace detail {

namespace {

// The refs in it have owners from now on: their objects are kept as long as it.
class owner_of_refs {
public:
  explicit owner_of_refs(std::function<held_ptr(const ref&)> own)
      : own_{std::move(own)} {}

  value in(const value& item) {
    if (!item.holds_refs())
      return item;
    if (const auto* name = item.get_if<ref>())
      return owned(*name);
    if (const auto* items = item.get_if<list>())
      return in_row(*items);
    if (const auto* items = item.get_if<tuple>())
      return in_row(*items);
    if (const auto* items = item.get_if<set>())
      return in_set(*items);
    if (const auto* items = item.get_if<frozenset>())
      return in_set(*items);
    if (const auto* entries = item.get_if<dict>()) {
      dict made;
      for (const auto& [key, each] : *entries)
        made.append(in(key), in(each));
      return made;
    }
    return item;
  }

private:
  value owned(ref name) {
    auto& owner = owners_[name.slot];
    if (!owner)
      owner = own_(name);
    name.owner = owner;
    return value{std::move(name)};
  }
  template <class Row>
  value in_row(const Row& items) {
    Row made;
    made.reserve(items.size());
    for (const auto& each : items)
      made.push_back(in(each));
    return made;
  }
  template <class Set>
  value in_set(const Set& items) {
    Set made;
    for (const auto& each : items)
      made.append(in(each));
    return made;
  }

  const std::function<held_ptr(const ref&)> own_;
  std::unordered_map<std::uint64_t, held_ptr> owners_; // one slot, one owner
};

} // namespace

value held_object::ask(const caller& through, operation&& asked, leaves form,
                       session_ptr& in, const call_options& over) {
  call_options options;
  in = or_throw(reached(through.core_->session_for(asked, through.options_,
                                                   through.session_, options)));
  overlay(options, over);
  options.leaves = form;
  auto answered =
    reached(run_in(*through.core_, in, std::move(asked), options));
  if (!answered && answered.error().python() != nullptr)
    throw_error(
      answered.error().with_advice(fmt::format("in {}", describe(asked))));
  return or_throw(std::move(answered));
}

value held_object::ask(const caller_ptr& through, operation&& asked,
                       leaves form) {
  session_ptr in;
  return own(through, ask(*through, std::move(asked), form, in));
}

value held_object::ask(const caller& through, operation&& asked, leaves form) {
  session_ptr in;
  const auto answered = ask(through, std::move(asked), form, in);
  return answered.holds_refs() ? own(bind(through, std::move(in)), answered)
                               : answered;
}

value held_object::own(const caller_ptr& through, const value& answered) {
  return owner_of_refs{
    [&](const ref& name) { return adopt(through, value{name}); }}
    .in(answered);
}

held_ptr held_object::run(const caller_ptr& through, operation&& asked,
                          const call_options& over) {
  session_ptr in;
  auto answered = ask(*through, std::move(asked), leaves::objects, in, over);
  return adopt(through, std::move(answered));
}

held_ptr held_object::run(const caller& through, operation&& asked) {
  session_ptr in;
  auto answered = ask(through, std::move(asked), leaves::objects, in);
  return adopt(bind(through, std::move(in)), std::move(answered));
}

caller_ptr held_object::bind(const caller& through, session_ptr in) {
  caller bound{through.core_, std::move(in)};
  bound.options_ = through.options_;
  bound.options_.session.clear();
  return std::make_shared<const caller>(std::move(bound));
}

result<value> held_object::run_in(bridge_core& core, const session_ptr& in,
                                  operation&& asked, call_options& options) {
  if (this_thread().withs == 0 || options.keep_exception)
    return in->run(std::move(asked), options);
  options.keep_exception = true;
  auto outcome = in->run(std::move(asked), options);
  const auto* raised = outcome ? nullptr : outcome.error().python();
  if (raised == nullptr || !raised->object)
    return outcome;
  auto kept = *raised->object;
  kept.owner =
    adopt(bind(caller{core.shared_from_this(), in}, in), value{kept});
  return tl::unexpected{outcome.error().with_object(std::move(kept))};
}

held_ptr held_object::owner_of(const caller& through, const session_ptr& in,
                               const ref& named) {
  if (named.owner && named.owner->is_of_bridge())
    return named.owner;
  return in->owner_of(named,
                      [&] { return adopt(bind(through, in), value{named}); });
}

object operate(const char* name, const operand& left, const value& right) {
  auto asked = operand_access::about(left, verb::operate);
  asked.name = name;
  asked.positional.push_back(right);
  return operand_access::run(left, std::move(asked));
}

// Who has an object in Python is asked: of the other there is a copy.
object operate(const char* name, const value& left, const operand& right) {
  operation asked{.what = verb::operate, .name = name, .target = left};
  asked.positional.push_back(operand_access::as_argument(right));
  return operand_access::run(right, std::move(asked));
}

// What is on the left is read first.
object operate(const char* name, const operand& left, const operand& right) {
  if (!operand_access::has_path(right)
      && (operand_access::is_ref(left)
          || (operand_access::root(left) && !operand_access::is_ref(right))))
    return operate(name, left, operand_access::as_argument(right));
  return operate(name, operand_access::as_argument(left), right);
}

object operate(const char* name, const operand& of) {
  auto asked = operand_access::about(of, verb::operate);
  asked.name = name;
  return operand_access::run(of, std::move(asked));
}

} // namespace detail

// --- Where they come from ----------------------------------------------------

object caller::import(std::string_view module) const {
  return object{detail::held_object::run(
    *this, {.what = verb::get, .module = std::string{module}})};
}

object caller::adopt(const value& named) const {
  operation asked{.what = verb::read, .target = named};
  call_options options;
  auto in =
    or_throw(reached(core_->session_for(asked, options_, session_, options)));
  const auto* name = named.get_if<ref>();
  if (name == nullptr)
    return object{
      detail::held_object::adopt(detail::held_object::bind(*this, in), named)};
  if (name->session != in->id())
    throw_error({errc::ref_foreign,
                 fmt::format("the object belongs to session '{}', not to '{}'; "
                             "share one session",
                             name->session, in->id())});
  return object{detail::held_object::owner_of(*this, in, *name)};
}

value converter<object>::to_value(const object& item) {
  return item.held();
}

value converter<accessor>::to_value(const accessor& item) {
  return object{item}.held();
}

result<object> converter<object>::from_value(const value& from) {
  const auto* name = from.get_if<ref>();
  if (name != nullptr && name->owner)
    return object{name->owner};
  const auto& scopes = this_thread().scopes;
  if (scopes.empty())
    return error{errc::not_convertible,
                 fmt::format("{} is of no bridge here; make it an object by "
                             "`bridge.adopt`",
                             repr_short(from))};
  return attempt(
    [&] { return detail::held_object::caller_of(scopes.back()).adopt(from); });
}

// --- What both have ----------------------------------------------------------

operation operand::about(verb what) const {
  operation asked{.what = what, .path = path_};
  if (root_)
    asked.target = root_->content();
  return asked;
}

namespace {

void check_bridge(const detail::held_ptr& of, const operation& asked) {
  if (!of || !of->is_of_bridge())
    throw_error(
      {errc::ref_invalid,
       fmt::format("{}: this object is {}, of no bridge; make it by a call "
                   "or an import",
                   describe(asked), of ? "borrowed" : "None")});
}

} // namespace

object operand::run(operation asked, const call_options& over) const {
  check_bridge(root_, asked);
  return object{
    detail::held_object::run(root_->through(), std::move(asked), over)};
}

value operand::ask(operation asked, leaves form) const {
  check_bridge(root_, asked);
  return detail::held_object::ask(root_->through(), std::move(asked), form);
}

value operand::fetch(leaves form) const {
  if (path_.empty() && (!root_ || !root_->content().is_ref()))
    return root_ ? root_->content() : value{};
  return ask(about(verb::read), form);
}

value operand::held() const {
  if (!root_)
    return {};
  const auto* name = root_->content().get_if<ref>();
  if (name == nullptr)
    return root_->content();
  auto owned = *name;
  owned.owner = root_;
  return value{std::move(owned)};
}

operand::operand(detail::held_ptr root) : root_{std::move(root)} {}

operand::operand(detail::held_ptr root, std::vector<step> path)
    : root_{std::move(root)},
      path_{std::move(path)} {}

operand::operand(const operand& other) = default;
operand::operand(operand&& other) noexcept = default;
operand& operand::operator=(const operand& other) = default;
operand& operand::operator=(operand&& other) noexcept = default;
operand::~operand() = default;

bool operand::is_nothing() const {
  return !root_ && path_.empty();
}

object::object() : operand{nullptr} {}

object::object(detail::held_ptr of) : operand{std::move(of)} {}

accessor::accessor(detail::held_ptr root, std::vector<step> path)
    : operand{std::move(root), std::move(path)} {}

operand::iterator::iterator() = default;
operand::iterator::iterator(const iterator& other) = default;
operand::iterator::iterator(iterator&& other) noexcept = default;
operand::iterator&
operand::iterator::operator=(const iterator& other) = default;
operand::iterator&
operand::iterator::operator=(iterator&& other) noexcept = default;
operand::iterator::~iterator() = default;

object operand::iterator::operator*() const {
  return *item_;
}

bool operand::iterator::operator==(std::default_sentinel_t) const {
  return !item_;
}

accessor operand::attr(std::string_view name) const {
  auto path = path_;
  path.push_back({.name = std::string{name}});
  return {root_, std::move(path)};
}

accessor operand::operator[](value key) const {
  auto path = path_;
  path.push_back({.name = {}, .key = std::move(key)});
  return {root_, std::move(path)};
}

accessor operand::operator[](std::initializer_list<value> keys) const {
  return (*this)[value{tuple(keys)}];
}

bool operand::contains(const value& item) const {
  return detail::operate("contains", *this, item).as<bool>();
}

std::size_t operand::len() const {
  return ask(about(verb::length), leaves::refs).as<std::size_t>();
}

std::string operand::str() const {
  if (is_nothing())
    return "None";
  return ask(about(verb::str), leaves::refs).as<std::string>();
}

std::string operand::repr() const {
  if (is_nothing())
    return "None";
  return ask(about(verb::repr), leaves::refs).as<std::string>();
}

namespace {

// Of what is itself: a None, a number or a text.
bool is_true(const value& item) {
  switch (item.kind()) {
  case kind::none:
    return false;
  case kind::string:
  case kind::bytes:
    return item.size() > 0;
  default:
    return item != value{0};
  }
}

} // namespace

bool operand::is_none() const {
  if (!path_.empty())
    return object{run(about(verb::read))}.is_none();
  return !root_ || root_->content().is_none();
}

operand::operator bool() const {
  if (path_.empty() && (!root_ || !root_->content().is_ref()))
    return is_true(root_ ? root_->content() : value{});
  return detail::operate("truth", *this).as<bool>();
}

std::string operand::type_name() const {
  return (path_.empty() ? held() : object{run(about(verb::read))}.held())
    .type_name();
}

// --- Accessors ---------------------------------------------------------------

object::object(const accessor& named)
    : operand{object{named.run(named.about(verb::read))}} {}

// A dotted name is the way to its last part.
accessor accessor::parent(step& last) const {
  auto path = path_;
  last = std::move(path.back());
  path.pop_back();
  if (const auto dot = last.name.rfind('.');
      !last.key && dot != std::string::npos) {
    path.push_back({.name = last.name.substr(0, dot)});
    last.name.erase(0, dot + 1);
  }
  return {root_, std::move(path)};
}

void accessor::store(value item) const {
  step last;
  auto asked =
    parent(last).about(last.key ? verb::set_item : verb::set_attribute);
  if (last.key)
    asked.positional.push_back(*std::move(last.key));
  else
    asked.name = std::move(last.name);
  asked.positional.push_back(std::move(item));
  static_cast<void>(ask(std::move(asked), leaves::refs));
}

void accessor::remove() const {
  step last;
  auto asked = parent(last).about(verb::operate);
  asked.name = last.key ? "delitem" : "delattr";
  asked.positional.push_back(last.key ? *std::move(last.key)
                                      : value{std::move(last.name)});
  static_cast<void>(ask(std::move(asked), leaves::refs));
}

accessor& accessor::set(const accessor& other) {
  store(object{other}.held());
  return *this;
}

void accessor::in_place(const char* name, const value& other) const {
  store(detail::operate(name, *this, other).held());
}

void del(const accessor& named) {
  named.remove();
}

// --- Operators ---------------------------------------------------------------

bool is(const operand& one, const operand& other) {
  using access = detail::operand_access;
  if (!access::has_path(one) && access::root(one) == access::root(other)
      && !access::has_path(other))
    return true;
  const auto left = access::as_argument(one);
  const auto right = access::as_argument(other);
  if (!left.is_ref() || !right.is_ref())
    return left.kind() == right.kind() && left == right
           && left.type_name() == right.type_name();
  return left == right
         || access::run(one, {.what = verb::operate,
                              .name = "is_",
                              .target = left,
                              .positional = {right}})
              .as<bool>();
}

object pow(const operand& left, const value& right) {
  return detail::operate("pow", left, right);
}
object floordiv(const operand& left, const value& right) {
  return detail::operate("floordiv", left, right);
}
object matmul(const operand& left, const value& right) {
  return detail::operate("matmul", left, right);
}
object operator-(const operand& of) {
  return detail::operate("neg", of);
}
object operator+(const operand& of) {
  return detail::operate("pos", of);
}
object operator~(const operand& of) {
  return detail::operate("invert", of);
}

std::ostream& operator<<(std::ostream& out, const operand& of) {
  return out << of.str();
}

// --- Items -------------------------------------------------------------------

stream<> operand::items() const {
  auto asked = about(verb::iterate);
  check_bridge(root_, asked);
  return root_->items(std::move(asked));
}

operand::iterator operand::begin() const {
  return iterator{*this};
}

operand::iterator::iterator(const operand& over) : root_{over.root_} {
  from_ = std::make_shared<stream<>>(over.items());
  ++*this;
}

operand::iterator& operand::iterator::operator++() {
  item_.reset();
  auto next = from_->next();
  if (!next)
    return *this;
  item_ = object{
    detail::held_object::adopt(root_->through(), or_throw(*std::move(next)))};
  return *this;
}

} // namespace snakebridge
