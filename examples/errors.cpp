// What Python's exceptions mean. With the error mode `translated`, those of
// shapes, memory and types of numbers come as data too: which shapes, how much
// memory, and what to do. The texts of PyTorch are raised without PyTorch, for
// it is by them that it tells what went wrong.
#include <concepts>
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include <snakebridge/format.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

namespace {

void print(const sb::shape_mismatch& told) {
  fmt::print("  {} of shapes {} and {}\n  suggestion: {}\n", told.operation,
             sb::to_string(told.shape_a.value()),
             sb::to_string(told.shape_b.value()), told.suggestion);
}

void print(const sb::out_of_memory& told) {
  fmt::print("  device {}: {} MiB requested, {} of {} MiB free\n", told.device,
             told.requested_mb.value(), told.available_mb.value(),
             told.total_mb.value());
  for (const auto& suggestion : told.suggestions)
    fmt::print("  suggestion: {}\n", suggestion);
}

void print(const sb::dtype_mismatch& told) {
  fmt::print("  expected {}, got {}\n  suggestion: {}\n", told.expected,
             told.got, told.suggestion);
}

class showcase {
public:
  /// Prints an error, and expects that it means a `Meaning`; none: it is what
  /// Python raised and no more.
  template <class Meaning = std::monostate, class T>
  void expect(const char* title, const sb::result<T>& answer) {
    fmt::print("{}. {}\n", ++count_, title);
    if (answer || answer.error().python() == nullptr) {
      right_ = false;
      return;
    }
    const auto& failed = answer.error();
    fmt::print("  {}: {}\n", failed.python()->type, failed.python()->message);
    if constexpr (std::same_as<Meaning, std::monostate>) {
      right_ &= failed.ml() == nullptr;
    } else {
      const bool is_told =
        failed.ml() != nullptr && std::holds_alternative<Meaning>(*failed.ml());
      right_ &= is_told;
      if (is_told)
        print(std::get<Meaning>(*failed.ml()));
    }
  }

  bool right() const { return right_; }

private:
  int count_ = 0;
  bool right_ = true;
};

/// As a library does it that has only texts to tell with.
sb::result<void> raise(const sb::bridge& bridge, std::string_view text) {
  return bridge.exec("raise RuntimeError(text)", {{"text", text}});
}

} // namespace

int main() {
  sb::bridge bridge{sb::config{.error_mode = sb::error_mode::translated}};
  showcase show;

  show.expect<sb::shape_mismatch>(
    "Shapes of two matrices, as PyTorch tells them",
    raise(bridge, "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"));
  show.expect<sb::shape_mismatch>(
    "Shapes of an array, as NumPy tells them",
    bridge.call("numpy", "reshape", sb::list{1, 2, 3}, sb::tuple{2, 2}));
  show.expect<sb::out_of_memory>(
    "Memory of a graphics card",
    raise(bridge, "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
                  "total capacity of 8.00 GiB of which 1.25 GiB is free."));
  show.expect<sb::dtype_mismatch>(
    "Types of numbers",
    raise(bridge, "expected scalar type Float but found Double"));
  show.expect("A text that only looks like one of these",
              raise(bridge, "the ROOM is full"));

  show.expect("A real exception", bridge.call("builtins", "int", "forty-two"));
  show.expect("A module that is missing", bridge.call("no_such_module", "f"));
  show.expect("A function that is missing", bridge.call("math", "no_such_f"));

  fmt::print("9. As an exception of C++\n");
  try {
    or_throw(raise(bridge, "expected scalar type Half but found Float"));
    return 1;
  } catch (const sb::dtype_mismatch_error& thrown) {
    fmt::print("  expected {}, got {}\n", thrown.expected, thrown.got);
  }
  return show.right() ? 0 : 1;
}
