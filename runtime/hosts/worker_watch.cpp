// What the thread of a worker_host does: it starts the process, watches it,
// and tells how it ended.
#include <algorithm>

#include <fmt/format.h>
#include <poll.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/hosts/memory_kills.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/hosts/worker_environment.hpp"
#include "runtime/hosts/worker_host.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/socket_channel.hpp"
#include "runtime/wire/worker_start.hpp"

namespace snakebridge {

void worker_host::serve() {
  auto failed = launch();
  if (!failed)
    watch();
  process_end how;
  if (process_) {
    {
      // Under the lock of `kill`, which must not reach for a number that has
      // been given to another process.
      const std::lock_guard lock{mutex_};
      how = process_->reap();
      how.stacks = process_->take_stacks();
      ended_ = true;
    }
    // What it said before it died still counts.
    for (int looks = ready_ ? limits::last_looks_max : 0;
         looks > 0 && read_replies(reader::own_thread) == channel_state::open;
         --looks) {
    }
    finish_handed_off();
    for (auto* each : {&output_, &errors_}) {
      read_output(*each);
      finish_output(*each);
    }
  }
  end(std::move(failed), std::move(how));
}

result<spare_workers::worker> launch_worker(const worker_settings& settings,
                                            bool spare) {
  const auto program = find_worker(settings.program);
  if (!program)
    return tl::unexpected{program.error()};
  const auto began =
    settings.began ? settings.began : std::make_shared<const start_place>();
  const auto python = began->python(settings.python);
  if (!python)
    return tl::unexpected{python.error()};
  const bool goes_there = began->may_be_entered();
  if (!goes_there)
    logger()->warn("a worker works in the present folder of the program: it "
                   "may not enter the one it was started in any more");
  auto started = worker_process::start(
    *program,
    worker_environment(began->environment(), settings.pass_env,
                       settings.environment),
    goes_there ? began->folder().get() : -1, spare);
  if (!started)
    return tl::unexpected{started.error()};
  auto orders = wire::build_message<schema::Start>(
    control_bytes_max, [&](schema::Start::Builder start) {
      start.setPython(python->string());
      start.setPayloadBytesMax(settings.payload_bytes_max);
      start.setHostPid(::getpid());
      wire::write_conversion(start, settings.conversion);
      wire::write_limits(start, settings.limits);
      wire::write_names(
        start.initPreload(wire::count_of(settings.preload.size())),
        settings.preload);
      wire::write_names(start.initPath(wire::count_of(settings.path.size())),
                        names_of(settings.path));
    });
  if (!orders)
    return tl::unexpected{orders.error()};
  auto control = std::make_unique<socket_channel>(std::move(started->control),
                                                  control_bytes_max);
  control->send(
    {.words = 0, .kind = frame_kind::start, .call = 0, .deadline_ns = 0},
    std::move(*orders));
  return std::make_unique<launched_worker>(std::move(*started),
                                           std::move(control));
}

// What the system lacks for it now, a descriptor most often, is waited for as
// long as a start may take.
result<spare_workers::worker> worker_host::launch_in_time() {
  auto wait = std::chrono::milliseconds{limits::shortage_wait_ms_min};
  bool is_news = true;
  for (;;) {
    auto started = has_events()
                     ? launch_worker(settings_, false)
                     : result<spare_workers::worker>{error{
                       errc::overloaded, "cannot make an event for a worker"}};
    if (started || started.error().code() != errc::overloaded)
      return started;
    const auto now = steady_clock::now();
    {
      const std::lock_guard lock{mutex_};
      if (asked_to_stop_ || !kill_reason_.empty() || now + wait >= *start_by_)
        return tl::unexpected{
          error{errc::startup_failed, started.error().message()}};
    }
    if (std::exchange(is_news, false))
      logger()->warn("interpreter {} of pool '{}' is started later: {}",
                     self_.interpreter, self_.pool, started.error().message());
    pollfd woken{wake_.get(), POLLIN, 0};
    ::poll(&woken, 1, static_cast<int>(wait.count()));
    wait = std::min(2 * wait,
                    std::chrono::milliseconds{limits::shortage_wait_ms_max});
  }
}

// Those that are missing are made.
bool worker_host::has_events() {
  const std::lock_guard lock{mutex_};
  for (auto* each : {&wake_, &wake_leader_})
    if (!*each)
      *each = make_event();
  return wake_ && wake_leader_;
}

std::optional<error> worker_host::launch() {
  memory_kills_before_ = memory_kills(settings_.root);
  auto launched = settings_.spares ? settings_.spares->take() : nullptr;
  if (!launched) {
    auto started = launch_in_time();
    if (!started)
      return started.error();
    launched = std::move(*started);
  }
  const std::lock_guard lock{mutex_};
  process_.emplace(std::move(launched->process));
  output_.pipe = &process_->output;
  errors_.pipe = &process_->errors;
  control_ = std::move(launched->control);
  data_ = std::make_unique<socket_channel>(std::move(process_->data),
                                           settings_.payload_bytes_max);
  if (!kill_reason_.empty())
    process_->kill();
  return {};
}

bool worker_host::is_serving() const {
  const std::lock_guard lock{mutex_};
  return open_ && !asked_to_stop_;
}

void worker_host::watch() {
  while (watch_once()) {
  }
}

// One look at everything; false when the process has ended.
bool worker_host::watch_once() {
  enum { ended, woken, output, errors, control, data, count };
  pollfd watched[count] = {
    {process_->watch(), POLLIN, 0},
    {wake_.get(), POLLIN, 0},
    {process_->output.get(), POLLIN, 0},
    {process_->errors.get(), POLLIN, 0},
    {control_lost_ ? -1 : control_->poll_descriptor(), POLLIN, 0},
    {-1, 0, 0}};
  const bool unsent = !data_->flush();
  bool reads = false;
  {
    const std::lock_guard lock{mutex_};
    reads = own_thread_reads_;
  }
  if (unsent || reads)
    watched[data] = {
      data_->poll_descriptor(),
      static_cast<short>((reads ? POLLIN : 0) | (unsent ? POLLOUT : 0)), 0};
  // For who calls again as soon as it is answered.
  const bool has_come = reads && spin();
  int patience_ms = -1;
  if (const auto when = next_time()) {
    const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*when - steady_clock::now());
    patience_ms = static_cast<int>(
      std::clamp<std::int64_t>(left.count(), 0, std::int64_t{1} << 30U));
  }
  ::poll(watched, count, has_come ? 0 : patience_ms);

  if (watched[woken].revents != 0)
    drain(wake_);
  if (watched[output].revents != 0)
    read_output(output_);
  if (watched[errors].revents != 0)
    read_output(errors_);
  if (watched[control].revents != 0)
    read_control();
  finish_handed_off();
  if (has_come || (watched[data].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
    read_replies(reader::own_thread);
  finish_output_of_ended_calls();
  check_times();
  return watched[ended].revents == 0;
}

void worker_host::read_control() {
  std::vector<frame> arrived;
  const auto state = control_->receive(arrived, false);
  for (const auto& told : arrived) {
    if (told.header.kind == frame_kind::ready) {
      {
        const std::lock_guard lock{mutex_};
        start_by_.reset();
        if (ready_ || asked_to_stop_ || !kill_reason_.empty())
          continue;
        ready_ = open_ = true;
      }
      events_.on_ready();
      tell(settings_.on_event, snakebridge::ready(self_, process_->pid()));
    } else if (told.header.kind == frame_kind::sampled) {
      stacks_written();
    } else if (told.header.kind == frame_kind::failed) {
      bool malformed = false;
      auto why = wire::decode_start_failure(told, malformed);
      if (malformed) {
        kill(why.message());
        continue;
      }
      const std::lock_guard lock{mutex_};
      start_error_ = std::move(why);
    }
  }
  control_lost_ = state != channel_state::open;
  if (control_lost_)
    channel_lost(state);
}

// Of one that has something to read: a worker replies as soon as its output is
// read, so what lies there is of the call that runs. Nothing else is.
void worker_host::read_output(stream& from) {
  if (from.pipe == nullptr || !*from.pipe)
    return;
  log_line now{.pool = self_.pool,
               .interpreter = self_.interpreter,
               .session = {},
               .call = {},
               .is_error = &from == &errors_,
               .text = {}};
  const auto running = tag_with_running_call(now);
  if (running != from.call)
    finish_output(from);
  from.call = running;
  from.line = std::move(now);
  const auto take = [&](std::string_view text, line_end end) {
    take_line(from.line, text, end);
  };
  if (!from.lines.read_from(from.pipe->get(), take))
    from.pipe->reset();
  if (from.lines.has_rest())
    has_rest_ = true;
}

void worker_host::finish_output(stream& of) {
  of.lines.finish([&](std::string_view text, line_end end) {
    take_line(of.line, text, end);
  });
}

// What a call left without an end of its line is its own, and not the next's.
void worker_host::finish_output_of_ended_calls() {
  if (!has_rest_)
    return;
  for (auto* each : {&output_, &errors_}) {
    bool runs = each->call == 0;
    {
      const std::lock_guard lock{mutex_};
      runs = runs || handed_over_.contains(each->call);
    }
    if (!runs)
      finish_output(*each);
  }
  has_rest_ = output_.lines.has_rest() || errors_.lines.has_rest();
}

// Its number; 0: none runs.
std::uint64_t worker_host::tag_with_running_call(log_line& line) const {
  const std::lock_guard lock{mutex_};
  const auto running = handed_over_.find(process_->status().started.load());
  if (running == handed_over_.end())
    return 0;
  line.session = running->second->session->id;
  line.call = describe(running->second->asked);
  return running->first;
}

void worker_host::take_line(log_line& line, std::string_view text,
                            line_end end) {
  line.text = text;
  line.end = end;
  // Of a progress bar the last state is enough.
  if (end != line_end::carriage_return) {
    if (last_lines_.size() >= limits::log_lines_kept_max)
      last_lines_.pop_front();
    last_lines_.push_back(line.text);
  }
  try {
    settings_.on_output(line);
  } catch (const std::exception& failed) {
    logger()->error("on_output threw: {}", failed.what());
  } catch (...) {
    logger()->error("on_output threw what is no std::exception");
  }
}

void worker_host::finish_handed_off() {
  std::vector<std::pair<exchange_ptr, frame>> mine;
  {
    const std::lock_guard lock{mutex_};
    mine.swap(handed_off_);
  }
  for (const auto& [replied, reply] : mine)
    finish(replied, reply);
  if (!mine.empty())
    events_.on_room();
}

void worker_host::end(std::optional<error> failed_start, process_end how) {
  host_end told{.why = {errc::shutting_down, "the interpreter was stopped"},
                .asked = false,
                .unstarted = {}};
  std::vector<exchange_ptr> started;
  const exchange* running = nullptr;
  bool abnormal = false;
  {
    const std::lock_guard lock{mutex_};
    open_ = false;
    ended_ = true;
    const auto last =
      process_ ? process_->status().started.load() : std::uint64_t{0};
    for (auto& [id, each] : handed_over_)
      (id <= last ? started : told.unstarted).push_back(std::move(each));
    handed_over_.clear();
    unwaited_ = 0;
    told.asked = asked_to_stop_;
    abnormal = !asked_to_stop_
               || (ready_
                   && (!how.signal.empty() || how.exit_status.value_or(0) != 0
                       || !kill_reason_.empty()));
    // The call it died in: only the last one it started can be unanswered.
    running = started.empty() ? nullptr : started.back().get();
    if (failed_start)
      told.why = std::move(*failed_start);
    else if (abnormal || running != nullptr)
      told.why = death(how, running);
    if (data_)
      data_->close();
  }
  finish_handed_off(); // what a leader brought in at the last moment
  const auto had = started.size() + told.unstarted.size();
  std::erase_if(told.unstarted,
                [](const exchange_ptr& each) { return each->answered(); });
  for (const auto& each : started)
    each->answer(tl::unexpected{told.why});
  if (abnormal)
    tell_ended(told.why, running);
  events_.on_end(std::move(told));
  running_ -= had;
}

} // namespace snakebridge
