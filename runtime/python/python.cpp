#include "runtime/python/python.hpp"

#include "runtime/python/session_module.hpp"

#include <mutex>

#include <fmt/format.h>
#include <unistd.h>

namespace snakebridge {

namespace {

// A thread's Python state, from its first guard to its end.
struct thread_state {
  PyThreadState* state = nullptr;
  bool made_here = false; // else the program's own embedding made it
  // The state Python was started with. When it is deleted and none is left,
  // CPython (3.11) aborts on the next thread's: so it outlives its thread.
  bool is_first = false;

  ~thread_state() {
    // The process's main thread ends with the process: nothing to free, and
    // the GIL may be held for ever by then.
    if (state == nullptr || is_first || ::gettid() == ::getpid())
      return;
    PyEval_RestoreThread(state);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
  }
};

thread_local thread_state this_thread;

error startup_error(const PyStatus& failed) {
  return {errc::environment_invalid,
          fmt::format("Python does not start: {}",
                      failed.err_msg ? failed.err_msg : "it exited")};
}

result<void> initialise(const std::filesystem::path& executable,
                        python_role role) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = role == python_role::worker ? 1 : 0;
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
  if (role == python_role::worker)
    PyRun_SimpleString("import sys\n"
                       "sys.stdout.reconfigure(line_buffering=True)\n");
  this_thread.state = PyEval_SaveThread();
  this_thread.is_first = true;
  return {};
}

} // namespace

result<void> start_python(const std::filesystem::path& executable,
                          python_role role) {
  static std::mutex once;
  static std::filesystem::path started_with;
  static bool ours = false;
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
  if (this_thread.state == nullptr) {
    this_thread.made_here = PyGILState_GetThisThreadState() == nullptr;
    PyGILState_Ensure();
    this_thread.state = PyThreadState_Get();
  } else {
    PyEval_RestoreThread(this_thread.state);
  }
}

gil_guard::~gil_guard() {
  if (!held_before_)
    PyEval_SaveThread();
}

} // namespace snakebridge
