#include "runtime/python/perform.hpp"

#include <array>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/python/awaiting.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/lookup.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

namespace {

// The arguments of a call as Python takes them; few need no memory.
class argument_stack {
public:
  explicit argument_stack(std::size_t count) {
    if (count >= few_.size())
      many_.resize(count + 1);
    at_ = count >= few_.size() ? many_.data() : few_.data();
    *at_++ = nullptr; // for a bound method to put itself in
    first_ = at_;
  }
  void push(py::handle item) { *at_++ = item.ptr(); }
  PyObject* const* begin() const { return first_; }

private:
  std::array<PyObject*, 8> few_;
  std::vector<PyObject*> many_;
  PyObject** at_;
  PyObject** first_;
};

py::object call(py::handle callable, const python_operation& asked,
                known_names& known) {
  argument_stack stack{asked.positional.size() + asked.named.size()};
  for (const auto& item : asked.positional)
    stack.push(item);
  py::object names;
  if (!asked.named.empty()) {
    names = checked(PyTuple_New(static_cast<Py_ssize_t>(asked.named.size())));
    Py_ssize_t at = 0;
    for (const auto& [name, item] : asked.named) {
      for (Py_ssize_t i = 0; i < at; ++i)
        if (asked.named[static_cast<std::size_t>(i)].first == name)
          throw py::type_error{
            fmt::format("got multiple values for keyword argument '{}'", name)};
      stack.push(item);
      PyTuple_SET_ITEM(names.ptr(), at++, known.text(name).release().ptr());
    }
  }
  return checked(PyObject_Vectorcall(
    callable.ptr(), stack.begin(),
    asked.positional.size() | PY_VECTORCALL_ARGUMENTS_OFFSET, names.ptr()));
}

void set_variables(PyObject* space, const python_operation& asked) {
  for (const auto& [name, item] : asked.named)
    checked(PyDict_SetItem(space, python_string(name).ptr(), item.ptr()));
}

py::object run_code(const python_operation& asked, session_objects& session) {
  const bool evaluates = asked.what == verb::evaluate;
  const auto& module = session.module();
  py::object space = module.space();
  const auto code = module.compile(asked.name, evaluates);
  // Variables of an expression are there for it alone: it sees a copy.
  if (evaluates && !asked.named.empty())
    space = checked(PyDict_Copy(space.ptr()));
  set_variables(space.ptr(), asked);
  return checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
}

const py::object& argument(const python_operation& asked, std::size_t at) {
  if (at >= asked.positional.size())
    throw py::type_error{"an argument is missing"};
  return asked.positional[at];
}

// `iter(iterable)`; of an asynchronous one what `aiter` makes of it.
py::object iterator_of(const py::object& iterable) {
  const auto* type = Py_TYPE(iterable.ptr());
  const bool is_iterable =
    type->tp_iter != nullptr || PySequence_Check(iterable.ptr()) != 0;
  const bool is_async =
    type->tp_as_async != nullptr && type->tp_as_async->am_aiter != nullptr;
  if (!is_iterable && is_async)
    return checked(type->tp_as_async->am_aiter(iterable.ptr()));
  if (!is_iterable && PyIter_Check(iterable.ptr()) == 0)
    throw exception{
      error{errc::not_iterable, fmt::format("'{}' object is not iterable",
                                            type_name_of(iterable))}};
  return checked(PyObject_GetIter(iterable.ptr()));
}

// The next item; null: there is none.
py::object next_of(py::handle iterator) {
  if (PyIter_Check(iterator.ptr()) == 0)
    return next_awaited(iterator);
  PyObject* const item = Py_TYPE(iterator.ptr())->tp_iternext(iterator.ptr());
  if (item == nullptr && PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_StopIteration) == 0)
      throw_raised();
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(item);
}

// What a generator has left to do is done now. Other iterators, a file say, are
// not ended by who reads them.
py::object close(py::handle iterator) {
  if (PyIter_Check(iterator.ptr()) == 0)
    return close_awaited(iterator);
  const auto generator =
    py::module_::import("collections.abc").attr("Generator");
  return py::isinstance(iterator, generator) ? iterator.attr("close")()
                                             : py::none();
}

// What the verb is about.
py::object end_of_path(const python_operation& asked, known_names& names) {
  auto at = asked.target;
  for (const auto& [name, key] : asked.path)
    at = key ? checked(PyObject_GetItem(at.ptr(), key.ptr()))
             : attribute_at(at, name, names);
  return at;
}

// The module `operator` has no `delattr`.
py::object operate(const py::object& target, const python_operation& asked,
                   known_names& names) {
  const auto* module = asked.name == "delattr" ? "builtins" : "operator";
  const auto function =
    attribute_at(py::module_::import(module), asked.name, names);
  const auto count = 1 + asked.positional.size();
  argument_stack stack{count};
  stack.push(target);
  for (const auto& item : asked.positional)
    stack.push(item);
  return checked(PyObject_Vectorcall(function.ptr(), stack.begin(),
                                     count | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                     nullptr));
}

// `str` may answer an object of a class derived from it.
py::object plain_text(const py::object& text) {
  return checked(PyUnicode_FromObject(text.ptr()));
}

py::object run(const python_operation& asked, session_objects& session) {
  auto& names = session.names();
  const auto function = [&] {
    return attribute_at(import_module(asked.module, session), asked.name,
                        names);
  };
  const auto target = end_of_path(asked, names);
  switch (asked.what) {
  case verb::call:
    return call(function(), asked, names);
  case verb::stream:
    return iterator_of(call(function(), asked, names));
  case verb::iterate:
    return iterator_of(target);
  case verb::close:
    return close(target);
  case verb::get:
    return asked.name.empty() ? import_module(asked.module, session)
                              : function();
  case verb::method:
    return call(attribute_at(target, asked.name, names), asked, names);
  case verb::attribute:
    return attribute_at(target, asked.name, names);
  case verb::set_attribute:
    checked(PyObject_SetAttr(target.ptr(), names.text(asked.name).ptr(),
                             argument(asked, 0).ptr()));
    return py::none();
  case verb::item:
    return checked(PyObject_GetItem(target.ptr(), argument(asked, 0).ptr()));
  case verb::set_item:
    checked(PyObject_SetItem(target.ptr(), argument(asked, 0).ptr(),
                             argument(asked, 1).ptr()));
    return py::none();
  case verb::call_object:
    return call(target, asked, names);
  case verb::repr:
    return plain_text(checked(PyObject_Repr(target.ptr())));
  case verb::str:
    return plain_text(checked(PyObject_Str(target.ptr())));
  case verb::length: {
    const auto length = PyObject_Size(target.ptr());
    checked(length < 0 ? -1 : 0);
    return py::int_(length);
  }
  case verb::evaluate:
  case verb::execute:
    return run_code(asked, session);
  case verb::await:
  case verb::read:
    return target;
  case verb::operate:
    return operate(target, asked, names);
  case verb::helper:
    return call(session.helpers().find(asked.name, asked.helpers_given), asked,
                names);
  case verb::helpers:
    return session.helpers().list(asked.helpers_given);
  case verb::next:
  case verb::release:
  case verb::release_session:
    break; // `serve` and `perform` see to them
  }
  throw exception{error{errc::message_malformed, "no such verb"}};
}

// A child that was forked in it does not come back.
template <class Run>
auto in_this_process(Run run) {
  const process_mark here;
  try {
    auto outcome = run();
    if (!here.forked())
      return outcome;
  } catch (py::error_already_set& raised) {
    if (!here.forked())
      throw;
    end_forked_child(&raised);
  }
  end_forked_child();
}

void release(python_call& asked, session_objects& session) {
  std::int64_t freed = 0;
  const auto slots = asked.slots();
  for (const auto slot : slots)
    freed += session.forget(slot) ? 1 : 0;
  // Of one object it is told whether it was there.
  asked.write(slots.size() == 1 ? value{freed != 0} : value{freed});
}

// The items of a stream, until their batch is full or there are no more.
void serve_items(python_call& asked, session_objects& session,
                 batch_ticks& ticks, bool& ran) {
  const auto slots = asked.slots();
  if (slots.empty())
    throw exception{error{errc::message_malformed, "next of no object"}};
  const auto iterator =
    py::reinterpret_borrow<py::object>(session.find(slots.front()));
  auto& items = asked.items();
  ran = true;
  const batch_ticks::scope ticking{ticks, items};
  const bool is_looked_at = ticking.is_looked_at();
  // False: there are no more. A child that was forked by a step, or while its
  // item was written, does nothing after that.
  const auto fill = [&] {
    const process_mark here;
    while (const auto item = next_of(iterator)) {
      if (here.forked() || items.add(item, session, asked.as, asked.bytes_max)
          || !is_looked_at || here.forked())
        return true;
      asked.refuse_unwanted(true);
    }
    return false;
  };
  try {
    if (in_this_process(fill))
      return asked.end_items(true);
  } catch (...) {
    items.send_rest();
    throw;
  }
  session.forget(slots.front());
  asked.end_items(false);
}

bool keeps_its_result(verb what) {
  return what == verb::stream || what == verb::iterate;
}

// What it returns is new, and nobody else's to await.
bool calls_code(verb what) {
  return what == verb::call || what == verb::method || what == verb::call_object
         || what == verb::evaluate || what == verb::helper;
}

// Throws overloaded where too many await already.
void await(python_call& asked, const py::object& awaitable) {
  if (awaiting() < limits::awaits_max)
    return asked.await(awaitable);
  if (asked.what != verb::await) // nobody else has it
    awaitable.attr("close")();
  throw exception{
    error{errc::overloaded,
          fmt::format("{} calls await something on the event loop of this "
                      "interpreter; wait for some, or enlarge the pool",
                      limits::awaits_max)}};
}

void answer(python_call& asked, session_objects& session, py::handle outcome) {
  result_writer writer{
    session, keeps_its_result(asked.what) ? leaves::all_refs : asked.as,
    asked.bytes_max};
  asked.write(writer, outcome);
  asked.refuse_unwanted(true); // nobody would ever release what is in it
  session.settle();
  writer.commit();
}

/// How far a call has come.
struct progress {
  bool begun = false; ///< for the session
  bool ran = false;   ///< Python's code
  bool awaits = false;
};

python_operation read(const python_call& asked, session_objects& session) {
  session_objects::giving given{session};
  auto made = asked.read(session);
  given.done();
  return made;
}

void serve(python_call& asked, session_objects& session, batch_ticks& ticks,
           exception_place& keep_in, progress& now) {
  session.begin_call(asked.bounds);
  now.begun = true;
  // Inside the call: a finaliser may end the session.
  if (asked.what == verb::release)
    return release(asked, session);
  if (asked.keep_exception)
    keep_in.session = &session;
  if (asked.what == verb::next)
    return serve_items(asked, session, ticks, now.ran);
  // What it is read with may run code of its modules, which may fork.
  const auto outcome = in_this_process([&] {
    const auto made = read(asked, session);
    now.ran = true;
    if (asked.what == verb::close) // however that ends
      for (const auto slot : asked.slots())
        session.forget(slot);
    return run(made, session);
  });
  if (asked.what == verb::await
      || (asked.awaits && PyCoro_CheckExact(outcome.ptr()) != 0
          && calls_code(asked.what))) {
    await(asked, outcome);
    now.awaits = true;
  } else {
    answer(asked, session, outcome);
  }
}

// As `guarded`; and where the call is interrupted while its exception is told
// of, that is what is told.
template <class Ask>
result<void> told(Ask ask, const exception_place& keep_in) {
  try {
    return guarded(std::move(ask), keep_in);
  } catch (py::error_already_set&) {
    python_error interruption;
    interruption.type = "Cancelled";
    interruption.module = "snakebridge";
    interruption.message = "while the exception of the call was told of";
    return error{std::move(interruption)};
  } catch (const std::bad_alloc&) {
    return error{errc::payload_too_large,
                 "no memory left to tell of its exception"};
  }
}

} // namespace

performed perform(python_call& asked, object_table& table, batch_ticks& ticks) {
  const process_mark here;
  performed done;
  if (asked.what == verb::release_session) {
    done.outcome = guarded([&] {
      asked.write(static_cast<std::int64_t>(table.release(asked.session)));
    });
    if (here.forked())
      end_forked_child();
    return done;
  }
  exception_place keep_in{.session = nullptr, .origin = asked.origin};
  progress now;
  bool ended = false;
  auto in_frame = [&] {
    done.outcome =
      told([&] { serve(asked, table.of(asked.session), ticks, keep_in, now); },
           keep_in);
    ended = true;
  };
  auto entered = told(
    [&] {
      asked.refuse_unwanted(false); // before the session is made anew for it
      table.of(asked.session, asked.session_id, asked.session_epoch)
        .module()
        .run_in_frame(in_frame);
    },
    {});
  if (now.awaits) {
    done.awaits = true;
    return done;
  }
  // What interrupts the frame after that changes nothing: the result is kept,
  // and its caller may have it.
  if (!ended)
    done.outcome = std::move(entered);
  if (!done.outcome)
    done.outcome = done.outcome.error().with_may_have_run(now.ran);
  done.holds = table.end_call(asked.session, now.begun);
  if (here.forked()) // by a finaliser, say, or a __repr__
    end_forked_child();
  return done;
}

performed finish_awaited(python_call& asked, object_table& table,
                         py::handle task) {
  const process_mark here;
  auto& session = table.of(asked.session); // there until its last call ends
  const exception_place keep_in{.session =
                                  asked.keep_exception ? &session : nullptr,
                                .origin = asked.origin};
  performed done;
  done.outcome = told(
    [&] {
      asked.refuse_unwanted(true); // it was cancelled, whatever it made of that
      static PyObject* const name = PyUnicode_InternFromString("result");
      answer(asked, session,
             checked(PyObject_CallMethodNoArgs(task.ptr(), name)));
    },
    keep_in);
  if (!done.outcome)
    done.outcome = done.outcome.error().with_may_have_run(true);
  done.holds = table.end_call(asked.session);
  if (here.forked())
    end_forked_child();
  return done;
}

} // namespace snakebridge
