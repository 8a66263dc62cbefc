// Memory that ran out, on the processor or on a device.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/values/ml_error.hpp"
#include "runtime/values/ml_text.hpp"

namespace snakebridge {

namespace {

using ml_text::npos;

// What the libraries say; alone, "out of memory" may mean anything. The last
// are of onnxruntime, whose "bad allocation" is Windows's bad_alloc.
constexpr std::string_view phrases[] = {
  "cuda out of memory",
  "cuda error: out of memory",
  "hip out of memory",
  "xpu out of memory",
  "mps backend out of memory",
  "resource_exhausted: out of memory",
  "oom when allocating tensor",
  "defaultcpuallocator: can't allocate memory",
  "defaultcpuallocator: not enough memory",
  "c error: out of memory", // of pandas, reading CSV
  "failed to allocate memory for requested buffer of size",
  "is smaller than requested bytes of",
  "cuda failure 2: out of memory",
};
constexpr std::string_view library_phrases[] = {
  "bad allocation", "std::bad_alloc", "cublas_status_alloc_failed"};

bool is_about_memory(const python_error& raised, std::string_view text) {
  if (is_a(raised, "builtins.MemoryError"))
    return true;
  if (!is_of_arrays(raised))
    return false;
  const auto library = array_library(raised);
  if (!library.empty()
      && (raised.type.ends_with("OutOfMemoryError")
          || raised.type == "ResourceExhaustedError"))
    return true;
  const auto is_said = [&](auto phrase) { return ml_text::has(text, phrase); };
  return ((!library.empty() || raised.type == "RuntimeError")
          && std::any_of(std::begin(phrases), std::end(phrases), is_said))
         || (!library.empty()
             && std::any_of(std::begin(library_phrases),
                            std::end(library_phrases), is_said));
}

std::string indexed(std::string device, std::string_view text) {
  for (const auto* before : {"gpu ", "gpu:", "gpu=", "cuda:"})
    if (const auto number =
          ml_text::small_number(text, ml_text::after(text, before));
        number && *number >= 0)
      return fmt::format("{}:{}", device, *number);
  return device;
}

std::string device_of(const python_error& raised, std::string_view text) {
  if (ml_text::has(text, "mps backend"))
    return "mps";
  if (ml_text::has(text, "xpu"))
    return indexed("xpu", text);
  if (ml_text::has(text, "defaultcpuallocator")
      || ml_text::has(text, "device:cpu:0"))
    return "cpu";
  // PyTorch calls AMD's devices cuda too.
  if (ml_text::has(text, "cuda") || ml_text::has(text, "hip")
      || ml_text::has(text, "gpu") || array_library(raised) == "cupy")
    return indexed("cuda", text);
  return is_a(raised, "builtins.MemoryError")
             || array_library(raised) == "pandas"
           ? "cpu"
           : "";
}

std::optional<double> amount_after(std::string_view text,
                                   std::string_view phrase) {
  const auto at = ml_text::after(text, phrase);
  return at == npos ? std::nullopt : ml_text::mebibytes(text, at);
}

// "buffer of size 1024": bytes, though it does not say so.
std::optional<double> bytes_after(std::string_view text,
                                  std::string_view phrase) {
  const auto at = ml_text::after(text, phrase);
  if (at == npos)
    return std::nullopt;
  const auto end = text.find_first_not_of("0123456789", at);
  return ml_text::mebibytes(
    std::string{text.substr(at, end - at)}.append(" bytes"), 0);
}

std::optional<double> amount_before(std::string_view text,
                                    std::string_view phrase) {
  const auto at = ml_text::find(text, phrase);
  return at == npos ? std::nullopt : ml_text::mebibytes_before(text, at);
}

// "OOM when allocating tensor with shape[1000,1000] and type float on …"
std::optional<double> tensor_size(std::string_view text) {
  const auto at = ml_text::after(text, "tensor with shape");
  const auto shape = at == npos ? std::nullopt : ml_text::operand(text, at);
  const auto type = ml_text::after(text, "and type ");
  if (!shape || type == npos)
    return std::nullopt;
  const auto name = ml_text::dtype(text, type).what;
  const auto bits =
    ml_text::small_number(name, name.find_first_of("123456789"));
  if (!bits)
    return std::nullopt;
  double bytes = *bits / 8.0;
  for (const auto length : shape->what)
    bytes *= static_cast<double>(std::max<std::int64_t>(length, 0));
  return bytes / 0x1p20;
}

std::optional<double> requested(const python_error& raised,
                                std::string_view text) {
  if (const auto bytes = fact(raised, "requested_bytes"); !bytes.empty())
    if (const auto amount =
          ml_text::mebibytes(std::string{bytes} + " bytes", 0))
      return amount;
  for (const auto* before : {"tried to allocate", "trying to allocate",
                             "unable to allocate", "out of memory allocating"})
    if (const auto amount = amount_after(text, before))
      return amount;
  for (const auto* before :
       {"requested buffer of size ", "requested bytes of "})
    if (const auto amount = bytes_after(text, before))
      return amount;
  return tensor_size(text);
}

std::optional<double> total(std::string_view text) {
  // The second is how PyTorch 2.0 spells it.
  for (const auto* before : {"total capacity of", "total capacty of",
                             "max allowed:", "limit set to:"})
    if (const auto amount = amount_after(text, before))
      return amount;
  return amount_before(text, "total capacity");
}

std::optional<double> available(std::string_view text,
                                std::optional<double> all) {
  if (const auto amount = amount_after(text, "of which"))
    return amount;
  if (const auto amount = amount_before(text, "free"))
    return amount;
  if (const auto amount = bytes_after(text, "available memory of "))
    return amount;
  const auto mine = amount_after(text, "mps allocated:");
  const auto others = amount_after(text, "other allocations:");
  if (all && mine)
    return std::max(0.0, *all - *mine - others.value_or(0));
  return std::nullopt;
}

std::vector<std::string> device_suggestions(const python_error& raised,
                                            const out_of_memory& told) {
  std::vector<std::string> all;
  const auto name = told.device.empty() ? "the device" : told.device;
  if (told.requested_mb && told.available_mb
      && *told.requested_mb <= *told.available_mb)
    all.push_back(fmt::format(
      "{} has {:.0f} MiB free, but not in one piece: set "
      "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True for its workers",
      name, *told.available_mb));
  all.push_back(told.available_mb
                  ? fmt::format("use a smaller batch, so that it fits the "
                                "{:.0f} MiB left on {}",
                                *told.available_mb, name)
                  : fmt::format("use a smaller batch on {}", name));
  all.push_back(fmt::format("release what {} holds for objects no longer "
                            "needed, and empty the library's cache",
                            name));
  if (array_library(raised) == "onnxruntime")
    all.emplace_back("raise the limit of its arena (gpu_mem_limit), and let it "
                     "grow by no more than asked "
                     "(arena_extend_strategy=kSameAsRequested)");
  all.emplace_back("compute in float16 or bfloat16, or on the cpu");
  return all;
}

std::vector<std::string> cpu_suggestions(const python_error& raised,
                                         const out_of_memory& told) {
  std::vector<std::string> all;
  const auto dtype = fact(raised, "dtype"), shape = fact(raised, "shape");
  if (!shape.empty() && told.requested_mb)
    all.push_back(fmt::format("an array of shape {} takes {:.0f} MiB: check "
                              "that this shape is meant, or work on it in "
                              "pieces",
                              shape, *told.requested_mb));
  else if (told.requested_mb)
    all.push_back(
      fmt::format("work on the {:.0f} MiB in pieces", *told.requested_mb));
  else
    all.emplace_back("work on the data in pieces");
  if (dtype == "float64" || dtype == "int64" || dtype == "complex128")
    all.push_back(
      fmt::format("use a smaller dtype: {} takes 64 bits or more for each "
                  "number",
                  dtype));
  all.emplace_back("release objects no longer needed, or map large arrays from "
                   "a file (numpy.memmap)");
  return all;
}

} // namespace

std::optional<out_of_memory> out_of_memory_of(const python_error& raised) {
  const auto text = message_of(raised);
  if (!is_about_memory(raised, text))
    return std::nullopt;
  out_of_memory told;
  told.device = device_of(raised, text);
  told.requested_mb = requested(raised, text);
  told.total_mb = total(text);
  told.available_mb = available(text, told.total_mb);
  told.suggestions = told.device == "cpu" ? cpu_suggestions(raised, told)
                                          : device_suggestions(raised, told);
  return told;
}

} // namespace snakebridge
