#pragma once
// What a Python exception means where it is about shapes, memory or dtypes:
// told from the facts it carries, else from the wording of the libraries that
// raise it. Pure functions, on any thread. The exception comes from a worker
// and is hostile: a bounded part of it is read, in linear time.

#include <optional>

#include <snakebridge/error.hpp>

namespace snakebridge {

/// The same error, with its meaning if it has one.
error translated(error failed);

/// Nothing for an exception that means none of these.
std::optional<ml_error> translate(const python_error& raised);

std::optional<shape_mismatch> shape_mismatch_of(const python_error& raised);
std::optional<out_of_memory> out_of_memory_of(const python_error& raised);
std::optional<dtype_mismatch> dtype_mismatch_of(const python_error& raised);

// What the three share.

/// The part of the message that is read.
std::string_view message_of(const python_error& raised);
/// "torch" of "torch.cuda", if it is a library of arrays; else empty.
std::string_view array_library(const python_error& raised);
/// Its wording may be believed: it is a library's own exception, or just the
/// built-in one that libraries raise, not something derived from it.
bool is_of_arrays(const python_error& raised);
/// It came out of the code of a library of arrays: its own exception, or raised
/// in a file of it. Not what a library's C code raises into others.
bool is_of_library_code(const python_error& raised);
/// Itself or one of its bases: "builtins.MemoryError".
bool is_a(const python_error& raised, std::string_view type);
/// Empty: it does not tell.
std::string_view fact(const python_error& raised, std::string_view name);
/// "AddV2" where TensorFlow says "[Op:AddV2]", "Gemm" where onnxruntime says
/// "while running Gemm node", else empty.
std::string_view operation_of(std::string_view message);

} // namespace snakebridge
