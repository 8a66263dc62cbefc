#include <chrono>
#include <iostream>

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
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
  return exit_code;
}
