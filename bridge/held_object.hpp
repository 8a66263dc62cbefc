#pragma once
// What the copies of an object share: its name, and who asks for it. With the
// last of them it is let go. Any thread.

#include <snakebridge/bridge.hpp>
#include <snakebridge/object.hpp>

#include "bridge/bridge_core.hpp"
#include "bridge/this_thread.hpp"

namespace snakebridge::detail {

/// Bound to its session, and shared by the objects that come of each other.
using caller_ptr = std::shared_ptr<const caller>;

class held_object {
public:
  held_object(caller_ptr through, value content)
      : through_{std::move(through)},
        content_{std::move(content)} {}
  held_object(const held_object&) = delete;
  held_object& operator=(const held_object&) = delete;
  ~held_object() {
    const auto* name = content_.get_if<ref>();
    if (name != nullptr && through_ && through_->core_->in_its_process())
      through_->session_->let_go(*name);
  }

  static caller_ptr bind(const caller& through, session_ptr in);

  /// Runs that, and keeps what it answers as a new object. `over`: options that
  /// win over the caller's. Throws.
  static held_ptr run(const caller_ptr& through, operation&& asked,
                      const call_options& over = {});
  static held_ptr run(const caller& through, operation&& asked);
  /// The same, which answers a value; the refs in it keep their objects.
  static value ask(const caller_ptr& through, operation&& asked, leaves form);
  static value ask(const caller& through, operation&& asked, leaves form);
  /// What was answered so; the refs in it keep their objects.
  static value own(const caller_ptr& through, const value& answered);
  /// Of what nobody else owns yet.
  static held_ptr adopt(caller_ptr through, value content) {
    return std::make_shared<const held_object>(std::move(through),
                                               std::move(content));
  }
  /// Runs a call of this thread. Inside a context manager (`with`) exceptions
  /// are kept, each as long as an error has it.
  static result<value> run_in(bridge_core& core, const session_ptr& in,
                              operation&& asked, call_options& options);
  static caller caller_of(const this_thread_state::scope& here) {
    return {here.of->shared_from_this(), here.calls};
  }
  /// What owns the object of that ref; a new one where none does.
  static held_ptr owner_of(const caller& through, const session_ptr& in,
                           const ref& named);

  /// Whether it can be asked; else it is borrowed.
  bool is_of_bridge() const { return through_ != nullptr; }
  const caller_ptr& through() const { return through_; }
  const value& content() const { return content_; }
  /// Each item is an object's.
  stream<> items(operation asked) const {
    auto by = *through_;
    by.options_.leaves = leaves::objects;
    return by.stream_of(asked);
  }

private:
  static value ask(const caller& through, operation&& asked, leaves form,
                   session_ptr& in, const call_options& over = {});

  const caller_ptr through_; // null: it is borrowed
  const value content_;      // a ref, or what is itself
};

struct operand_access {
  static const held_ptr& root(const operand& of) { return of.root_; }
  static bool is_ref(const operand& of) {
    return of.root_ && of.root_->content().is_ref();
  }
  static operation about(const operand& of, verb what) {
    return of.about(what);
  }
  static bool has_path(const operand& of) { return !of.path_.empty(); }
  static object run(const operand& of, operation asked,
                    const call_options& over = {}) {
    return of.run(std::move(asked), over);
  }
  /// As an argument: what is named is asked for first.
  static value as_argument(const operand& of) {
    return of.path_.empty() ? of.held() : of.run(of.about(verb::read)).held();
  }
};

} // namespace snakebridge::detail
