#pragma once
// The situation of the actors' tests: the tree of a bridge, on fake hosts and
// fake time. Everything that happens to hosts, clients and those who watch a
// session goes into one trace. Clients are the children of a nursery: they
// obey an exit message, or only note it, or do not trap it at all.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/client.hpp"
#include "actors/errors.hpp"
#include "actors/session.hpp"
#include "bridge/tree.hpp"
#include "testing/actor_timers.hpp"
#include "testing/fake_host.hpp"
#include "tests/support/children.hpp"
#include <snakebridge/testing_actors.hpp>

namespace snakebridge {

// Where GoogleTest looks for it.
template <class T>
std::ostream& operator<<(std::ostream& out, const result<T>& outcome) {
  return outcome ? out << *outcome : out << outcome.error();
}

} // namespace snakebridge

namespace snakebridge::testing {

using namespace std::chrono_literals;

/// A call's own deadline: too far away to matter.
inline constexpr std::chrono::hours a_day{24};

class acting : public deterministic {
protected:
  void TearDown() override {
    end_bridge();
    deadlines->stop();
    deterministic::TearDown();
  }

  /// Starts the tree, as a bridge does, and forgets the trace of that.
  void start_bridge(std::vector<pool_config> wanted = {{.size = 1}},
                    fake_manners how = {}) {
    manners = how;
    places = std::make_shared<const pools>(wanted, deadlines);
    open_sessions = std::make_shared<sessions>(system(), places,
                                               session_rules{.timeout = a_day});
    root = untyped(*spawn_supervisor(
      system(), root_spec(*places, fake_hosts(),
                          [this](const auto& adopter) { adopt_by(adopter); })));
    settle();
    happened.take();
  }

  /// Ends the tree in order, as a bridge does.
  void end_bridge() {
    if (!root)
      return;
    open_sessions->close();
    caf::anon_send_exit(std::exchange(root, nullptr),
                        caf::exit_reason::user_shutdown);
    settle();
    open_sessions->adopt_with({});
  }

  /// A client that notes an exit message ("stop:id") and obeys it.
  caf::actor client(const std::string& id, struct manners how = {}) {
    return ends_with_test(system().spawn(live, &happened, id, how));
  }
  /// A client that notes an exit message and lives on until it is killed.
  caf::actor trapping_client(const std::string& id) {
    return client(id, {.obeys = false});
  }

  /// The session of that id, with one more owner; its actor.
  caf::actor open(const std::string& id, const caf::actor& owner) {
    opened_session got =
      or_throw(open_sessions->open({.id = id}, owner.address()));
    return caf::actor_cast<caf::actor>(got.actor);
  }

  /// A call of `fake.name` by somebody else, settled.
  answer<value> call(const caf::actor& session, const std::string& name,
                     list arguments = {}) {
    return ask<value>(session,
                      call_message{"fake", name, std::move(arguments)});
  }
  /// An object in the session.
  ref object_in(const caf::actor& session) {
    return call(session, "object").value().as<ref>();
  }

  /// Notes "down:id" when the session's end is seen.
  void watch_end(const std::string& id, const caf::actor& session) {
    auto watcher = [this, id, session](caf::event_based_actor* self,
                                       caf::unit_t) {
      self->monitor(session);
      self->set_down_handler([this, id, self](caf::down_msg&) {
        happened.add("down:" + id);
        self->quit();
      });
      return caf::behavior{[](caf::unit_t) {}};
    };
    ends_with_test(system().spawn(watcher, caf::unit));
    settle();
  }

  /// The newest incarnation of an interpreter.
  fake_host& host(std::uint32_t interpreter = 1) {
    return *hosts.at(interpreter).back();
  }

  events took_place() {
    settle();
    return happened.take();
  }

  trace happened;
  fake_manners manners; ///< of the hosts that are started next
  std::map<std::uint32_t, std::vector<std::shared_ptr<fake_host>>> hosts;
  std::shared_ptr<timers> deadlines = std::make_shared<actor_timers>(system());
  std::shared_ptr<const pools> places;
  std::shared_ptr<sessions> open_sessions;
  caf::actor root;

private:
  /// Given a call of `fake.crash` it throws.
  class buggy_host final : public fake_host {
    using fake_host::fake_host;
    bool accept(const exchange_ptr& taken) override {
      const bool accepted = fake_host::accept(taken);
      if (taken->asked.name == "crash")
        throw std::runtime_error{"a bug in a host"};
      return accepted;
    }
  };

  pool_host_factory fake_hosts() {
    return [this](const pool&) -> host_factory {
      return [this](incarnation self) {
        const auto number = self.interpreter;
        auto made = std::make_shared<buggy_host>(
          std::move(self), manners,
          [this](std::string event) { happened.add(std::move(event)); });
        hosts[number].push_back(made);
        return made;
      };
    };
  }

  // As bridge_core does it.
  void adopt_by(const caf::actor& adopter) {
    open_sessions->adopt_with([adopter](caf::actor session) {
      caf::anon_send(adopter, start_child_atom::value,
                     child_factory{[session](caf::event_based_actor*) {
                       return caf::expected<caf::actor>{session};
                     }});
    });
  }
};

/// Our code for why an actor was answered an error.
inline errc code_of(const caf::error& answered) {
  return to_error(answered).code();
}

} // namespace snakebridge::testing
