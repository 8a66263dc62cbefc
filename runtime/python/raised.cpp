#include "runtime/python/raised.hpp"

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

// Runs `ask`, which may raise or find nothing: then its answer is left out.
template <class Ask>
auto if_it_can(Ask ask) -> decltype(ask()) {
  try {
    return ask();
  } catch (py::error_already_set&) {
    return {};
  } catch (const py::cast_error&) {
    return {};
  }
}

std::string text_of(py::handle object) {
  return if_it_can([&]() -> std::string {
    // Lone surrogates have no UTF-8: shown escaped.
    const auto encoded = checked(PyUnicode_AsEncodedString(
      checked(PyObject_Str(object.ptr())).ptr(), "utf-8", "backslashreplace"));
    std::string text{PyBytes_AS_STRING(encoded.ptr()),
                     static_cast<std::size_t>(PyBytes_GET_SIZE(encoded.ptr()))};
    if (text.size() > limits::exception_text_bytes_max) {
      auto end = limits::exception_text_bytes_max;
      while (end > 0 && (text[end] & 0xC0) == 0x80)
        --end; // never inside a character
      text.resize(end);
    }
    return text;
  });
}

std::string attribute(py::handle object, const char* name) {
  return if_it_can([&] { return text_of(object.attr(name)); });
}

std::vector<python_frame> frames_of(py::handle raised) {
  std::vector<python_frame> frames;
  auto next =
    py::reinterpret_steal<py::object>(PyException_GetTraceback(raised.ptr()));
  while (next && !next.is_none()
         && frames.size() < limits::exception_frames_max) {
    const auto code = next.attr("tb_frame").attr("f_code");
    frames.push_back({attribute(code, "co_filename"),
                      next.attr("tb_lineno").cast<std::uint32_t>(),
                      attribute(code, "co_name")});
    next = next.attr("tb_next");
  }
  return frames;
}

std::string traceback_of(py::handle raised, bool chain) {
  return if_it_can([&] {
    py::object trace = py::none();
    if (PyObject* const own = PyException_GetTraceback(raised.ptr()))
      trace = py::reinterpret_steal<py::object>(own);
    const auto lines =
      py::module_::import("traceback")
        .attr("format_exception")(py::type::of(raised), raised, trace,
                                  py::arg("chain") = chain);
    return text_of(py::str("").attr("join")(lines));
  });
}

std::vector<std::string> notes_of(py::handle raised) {
  std::vector<std::string> notes;
  if (!py::hasattr(raised, "__notes__"))
    return notes;
  for (py::handle note : py::object{raised.attr("__notes__")}) {
    if (notes.size() == limits::exception_notes_max)
      break;
    notes.push_back(text_of(note));
  }
  return notes;
}

std::vector<std::string> mro_of(py::handle raised) {
  std::vector<std::string> bases;
  for (py::handle base : py::object{py::type::of(raised).attr("__mro__")})
    bases.push_back(attribute(base, "__module__") + "."
                    + attribute(base, "__qualname__"));
  return bases;
}

// `left` bounds how many exceptions of the whole chain, which may branch and
// loop, are still told.
python_error describe(py::handle raised, bool first, std::size_t& left) {
  const auto type = py::type::of(raised);
  python_error told{.type = attribute(type, "__qualname__"),
                    .module = attribute(type, "__module__"),
                    .message = text_of(raised),
                    .traceback = traceback_of(raised, first),
                    .frames = if_it_can([&] { return frames_of(raised); }),
                    .notes = if_it_can([&] { return notes_of(raised); }),
                    .mro = if_it_can([&] { return mro_of(raised); }),
                    .cause = {},
                    .context = {}};
  const auto linked =
    [&](PyObject* next) -> std::shared_ptr<const python_error> {
    const auto other = py::reinterpret_steal<py::object>(next);
    if (!other || left == 0)
      return nullptr;
    --left;
    return std::make_shared<const python_error>(describe(other, false, left));
  };
  told.cause = linked(PyException_GetCause(raised.ptr()));
  // A context that was replaced by an explicit cause is most often the same.
  auto context =
    py::reinterpret_steal<py::object>(PyException_GetContext(raised.ptr()));
  const auto cause =
    py::reinterpret_steal<py::object>(PyException_GetCause(raised.ptr()));
  if (context && context.is(cause))
    told.context = told.cause;
  else
    told.context = linked(context.release().ptr());
  return told;
}

} // namespace

python_error describe_exception(py::handle raised) {
  auto left = limits::exception_chain_max - 1;
  return describe(raised, true, left);
}

python_error describe_exception(py::error_already_set& raised) {
  if (raised.trace())
    PyException_SetTraceback(raised.value().ptr(), raised.trace().ptr());
  return describe_exception(py::handle{raised.value()});
}

} // namespace snakebridge
