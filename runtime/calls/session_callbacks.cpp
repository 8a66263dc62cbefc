#include "runtime/calls/session_callbacks.hpp"

#include <algorithm>
#include <cstdlib>
#include <typeinfo>

#include <cxxabi.h>
#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/utf8.hpp"

namespace snakebridge {

namespace {

std::string name_of(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name{
    abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
  return status == 0 ? name.get() : type.name();
}

template <class Take>
void each_callback(const value& in, const Take& take) {
  if (!in.holds_callbacks())
    return;
  if (const auto* found = in.get_if<callback>()) {
    take(*found);
  } else if (const auto* items = detail::items_of(in)) {
    for (const auto& each : *items)
      each_callback(each, take);
  } else if (const auto* entries = in.get_if<dict>()) {
    for (const auto& [key, item] : *entries) {
      each_callback(key, take);
      each_callback(item, take);
    }
  }
}

} // namespace

namespace {

// As Python can have it: what is no UTF-8 is shown byte by byte.
std::string as_text(std::string_view what) {
  std::string text;
  what = what.substr(0, limits::callback_text_bytes_max);
  while (!what.empty()) {
    const auto [code, bytes] = utf8::first_character(what);
    if (bytes == 0 || utf8::is_surrogate(code))
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(what[0]));
    else
      text += what.substr(0, bytes);
    what.remove_prefix(bytes == 0 || utf8::is_surrogate(code) ? 1 : bytes);
  }
  return text;
}

} // namespace

callback_answer call_back(const callback& of,
                          detail::callback_arguments given) noexcept {
  callback_answer told{.failed = true};
  try {
    told.outcome = (*of).call(std::move(given));
    told.failed = false;
  } catch (const detail::bad_arguments& wrong) {
    told.type = "TypeError";
    told.message = as_text(wrong.what());
  } catch (const thrown_elsewhere& failed) {
    told.type = as_text(failed.type);
    told.message = as_text(failed.message);
  } catch (const exception& failed) {
    told.type = name_of(typeid(failed));
    told.message = as_text(failed.what());
    if (const auto* raised = failed.error().python())
      told.raised = raised->object;
  } catch (const std::exception& failed) {
    told.type = name_of(typeid(failed));
    told.message = as_text(failed.what());
  } catch (...) {
    const auto* type = abi::__cxa_current_exception_type();
    told.type = type != nullptr ? name_of(*type) : "an exception";
    told.message = "an exception of type " + told.type;
  }
  return told;
}

void session_callbacks::run_here(const std::function<void()>& what) const {
  if (program_)
    program_->run_here(what);
  else
    what();
}

void session_callbacks::run_later(std::function<void()> what) const {
  if (program_)
    program_->run_later(std::move(what));
  else
    what();
}

void session_callbacks::add(const value& given, const void* holder) {
  if (!given.holds_callbacks())
    return;
  const std::lock_guard lock{mutex_};
  if (ended_)
    return;
  each_callback(given, [&](const callback& each) {
    ++given_.try_emplace(each.id(), given_one{each})
        .first->second.times[holder];
  });
}

namespace {

template <class Take>
void each_argument(const operation& asked, const Take& take) {
  take(asked.target);
  for (const auto& [name, key] : asked.path)
    if (key)
      take(*key);
  for (const auto& each : asked.positional)
    take(each);
  for (const auto& [name, item] : asked.named)
    take(item);
}

} // namespace

void session_callbacks::add(const operation& asked, const void* holder) {
  each_argument(asked, [&](const value& each) { add(each, holder); });
}

void session_callbacks::remove(const operation& asked, const void* holder) {
  each_callback(asked, [&](const callback& one) { drop(one.id(), holder); });
}

std::optional<callback> session_callbacks::find(std::uint64_t id) const {
  if (id == tools_callback)
    return program_ ? program_->tools() : std::nullopt;
  const std::lock_guard lock{mutex_};
  const auto place = given_.find(id);
  return place == given_.end() ? std::nullopt : std::optional{place->second.of};
}

// Where the program's code may run: what it captured may block, or call us.
void session_callbacks::destroy(all gone) const {
  if (!gone.empty())
    run_later(
      [kept = std::make_shared<all>(std::move(gone))] { kept->clear(); });
}

void session_callbacks::take_out(all& from, all::iterator place,
                                 const void* holder, bool once, all& gone) {
  auto& times = place->second.times;
  const auto mine = times.find(holder);
  if (mine == times.end())
    return;
  if (once && --mine->second > 0)
    return;
  times.erase(mine);
  if (times.empty())
    gone.insert(from.extract(place));
}

void session_callbacks::drop(std::uint64_t id, const void* holder) {
  all gone;
  {
    const std::lock_guard lock{mutex_};
    if (const auto place = given_.find(id); place != given_.end())
      take_out(given_, place, holder, true, gone);
  }
  destroy(std::move(gone));
}

bool session_callbacks::are_held_by(const void* holder) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(given_.begin(), given_.end(), [&](const auto& each) {
    return each.second.times.contains(holder);
  });
}

void session_callbacks::forget(const void* holder) {
  all gone;
  {
    const std::lock_guard lock{mutex_};
    for (auto each = given_.begin(); each != given_.end();)
      take_out(given_, each++, holder, false, gone);
  }
  destroy(std::move(gone));
}

void session_callbacks::end() {
  all gone;
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    gone.swap(given_);
  }
  destroy(std::move(gone));
}

void each_callback(const operation& asked,
                   const std::function<void(const callback&)>& take) {
  each_argument(asked, [&](const value& each) { each_callback(each, take); });
}

bool holds_callbacks(const operation& asked) {
  const auto holds = [](const value& each) { return each.holds_callbacks(); };
  return holds(asked.target)
         || std::any_of(
           asked.path.begin(), asked.path.end(),
           [&](const auto& each) { return each.key && holds(*each.key); })
         || std::any_of(asked.positional.begin(), asked.positional.end(), holds)
         || std::any_of(asked.named.begin(), asked.named.end(),
                        [&](const auto& each) { return holds(each.second); });
}

} // namespace snakebridge
