// Actors as strangers write them; test_headers.py compiles it as it does
// user_program.cpp.
#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sb = snakebridge;
using namespace sb::literals;
using namespace std::chrono_literals;

namespace {

struct point {
  int x = 0;
  std::optional<double> y;
};
SNAKEBRIDGE_FIELDS(point, x, y);

caf::behavior client(caf::event_based_actor* self, sb::bridge* bridge) {
  sb::session_actor session = sb::open_session(self, *bridge, {.id = "mine"});
  const auto fail = [](const caf::error& answered) {
    std::cerr << sb::to_error(answered) << '\n';
  };
  self->request(session, 5s, sb::call_message{"math", "sqrt", {16}})
    .then([](const sb::value& root) { std::cout << root << '\n'; }, fail);
  self
    ->request(
      session, 5s,
      sb::call_message{
        .module = "m",
        .function = "f",
        .args = {1, "two", point{1, 2.5}, std::vector{1, 2}},
        .kwargs = {{"a", std::map<std::string, int>{}}, {"b", sb::none}},
        .options = {.timeout = 1s, .pool = "gpu", .leaves = sb::leaves::plain}})
    .then(
      [=](const sb::value& answered) {
        for (const auto& each : answered.as<std::vector<point>>())
          std::cout << each.x << each.y.value_or(0) << '\n';
        self->send(session, sb::get_message{"math", "pi"});
      },
      fail);
  self->request(session, 5s, sb::method_message{"abc", "upper"})
    .await([](const sb::value& text) { std::cout << text << '\n'; }, fail);
  self->request(session, 5s, sb::stream_message{"builtins", "range", {10}})
    .then(
      [=](const sb::stream_actor& items) {
        self->request(items, 5s, sb::more_message{64})
          .then(
            [](const sb::items_message& some) {
              for (const auto& each : some.items)
                std::cout << each << (some.ended ? " is the last\n" : "\n");
            },
            fail);
      },
      fail);
  return {
    [=](const sb::ref& object) {
      self->send(session, sb::set_attr_message{object, "x", std::vector{1.5}});
      self->send(session, sb::attr_message{object, "x", {.timeout = 1s}});
      self->send(session, sb::release_message{object});
    },
    [](const sb::value& answered) -> caf::result<sb::value> {
      if (answered.is_none())
        return sb::to_caf_error({sb::errc::cancelled, "nothing"});
      return answered;
    },
  };
}

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::ref)

int main() {
  caf::actor_system_config settings;
  caf::actor_system system{settings};
  sb::bridge bridge{system, {.pools = {{.size = 1}}, .timeout = 10s}};
  const auto asking = system.spawn(client, &bridge);
  caf::scoped_actor self{system};
  const auto session = sb::open_session(self.ptr(), bridge, {.id = "mine"});
  sb::result<sb::value> answer = sb::error{sb::errc::cancelled, "none"};
  self->request(session, 5s, sb::call_message{"m", "f", {point{}}})
    .receive([&](sb::value& got) { answer = std::move(got); },
             [&](const caf::error& failed) { answer = sb::to_error(failed); });
  if (const auto made = answer.and_then(
        [](const sb::value& got) { return got.to<std::optional<point>>(); }))
    std::cout << made->has_value() << fmt::format("{}", *answer) << '\n';
  caf::anon_send_exit(asking, caf::exit_reason::user_shutdown);
}
