// The same storm where nothing is left to chance: clients and enemies are
// actors on a scheduler and a clock run by hand, Python is fake, and the seed
// decides on every step: what goes wrong goes wrong again by its seed.
//   ./dev storm 1 SEED
#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include <gmock/gmock.h>

#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

namespace {

constexpr std::uint32_t workers = 3;
constexpr std::size_t clients_wanted = 6;
constexpr std::uint64_t seeds = 50;
constexpr int rounds = 5;
constexpr int steps = 60;
constexpr std::uint32_t deaths_of_a_round_max = 12;
constexpr auto between_rounds = 1min;

pool_config stormy() {
  // A minute lies between two rounds: of the second before no death counts.
  return {.size = workers,
          .restart = {.intensity = deaths_of_a_round_max, .period = 10s}};
}

} // namespace

class VirtualStorm : public acting {
protected:
  /// A whole storm on a bridge of its own; all that happened.
  events rage(std::uint64_t seed) {
    SCOPED_TRACE("replay: ./dev storm 1 " + std::to_string(seed));
    random.seed(seed);
    start_bridge({stormy()});
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      deaths_of_round = 0;
      for (int i = 0; i < steps; ++i)
        step();
      calm_down();
      expect_all_is_well();
      advance(between_rounds);
    }
    end_bridge();
    lives.clear();
    hosts.clear();
    deaths_struck = lost = last_life = 0;
    return took_place();
  }

private:
  /// A client with its session, and the objects it knows of.
  struct life {
    std::string id;
    caf::actor owner, session;
    std::vector<ref> objects = {};
  };
  /// A request that nobody has looked at the answer of.
  struct asked {
    std::string session;
    answer<value> reply;
  };

  std::size_t below(std::size_t bound) { return random() % bound; }

  void step() {
    if (lives.size() < clients_wanted)
      begin_life();
    auto& who = lives[below(lives.size())];
    switch (below(14)) {
    case 0:
    case 1:
    case 2:
      return ask_for(who, "object");
    case 3:
      return ask_for(who, "hold");
    case 4:
      return use_object(who);
    case 5:
      return raise(who);
    case 6:
    case 7:
      return answer_late();
    case 8:
      return kill_client(who);
    case 9:
      return kill_session(who);
    case 10:
      return kill_interpreter();
    case 11:
      return lose(who, false);
    case 12:
      return lose(who, true);
    default:
      return settle();
    }
  }

  void begin_life() {
    life made{
      .id = "s" + std::to_string(++last_life), .owner = {}, .session = {}};
    made.owner = client("client of " + made.id);
    made.session = open(made.id, made.owner);
    lives.push_back(std::move(made));
  }
  /// Some run in the session's own interpreter only, some where it is free.
  void ask_for(const life& who, const std::string& function) {
    const auto where = below(2) == 0 ? affinity::hint : affinity::strict_queue;
    asks.push_back(
      {who.id,
       post<value>(who.session, call_message{.module = "fake",
                                             .function = function,
                                             .options = {.affinity = where}})});
  }
  void use_object(life& who) {
    take_answers();
    if (who.objects.empty())
      return;
    const auto& object = who.objects[below(who.objects.size())];
    uses.push_back(
      {object, post<value>(who.session, attr_message{object, "echo"})});
  }
  void raise(const life& who) {
    raises.push_back(post<value>(who.session, call_message{"no_module", "f"}));
  }

  // Enemies.

  /// Python was slow: a call that ran for long has its answer.
  void answer_late() {
    settle();
    auto& one = *hosts.at(1 + below(workers)).back();
    if (one.runs() == "fake.hold")
      one.finish_with_object();
  }
  void kill_client(const life& who) {
    constexpr std::array ways{ending::normal, ending::shutdown, ending::crash,
                              ending::kill};
    terminate(who.owner, ways[below(ways.size())]);
    end_life(who.id);
  }
  void kill_session(const life& who) {
    caf::anon_send_exit(who.session, caf::exit_reason::kill);
    end_life(who.id);
  }
  void end_life(const std::string& id) {
    std::erase_if(lives, [&](const life& each) { return each.id == id; });
  }
  /// Its actor: as when there is a bug in it.
  void kill_interpreter() {
    if (!may_die())
      return;
    const auto boss =
      caf::actor_cast<caf::actor>(places->find("default")->service->supervisor);
    const auto rows =
      ask<std::vector<child_row>>(boss, which_children_atom::value).value();
    const auto& one = rows.at(below(rows.size())).handle;
    ASSERT_TRUE(one);
    caf::anon_send_exit(one, caf::exit_reason::kill);
    settle();
  }
  /// A call is lost with its interpreter: while it ran, or before its turn.
  void lose(const life& who, bool runs) {
    if (!may_die())
      return;
    if (!runs)
      ask_for(who, "hold");
    ask_for(who, runs ? "hold" : "object");
    settle();
    auto& one = *hosts.at(1 + below(workers)).back();
    one.die("a segfault");
    settle();
  }
  bool may_die() {
    if (deaths_of_round == deaths_of_a_round_max)
      return false;
    ++deaths_of_round;
    ++deaths_struck;
    settle();
    return true;
  }

  // What must be.

  void calm_down() {
    settle();
    for (bool any = true; any;) {
      any = false;
      for (auto& [number, incarnations] : hosts)
        any = incarnations.back()->finish_with_object() || any;
      settle();
    }
  }

  void take_answers() {
    settle();
    std::erase_if(asks, [this](const asked& each) {
      if (!each.reply.arrived())
        return false;
      for (auto& life : lives)
        if (life.id == each.session && each.reply.is_value())
          life.objects.push_back(each.reply.value().template as<ref>());
      if (!each.reply.is_value())
        expect_one_of(each.reply.error(),
                      {errc::interpreter_died, errc::session_closed});
      return true;
    });
    std::erase_if(uses, [this](const auto& each) {
      const auto& [object, reply] = each;
      if (reply.arrived() && !reply.is_value())
        expect_one_of(reply.error(),
                      {errc::ref_stale, errc::interpreter_died,
                       errc::session_closed, errc::ref_released});
      return reply.arrived();
    });
    std::erase_if(raises, [this](const auto& reply) {
      if (reply.arrived())
        expect_one_of(
          reply.error(),
          {errc::python_raised, errc::interpreter_died, errc::session_closed});
      return reply.arrived();
    });
  }
  void expect_one_of(const caf::error& why, const std::vector<errc>& may_be) {
    EXPECT_THAT(may_be, ::testing::Contains(code_of(why)));
    lost += code_of(why) == errc::interpreter_died ? 1 : 0;
  }

  void expect_all_is_well() {
    take_answers();
    EXPECT_EQ(asks.size() + uses.size() + raises.size(), 0U)
      << "requests that were never answered";
    std::uint64_t deaths = 0, live = 0;
    for (std::uint32_t number = 1; number <= workers; ++number) {
      const auto now = places->of(number)->calls->look(number);
      EXPECT_TRUE(now.ready) << "interpreter " << number;
      EXPECT_EQ(now.epoch, 1 + now.deaths) << "interpreter " << number;
      deaths += now.deaths;
      live += now.host.live_objects;
    }
    EXPECT_EQ(deaths, deaths_struck);
    EXPECT_LE(lost, deaths * manners.accepted_max);
    EXPECT_EQ(open_sessions->size(), lives.size());
    std::uint64_t held = 0;
    for (auto& each : lives) {
      std::erase_if(each.objects, [this](const ref& object) {
        return host(object.interpreter).epoch() != object.epoch;
      });
      held += each.objects.size();
    }
    EXPECT_EQ(live, held);
  }

  std::mt19937_64 random;
  std::vector<life> lives;
  std::vector<asked> asks;
  std::vector<std::pair<ref, answer<value>>> uses;
  std::vector<answer<value>> raises;
  std::uint64_t last_life = 0, deaths_struck = 0, lost = 0;
  std::uint32_t deaths_of_round = 0;
};

// SUPERVISION 53
TEST_F(VirtualStorm, WhateverStrikesThenAllIsWellOnceItIsQuiet) {
  const char* wanted = std::getenv("SNAKEBRIDGE_STORM_SEED");
  if (wanted != nullptr)
    rage(std::strtoull(wanted, nullptr, 10));
  for (std::uint64_t seed = 1; !wanted && seed <= seeds; ++seed)
    rage(seed);
}

TEST_F(VirtualStorm, WhenTheSeedIsTheSameThenSoIsAllThatHappens) {
  const auto first = rage(1);
  EXPECT_EQ(rage(1), first);
  EXPECT_NE(rage(2), first);
  // Each enemy has struck.
  for (const auto* each :
       {"end:client of s", "release:s", "call:fake.hold", "start:2", "kill:"})
    EXPECT_THAT(first, ::testing::Contains(::testing::HasSubstr(each)));
}

} // namespace snakebridge::testing
