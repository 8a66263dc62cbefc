#pragma once
// Every number of the system: its name, unit, default and bounds. What a user
// may change stands in the table `tunables` and in <snakebridge/config.hpp>;
// the constants above it are limits of the implementation.

#include <cstddef>
#include <cstdint>

namespace snakebridge::limits {

/// Containers inside containers in one value: beyond it, payload_too_large.
inline constexpr std::size_t value_depth_max = 200;
/// What one container in another takes of a stack, at most, when it is read or
/// written, what Python code may take of a caller's, and the stack of a thread
/// that is made for those that need more.
inline constexpr std::size_t stack_of_a_level_bytes = std::size_t{64} << 10U;
inline constexpr std::size_t stack_of_python_bytes = std::size_t{1} << 20U;
inline constexpr std::size_t roomy_stack_bytes = std::size_t{16} << 20U;
/// A key that has not found its place after so many steps is left out of its
/// dict's index: keys of one hash, which a hostile worker may send by the
/// million, would take their number squared. Others are never that far from
/// where they belong.
inline constexpr std::size_t key_steps_max = 512;
/// What an object is as a str or bytes, from which its class is derived, beyond
/// which it is not sent along with its ref.
inline constexpr std::size_t ref_base_bytes_max = std::size_t{64} << 10U;
/// Room a message gets on a guess at what it will need; it grows beyond.
inline constexpr std::size_t words_guessed_max = std::size_t{1} << 20U;
/// Of a repr that is to be redacted and cut for a marker.
inline constexpr std::size_t marker_looked_at_bytes_max = 4'096;
/// Executors of one worker: threads that run its calls.
inline constexpr std::size_t executors_max = 64;
/// Calls an executor has at a time, the one it runs among them: the others
/// start at once when it is done, without waiting for us.
inline constexpr std::size_t handed_over_max = 8;
/// Functions of the program that Python finds by name, and a name's length.
inline constexpr std::size_t tools_max = 1'000;
inline constexpr std::size_t tool_name_bytes_max = 64;
/// Of helpers: the entries of `helper_paths`, the files in all of them, those
/// that a program gives as source, the helpers of one interpreter, the bytes of
/// a file or source and of a name, and what is told of one's signature and
/// documentation, in characters.
inline constexpr std::size_t helper_paths_max = 100;
inline constexpr std::size_t helper_files_max = 1'000;
inline constexpr std::size_t helper_sources_max = 100;
inline constexpr std::size_t helpers_max = 10'000;
inline constexpr std::size_t helper_bytes_max = std::size_t{1} << 20U;
inline constexpr std::size_t helper_name_bytes_max = 256;
inline constexpr std::size_t helper_signature_max = 1'000;
inline constexpr std::size_t helper_doc_max = 300;
/// For an actor to answer a callback that is called in no call.
inline constexpr int callback_ms_max = 120'000;
/// Threads that wait for futures read what a worker answers; so long after the
/// last of them its own thread does.
inline constexpr int helpers_looked_at_ms = 1;
/// Callbacks that the threads of one worker have called, and wait for.
inline constexpr std::size_t visits_max = 10'000;
/// Calls that are named where it may have been any of them.
inline constexpr std::size_t calls_told_max = 64;
/// Calls of one interpreter that await something.
inline constexpr std::size_t awaits_max = 10'000;
/// Calls that callbacks have made inside the call of one executor.
inline constexpr std::size_t inside_max = 64;
/// One line of Python's output; longer ones are cut into several.
inline constexpr std::size_t log_line_bytes_max = 8'192;
/// Lines of output kept for a post-mortem.
inline constexpr std::size_t log_lines_kept_max = 40;
/// Exceptions told of a chain of causes, contexts and groups, and frames,
/// notes, bases, facts and bytes of text told of each.
inline constexpr std::size_t exception_chain_max = 16;
inline constexpr std::size_t exception_frames_max = 256;
inline constexpr std::size_t exception_notes_max = 64;
inline constexpr std::size_t exception_bases_max = 64;
inline constexpr std::size_t exception_facts_max = 16;
inline constexpr std::size_t exception_text_bytes_max = 256 * 1024;
/// Exceptions Python may go through to print one with all that is linked to it;
/// of one with more, the text is its own alone.
inline constexpr std::size_t exceptions_printed_max = 10'000;
/// What an interpreter that does not start says that Python raised.
inline constexpr std::size_t start_refusal_bytes_max = 4'096;
/// One fact of an exception.
inline constexpr std::size_t exception_fact_bytes_max = 1'024;
/// What is read of a message to find out what it means, and the dimensions of a
/// shape in it.
inline constexpr std::size_t translated_bytes_max = 16 * 1024;
inline constexpr std::size_t translated_dimensions_max = 64;
/// How long a worker waits, after a call that printed, until the host has read
/// what it printed: so that lines are told of the call they belong to.
inline constexpr int output_read_wait_ms_max = 20;
/// How often a worker shows that it lives: its control thread, whatever Python
/// does. Its host looks at least as often as it should notice, and at most so.
inline constexpr int beat_ms = 500;
inline constexpr int care_ms_max = 1'000;
/// How often a call is interrupted that goes on past its cancel_grace_ms.
inline constexpr int interrupt_again_ms = 50;
/// A worker that is between calls may take so long at least to come to one that
/// is given up: with no grace at all a healthy one would be killed for it.
inline constexpr int between_calls_ms_min = 1'000;
/// How long a worker about to be killed may take to write its Python stacks,
/// and what is read of them.
inline constexpr int stacks_wait_ms_max = 500;
inline constexpr std::size_t stacks_bytes_max = 64 * 1024;
/// How long the death of a killed worker may take before it is abandoned.
inline constexpr int death_wait_ms_max = 5'000;
/// The same of an actor that a supervisor killed.
inline constexpr int child_death_wait_ms_max = 5'000;
/// How long a worker whose channel has ended may live on.
inline constexpr int end_after_close_ms_max = 100;
/// Interpreters a pool may come to have by a resize, if it had no more before.
inline constexpr std::size_t resize_max = 64;
/// The intensity of a pool that names none, at least.
inline constexpr std::uint32_t intensity_least = 3;
/// How often it is looked whether a pool is idle, or an interpreter unused.
inline constexpr int idle_look_ms = 2;
/// How often an interpreter looks whether its pool lacks a spare worker.
inline constexpr int spares_look_ms = 500;
/// A worker that cannot be started for want of a descriptor, say, is tried
/// again after so long, doubled up to that.
inline constexpr int shortage_wait_ms_min = 10;
inline constexpr int shortage_wait_ms_max = 1'000;
/// Where one spare after the other dies the wait for the next doubles from that
/// up to this; none in twice this time ends the row.
inline constexpr int spares_wait_ms_max = 60'000;
/// How long a worker waits for its orders, which are sent as it is started.
inline constexpr int orders_wait_ms_max = 10'000;
/// How often it is looked whether a worker is due to be recycled.
inline constexpr int recycle_look_ms = 1'000;
/// How long the bridge waits for each step of its own start and stop.
inline constexpr int bridge_step_ms_max = 30'000;
/// While one is to take another's place and waits for a call that runs, the
/// other threads of the pool's workers stand still no longer than this.
inline constexpr int replace_hold_ms_max = 100;
/// Incarnations that may die with the same unstarted call in hand: it is the
/// likely cause, and answers interpreter_died instead of taking the pool down.
inline constexpr unsigned call_losses_max = 2;
/// What one look at a channel may bring in, so that a worker that floods it
/// does not keep its reader from everything else.
inline constexpr std::size_t received_frames_max = 64;
/// Descriptors that may come with one frame.
inline constexpr std::size_t frame_descriptors_max = 16;
inline constexpr std::size_t received_bytes_max = 4 * 1024 * 1024;
/// Before a thread sleeps for a message it looks for it so long: waking up
/// takes longer than a small call, on an idle core much longer. Where looking
/// was in vain so often in a row, it is left out so many times.
inline constexpr int spin_us_max = 60;
inline constexpr int spin_looks = 8; ///< between two at the clock
inline constexpr int spins_in_vain_max = 4;
inline constexpr int spins_left_out = 50;
/// A thread that reads for others tells them of their replies once it has so
/// many for each, so many in all, or this time has passed. Where it came to
/// less than the first, so many reads are told of at once.
inline constexpr std::size_t gathered_each = 8;
inline constexpr std::size_t gathered_max = 64;
inline constexpr int gathering_us_max = 250;
inline constexpr int gatherings_left_out = 64;
/// Of what a callback has thrown, so much of its text is told.
inline constexpr std::size_t callback_text_bytes_max = 64 * 1024;
/// A text of an object that is sent as itself.
inline constexpr std::size_t text_itself_bytes_max = 512;
/// Objects the program has let go are freed in Python after so long; or before
/// the next call, once there are so many, or an eighth of what their session
/// may hold.
inline constexpr int let_go_ms = 5;
inline constexpr std::size_t let_go_max = 256;
/// Refs that are released at once.
inline constexpr std::size_t refs_released_max = 1'000;
/// Requests for items that may wait at the actor of one stream.
inline constexpr std::size_t stream_requests_max = 64;
/// Batches of streams are looked at for so long after the last was filled: the
/// next comes soon, as a rule, and to wake a thread takes longer than to fill a
/// small one. One that is being filled cannot be looked at: again after so
/// long.
inline constexpr int tick_on_ms = 100;
inline constexpr int tick_again_ms = 1;
/// A stream whose batch was filled asks for so many times as many items next,
/// up to its limit; one whose batch was not, for half of those that came.
inline constexpr std::uint32_t batch_growth = 4;
/// The next batch of a stream is asked for while fewer pieces wait to be read.
inline constexpr std::size_t batches_ahead = 2;
/// Refs in one batch are at most such a part of those a session may hold: one
/// batch is read, two are on their way, and none is pruned before it is read.
inline constexpr std::uint32_t batch_refs_part = 6;
/// Who comes to an embedded interpreter may pass a thread that waits for it, if
/// that has not waited for longer.
inline constexpr int passed_us_max = 500;
/// Looks at what a worker left behind when it died.
inline constexpr int last_looks_max = 256;
/// How long actors of the program may outlive their bridge on its own system.
inline constexpr int actors_wait_ms_max = 5'000;
/// How long a system whose threads have ended may take for the rest of its end.
inline constexpr int system_gone_ms_max = 100;
/// Names that calls have used, which an interpreter keeps as Python's strings.
inline constexpr std::size_t known_names_max = 4'096;
inline constexpr std::size_t known_name_bytes_max = 128;
/// Of the refs a session was made to let go, how many are known, to say why.
inline constexpr std::size_t refs_gone_max = 1'024;
/// Sources of `eval` and `exec` that a session keeps, and their text in all:
/// for tracebacks, and for processes that Python starts. The oldest go first.
inline constexpr std::size_t session_sources_max = 1'000;
inline constexpr std::size_t session_source_bytes_max = std::size_t{4} << 20U;
/// Refs that expire are looked for at most so often.
inline constexpr int expiry_step_ms = 10;
/// What sessions leave to be collected is, at most in such a part of the time.
inline constexpr int collections_apart = 20;
/// How long a program named as `python` may take to tell what it is.
inline constexpr int python_answer_ms_max = 10'000;
/// A worker with less address space or fewer files cannot run Python.
inline constexpr std::uint64_t memory_bytes_min = std::uint64_t{64} << 20U;
inline constexpr std::uint32_t open_files_min = 32;
/// Ends of sessions' handles, and of threads that used one, that the sessions'
/// actors have not heard of: with so many no other thread opens one.
inline constexpr std::size_t unheard_ends_max = 100;
/// Worker threads of the bridge's own actor system.
inline constexpr std::size_t scheduler_threads_max = 4;
/// Of a cluster: its nodes, the bytes of a node's name and address, the pools a
/// node offers, the sessions of all nodes together, the bytes of the id of one,
/// and the opens that wait until an owner has its grant.
inline constexpr std::size_t nodes_max = 256;
inline constexpr std::size_t node_name_bytes_max = 255;
inline constexpr std::size_t node_address_bytes_max = 512;
inline constexpr std::size_t node_pools_max = 256;
inline constexpr std::size_t cluster_sessions_max = 100'000;
inline constexpr std::size_t cluster_session_id_bytes_max = 1'024;
inline constexpr std::size_t opens_waiting_max = 10'000;
/// What a node may say that it has seen: so that no epoch ever overflows.
inline constexpr std::uint64_t epoch_seen_max = std::uint64_t{1} << 62U;
/// How often a node tells how much it has to do.
inline constexpr int load_report_ms = 1'000;
/// A session may end while it is opened: then it is asked for again, so often.
inline constexpr int opens_tried_max = 3;
/// A session that was granted and not opened ends after so long.
inline constexpr int grant_unused_ms = 5'000;
/// A link with nothing to send carries a beat so often, or often enough for its
/// limit of silence: so many in that.
inline constexpr int link_beat_ms = 1'000;
inline constexpr int beats_in_limit_min = 5;
/// How long both ends may take until the handshake of a link is done.
inline constexpr int handshake_ms_max = 5'000;
/// The end of a process waits so long for the loops of links that still run.
inline constexpr int exit_wait_ms_max = 5'000;
/// A node that is lost is dialled after so long at most, doubled up to that.
inline constexpr int redial_ms_min = 20;
inline constexpr int redial_ms_max = 5'000;
/// A fault on purpose: where in a message, how long, and a plan of them as
/// text.
inline constexpr std::uint32_t fault_byte_max = 1U << 20U;
inline constexpr int fault_time_ms_max = 60'000;
inline constexpr std::size_t fault_plan_bytes_max = 4'096;
/// Between nodes: what the loop of the links has to do and has not begun;
/// connections that have not shown who they are, and what one may send until
/// then; calls and sessions of one link, in each direction.
inline constexpr std::size_t loop_jobs_max = 100'000;
inline constexpr std::size_t unauthenticated_max = 64;
inline constexpr std::uint64_t handshake_bytes_max = std::uint64_t{64} << 10U;
inline constexpr std::size_t link_calls_max = 10'000;
inline constexpr std::size_t link_sessions_max = 10'000;
/// Calls of one session on their way to another node; others wait in line.
inline constexpr std::size_t remote_calls_max = 1'000;
/// What a node has told over a link and the other side has not heard.
inline constexpr std::size_t words_told_max = 200'000;
/// Beats of a link whose answers are behind something large.
inline constexpr std::size_t beats_unanswered_max = 1'000;
/// Of an error between nodes that is not Python's.
inline constexpr std::size_t failed_text_bytes_max = std::size_t{16} << 10U;
/// Addresses that one node dials.
inline constexpr std::size_t dials_max = 1'024;
/// A message between nodes that is larger goes in parts of that size, of which
/// so many bytes are on their way of one link and direction at a time; and what
/// is a frame around one, which no message of the protocol is larger than.
inline constexpr std::size_t payload_part_bytes_max = std::size_t{256} << 10U;
inline constexpr std::size_t link_window_bytes = std::size_t{512} << 10U;
inline constexpr std::size_t link_frame_bytes_max = std::size_t{64} << 10U;
/// Bytes that wait to be written to the other side of a link: with more nothing
/// new is sent. With twice as many, which answers make, it does not read.
inline constexpr std::size_t link_unwritten_bytes_max = std::size_t{64} << 20U;
/// Large replies that wait to be read are refused beyond so many bytes, or one
/// as large as the next, where the other side has read nothing for so long.
inline constexpr std::size_t link_unread_bytes_max = std::size_t{64} << 20U;
inline constexpr int link_reading_ms = 250;
/// Small messages that one side of a link has received and not answered.
inline constexpr std::size_t link_wholes_bytes_max = std::size_t{256} << 20U;

} // namespace snakebridge::limits

namespace snakebridge {

/// One setting, as it may stand in snakebridge.toml: `key` under [pool.NAME]
/// for pools, at the top else. Durations are in ms.
struct tunable {
  const char* key;
  bool of_pool;
  std::int64_t least;
  std::int64_t most;
  const char* meaning;
};

inline constexpr std::int64_t day_ms = 86'400'000;
inline constexpr std::int64_t max_count = std::int64_t{1} << 50;
inline constexpr std::int64_t ref_ttl_ms_max = 365 * day_ms;
inline constexpr std::int64_t stream_batch_items_max = 1'000'000;

/// A profile of timeouts that is always there. 0: as the configuration says.
struct standard_profile {
  const char* name;
  std::int64_t timeout_ms;
  std::int64_t stream_timeout_ms;
};

inline constexpr standard_profile standard_profiles[] = {
  {"default", 0, 0},
  {"streaming", 120'000, 1'800'000},
  {"ml_inference", 600'000, 1'800'000},
  {"batch_job", day_ms, day_ms},
};

inline constexpr tunable tunables[] = {
  {"timeout_ms", false, 1, day_ms, "a call's time when it names none"},
  {"payload_bytes_max", false, 1'024, std::int64_t{1} << 32,
   "the largest call or result, encoded"},
  {"marker_repr_bytes_max", false, 0, 1 << 20, "of a repr in a marker"},
  {"ref_max", false, 1, 100'000'000, "refs one session may hold"},
  {"ref_ttl_ms", false, 0, ref_ttl_ms_max,
   "until a ref that is not used is let go; 0: it stays"},
  {"strict_mode_threshold", false, 1, 100'000'000,
   "refs of a session strict mode warns beyond"},
  {"stream_timeout_ms", false, 1, day_ms, "until the next item of a stream"},
  {"stream_batch_items", false, 1, stream_batch_items_max,
   "items sent at once"},
  {"stream_batch_bytes", false, 1, std::int64_t{1} << 30,
   "of items, encoded, sent at once"},
  {"stream_batch_ms", false, 0, 60'000, "until an item is sent, at the latest"},
  {"callback_threads", false, 1, 256, "that run callbacks of the program"},
  {"size", true, 0, 1'024, "interpreters; 0: one per core"},
  {"threads", true, 1, limits::executors_max,
   "calls a worker runs side by side"},
  {"queue_max", true, 1, 1'000'000, "calls waiting for one interpreter"},
  {"intensity", true, 0, 1'000, "restarts within the period survived"},
  {"period_ms", true, 1, day_ms, "the period restarts are counted over"},
  {"backoff_ms", true, 0, day_ms, "the wait before the first restart"},
  {"backoff_max_ms", true, 0, day_ms, "the longest wait before a restart"},
  {"breaker_failures", true, 0, 1'000, "crashes that open the circuit"},
  {"breaker_period_ms", true, 1, day_ms, "the period they are counted over"},
  {"breaker_open_ms", true, 1, day_ms, "until one call may try again"},
  {"recycle_calls", true, 0, max_count, "after which a worker is replaced"},
  {"recycle_age_ms", true, 0, 365 * day_ms, "after which a worker is replaced"},
  {"recycle_memory_bytes", true, 0, max_count,
   "resident memory beyond which a worker is replaced"},
  {"spares", true, 0, 64, "workers kept ready besides"},
  {"start_timeout_ms", true, 1, day_ms, "until an interpreter is ready"},
  {"cancel_grace_ms", true, 0, day_ms,
   "for a cancelled call to clean up, until it is interrupted again"},
  {"kill_grace_ms", true, 0, day_ms, "after that, until the worker is killed"},
  {"heartbeat_limit_ms", true, 0, day_ms,
   "silence after which a worker is killed; 0: never"},
  {"stall_report_ms", true, 0, day_ms,
   "in one call, until that is reported; 0: never"},
  {"stall_kill_ms", true, 0, day_ms,
   "in one call, until the worker is killed; 0: never"},
  {"stop_timeout_ms", true, 0, day_ms,
   "for a worker to end when asked, until it is killed"},
  {"memory_bytes_max", true, 0, std::int64_t{1} << 46,
   "address space of a worker; 0: no bound"},
  {"cpu_seconds_max", true, 0, 1'000'000'000,
   "time of a worker on a processor; 0: no bound"},
  {"open_files_max", true, 0, 1'048'576,
   "files a worker may have open; 0: no bound"},
};

/// The same under [node].
inline constexpr tunable node_tunables[] = {
  {"heartbeat_limit_ms", false, 100, 3'600'000,
   "silence after which a link is lost"},
};

} // namespace snakebridge
