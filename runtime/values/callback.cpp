#include <snakebridge/callback.hpp>

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

namespace snakebridge {

namespace detail {

namespace {

std::string told(const parameter& each, std::size_t at) {
  return each.name.empty() ? fmt::format("argument {}", at + 1)
                           : fmt::format("argument '{}'", each.name);
}

} // namespace

bad_arguments::bad_arguments(std::string text) : text_{std::move(text)} {}

const char* bad_arguments::what() const noexcept {
  return text_.c_str();
}

parameter parameter_of(literals::keyword_name named) {
  return {.name = std::string{named.name}};
}

parameter parameter_of(keyword named) {
  return {.name = std::string{named.name},
          .by_default = std::move(named.value)};
}

std::vector<value> parameter_list::bind(callback_arguments& given) const {
  std::vector<std::optional<value>> bound(each.size());
  auto& [positional, named] = given;
  if (positional.size() > each.size() && !takes_rest)
    throw bad_arguments{
      fmt::format("the callback takes {} positional argument{} but {} {} given",
                  each.size(), each.size() == 1 ? "" : "s", positional.size(),
                  positional.size() == 1 ? "was" : "were")};
  const auto count = std::min(positional.size(), each.size());
  std::move(positional.begin(),
            positional.begin() + static_cast<std::ptrdiff_t>(count),
            bound.begin());
  positional.erase(positional.begin(),
                   positional.begin() + static_cast<std::ptrdiff_t>(count));
  std::erase_if(named, [&](named_value& argument) {
    const auto place =
      std::find_if(each.begin(), each.end(), [&](const parameter& one) {
        return !one.name.empty() && one.name == argument.first;
      });
    if (place == each.end())
      return false;
    auto& slot = bound[static_cast<std::size_t>(place - each.begin())];
    if (slot)
      throw bad_arguments{fmt::format(
        "the callback got multiple values for argument '{}'", argument.first)};
    slot = std::move(argument.second);
    return true;
  });
  if (!named.empty() && !takes_names)
    throw bad_arguments{
      fmt::format("the callback got an unexpected keyword argument '{}'",
                  named.front().first)};
  std::vector<value> all;
  all.reserve(each.size());
  for (std::size_t at = 0; at < each.size(); ++at) {
    if (!bound[at] && !each[at].by_default)
      throw bad_arguments{
        fmt::format("the callback misses {}", told(each[at], at))};
    all.push_back(bound[at] ? *std::move(bound[at]) : *each[at].by_default);
  }
  return all;
}

void parameter_list::refuse(std::size_t at, const error& why) const {
  throw bad_arguments{
    fmt::format("{} of the callback: {}", told(each[at], at), why.message())};
}

std::string
parameter_list::signature(const std::vector<std::string_view>& types,
                          std::string_view outcome) const {
  // What stands before one without a name is given by position as well.
  std::size_t by_position = 0;
  for (std::size_t at = 0; at < each.size(); ++at)
    if (each[at].name.empty())
      by_position = at + 1;
  std::vector<std::string> told;
  for (std::size_t at = 0; at < each.size(); ++at) {
    auto& one = told.emplace_back(
      each[at].name.empty() ? fmt::format("arg{}", at + 1) : each[at].name);
    one += fmt::format(": {}", types[at]);
    if (each[at].by_default)
      one += fmt::format(" = {}", repr(*each[at].by_default));
    if (at + 1 == by_position)
      told.emplace_back("/");
  }
  if (takes_rest)
    told.emplace_back("*args");
  if (takes_names)
    told.emplace_back("**kwargs");
  return fmt::format("({}) -> {}", fmt::join(told, ", "), outcome);
}

} // namespace detail

callback::callback(std::shared_ptr<const detail::callable> of)
    : of_{std::move(of)} {
  static std::atomic<std::uint64_t> last{0};
  id_ = ++last;
}

std::string callback::signature() const {
  return of_->signature();
}

const detail::callable& callback::operator*() const {
  return *of_;
}

} // namespace snakebridge
