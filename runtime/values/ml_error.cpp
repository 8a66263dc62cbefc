#include "runtime/values/ml_error.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/values/ml_text.hpp"

namespace snakebridge {

namespace {

constexpr std::string_view array_libraries[] = {
  "torch", "numpy", "tensorflow", "keras",   "jax",        "jaxlib",
  "cupy",  "scipy", "pandas",     "sklearn", "onnxruntime"};

// What libraries written in C++ raise.
constexpr std::string_view plain_types[] = {"ValueError", "RuntimeError",
                                            "TypeError", "IndexError"};
// What only the code of a library is believed to mean so: pandas's Series.dot
// and SciPy's filters raise them.
constexpr std::string_view library_types[] = {"Exception",
                                              "NotImplementedError"};

template <std::size_t Size>
bool is_one_of(std::string_view name, const std::string_view (&names)[Size]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// ".../site-packages/scipy/linalg/_basic.py"; of Cython's frames, which have no
// such place, "scipy/spatial/_ckdtree.pyx".
bool is_library_file(std::string_view path) {
  path = path.substr(0, limits::translated_bytes_max);
  constexpr std::string_view installed = "-packages/";
  if (const auto at = path.rfind(installed); at != path.npos)
    path.remove_prefix(at + installed.size());
  else if (!path.ends_with(".pyx") && path.find(".pxi") == path.npos)
    return false;
  return is_one_of(path.substr(0, path.find('/')), array_libraries);
}

} // namespace

std::string to_string(const array_shape& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "),
                     shape.size() == 1 ? "," : "");
}

error translated(error failed) {
  if (failed.python() == nullptr)
    return failed;
  auto meaning = translate(*failed.python());
  return meaning ? failed.with_ml(std::move(*meaning)) : failed;
}

// Memory first: its messages tell shapes and dtypes too.
std::optional<ml_error> translate(const python_error& raised) {
  if (auto memory = out_of_memory_of(raised))
    return memory;
  if (auto shapes = shape_mismatch_of(raised))
    return shapes;
  if (auto dtypes = dtype_mismatch_of(raised))
    return dtypes;
  return std::nullopt;
}

std::string_view message_of(const python_error& raised) {
  return std::string_view{raised.message}.substr(0,
                                                 limits::translated_bytes_max);
}

std::string_view array_library(const python_error& raised) {
  const auto package =
    std::string_view{raised.module}.substr(0, raised.module.find('.'));
  return is_one_of(package, array_libraries) ? package : std::string_view{};
}

bool is_of_arrays(const python_error& raised) {
  return !array_library(raised).empty()
         || (raised.module == "builtins"
             && (is_one_of(raised.type, plain_types)
                 || (is_one_of(raised.type, library_types)
                     && is_of_library_code(raised))));
}

bool is_of_library_code(const python_error& raised) {
  return !array_library(raised).empty()
         || (!raised.frames.empty()
             && is_library_file(raised.frames.back().file));
}

bool is_a(const python_error& raised, std::string_view type) {
  return std::find(raised.mro.begin(), raised.mro.end(), type)
         != raised.mro.end();
}

std::string_view fact(const python_error& raised, std::string_view name) {
  const auto place =
    std::find_if(raised.facts.begin(), raised.facts.end(),
                 [&](const auto& each) { return each.first == name; });
  return place == raised.facts.end() ? std::string_view{}
                                     : std::string_view{place->second}.substr(
                                       0, limits::exception_fact_bytes_max);
}

std::string_view operation_of(std::string_view message) {
  auto at = ml_text::after(message, "[op:");
  if (message.starts_with("[ONNXRuntimeError]"))
    for (const auto* before :
         {"while running ", "optype (", "op (", "operator ("})
      if (at == ml_text::npos)
        at = ml_text::after(message, before);
  return at == ml_text::npos ? std::string_view{}
                             : ml_text::identifier(message, at);
}

} // namespace snakebridge
