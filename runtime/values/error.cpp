#include <snakebridge/error.hpp>

#include <algorithm>
#include <ostream>

#include <snakebridge/result.hpp>

#include <fmt/format.h>

namespace snakebridge {

std::string_view to_string(errc code) {
  static constexpr std::string_view names[] = {
    "",
    "python_raised",
    "ref_stale",
    "ref_released",
    "ref_foreign",
    "ref_invalid",
    "session_closed",
    "deadline_exceeded",
    "cancelled",
    "overloaded",
    "pool_down",
    "pool_unknown",
    "worker_busy",
    "session_worker_unavailable",
    "interpreter_died",
    "node_down",
    "unreachable",
    "not_authorized",
    "not_convertible",
    "not_iterable",
    "callback_failed",
    "message_malformed",
    "payload_too_large",
    "quota_exceeded",
    "config_invalid",
    "startup_failed",
    "environment_invalid",
    "symbol_unknown",
    "library_unknown",
    "shutting_down",
  };
  static_assert(std::size(names)
                == static_cast<std::size_t>(errc::shutting_down) + 1);
  const auto at = static_cast<std::size_t>(code);
  return at > 0 && at < std::size(names) ? names[at] : "unknown";
}

namespace {

std::string raised_text(const python_error& raised) {
  return raised.message.empty() ? raised.type
                                : raised.type + ": " + raised.message;
}

std::string suggestions_text(const ml_error& meaning) {
  if (const auto* memory = std::get_if<out_of_memory>(&meaning))
    return fmt::format("{}", fmt::join(memory->suggestions, "; "));
  if (const auto* shapes = std::get_if<shape_mismatch>(&meaning))
    return shapes->suggestion;
  return std::get<dtype_mismatch>(meaning).suggestion;
}

} // namespace

error::error(errc code, std::string message)
    : code_{code},
      message_{std::move(message)} {}

error::error(const error& other) = default;
error::error(error&& other) noexcept = default;
error& error::operator=(const error& other) = default;
error& error::operator=(error&& other) noexcept = default;
error::~error() = default;

const python_error* error::python() const& {
  return python_.get();
}

std::shared_ptr<const python_error> error::python() const&& {
  return python_;
}

const snakebridge::post_mortem* error::post_mortem() const& {
  return death_.get();
}

std::shared_ptr<const snakebridge::post_mortem> error::post_mortem() const&& {
  return death_;
}

const ml_error* error::ml() const& {
  return ml_.get();
}

std::shared_ptr<const ml_error> error::ml() const&& {
  return ml_;
}

bool operator==(const error& left, const error& right) {
  return left.code_ == right.code_ && left.message_ == right.message_;
}

error::error(python_error raised)
    : code_{errc::python_raised},
      may_have_run_{true},
      message_{raised_text(raised)},
      python_{std::make_shared<const python_error>(std::move(raised))} {}

error::error(errc code, std::string message, snakebridge::post_mortem death,
             bool may_have_run)
    : code_{code},
      may_have_run_{may_have_run},
      message_{std::move(message)},
      death_{
        std::make_shared<const snakebridge::post_mortem>(std::move(death))} {}

error error::with_ml(ml_error meaning) const {
  auto other = *this;
  other.ml_ = std::make_shared<const ml_error>(std::move(meaning));
  return other;
}

error error::with_object(ref kept) const {
  auto raised = *python_;
  raised.object = std::move(kept);
  auto other = *this;
  other.python_ = std::make_shared<const python_error>(std::move(raised));
  return other;
}

error error::with_advice(std::string_view advice) const {
  auto other = *this;
  other.message_ += fmt::format("; {}", advice);
  return other;
}

namespace {

// What a session's code defined, without its module: that is named
// "__snakebridge_session_7__" (runtime/python/sessions.py).
std::optional<std::string_view> defined_in_session(std::string_view base) {
  constexpr std::string_view module_end = "__.";
  const auto end = base.find(module_end);
  if (!base.starts_with("__snakebridge_session_")
      || end == std::string_view::npos)
    return {};
  return base.substr(end + module_end.size());
}

// "json.JSONDecodeError" is json.decoder.JSONDecodeError too.
bool is_named(std::string_view base, std::string_view type) {
  constexpr std::string_view script = "__main__.";
  if (base == type)
    return true;
  if (const auto mine = defined_in_session(base))
    return type == *mine
           || (type.starts_with(script) && type.substr(script.size()) == *mine);
  const auto dot = type.rfind('.');
  if (dot == std::string_view::npos)
    return base.starts_with("builtins.") && base.substr(9) == type;
  const auto package = type.substr(0, dot + 1), name = type.substr(dot);
  return base.starts_with(package) && base.ends_with(name);
}

} // namespace

bool error::is(std::string_view type) const {
  return python_
         && std::any_of(
           python_->mro.begin(), python_->mro.end(),
           [type](const std::string& base) { return is_named(base, type); });
}

error error::with_may_have_run(bool may) const {
  auto other = *this;
  other.may_have_run_ = may;
  return other;
}

std::string to_string(const post_mortem& death) {
  std::string how = "ended, nobody knows how";
  if (!death.signal.empty())
    how = "killed by " + death.signal;
  else if (death.exit_status)
    how = fmt::format("exited with status {}", *death.exit_status);
  auto text = fmt::format("interpreter {} (incarnation {}, pid {}) {}",
                          death.interpreter, death.epoch, death.pid, how);
  if (!death.call.empty())
    text += fmt::format(" while running {} for session '{}'", death.call,
                        death.session);
  if (!death.reason.empty())
    text += ", because " + death.reason;
  return text;
}

std::string to_string(const error& failed) {
  auto text = fmt::format("{}: {}", to_string(failed.code()), failed.message());
  if (const auto* raised = failed.python();
      raised != nullptr && !raised->traceback.empty())
    text += "\n" + raised->traceback;
  if (failed.ml() != nullptr) {
    if (text.back() != '\n')
      text += '\n';
    text += "suggestion: " + suggestions_text(*failed.ml());
  }
  if (const auto* death = failed.post_mortem();
      death != nullptr && !death->log_lines.empty()) {
    text += "\nits last output:";
    for (const auto& line : death->log_lines)
      text += "\n  " + line;
  }
  if (const auto* death = failed.post_mortem();
      death != nullptr && !death->stacks.empty())
    text += "\nits Python stacks:\n" + death->stacks;
  return text;
}

std::ostream& operator<<(std::ostream& out, const error& failed) {
  return out << to_string(failed);
}

std::ostream& operator<<(std::ostream& out, errc code) {
  return out << to_string(code);
}

exception::exception(const exception& other) noexcept = default;
exception& exception::operator=(const exception& other) noexcept = default;
exception::~exception() = default;

const char* exception::what() const noexcept {
  return text_->c_str();
}

const snakebridge::error& exception::error() const {
  return *error_;
}

exception::exception(snakebridge::error failed)
    : error_{std::make_shared<const snakebridge::error>(std::move(failed))},
      text_{std::make_shared<const std::string>(to_string(*error_))} {}

// References, because copying an exception in flight must not throw: what they
// name lies in the error all copies share.
shape_mismatch_error::shape_mismatch_error(const snakebridge::error& failed)
    : python_exception{failed},
      operation{told().operation},
      shape_a{told().shape_a},
      shape_b{told().shape_b},
      suggestion{told().suggestion} {}

const shape_mismatch& shape_mismatch_error::told() const {
  return std::get<shape_mismatch>(*error().ml());
}

out_of_memory_error::out_of_memory_error(const snakebridge::error& failed)
    : python_exception{failed},
      device{told().device},
      requested_mb{told().requested_mb},
      available_mb{told().available_mb},
      total_mb{told().total_mb},
      suggestions{told().suggestions} {}

const out_of_memory& out_of_memory_error::told() const {
  return std::get<out_of_memory>(*error().ml());
}

dtype_mismatch_error::dtype_mismatch_error(const snakebridge::error& failed)
    : python_exception{failed},
      expected{told().expected},
      got{told().got},
      operation{told().operation},
      suggestion{told().suggestion} {}

const dtype_mismatch& dtype_mismatch_error::told() const {
  return std::get<dtype_mismatch>(*error().ml());
}

namespace {

[[noreturn]] void throw_python_error(const error& failed) {
  if (failed.ml() == nullptr)
    throw python_exception{failed};
  if (std::holds_alternative<shape_mismatch>(*failed.ml()))
    throw shape_mismatch_error{failed};
  if (std::holds_alternative<out_of_memory>(*failed.ml()))
    throw out_of_memory_error{failed};
  throw dtype_mismatch_error{failed};
}

} // namespace

void detail::throw_no_error() {
  throw std::logic_error{"the result has a value, and no error"};
}

void throw_error(const error& failed) {
  switch (failed.code()) {
  case errc::python_raised:
    throw_python_error(failed);
  case errc::ref_stale:
  case errc::ref_released:
    throw ref_not_found_error{failed};
  case errc::ref_foreign:
    throw session_mismatch_error{failed};
  case errc::ref_invalid:
    throw invalid_ref_error{failed};
  default:
    throw exception{failed};
  }
}

} // namespace snakebridge
