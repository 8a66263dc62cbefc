#include "bridge/tools.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/calls/callback_scope.hpp"

namespace snakebridge {

namespace {

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char each) {
    return std::isalnum(each) != 0 || each == '_' || each == '.' || each == '-';
  };
  return !text.empty() && text.size() <= limits::tool_name_bytes_max
         && std::all_of(text.begin(), text.end(), fits);
}

} // namespace

result<void> tools::add(std::string_view name, callback called) {
  if (!is_name(name))
    return error{errc::config_invalid,
                 fmt::format("'{}' is no name of a tool: letters, digits, '_', "
                             "'.' and '-', at most {} of them",
                             name.substr(0, limits::tool_name_bytes_max),
                             limits::tool_name_bytes_max)};
  const std::lock_guard lock{mutex_};
  if (ended_)
    return error{errc::shutting_down, "the bridge has stopped"};
  if (known_.size() >= limits::tools_max)
    return error{
      errc::overloaded,
      fmt::format("the bridge has {} tools, and takes no more", known_.size())};
  if (!known_.try_emplace(std::string{name}, std::move(called)).second)
    return error{
      errc::config_invalid,
      fmt::format("there is a tool '{}' already; remove that first", name)};
  return {};
}

bool tools::remove(std::string_view name) {
  std::optional<callback>
    gone; // its end is the program's code: without the lock
  const std::lock_guard lock{mutex_};
  const auto place = known_.find(name);
  if (place == known_.end())
    return false;
  gone = std::move(place->second);
  known_.erase(place);
  return true;
}

std::vector<callback> tools::end() {
  std::vector<callback> gone;
  const std::lock_guard lock{mutex_};
  ended_ = true;
  for (auto& [name, tool] : std::exchange(known_, {}))
    gone.push_back(std::move(tool));
  return gone;
}

callback tools::find(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  if (const auto place = known_.find(name); place != known_.end())
    return place->second;
  std::string there;
  for (const auto& [each, tool] : known_)
    there += (there.empty() ? "" : ", ") + each;
  throw exception{
    error{errc::symbol_unknown,
          fmt::format("the program has no tool '{}'; {}", name,
                      there.empty() ? "it has none" : "it has " + there)}};
}

dict tools::list() const {
  dict all;
  const std::lock_guard lock{mutex_};
  for (const auto& [name, tool] : known_)
    all.set(name, tool.signature());
  return all;
}

void tools::log(std::int64_t level, const value& text) const {
  constexpr int error_level = 40;
  log_line line;
  line.level = static_cast<int>(
    std::clamp<std::int64_t>(level, 1, std::numeric_limits<int>::max()));
  line.text = text.as<std::string>();
  line.is_error = line.level >= error_level;
  if (const auto* here = callback_scope::here()) {
    line.interpreter = here->of().interpreter;
    line.session = here->of().session_id;
    if (here->of().asked != nullptr)
      line.call = describe(*here->of().asked);
  }
  log_(line);
}

value tools::call(detail::callback_arguments given) const {
  if (given.positional.empty())
    throw detail::bad_arguments{"the name of a tool is missing"};
  const auto name = std::move(given.positional.front());
  given.positional.erase(given.positional.begin());
  if (name.is_none())
    return list();
  if (name.kind() == kind::bytes)
    return helpers_->all();
  if (const auto level = name.to<std::int64_t>()) {
    if (given.positional.size() != 1)
      throw detail::bad_arguments{"one text is logged"};
    log(*level, given.positional.front());
    return {};
  }
  const auto text = name.to<std::string>();
  if (!text)
    throw detail::bad_arguments{"the name of a tool is a str"};
  const auto tool = find(*text);
  return (*tool).call(std::move(given));
}

} // namespace snakebridge
