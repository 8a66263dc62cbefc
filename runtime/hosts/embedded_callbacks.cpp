// What Python in this process calls: callbacks run on the thread that calls
// them, without the GIL.
#include "runtime/calls/callback_scope.hpp"
#include "runtime/hosts/embedded_python.hpp"
#include "runtime/python/from_python.hpp"
#include "runtime/python/to_python.hpp"

namespace snakebridge {

embedded_host::whereabouts& embedded_host::here() {
  static thread_local whereabouts mine;
  return mine;
}

class embedded_host::callbacks final : public callback_caller {
public:
  explicit callbacks(std::weak_ptr<embedded_host> of) : of_{std::move(of)} {}

  py::object call(std::uint64_t session, std::uint64_t callback,
                  const py::tuple& positional, const py::dict& named) override {
    const auto host = of_.lock();
    const auto known = host ? find(*host, session) : nullptr;
    const auto found = known ? known->find(callback) : std::nullopt;
    if (!found)
      throw_thrown("snakebridge::session_closed",
                   "the callback is gone: its session has ended");
    auto given = arguments(*host, session, *known, positional, named);
    callback_answer answer;
    std::vector<ref> kept;
    {
      const py::gil_scoped_release while_it_runs;
      known->run_here([&] {
        if (here().host != host.get()) {
          answer = call_back(*found, std::move(given));
          return;
        }
        const auto& outer = *here().in;
        callback_scope scope{{.host = host,
                              .interpreter = host->self_.interpreter,
                              .epoch = host->self_.epoch,
                              .executor = 0,
                              .session = session,
                              .session_id = known->session,
                              .deadline = outer.deadline,
                              .cancel = outer.asked->cancel,
                              .asked = outer.asked}};
        answer = call_back(*found, std::move(given));
        kept = std::move(scope.kept);
      });
    }
    if (!host->python_side_)
      throw_thrown("snakebridge::shutting_down",
                   "the bridge has ended while the callback ran");
    return told(*host, session, *known, answer, kept);
  }

  void drop(std::uint64_t session, std::uint64_t callback) noexcept override {
    const auto host = of_.lock();
    if (const auto known = host ? find(*host, session) : nullptr)
      known->drop(callback, host.get());
  }

private:
  static std::shared_ptr<session_callbacks> find(embedded_host& host,
                                                 std::uint64_t session) {
    const std::lock_guard lock{host.mutex_};
    const auto place = host.callbacks_.find(session);
    return place == host.callbacks_.end() ? nullptr : place->second;
  }

  static detail::callback_arguments arguments(embedded_host& host,
                                              std::uint64_t session,
                                              const session_callbacks& known,
                                              const py::tuple& positional,
                                              const py::dict& named) {
    const ref_origin origin{known.session, host.self_.interpreter,
                            host.self_.epoch};
    result_writer writer{host.python_side_->objects.of(session), leaves::refs};
    detail::callback_arguments given;
    for (const auto& each : positional)
      writer.write(each, value_sink{given.positional.emplace_back(), origin});
    for (const auto& [name, item] : named)
      writer.write(
        item,
        value_sink{
          given.named.emplace_back(name.cast<std::string>(), value{}).second,
          origin});
    writer.commit();
    return given;
  }

  static py::object told(embedded_host& host, std::uint64_t session,
                         session_callbacks& known,
                         const callback_answer& answer,
                         const std::vector<ref>& kept) {
    auto& objects = host.python_side_->objects;
    py::object raised;
    if (answer.raised && answer.raised->session == known.session
        && answer.raised->interpreter == host.self_.interpreter
        && answer.raised->epoch == host.self_.epoch && objects.has(session))
      raised = py::reinterpret_borrow<py::object>(
        objects.of(session).find(answer.raised->slot));
    for (const auto& each : kept)
      objects.forget(session, each.slot);
    if (raised)
      throw_again(raised);
    if (answer.failed)
      throw_thrown(answer.type, answer.message);
    known.add(answer.outcome, &host);
    return to_python(answer.outcome, objects.of(session));
  }

  const std::weak_ptr<embedded_host> of_;
};

std::shared_ptr<callback_caller> embedded_host::callbacks_of_python() {
  return std::make_shared<callbacks>(weak_from_this());
}

} // namespace snakebridge
