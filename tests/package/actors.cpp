#include <chrono>
#include <iostream>

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>
#include <snakebridge/supervisor.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

caf::behavior idle(caf::event_based_actor*) {
  return {[](int number) { return number; }};
}

} // namespace

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  const auto boss = sb::spawn_supervisor(
    self.ptr(),
    {sb::strategy::one_for_one, 3, 5s, {{"idle", sb::spawning(idle)}}});
  int exit_code = 1;
  self->request(session, 30s, sb::call_message{"math", "sqrt", {16}})
    .receive(
      [&exit_code](const sb::value& root) {
        std::cout << root << '\n';
        exit_code = 0;
      },
      [](const caf::error& failed) {
        std::cerr << sb::to_error(failed) << '\n';
      });
  self->request(*boss, 30s, sb::await_started_atom::value)
    .receive([] {},
             [&exit_code](const caf::error& failed) {
               std::cerr << sb::describe(failed) << '\n';
               exit_code = 1;
             });
  return exit_code;
}
