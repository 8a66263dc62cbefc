#pragma once
// What Python prints, on its way to the host. With the GIL.

namespace snakebridge {

/// From now on it is known whether something was written to the streams that
/// `sys` has now.
void watch_streams();
/// As Python does at its end: what a call printed leaves with it.
void flush_streams();
/// Waits until the host has read what was printed, so that it can tell which
/// call that belongs to; no longer than limits::output_read_wait_ms_max.
void await_readers();

} // namespace snakebridge
