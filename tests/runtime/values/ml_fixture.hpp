#pragma once
// Exceptions as numeric libraries raise them, and what they are taken for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/values/ml_error.hpp"

namespace snakebridge::testing {

inline python_error raised(const std::string& module, const std::string& type,
                           const std::string& message) {
  python_error made;
  made.type = type;
  made.module = module;
  made.message = message;
  made.mro = {module + "." + type, "builtins.Exception"};
  return made;
}

inline python_error value_error(const std::string& message) {
  return raised("builtins", "ValueError", message);
}
inline python_error runtime_error(const std::string& message) {
  return raised("builtins", "RuntimeError", message);
}
inline python_error memory_error(const std::string& message) {
  return raised("builtins", "MemoryError", message);
}

inline python_error type_error(const std::string& message) {
  return raised("builtins", "TypeError", message);
}

inline python_error onnx(const std::string& type, const std::string& message) {
  return raised("onnxruntime.capi.onnxruntime_pybind11_state", type, message);
}

/// Raised by the code of a library that a caller's code called. Cython's frames
/// tell no place.
inline python_error raised_in(const std::string& file, python_error told) {
  const bool compiled = file.ends_with(".pyx") || file.ends_with(".pxi");
  told.frames = {{"/home/me/work.py", 1, "work"},
                 {(compiled ? "" : "/usr/lib/python3.11/site-packages/") + file,
                  2, "check"}};
  return told;
}

/// What it means; a test fails if it means something else.
template <class T>
T meaning_of(const python_error& told) {
  const auto meaning = translate(told);
  if (meaning && std::holds_alternative<T>(*meaning))
    return std::get<T>(*meaning);
  ADD_FAILURE() << "means something else: " << told.message;
  return {};
}

/// No cut of a message is read beyond its end: for the sanitizers to see.
inline void translate_every_cut(const python_error& whole) {
  for (std::size_t size = 0; size < whole.message.size(); ++size) {
    auto cut = whole;
    cut.message.assign(whole.message, 0, size);
    cut.message.shrink_to_fit();
    static_cast<void>(translate(cut));
  }
}

} // namespace snakebridge::testing
