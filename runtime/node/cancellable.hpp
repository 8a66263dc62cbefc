#pragma once
// A server whose calls end when nobody waits for them any more: Cap'n Proto 1.0
// has that said in the schema, by an annotation that 0.9 does not know, and 0.9
// by each call. On the loop's thread.

#include <capnp/capability.h>

namespace snakebridge {

template <class Interface>
class cancellable : public Interface::Server {
#if CAPNP_VERSION >= 1000000
public:
  capnp::Capability::Server::DispatchCallResult dispatchCall(
    std::uint64_t interface, std::uint16_t method,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    auto made = Interface::Server::dispatchCall(interface, method, context);
    made.allowCancellation = true;
    return made;
  }

protected:
  template <class Context>
  static void may_be_cancelled(Context&) {}
#else
protected:
  template <class Context>
  static void may_be_cancelled(Context& call) {
    call.allowCancellation();
  }
#endif
};

} // namespace snakebridge
