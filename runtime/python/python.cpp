#include "runtime/python/python.hpp"

#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/base/process_mark.hpp"
#include "runtime/python/any_python.hpp"
#include "runtime/python/session_module.hpp"

#include "runtime/python/guest.hpp"

namespace snakebridge {

namespace {

// A thread's Python state, from its first guard to its end, unless another has
// made it: a thread of Python's own, or the program's own embedding.
struct thread_state {
  PyThreadState* state = nullptr;
  // The state Python was started with. When it is deleted and none is left,
  // CPython (3.11) aborts on the next thread's: so it outlives its thread.
  bool is_first = false;
  // What calls by then, a destructor, has one for its call alone.
  bool has_ended = false;

  void end_with_the_thread();
};

thread_local thread_state this_thread; // can be read after its end

void thread_state::end_with_the_thread() {
  static thread_local const struct last_step {
    ~last_step() {
      // The process's main thread ends with the process: nothing to free, and
      // the GIL may be held for ever by then.
      if (::gettid() == ::getpid())
        return;
      auto* const ending = std::exchange(this_thread.state, nullptr);
      this_thread.has_ended = true;
      PyEval_RestoreThread(ending);
      PyThreadState_Clear(ending);
      PyThreadState_DeleteCurrent();
    }
  } step;
  static_cast<void>(&step);
}

std::atomic<bool> ours = false; // not the program's own embedding

error startup_error(const PyStatus& failed) {
  return {errc::environment_invalid,
          fmt::format("Python does not start: {}",
                      failed.err_msg ? failed.err_msg : "it exited")};
}

void ignore_where_default(int signal) {
  struct sigaction now {};
  if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
    ::signal(signal, SIG_IGN);
}

// A guest's: the program's locale and environment stay as they are. Where the
// program has set no locale Python encodes in UTF-8.
PyStatus initialise_as_guest() {
  PyPreConfig config;
  PyPreConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.configure_locale = 0;
  config.coerce_c_locale = 0;
  config.coerce_c_locale_warn = 0;
  return Py_PreInitialize(&config);
}

// What guest.py defines: never freed, as Python itself is not.
py::dict guest_code() {
  static PyObject* const made = [] {
    py::dict space;
    space["__builtins__"] = py::module_::import("builtins");
    space["__name__"] = "snakebridge";
    const auto code =
      checked(Py_CompileString(guest_source, "<snakebridge>", Py_file_input));
    checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
    return space.release().ptr();
  }();
  return py::reinterpret_borrow<py::dict>(made);
}

// Another module may not be the first to import these two. `_signal` would give
// SIGINT a handler that only sets a mark for Python, where it has none: Ctrl-C
// would end nothing any more. And the thread that first imports `threading` is
// its main thread, but signal handlers are for the one that started Python.
result<void> import_as_guest() {
  struct sigaction before {};
  ::sigaction(SIGINT, nullptr, &before);
  try {
    const auto signals = py::module_::import("_signal");
    if (before.sa_handler == SIG_DFL)
      signals.attr("signal")(SIGINT, signals.attr("SIG_DFL"));
    ::sigaction(SIGINT, &before, nullptr);
    py::object{guest_code()["begin"]}();
    return {};
  } catch (const py::error_already_set& raised) {
    return error{errc::startup_failed,
                 fmt::format("Python does not start: {}", raised.what())};
  }
}

// Extension modules find Python's symbols there, also where we are part of a
// plugin that was loaded for itself alone (RTLD_LOCAL).
void make_symbols_global() {
  Dl_info here{};
  if (::dladdr(reinterpret_cast<void*>(&Py_IsInitialized), &here) != 0)
    ::dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

result<void> initialise(const std::filesystem::path& executable,
                        python_role role) {
  // As `python3` does, which does the next for us no more: handlers are ours.
  ignore_where_default(SIGPIPE);
  if (role == python_role::worker)
    ignore_where_default(SIGXFSZ);
  if (role == python_role::embedded) {
    make_symbols_global();
    if (const auto status = initialise_as_guest(); PyStatus_Exception(status))
      return tl::unexpected{startup_error(status)};
  }
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = 0;
  keep_gil(config);
  // Not what PATH says: another python3 may stand there.
  const auto program = executable.empty()
                         ? std::string{SNAKEBRIDGE_PYTHON_EXECUTABLE}
                         : executable.string();
  auto status =
    PyConfig_SetBytesString(&config, &config.program_name, program.c_str());
  if (!PyStatus_Exception(status))
    status =
      PyConfig_SetBytesString(&config, &config.executable, program.c_str());
  if (!PyStatus_Exception(status))
    status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status))
    return tl::unexpected{startup_error(status)};
  result<void> imported;
  if (role == python_role::worker)
    PyRun_SimpleString("import sys\n"
                       "sys.stdout.reconfigure(line_buffering=True)\n");
  else
    imported = import_as_guest();
  this_thread.state = PyEval_SaveThread();
  this_thread.is_first = true;
  return imported;
}

} // namespace

result<void> start_python(const std::filesystem::path& executable,
                          python_role role) {
  static std::mutex once;
  static std::filesystem::path started_with;
  static const process_mark first_seen;
  if (first_seen.forked())
    return tl::unexpected{error{
      errc::environment_invalid,
      "Python runs in the process this one was forked from, and cannot run on "
      "here: use placement = worker, or fork before a bridge starts it"}};
  const std::lock_guard lock{once};
  if (Py_IsInitialized() == 0) {
    auto started = initialise(executable, role);
    if (!started)
      return started;
    started_with = executable;
    ours = true;
  } else if (ours && executable != started_with) {
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("this process already runs Python as '{}'; it cannot be '{}' "
                  "as well: use placement = worker",
                  started_with.string(), executable.string())}};
  }
  if (auto defined = define_module(); !defined)
    return defined;
  const gil_guard gil;
  return define_sessions();
}

void end_as_guest(std::chrono::milliseconds patience) {
  if (!ours)
    return;
  try {
    py::object{guest_code()["end"]}(
      std::chrono::duration<double>{patience}.count());
  } catch (py::error_already_set& raised) {
    raised.discard_as_unraisable("the end of an embedded Python");
  }
}

py::error_already_set take_raised() {
  if (PyErr_Occurred() == nullptr)
    PyErr_SetString(PyExc_SystemError,
                    "a function failed without setting an exception");
  // What cannot be made is another exception by now, which pybind11 does not
  // expect.
  PyObject *type = nullptr, *raised = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &raised, &trace);
  PyErr_NormalizeException(&type, &raised, &trace);
  PyErr_Restore(type, raised, trace);
  return {};
}

std::string text_with_surrogates(py::handle from) {
  const auto encoded =
    checked(PyUnicode_AsEncodedString(from.ptr(), "utf-8", "surrogatepass"));
  return {PyBytes_AS_STRING(encoded.ptr()),
          static_cast<std::size_t>(PyBytes_GET_SIZE(encoded.ptr()))};
}

gil_guard::gil_guard() : held_before_{PyGILState_Check() != 0} {
  if (held_before_)
    return;
  auto* state = this_thread.state;
  if (state == nullptr)
    state = PyGILState_GetThisThreadState();
  if (state != nullptr) {
    PyEval_RestoreThread(state);
    return;
  }
  PyGILState_Ensure();
  is_for_once_ = this_thread.has_ended;
  if (is_for_once_)
    return;
  this_thread.state = PyThreadState_Get();
  this_thread.end_with_the_thread();
}

gil_guard::~gil_guard() {
  if (held_before_)
    return;
  if (is_for_once_)
    PyGILState_Release(PyGILState_UNLOCKED);
  else
    PyEval_SaveThread();
}

} // namespace snakebridge
