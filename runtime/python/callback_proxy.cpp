#include "runtime/python/callback_proxy.hpp"

#include "runtime/python/guarded.hpp"
#include "runtime/python/running_call.hpp"

namespace snakebridge {

namespace {

// Dropped with the last function that holds it.
struct given_callback {
  given_callback(std::shared_ptr<callback_caller> by, std::uint64_t session,
                 std::uint64_t number, std::shared_ptr<const bool> given)
      : by{std::move(by)},
        session{session},
        number{number},
        given{std::move(given)} {}
  given_callback(const given_callback&) = delete;
  given_callback& operator=(const given_callback&) = delete;
  ~given_callback() {
    if (number != 0 && (!given || *given)) // the tools are not given
      by->drop(session, number);
  }

  const std::shared_ptr<callback_caller> by;
  const std::uint64_t session;
  const std::uint64_t number;
  const std::shared_ptr<const bool> given;
};

[[noreturn]] void raise(py::handle type, const py::object& exception) {
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw py::error_already_set{};
}

} // namespace

py::object callback_proxy(std::shared_ptr<callback_caller> by,
                          std::uint64_t session, std::uint64_t callback,
                          std::shared_ptr<const bool> given) {
  const auto mine = std::make_shared<given_callback>(
    std::move(by), session, callback, std::move(given));
  py::cpp_function call{
    [mine](const py::tuple& positional, const py::dict& named) {
      try {
        return mine->by->call(mine->session, mine->number, positional, named);
      } catch (const exception& failed) {
        throw_thrown(std::string{"snakebridge::exception"}, failed.what());
      }
    }};
  return py::module_::import("snakebridge").attr("Callback")(call, callback);
}

void throw_thrown(const std::string& type, const std::string& message) {
  const auto text = python_string(message);
  if (type == "TypeError")
    raise(PyExc_TypeError, text);
  const auto thrown = py::module_::import("snakebridge").attr("CallbackError");
  raise(thrown, thrown(text, python_string(type)));
}

void throw_again(py::handle raised) {
  raise(py::type::handle_of(raised),
        py::reinterpret_borrow<py::object>(raised));
}

void throw_cancelled() {
  const auto type = cancelled_type();
  raise(type, type());
}

} // namespace snakebridge
