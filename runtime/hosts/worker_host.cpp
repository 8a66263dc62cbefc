#include "runtime/hosts/worker_host.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/build_mark.hpp"
#include "runtime/base/event.hpp"
#include "runtime/base/log.hpp"
#include "runtime/hosts/memory_kills.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/hosts/worker_environment.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/socket_channel.hpp"
#include "runtime/wire/worker_start.hpp"

namespace snakebridge {

namespace {

std::chrono::milliseconds duration_of(const timeval& used) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::seconds{used.tv_sec}
    + std::chrono::microseconds{used.tv_usec});
}

// The thread that crashed, as faulthandler names it in the stacks it writes
// then; 0: it did not.
std::uint64_t current_thread(const std::string& stacks) {
  constexpr std::string_view before = "Current thread 0x";
  const auto at = stacks.find(before);
  return at == std::string::npos
           ? 0
           : std::strtoull(stacks.c_str() + at + before.size(), nullptr, 16);
}

bool is_crash(std::string_view signal) {
  constexpr std::string_view crashes[] = {"SIGSEGV", "SIGBUS", "SIGFPE",
                                          "SIGILL", "SIGABRT"};
  return std::find(std::begin(crashes), std::end(crashes), signal)
         != std::end(crashes);
}

} // namespace

worker_host::worker_host(incarnation self, worker_settings settings,
                         std::shared_ptr<live_threads> threads)
    : self_{std::move(self)},
      settings_{std::move(settings)},
      threads_{std::move(threads)},
      wake_{make_event()},
      link_{*this, self_, settings_.python, settings_.threads,
            settings_.payload_bytes_max},
      output_{settings_.on_output,
              [this](log_line& line) { return tag(line); }},
      care_{{.cancel = {settings_.cancel_grace, settings_.kill_grace},
             .vital = {.heartbeat = settings_.heartbeat_limit,
                       .stall_report = settings_.stall_report,
                       .stall_kill = settings_.stall_kill}},
            link_.loop() + 1},
      seen_(link_.loop() + 1) {}

void worker_host::start(host_events events) {
  events_ = std::move(events);
  start_by_ = steady_clock::now() + settings_.start_timeout;
  std::thread{[self = shared_from_this(),
               presence = live_threads::presence{threads_}]() mutable {
    self->serve();
    self.reset();
  }}.detach();
}

void worker_host::stop() {
  const std::lock_guard lock{mutex_};
  asked_to_stop_ = true;
  if (!stop_by_)
    stop_by_ = steady_clock::now() + settings_.stop_timeout;
  if (!ready_)
    stop_by_ = steady_clock::now();
  link_.finish();
  wake();
}

void worker_host::kill(std::string reason) {
  kill_for(std::move(reason));
}

// False when it was killed for another reason before.
bool worker_host::kill_for(std::string reason) {
  const std::lock_guard lock{mutex_};
  if (ended_ || !kill_reason_.empty())
    return false;
  kill_reason_ = std::move(reason);
  link_.shut();
  if (process_)
    process_->kill();
  wake();
  return true;
}

void worker_host::wake() {
  signal(wake_);
}

void worker_host::on_channel_end() {
  const std::lock_guard lock{mutex_};
  link_.shut();
  // Most often it has just died, and its end tells more than we know. One that
  // lives on without a channel is of no use.
  if (!asked_to_stop_ && !ended_by_)
    ended_by_ = steady_clock::now()
                + std::chrono::milliseconds{limits::end_after_close_ms_max};
  wake();
}

host_stats worker_host::stats() const {
  const std::lock_guard lock{mutex_};
  if (!process_ || ended_)
    return {.running = running()};
  const auto& objects = process_->status().objects;
  return {.pid = process_->pid(),
          .running = running(),
          .live_objects = objects.live.load(),
          .pruned = objects.pruned.load(),
          .expired = objects.expired.load()};
}

std::uint64_t worker_host::resident_bytes() const {
  std::ifstream facts{fmt::format("/proc/{}/statm", stats().pid)};
  std::uint64_t all = 0, resident = 0;
  facts >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// --- It starts ---------------------------------------------------------------

void worker_host::serve() {
  auto failed = launch();
  if (!failed)
    while (watch()) {
    }
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
         looks > 0 && link_.read() == channel_state::open; --looks) {
    }
    link_.finish_handed_off();
    output_.finish();
  }
  end(std::move(failed), std::move(how));
}

result<spare_workers::worker> launch_worker(const worker_settings& settings) {
  const auto began =
    settings.began ? settings.began : std::make_shared<const start_place>();
  const auto python = began->python(settings.python);
  if (!python)
    return tl::unexpected{python.error()};
  const auto program = worker_program(*python, settings.program);
  if (!program)
    return tl::unexpected{program.error()};
  const bool goes_there = began->may_be_entered();
  if (!goes_there)
    logger()->warn("a worker works in the present folder of the program: it "
                   "may not enter the one it was started in any more");
  auto started = worker_process::start(*program,
                                       worker_environment(began->environment(),
                                                          settings.pass_env,
                                                          settings.environment),
                                       goes_there ? began->folder().get() : -1);
  if (!started)
    return tl::unexpected{started.error()};
  auto orders = wire::build_message<schema::Start>(
    control_bytes_max, [&](schema::Start::Builder start) {
      start.setBuild(std::string{build_mark()});
      start.setPython(python->executable.string());
      start.setPayloadBytesMax(settings.payload_bytes_max);
      start.setHostPid(::getpid());
      start.setThreads(settings.threads);
      start.setTimesCalls(settings.times_calls);
      wire::write_conversion(start, settings.conversion);
      wire::write_limits(start, settings.limits);
      wire::write_helpers(start.initHelpers(), settings.helpers);
      wire::write_names(
        start.initPreload(wire::count_of(settings.preload.size())),
        settings.preload);
      start.setOnStart(settings.on_start);
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
    auto started = make_missing_events()
                     ? launch_worker(settings_)
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

bool worker_host::make_missing_events() {
  if (!wake_) {
    const std::lock_guard lock{mutex_};
    wake_ = make_event();
  }
  return wake_ && link_.make_missing_event();
}

std::optional<error> worker_host::launch() {
  memory_kills_before_ = memory_kills(settings_.root);
  auto launched = make_missing_events() && settings_.spares
                    ? settings_.spares->take()
                    : nullptr;
  if (!launched) {
    auto started = launch_in_time();
    if (!started)
      return started.error();
    launched = std::move(*started);
  }
  const std::lock_guard lock{mutex_};
  process_.emplace(std::move(launched->process));
  output_.connect(std::move(process_->output), std::move(process_->errors));
  control_ = std::move(launched->control);
  auto& shared = process_->shared();
  link_.connect(*process_,
                std::make_unique<socket_channel>(
                  std::move(process_->data), settings_.payload_bytes_max,
                  shared.to_worker, shared.to_host));
  if (!kill_reason_.empty())
    process_->kill();
  return {};
}

// --- It is watched -----------------------------------------------------------

// One look at everything; false when the process has ended.
bool worker_host::watch() {
  enum { ended, woken, output, errors, control, data, count };
  pollfd watched[count] = {
    {process_->watch(), POLLIN, 0},
    {wake_.get(), POLLIN, 0},
    {output_.poll_descriptor(false), POLLIN, 0},
    {output_.poll_descriptor(true), POLLIN, 0},
    {control_lost_ ? -1 : control_->poll_descriptor(), POLLIN, 0},
    {-1, 0, 0}};
  const bool helped = link_.look_at_helpers();
  const bool unsent = !link_.send();
  const bool reads = link_.own_thread_reads();
  if (unsent || reads)
    watched[data] = {
      link_.poll_descriptor(),
      static_cast<short>((reads ? POLLIN : 0) | (unsent ? POLLOUT : 0)), 0};
  // For who calls again as soon as it is answered.
  const bool has_come = reads && (link_.spin() || link_.doze());
  auto until =
    has_come ? time_point{} : next_time().value_or(time_point::max());
  if (helped)
    until = std::min(
      until, steady_clock::now()
               + std::chrono::milliseconds{limits::helpers_looked_at_ms});
  poll_until(watched, until);

  if (watched[woken].revents != 0)
    drain(wake_);
  if (watched[output].revents != 0)
    output_.read(false);
  if (watched[errors].revents != 0)
    output_.read(true);
  if (watched[control].revents != 0)
    read_control();
  link_.finish_handed_off();
  if (has_come || (watched[data].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
    link_.read();
  link_.tells_returns = output_.has_rest();
  output_.finish_of_ended_calls(
    [this](auto call) { return link_.find(call) != nullptr; });
  link_.tells_returns = output_.has_rest();
  look(steady_clock::now());
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
        ready_ = true;
        link_.open();
      }
      events_.on_ready();
      tell(settings_.on_event, snakebridge::ready(self_, process_->pid()));
    } else if (told.header.kind == frame_kind::called) {
      link_.listen();
    } else if (told.header.kind == frame_kind::sampled) {
      link_.look(seen_);
      const auto due = care_.stacks_written(seen_, steady_clock::now());
      if (due.empty())
        process_->take_stacks(); // of a call that has come back
      act_on(due);
    } else if (told.header.kind == frame_kind::failed) {
      bool malformed = false;
      auto why = wire::decode_start_failure(told, malformed);
      if (malformed)
        kill(why.message());
      else
        start_error_ = std::move(why);
    }
  }
  control_lost_ = state != channel_state::open;
  if (state == channel_state::malformed)
    kill("it sent what is no frame");
  if (control_lost_)
    on_channel_end();
}

// Where several calls run, what is printed belongs to none of them for sure.
std::uint64_t worker_host::tag(log_line& line) const {
  line.pool = self_.pool;
  line.interpreter = self_.interpreter;
  const auto running = link_.running_calls();
  if (running.size() != 1)
    return 0;
  const auto& only = *running.front();
  line.session = only.session->id;
  line.call = describe(only.asked);
  return only.id;
}

void worker_host::look(time_point now) {
  if (settings_.spares && link_.is_open() && now >= refill_at_)
    refill_at_ = settings_.spares->refill(
      [this] { return launch_worker(settings_); }, now);
  look_after_worker(now);
  if (auto reason = overdue(now); !reason.empty())
    kill(std::move(reason));
}

void worker_host::look_after_worker(time_point now) {
  bool late_to_stop = false;
  {
    const std::lock_guard lock{mutex_};
    if (stop_by_ && now >= *stop_by_) {
      stop_by_.reset();
      late_to_stop = true;
    }
  }
  if (late_to_stop)
    act_on(care_.condemn(0, "it was asked to stop and did not in time", now,
                         ready_));
  if (!ready_)
    return;
  for (const auto each : link_.take_unwanted())
    say(frame_kind::cancel, each);
  link_.look(seen_);
  act_on(care_.look(seen_, process_->status().beats.load(), now));
}

void worker_host::act_on(const std::vector<worker_care::step>& due) {
  for (const auto& each : due)
    switch (each.what) {
    case worker_care::act::interrupt:
      say(frame_kind::cancel, each.call);
      break;
    case worker_care::act::sample:
      say(frame_kind::sample, each.call);
      break;
    case worker_care::act::report:
      tell_stalled(each.call);
      break;
    case worker_care::act::kill:
      if (kill_for(each.reason)) {
        const auto running = link_.find(each.call);
        killed_in_ = running ? running->id.load() : each.call;
      }
    }
}

void worker_host::say(frame_kind what, std::uint64_t call) {
  control_->send({.kind = what, .call = call});
}

// Why it has to be killed now; empty: it has not.
std::string worker_host::overdue(time_point now) {
  const std::lock_guard lock{mutex_};
  if (start_by_ && now >= *start_by_) {
    start_by_.reset();
    return fmt::format("it was not ready within {} ms, its start_timeout_ms",
                       settings_.start_timeout.count());
  }
  if (ended_by_ && now >= *ended_by_) {
    ended_by_.reset();
    return std::string{lived_on};
  }
  return {};
}

std::optional<steady_clock::time_point> worker_host::next_time() const {
  auto next = care_.next_look();
  const auto consider = [&next](const std::optional<time_point>& when) {
    if (when && (!next || *when < *next))
      next = when;
  };
  if (settings_.spares && link_.is_open())
    consider(refill_at_);
  const std::lock_guard lock{mutex_};
  for (const auto& each : {start_by_, stop_by_, ended_by_})
    consider(each);
  return next;
}

// --- What is told of it ------------------------------------------------------

interpreter_event worker_host::event_of_call(event_kind what,
                                             const exchange* running) const {
  return event_of(what, self_, process_ ? process_->pid() : 0,
                  running ? &running->asked : nullptr,
                  running ? running->session.get() : nullptr);
}

// Nothing if the call has been answered meanwhile.
void worker_host::tell_stalled(std::uint64_t call) {
  auto stacks = process_->take_stacks();
  const auto running = link_.find(call);
  if (!running)
    return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
    steady_clock::now() - care_.since(call));
  const bool runs = process_->status().has_started(running->id);
  tell(
    settings_.on_event,
    stalled(event_of_call(event_kind::stalled, runs ? running.get() : nullptr),
            took, std::move(stacks)));
}

// The call it died in; null: none, or nobody knows which of several.
exchange_ptr worker_host::culprit(const process_end& how,
                                  const std::vector<exchange_ptr>& ran) const {
  const auto find = [&](const auto& is_it) -> exchange_ptr {
    const auto place = std::find_if(ran.begin(), ran.end(), is_it);
    return place == ran.end() ? nullptr : *place;
  };
  if (killed_in_ != 0)
    return find([&](const auto& each) { return each->id == killed_in_; });
  if (ran.size() == 1)
    return ran.front();
  // Those of a sample tell nothing.
  const auto thread = kill_reason_.empty() && is_crash(how.signal)
                        ? current_thread(how.stacks)
                        : 0;
  return find([&](const auto& each) {
    return thread != 0
           && process_->status().executors[executor_of(each->id)].thread.load()
                == thread;
  });
}

error worker_host::death(const process_end& how, const exchange* running,
                         const std::vector<exchange_ptr>& ran) const {
  post_mortem found{
    .pid = process_ ? process_->pid() : 0,
    .exit_status = how.exit_status,
    .signal = how.signal,
    .reason = kill_reason_,
    .call = running ? describe(running->asked) : std::string{},
    .session = running ? running->session->id : std::string{},
    .interpreter = self_.interpreter,
    .epoch = self_.epoch,
    .log_lines = {output_.last_lines().begin(), output_.last_lines().end()},
    .stacks = how.stacks,
    .user_time = duration_of(how.used.ru_utime),
    .system_time = duration_of(how.used.ru_stime),
    .resident_bytes_max =
      static_cast<std::uint64_t>(how.used.ru_maxrss) * 1'024};
  // All it may have been, where nobody knows.
  if (running == nullptr && killed_in_ == 0) {
    const auto told = std::min(ran.size(), limits::calls_told_max);
    for (std::size_t at = 0; at < told; ++at) {
      const char* const apart = at == 0 ? "" : ", ";
      found.call += apart + describe(ran[at]->asked);
      found.session += apart + ran[at]->session->id;
    }
    if (told < ran.size())
      found.call += fmt::format(" and {} more", ran.size() - told);
  }
  if ((found.reason.empty() || found.reason == lived_on)
      && found.signal == "SIGKILL"
      && memory_kills(settings_.root) > memory_kills_before_)
    found.reason = "there was probably no memory left: the kernel killed a "
                   "process for that while this one lived";
  if (ready_) {
    auto text = to_string(found);
    return {errc::interpreter_died, std::move(text), std::move(found),
            !ran.empty()};
  }
  auto why = start_error_
               ? start_error_->message()
               : "the worker ended before it was ready: " + to_string(found);
  return {start_error_ ? start_error_->code() : errc::startup_failed,
          fmt::format("interpreter {} of pool '{}': {}", self_.interpreter,
                      self_.pool, why),
          std::move(found), false};
}

void worker_host::end(std::optional<error> failed_start, process_end how) {
  host_end told{.why = {errc::shutting_down, "the interpreter was stopped"},
                .asked = false,
                .unstarted = {}};
  const auto had = link_.close();
  const auto running = process_ ? culprit(how, had.running) : nullptr;
  bool abnormal = false;
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    told.asked = asked_to_stop_;
    abnormal = !asked_to_stop_
               || (ready_
                   && (!how.signal.empty() || how.exit_status.value_or(0) != 0
                       || !kill_reason_.empty()));
    if (failed_start)
      told.why = std::move(*failed_start);
    else if (abnormal || !had.running.empty())
      told.why = death(how, running.get(), had.running);
  }
  link_.finish_handed_off(); // what a leader brought in at the last moment
  for (const auto& each : had.unstarted)
    if (!each->answered())
      told.unstarted.push_back(each);
  for (const auto& each : had.started)
    each->answer(tl::unexpected{told.why});
  if (abnormal) {
    auto event = event_of_call(event_kind::ended, running.get());
    event.message = told.why.message();
    if (told.why.post_mortem() != nullptr)
      event.death = *told.why.post_mortem();
    tell(settings_.on_event, event);
  }
  events_.on_end(std::move(told));
  link_.forget(had);
}

} // namespace snakebridge
