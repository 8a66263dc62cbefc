#pragma once
// The functions of the program that Python's code finds by name, in every
// session: `snakebridge.tools()` and `snakebridge.call(name, …)`. Python knows
// one callback for them all, which takes the name first; what it logs comes
// that way, too, and so the helpers go that it asks for. Any thread.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/callback.hpp>
#include <snakebridge/config.hpp>

#include "bridge/helper_sources.hpp"

namespace snakebridge {

class tools final : public detail::callable {
public:
  /// `log`: takes what Python logs. `helpers`: what it asks for.
  tools(std::function<void(const log_line&)> log,
        std::shared_ptr<const helper_sources> helpers)
      : log_{std::move(log)},
        helpers_{std::move(helpers)} {}

  /// Errors: config_invalid for a name that is none or taken, overloaded,
  /// shutting_down.
  result<void> add(std::string_view name, callback called);
  /// False: there is none of that name.
  bool remove(std::string_view name);
  /// There are none any more, nor will there be. Those there were: their end is
  /// the program's code.
  std::vector<callback> end();

  /// The tool of that name, with what follows; null: which there are, and their
  /// signatures; an int: a text of that level is logged; bytes: the helpers of
  /// the program. Throws symbol_unknown, and what the tool throws.
  value call(detail::callback_arguments given) const override;
  std::string signature() const override {
    return "(name: str, /, *args, **kwargs) -> Any";
  }

private:
  callback find(const std::string& name) const;
  dict list() const;
  void log(std::int64_t level, const value& text) const;

  const std::function<void(const log_line&)> log_;
  const std::shared_ptr<const helper_sources> helpers_;
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::map<std::string, callback, std::less<>> known_;
};

} // namespace snakebridge
