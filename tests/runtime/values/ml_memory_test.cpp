// Memory that ran out, in the words of each library: a row for each.
#include "tests/runtime/values/ml_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::Each;
using ::testing::Gt;
using ::testing::SizeIs;

struct memory_row {
  python_error told;
  std::string device;
  std::optional<double> requested, available, total;
};

constexpr auto old_torch =
  "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total "
  "capacity; 5.25 GiB already allocated; 1.25 GiB free; 5.50 GiB reserved in "
  "total by PyTorch)";
constexpr auto new_torch =
  "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 1 has a total capacity "
  "of 7.50 GiB of which 512.00 KiB is free. Process 7 has 5.00 GiB memory in "
  "use.";
constexpr auto misspelt =
  "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 1 has a total capacty "
  "of 7.50 GiB of which 3.00 MiB is free.";
constexpr auto mps =
  "MPS backend out of memory (MPS allocated: 5.00 GB, other allocations: 1.00 "
  "GB, max allowed: 9.00 GB). Tried to allocate 256.00 MB on private pool.";

python_error cupy_error() {
  auto made = raised("cupy.cuda.memory", "OutOfMemoryError",
                     "Out of memory allocating 8,388,608 bytes (allocated so "
                     "far: 0 bytes, limit set to: 1,048,576 bytes).");
  made.mro.emplace_back("builtins.MemoryError");
  return made;
}

python_error numpy_error(const std::string& message) {
  auto made = raised("numpy._core._exceptions", "_ArrayMemoryError", message);
  made.mro.emplace_back("builtins.MemoryError");
  return made;
}

const std::vector<memory_row> memory_rows{
  {runtime_error(old_torch), "cuda:0", 2048, 1280, 8192},
  {raised("torch.cuda", "OutOfMemoryError", old_torch), "cuda:0", 2048, 1280,
   8192},
  {raised("torch", "OutOfMemoryError", new_torch), "cuda:1", 20, 0.5, 7680},
  {raised("torch.cuda", "OutOfMemoryError", misspelt), "cuda:1", 20, 3, 7680},
  {raised("torch", "OutOfMemoryError",
          "XPU out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
          "capacity of 8.00 GiB."),
   "xpu:0",
   2048,
   {},
   8192},
  {runtime_error(mps), "mps", 256, 3072, 9216},
  {runtime_error("CUDA error: out of memory"), "cuda", {}, {}, {}},
  {runtime_error("[enforce fail at alloc_cpu.cpp:83] err == 0. "
                 "DefaultCPUAllocator: can't allocate memory: you tried to "
                 "allocate 80000000000 bytes. Error code 12 (Cannot allocate "
                 "memory)"),
   "cpu",
   80'000'000'000 / 1048576.0,
   {},
   {}},
  {memory_error(""), "cpu", {}, {}, {}},
  {memory_error("Unable to allocate 1.5 GiB for an array with shape (3,) and "
                "data type float64"),
   "cpu",
   1536,
   {},
   {}},
  {cupy_error(), "cuda", 8, {}, 1},
  {raised("jaxlib.xla_extension", "XlaRuntimeError",
          "RESOURCE_EXHAUSTED: Out of memory while trying to allocate "
          "17179869184 bytes."),
   "",
   16384,
   {},
   {}},
  {raised("tensorflow.python.framework.errors_impl", "ResourceExhaustedError",
          "OOM when allocating tensor with shape[1024,1024,2] and type float "
          "on /job:localhost/replica:0/task:0/device:GPU:0 by allocator"),
   "cuda:0",
   8,
   {},
   {}},
  // Of pandas.merge and sklearn.metrics.pairwise_distances.
  {numpy_error("Unable to allocate 8.00 TiB for an array with shape "
               "(1099511627776,) and data type int64"),
   "cpu",
   8'388'608,
   {},
   {}},
  {numpy_error("Unable to allocate 671. GiB for an array with shape (300000, "
               "300000) and data type float64"),
   "cpu",
   687'104,
   {},
   {}},
  {raised("pandas.errors", "ParserError",
          "Error tokenizing data. C error: out of memory"),
   "cpu",
   {},
   {},
   {}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running ConstantOfShape node. Name:'cos' Status Message: "
        "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* "
        "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
        "onnxruntime::Stream*) Failed to allocate memory for requested buffer "
        "of size 34359738368\n"),
   "",
   32768,
   {},
   {}},
  {onnx("RuntimeException",
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code "
        "returned while running Conv node. Name:'Conv_3' Status Message: "
        "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:342 void* "
        "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Available "
        "memory of 5242880 is smaller than requested bytes of 20971520"),
   "",
   20,
   5,
   {}},
  {onnx("RuntimeException",
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code "
        "returned while running Conv node. Name:'Conv_3' Status Message: bad "
        "allocation"),
   "",
   {},
   {},
   {}},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory "
                "; GPU=1 ; hostname=node ; "
                "file=/onnxruntime_src/onnxruntime/core/providers/cuda/"
                "cuda_allocator.cc ; line=47 ; "
                "expr=cudaMalloc((void**)&p, size); "),
   "cuda:1",
   {},
   {},
   {}},
  {memory_error("std::bad_alloc"), "cpu", {}, {}, {}}, // of onnxruntime too
};

} // namespace

TEST(MlMemory, GivenAWordingOfMemoryThenItsAmountsAreRead) {
  for (const auto& row : memory_rows) {
    SCOPED_TRACE(row.told.message);
    const auto told = meaning_of<out_of_memory>(row.told);
    EXPECT_EQ(told.device, row.device);
    EXPECT_EQ(told.requested_mb, row.requested);
    EXPECT_EQ(told.available_mb, row.available);
    EXPECT_EQ(told.total_mb, row.total);
    EXPECT_THAT(told.suggestions, SizeIs(Gt(1U)));
    EXPECT_THAT(told.suggestions, Each(SizeIs(Gt(20U))));
  }
}

TEST(MlMemory, GivenEveryCutOfAMessageThenItIsRead) {
  for (const auto& row : memory_rows)
    translate_every_cut(row.told);
}

} // namespace snakebridge::testing
