#pragma once
// The functions of the program that Python's code finds by name, in every
// session: `snakebridge.tools()` and `snakebridge.call(name, …)`. Python knows
// one callback for them all, which takes the name first; what it logs comes
// that way, too. Any thread.

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/callback.hpp>
#include <snakebridge/config.hpp>

namespace snakebridge {

class tools final : public detail::callable {
public:
  /// `log`: takes what Python logs.
  explicit tools(std::function<void(const log_line&)> log)
      : log_{std::move(log)} {}

  /// Errors: config_invalid for a name that is none or taken, overloaded,
  /// shutting_down.
  result<void> add(std::string_view name, callback called);
  /// False: there is none of that name.
  bool remove(std::string_view name);
  /// There are none any more, nor will there be. Those there were: their end is
  /// the program's code.
  std::vector<callback> end();

  /// The tool of that name, with what follows; null: which there are, and their
  /// signatures; an int: a text of that level is logged. Throws symbol_unknown,
  /// and what the tool throws.
  value call(detail::callback_arguments given) const override;
  std::string signature() const override {
    return "(name: str, /, *args, **kwargs) -> Any";
  }

private:
  callback find(const std::string& name) const;
  dict list() const;
  void log(std::int64_t level, const value& text) const;

  const std::function<void(const log_line&)> log_;
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::map<std::string, callback, std::less<>> known_;
};

} // namespace snakebridge
