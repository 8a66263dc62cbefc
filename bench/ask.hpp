#pragma once
// A client actor that asks a server, waits for the answer and asks again.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>

#include <caf/event_based_actor.hpp>

#include "measure.hpp"

namespace snakebridge::bench {

/// Asks `times` times, one after the other. `server(self)` names whom, on the
/// client's side; `Reply` is what it answers.
template <class Reply, class Server, class MakeRequest>
std::future<samples> ask_in_turn(caf::actor_system& system,
                                 const Server& server, MakeRequest make_request,
                                 int times) {
  struct loop {
    int left;
    samples taken;
    clock::time_point begin;
    std::promise<samples> done;
  };
  auto state = std::make_shared<loop>(loop{times, {}, {}, {}});
  auto result = state->done.get_future();
  system.spawn([=](caf::event_based_actor* self) {
    auto next = std::make_shared<std::function<void()>>();
    *next = [=] {
      state->begin = clock::now();
      self->request(server(self), std::chrono::seconds{60}, make_request())
        .then(
          [=](const Reply&) {
            state->taken.add(clock::now() - state->begin);
            if (--state->left > 0)
              return (*next)();
            state->done.set_value(std::move(state->taken));
            *next = nullptr;
            self->quit();
          },
          [](const caf::error& failed) {
            std::fprintf(stderr, "%s\n", to_string(failed).c_str());
            std::abort();
          });
    };
    (*next)();
  });
  return result;
}

} // namespace snakebridge::bench
