#pragma once
// Cancelling calls. A `cancel_source` cancels all calls that were made with its
// token, those to come as well:
//
//   sb::cancel_source source;
//   auto caller = bridge.with({.cancel = source.token()});
//   … on another thread: source.cancel();
//
// The call answers `cancelled` at once, with how far it had come; whether
// Python may have begun it says `may_have_run`. Python gets
// `snakebridge.Cancelled` in the code it runs; code that goes on nevertheless
// is killed with its worker when the pool's graces are over.

#include <stop_token>

namespace snakebridge {

/// Names what cancels a call; empty: nothing does. The token of a
/// `std::jthread` is one too: then its request_stop cancels the calls.
using cancel_token = std::stop_token;

/// Copies cancel the same calls. Any thread.
class cancel_source {
public:
  /// In the library: where it is inlined at -Og, gcc 12 warns of it.
  cancel_source();

  cancel_token token() const { return source_.get_token(); }
  /// Cancels all calls of this source, and each that is made with its token
  /// from now on. Does not wait for Python. False if they were already.
  bool cancel() { return source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }

private:
  std::stop_source source_;
};

} // namespace snakebridge
