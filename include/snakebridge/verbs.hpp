#pragma once
// What one can ask of Python, written once: the functions of `caller`, which
// wait for the answer, and those of `async_caller`, which do not. They differ
// in what they answer.

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/convert.hpp>
#include <snakebridge/helper.hpp>
#include <snakebridge/operation.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge::detail {

/// Their names and values. Errors: not_convertible for a name that is no text.
result<std::vector<named_value>> variables_of(const dict& variables);

/// What a verb answered, as what its function answers.
template <class T>
result<T> read_as(result<value> answered) {
  if constexpr (std::is_same_v<T, value>)
    return answered;
  else if constexpr (std::is_void_v<T>)
    return std::move(answered).transform([](const value&) {});
  else
    return std::move(answered).and_then(
      [](const value& item) { return item.template to<T>(); });
}
/// Errors: not_convertible for what no interpreter of ours would say.
result<helper_index> read_helpers(result<value> answered);
/// What died with its interpreter or its session is released already.
result<bool> read_released(result<value> answered);

/// `Self` turns a question into an `Answer<T>`: by `ask<T>(operation&&, read)`,
/// with what reads a T from what Python answers, or `refuse<T>(error)`.
template <class Self, template <class> class Answer>
class verbs {
public:
  /// `module.function(*arguments)`. The function may be dotted:
  /// "AutoModel.from_pretrained". Named arguments: `"key"_a = 1`.
  template <class... Arguments>
  Answer<value> call(std::string_view module, std::string_view function,
                     Arguments&&... arguments) const {
    operation asked{.what = verb::call,
                    .module = std::string{module},
                    .name = std::string{function}};
    add_arguments(asked, std::forward<Arguments>(arguments)...);
    return ask<value>(std::move(asked));
  }

  /// `module.name`; the name may be dotted.
  Answer<value> get(std::string_view module, std::string_view name) const {
    return ask<value>({.what = verb::get,
                       .module = std::string{module},
                       .name = std::string{name}});
  }

  /// `object.name(*arguments)`.
  template <class... Arguments>
  Answer<value> method(const value& object, std::string_view name,
                       Arguments&&... arguments) const {
    operation asked{
      .what = verb::method, .name = std::string{name}, .target = object};
    add_arguments(asked, std::forward<Arguments>(arguments)...);
    return ask<value>(std::move(asked));
  }

  /// `object(*arguments)`.
  template <class... Arguments>
  Answer<value> call_object(const value& object,
                            Arguments&&... arguments) const {
    operation asked{.what = verb::call_object, .target = object};
    add_arguments(asked, std::forward<Arguments>(arguments)...);
    return ask<value>(std::move(asked));
  }

  Answer<value> attr(const value& object, std::string_view name) const {
    return ask<value>(
      {.what = verb::attribute, .name = std::string{name}, .target = object});
  }
  /// `object.name = item`, of a ref: ref_invalid for a value, which nobody
  /// would see change.
  Answer<void> set_attr(const value& object, std::string_view name,
                        value item) const {
    return ask<void>({.what = verb::set_attribute,
                      .name = std::string{name},
                      .target = object,
                      .positional = {std::move(item)}});
  }
  Answer<value> item(const value& object, value key) const {
    return ask<value>(
      {.what = verb::item, .target = object, .positional = {std::move(key)}});
  }
  /// `object[key] = item`, of a ref as above.
  Answer<void> set_item(const value& object, value key, value item) const {
    return ask<void>({.what = verb::set_item,
                      .target = object,
                      .positional = {std::move(key), std::move(item)}});
  }
  Answer<std::string> repr(const value& object) const {
    return ask<std::string>({.what = verb::repr, .target = object});
  }
  Answer<std::string> str(const value& object) const {
    return ask<std::string>({.what = verb::str, .target = object});
  }
  Answer<std::size_t> len(const value& object) const {
    return ask<std::size_t>({.what = verb::length, .target = object});
  }

  /// `await object`, of anything that Python can await, on the event loop of
  /// its interpreter; python_raised (TypeError) for what it cannot.
  Answer<value> await(const value& object) const {
    return ask<value>({.what = verb::await, .target = object});
  }

  /// The helper of that name, "my_helpers.process", with these arguments.
  /// Errors: symbol_unknown for one that is not there, saying where it was
  /// looked for; not_authorized for one that `helper_rules` does not allow;
  /// python_raised (snakebridge.HelperLoadError) when its file fails.
  template <class... Arguments>
  Answer<value> call_helper(std::string_view name,
                            Arguments&&... arguments) const {
    operation asked{.what = verb::helper, .name = std::string{name}};
    add_arguments(asked, std::forward<Arguments>(arguments)...);
    return ask<value>(std::move(asked));
  }
  /// The helpers that may be called, by name, and the files that failed.
  Answer<helper_index> helpers() const {
    return self().template ask<helper_index>({.what = verb::helpers},
                                             read_helpers);
  }

  /// The value of an expression in the session's own namespace. `variables`,
  /// whose keys are strings, are there for this expression only; others are
  /// not_convertible.
  Answer<value> eval(std::string_view expression,
                     const dict& variables = {}) const {
    return ask_code<value>(verb::evaluate, expression, variables);
  }
  /// Runs statements in the session's own namespace, which is a module:
  /// classes and functions made there can be pickled, and processes that Python
  /// starts run the session's sources again to have them. `variables` are set
  /// in it before, and must be as above.
  Answer<void> exec(std::string_view code, const dict& variables = {}) const {
    return ask_code<void>(verb::execute, code, variables);
  }

  /// Forgets the object: true if it was there, false if it was gone already.
  Answer<bool> release(const value& object) const {
    return self().template ask<bool>({.what = verb::release, .target = object},
                                     read_released);
  }

protected:
  verbs() = default;

private:
  const Self& self() const { return static_cast<const Self&>(*this); }

  template <class T>
  Answer<T> ask(operation&& asked) const {
    return self().template ask<T>(std::move(asked), read_as<T>);
  }

  template <class T>
  Answer<T> ask_code(verb what, std::string_view code,
                     const dict& variables) const {
    auto named = variables_of(variables);
    if (!named)
      return self().template refuse<T>(std::move(named).error());
    return ask<T>(
      {.what = what, .name = std::string{code}, .named = *std::move(named)});
  }
};

} // namespace snakebridge::detail
