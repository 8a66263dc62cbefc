#include "runtime/python/raised.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/utf8.hpp"
#include "runtime/python/any_python.hpp"
#include "runtime/python/running_call.hpp"

namespace snakebridge {

namespace {

constexpr std::string_view session_prefix = "__snakebridge_session_";

// Runs `ask`, which may raise or find nothing: then its answer is left out. But
// the interruption of the call, whose exception is told of, is none of that.
template <class Ask>
auto if_it_can(Ask ask) -> decltype(ask()) {
  try {
    return ask();
  } catch (py::error_already_set& raised) {
    if (raised.matches(cancelled_type()))
      throw;
    return {};
  } catch (const py::cast_error&) {
    return {};
  }
}

std::string text_of(py::handle object,
                    std::size_t bytes_max = limits::exception_text_bytes_max) {
  return if_it_can([&]() -> std::string {
    // Lone surrogates have no UTF-8: shown escaped.
    const auto encoded = checked(PyUnicode_AsEncodedString(
      checked(PyObject_Str(object.ptr())).ptr(), "utf-8", "backslashreplace"));
    return utf8::cut(
      {PyBytes_AS_STRING(encoded.ptr()),
       static_cast<std::size_t>(PyBytes_GET_SIZE(encoded.ptr()))},
      bytes_max);
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

// What an attribute of an exception links to, if it is an exception.
py::object linked(py::handle raised, const char* name) {
  auto other = if_it_can(
    [&] { return checked(PyObject_GetAttrString(raised.ptr(), name)); });
  return other && PyExceptionInstance_Check(other.ptr()) ? other : py::object{};
}

// The first members of a group, at most `most`.
std::vector<py::object> members_of(py::handle raised, std::size_t most) {
  std::vector<py::object> members;
  if (!is_exception_group(raised))
    return members;
  // A subclass may put anything in its place.
  for (py::handle each : py::object{raised.attr("exceptions")}) {
    if (members.size() == most)
      break;
    if (PyExceptionInstance_Check(each.ptr()))
      members.push_back(py::reinterpret_borrow<py::object>(each));
  }
  return members;
}

// Whether Python's own traceback module would come to an end. It goes into the
// members of groups without a limit, also into those it has met before: groups
// that share members take it time exponential in their depth.
bool can_be_printed(py::handle raised) {
  std::vector<py::object> met{py::reinterpret_borrow<py::object>(raised)};
  std::unordered_set<PyObject*> seen;
  for (std::size_t at = 0; at < met.size(); ++at) {
    if (met.size() > limits::exceptions_printed_max)
      return false;
    const auto next = met[at];
    seen.insert(next.ptr());
    for (const auto* name : {"__cause__", "__context__"})
      if (auto other = linked(next, name);
          other && seen.insert(other.ptr()).second)
        met.push_back(std::move(other));
    for (auto& member : members_of(next, limits::exceptions_printed_max))
      met.push_back(std::move(member));
  }
  return true;
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
  for (py::handle base : py::object{py::type::of(raised).attr("__mro__")}) {
    if (bases.size() == limits::exception_bases_max)
      break;
    bases.push_back(attribute(base, "__module__") + "."
                    + attribute(base, "__qualname__"));
  }
  return bases;
}

// What the exceptions of a package know beside their text. Asked only of these:
// an attribute of any other may do anything when looked at.
struct known_fact {
  std::string_view package;
  std::string_view type;
  const char* name;
  std::string_view path; ///< of attributes
};

constexpr known_fact known_facts[] = {
  {"numpy", "_ArrayMemoryError", "shape", "shape"},
  {"numpy", "_ArrayMemoryError", "dtype", "dtype"},
  {"numpy", "_ArrayMemoryError", "requested_bytes", "_total_size"},
  {"numpy", "_UFuncNoLoopError", "operation", "ufunc.__name__"},
  {"numpy", "_UFuncNoLoopError", "dtypes", "dtypes"},
  {"numpy", "_UFuncCastingError", "operation", "ufunc.__name__"},
  {"numpy", "_UFuncCastingError", "from", "from_"},
  {"numpy", "_UFuncCastingError", "to", "to"},
  {"numpy", "_UFuncCastingError", "casting", "casting"},
  {"numpy", "AxisError", "axis", "axis"},
  {"numpy", "AxisError", "ndim", "ndim"},
  {"tensorflow", "OpError", "operation", "op.type"},
};
static_assert(std::size(known_facts) <= limits::exception_facts_max);

// "numpy.core._exceptions.AxisError" is AxisError of numpy, wherever in it.
bool is_of(std::string_view base, const known_fact& known) {
  return base.size() >= known.package.size() + known.type.size() + 1
         && base.starts_with(known.package) && base[known.package.size()] == '.'
         && base.ends_with(known.type)
         && base[base.size() - known.type.size() - 1] == '.';
}

std::string text_at(py::object object, std::string_view path) {
  return if_it_can([&] {
    for (auto rest = path; !rest.empty();) {
      const auto name = rest.substr(0, rest.find('.'));
      object =
        checked(PyObject_GetAttr(object.ptr(), python_string(name).ptr()));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
    return object.is_none() ? std::string{}
                            : text_of(object, limits::exception_fact_bytes_max);
  });
}

std::vector<std::pair<std::string, std::string>>
facts_of(py::handle raised, const std::vector<std::string>& mro) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const auto& known : known_facts) {
    if (std::none_of(mro.begin(), mro.end(),
                     [&](const auto& base) { return is_of(base, known); }))
      continue;
    auto text = text_at(py::reinterpret_borrow<py::object>(raised), known.path);
    if (!text.empty())
      facts.emplace_back(known.name, std::move(text));
  }
  return facts;
}

// "ValueError", "json.decoder.JSONDecodeError"
std::string name_of_type(py::handle type) {
  const auto module = attribute(type, "__module__");
  const auto name = attribute(type, "__qualname__");
  return module.empty() || module == "builtins" || module == "__main__"
             || module.starts_with(session_prefix)
           ? name
           : module + "." + name;
}

// As of a class in `__main__`: its module is not named where a line begins with
// its name, but for what marks a group.
std::string without_sessions(std::string text) {
  for (std::size_t at = 0;
       (at = text.find(session_prefix, at)) != std::string::npos;) {
    const auto before = text.find_last_not_of(" |+-", at == 0 ? 0 : at - 1);
    const auto digits = at + session_prefix.size();
    const auto end = text.find_first_not_of("0123456789", digits);
    constexpr std::string_view rest = "__.";
    const bool begins_line =
      at == 0 || before == std::string::npos || text[before] == '\n';
    if (begins_line && end != std::string::npos && end > digits
        && text.compare(end, rest.size(), rest) == 0)
      text.erase(at, end + rest.size() - at);
    else
      at = digits;
  }
  return text;
}

// An exception and those linked to it, each asked for its text once: asking is
// Python code, which may count, print, or never end.
class description {
public:
  /// Lets Python's traceback module look at all of them, where that comes to an
  /// end. It fails for one that is hostile, and where the program has a module
  /// of that name: then we print what we know.
  explicit description(py::handle raised)
      : printed_{if_it_can([&] {
          return can_be_printed(raised) ? printed(raised) : py::object{};
        })} {}

  python_error tell(py::handle raised) {
    return describe(raised, printed_, true);
  }

private:
  static py::object printed(py::handle raised) {
    return py::module_::import("traceback")
      .attr("TracebackException")
      .attr("from_exception")(raised);
  }

  std::string message_of(py::handle raised, const py::object& printed) {
    const auto [place, is_new] = messages_.try_emplace(raised.ptr());
    if (is_new)
      place->second = text_of(printed ? py::handle{printed} : raised);
    return place->second;
  }

  static std::string traceback_of(const python_error& told, py::handle raised,
                                  const py::object& printed, bool chain) {
    auto text = if_it_can([&]() -> std::string {
      if (!printed)
        return {};
      return text_of(py::str("").attr("join")(
        printed.attr("format")(py::arg("chain") = chain)));
    });
    if (!text.empty())
      return without_sessions(std::move(text));
    text = "Traceback (most recent call last):\n";
    for (const auto& frame : told.frames)
      text += fmt::format("  File \"{}\", line {}, in {}\n", frame.file,
                          frame.line, frame.function);
    text += name_of_type(py::type::of(raised));
    return text + (told.message.empty() ? "\n" : ": " + told.message + "\n");
  }

  // What of an exception is its own.
  python_error describe_itself(py::handle raised, const py::object& printed,
                               bool first) {
    const auto type = py::type::of(raised);
    python_error told{.type = attribute(type, "__qualname__"),
                      .module = attribute(type, "__module__"),
                      .message = message_of(raised, printed),
                      .traceback = {},
                      .frames = if_it_can([&] { return frames_of(raised); }),
                      .notes = if_it_can([&] { return notes_of(raised); }),
                      .mro = if_it_can([&] { return mro_of(raised); }),
                      .cause = {},
                      .context = {},
                      .suppress_context = if_it_can([&] {
                        return raised.attr("__suppress_context__").cast<bool>();
                      })};
    told.traceback = traceback_of(told, raised, printed, first);
    told.facts = facts_of(raised, told.mro);
    return told;
  }

  // What was printed of an exception linked to that one; null: nothing.
  static py::object printed_of(const py::object& printed, const char* link) {
    return if_it_can([&] {
      auto other = printed ? py::object{printed.attr(link)} : py::object{};
      return other && !other.is_none() ? other : py::object{};
    });
  }

  // Counted before they are gone into: a long chain must not take the place of
  // its neighbours.
  py::object claimed(PyObject* next) {
    auto other = py::reinterpret_steal<py::object>(next);
    if (left_ == 0)
      return {};
    left_ -= other ? 1 : 0;
    return other;
  }

  python_error describe(py::handle raised, const py::object& printed,
                        bool first) {
    auto told = describe_itself(raised, printed, first);
    const auto cause = claimed(PyException_GetCause(raised.ptr()));
    // A context that was replaced by an explicit cause is most often the same.
    auto context =
      py::reinterpret_steal<py::object>(PyException_GetContext(raised.ptr()));
    const bool same = context && context.is(cause);
    context = same ? py::object{} : claimed(context.release().ptr());
    const auto members = if_it_can([&] { return members_of(raised, left_); });
    left_ -= members.size();

    if (cause)
      told.cause = std::make_shared<const python_error>(
        describe(cause, printed_of(printed, "__cause__"), false));
    if (same)
      told.context = told.cause;
    else if (context)
      told.context = std::make_shared<const python_error>(
        describe(context, printed_of(printed, "__context__"), false));
    const auto texts = printed_of(printed, "exceptions");
    for (std::size_t at = 0; at < members.size(); ++at)
      told.exceptions.push_back(describe(
        members[at], if_it_can([&] {
          return texts ? py::object{texts[py::int_(at)]} : py::object{};
        }),
        false));
    return told;
  }

  const py::object printed_;
  // How many exceptions of the whole, which may branch and loop, are still
  // told.
  std::size_t left_ = limits::exception_chain_max - 1;
  std::unordered_map<PyObject*, std::string> messages_;
};

} // namespace

python_error describe_exception(py::handle raised) {
  return description{raised}.tell(raised);
}

python_error describe_exception(py::error_already_set& raised) {
  if (raised.trace())
    PyException_SetTraceback(raised.value().ptr(), raised.trace().ptr());
  return describe_exception(py::handle{raised.value()});
}

error to_error(py::error_already_set& raised, const exception_place& keep_in) {
  if (auto refused = refused_import(raised))
    return std::move(*refused);
  auto told = describe_exception(raised);
  const auto slot = keep_in.session
                      ? keep_in.session->keep_if_allowed(raised.value())
                      : std::nullopt;
  if (slot)
    told.object = ref{.node = std::string{keep_in.origin.node},
                      .session = std::string{keep_in.origin.session},
                      .interpreter = keep_in.origin.interpreter,
                      .epoch = keep_in.origin.epoch,
                      .slot = *slot,
                      .type_name = type_name_of(raised.value()),
                      .session_epoch = keep_in.origin.session_epoch};
  return error{std::move(told)};
}

} // namespace snakebridge
