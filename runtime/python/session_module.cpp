#include "runtime/python/session_module.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "config/tunables.hpp"

#include "runtime/python/plain.hpp"
#include "runtime/python/session_sources.hpp"
#include "runtime/python/sessions.hpp"

namespace snakebridge {

namespace {

// Python's side: never freed, as Python itself is not.
struct side {
  PyObject* session_type = nullptr;
  PyObject* frame_code = nullptr;
  PyObject* plain = nullptr;
  PyObject* keys = nullptr;
};

side& python_side() {
  static side made;
  return made;
}

py::dict run_source(const char* source, const char* name, py::dict space) {
  space["__builtins__"] = py::module_::import("builtins");
  space["__name__"] = name;
  const auto code =
    checked(Py_CompileString(source, "<snakebridge>", Py_file_input));
  checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
  return space;
}

// Counts the references to a namespace that its own functions are, and those of
// its classes. Runs no Python code.
class own_references {
public:
  explicit own_references(PyObject* space) : space_{space} {
    PyObject *name = nullptr, *item = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(space, &at, &name, &item) != 0;)
      look_at(item);
  }

  /// Nobody else has one, nor any of these functions, nor an object of these
  /// classes, as far as that is seen at once: no code will run in there any
  /// more. A thread, a timer, an executor, a logger or `atexit` may have some,
  /// or what holds them in a way of its own.
  bool are_all(Py_ssize_t besides) const {
    return !held_elsewhere_ && Py_REFCNT(space_) == besides + count_;
  }

private:
  void look_at(PyObject* item) {
    if (PyFunction_Check(item)) {
      take(item);
    } else if (Py_IS_TYPE(item, &PyStaticMethod_Type)
               || Py_IS_TYPE(item, &PyClassMethod_Type)
               || Py_IS_TYPE(item, &PyProperty_Type)) {
      Py_TYPE(item)->tp_traverse(
        item,
        [](PyObject* inner, void* mine) {
          if (PyFunction_Check(inner))
            static_cast<own_references*>(mine)->take(inner);
          return 0;
        },
        this);
    } else if (PyType_Check(item)) {
      look_at_class(reinterpret_cast<PyTypeObject*>(item));
    }
  }

  void look_at_class(PyTypeObject* type) {
    auto* const itself = reinterpret_cast<PyObject*>(type);
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)
        || type->tp_dict == nullptr || !seen_.insert(itself).second)
      return;
    const auto functions_before = count_;
    // Its name here, and its own place in the order of its bases.
    Py_ssize_t own = 2;
    PyObject *name = nullptr, *member = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(type->tp_dict, &at, &name, &member);) {
      look_at(member);
      own += describes(member, type) ? 1 : 0;
    }
    own += std::count_if(cells_.begin(), cells_.end(), [&](PyObject* cell) {
      return PyCell_GET(cell) == itself;
    });
    // An object of it, a class derived from it, or another name.
    if (count_ > functions_before)
      held_elsewhere_ = held_elsewhere_ || Py_REFCNT(itself) > own;
  }

  // `__dict__` and `__weakref__` are such.
  static bool describes(PyObject* member, PyTypeObject* type) {
    return (Py_IS_TYPE(member, &PyGetSetDescr_Type)
            || Py_IS_TYPE(member, &PyMemberDescr_Type))
           && PyDescr_TYPE(member) == type;
  }

  void take(PyObject* function) {
    if (PyFunction_GET_GLOBALS(function) != space_)
      return;
    ++count_;
    held_elsewhere_ = held_elsewhere_ || Py_REFCNT(function) != 1;
    if (auto* const closure = PyFunction_GET_CLOSURE(function))
      for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(closure); ++at)
        cells_.insert(PyTuple_GET_ITEM(closure, at));
  }

  PyObject* const space_;
  Py_ssize_t count_ = 0;
  bool held_elsewhere_ = false;
  std::unordered_set<PyObject*> seen_;  // classes
  std::unordered_set<PyObject*> cells_; // a class is in its own, for `super`
};

// Name by name: a finaliser may take one out before us.
void end_names(PyObject* space) {
  const auto names = py::reinterpret_steal<py::list>(PyDict_Keys(space));
  if (!names) // no memory: then all at once
    PyErr_Clear();
  for (Py_ssize_t at = 0; names && at < PyList_GET_SIZE(names.ptr()); ++at) {
    const py::handle name{PyList_GET_ITEM(names.ptr(), at)};
    if (PyUnicode_Check(name.ptr())
        && (PyUnicode_CompareWithASCIIString(name.ptr(), "__builtins__") == 0
            || PyUnicode_CompareWithASCIIString(name.ptr(), "__name__") == 0))
      continue;
    if (PyDict_DelItem(space, name.ptr()) != 0)
      PyErr_Clear();
  }
  PyDict_Clear(space);
}

} // namespace

thread_local session_module::performance session_module::pending;

PyObject* session_module::perform_pending(PyObject*, PyObject*) {
  if (const auto body = std::exchange(pending, {}); body.run != nullptr)
    body.run(body.with);
  Py_RETURN_NONE;
}

result<void> define_sessions() {
  static PyMethodDef perform_method{"perform", session_module::perform_pending,
                                    METH_NOARGS, nullptr};
  auto& ours = python_side();
  if (ours.session_type != nullptr)
    return {};
  try {
    py::dict space;
    space["sources_text"] = python_string(session_sources_source);
    space["source_bytes_max"] = limits::session_source_bytes_max;
    space["sources_max"] = limits::session_sources_max;
    run_source(sessions_source, "snakebridge", space);
    space["warn_of_deprecations"]();
    const auto perform = checked(PyCFunction_New(&perform_method, nullptr));
    ours.frame_code = py::object{space["frame_code"](perform)}.release().ptr();
    const auto plain = run_source(plain_source, "snakebridge", py::dict{});
    ours.plain = py::object{plain["plain"]}.release().ptr();
    ours.keys = py::object{plain["keys"]}.release().ptr();
    ours.session_type = py::object{space["Session"]}.release().ptr();
    return {};
  } catch (const py::error_already_set& raised) {
    return error{
      errc::startup_failed,
      fmt::format("Python's side of sessions could not be set up: {}",
                  raised.what())};
  }
}

session_module::session_module(const import_rules& rules, py::handle context,
                               std::string_view id, std::uint64_t epoch,
                               const py::object& program)
    : session_{checked(
      PyObject_CallOneArg(python_side().session_type, rules.builtins().ptr()))},
      context_{checked(PyContext_Copy(context.ptr()))},
      space_{session_.attr("space")},
      frame_{checked(PyFunction_New(python_side().frame_code, space_.ptr()))},
      own_names_{PyDict_Size(space_.ptr())} {
  program_ =
    py::module_::import("snakebridge")
      .attr("_in_session")(context_, python_string(id), epoch, program);
}

session_module::~session_module() {
  end();
}

bool session_module::end() {
  if (!session_)
    return false;
  frame_ = {};
  // Besides them there are ours, that of sessions.py, and the module's.
  const bool by_itself = own_references{space_.ptr()}.are_all(3);
  if (by_itself)
    end_names(space_.ptr());
  const auto ended = py::reinterpret_steal<py::object>(
    PyObject_CallMethod(session_.ptr(), "end", nullptr));
  if (!ended)
    PyErr_WriteUnraisable(session_.ptr());
  session_ = {};
  space_ = {};
  if (PyObject_SetAttrString(program_.ptr(), "call", Py_None) < 0)
    PyErr_Clear();
  program_ = {};
  context_ = {};
  return !by_itself;
}

bool session_module::has_names() const {
  static PyObject* const registry =
    PyUnicode_InternFromString("__warningregistry__");
  const auto others = PyDict_Size(space_.ptr()) - own_names_;
  // What `warnings` has shown is nobody's loss.
  return others > 1
         || (others == 1 && PyDict_Contains(space_.ptr(), registry) != 1);
}

py::object session_module::compile(std::string_view source,
                                   bool evaluates) const {
  const auto text = python_string(source);
  const py::str mode{evaluates ? "eval" : "exec"};
  static PyObject* const name = PyUnicode_InternFromString("compile");
  auto code = py::reinterpret_steal<py::object>(PyObject_CallMethodObjArgs(
    session_.ptr(), name, text.ptr(), mode.ptr(), nullptr));
  if (code)
    return code;
  // Where it failed is a frame of ours.
  PyObject *type = nullptr, *raised = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &raised, &trace);
  PyErr_NormalizeException(&type, &raised, &trace);
  if (raised != nullptr)
    PyException_SetTraceback(raised, Py_None);
  Py_XDECREF(trace);
  PyErr_Restore(type, raised, nullptr);
  throw_raised();
}

// This thread is in the session's context while the scope lasts: in a copy
// where another session is between, as a context is entered once.
class session_module::context_scope {
public:
  explicit context_scope(const session_module& of) : around_{here()} {
    if (around_ == &of)
      return;
    entered_ = of.context_;
    if (PyContext_Enter(entered_.ptr()) < 0) {
      PyErr_Clear();
      entered_ = checked(PyContext_Copy(entered_.ptr()));
      checked(PyContext_Enter(entered_.ptr()));
    }
    here() = &of;
  }
  ~context_scope() {
    if (!entered_)
      return;
    here() = around_;
    const py::error_scope raised; // what is on its way stays
    if (PyContext_Exit(entered_.ptr()) < 0)
      PyErr_Clear(); // code has left another behind
  }
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;

private:
  static const session_module*& here() {
    static thread_local const session_module* in = nullptr;
    return in;
  }

  const session_module* const around_;
  py::object entered_;
};

void session_module::run_in_frame(performance body) const {
  const context_scope here{*this};
  pending = body;
  const auto ended =
    py::reinterpret_steal<py::object>(PyObject_CallNoArgs(frame_.ptr()));
  pending = {};
  if (!ended)
    throw_raised();
}

py::object plain_form_of(py::handle object) {
  auto made = checked(PyObject_CallOneArg(python_side().plain, object.ptr()));
  return made.is(py::handle{Py_NotImplemented}) ? py::object{}
                                                : std::move(made);
}

py::list plain_keys_of(const py::list& keys) {
  return checked(PyObject_CallOneArg(python_side().keys, keys.ptr()));
}

} // namespace snakebridge
