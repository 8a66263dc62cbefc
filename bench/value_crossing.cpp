// What it costs to bring values to a worker, and back again: each beside
// multiprocessing.Pipe passing the same objects in the same run, and bytes
// beside the bare memory copies that bytes on a socket need.
//
// These copies, one way, once per byte: into the message (wire::write_value;
// wire_sink on the way back), into the kernel (sendmsg), out of it (recv), and
// out of the message into the object (python_bytes; read_value on the way
// back). So it is 4 to a worker and 8 there and back. What the channel copies
// beyond that (what the socket has no room for, a buffer that grows) is its
// own to avoid, as is memory that is touched for the first time.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <sstream>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 10;
constexpr std::size_t copies_one_way = 4;

// What we want to hold: the ratio of medians, at most.
constexpr double beside_pipe_max = 1;
constexpr double beside_copies_max = 3;

// pipe_baseline.py as a program.
class pipe_baseline {
public:
  pipe_baseline() {
    int questions[2], answers[2];
    if (::pipe(questions) != 0 || ::pipe(answers) != 0)
      std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(questions[0], STDIN_FILENO);
      ::dup2(answers[1], STDOUT_FILENO);
      for (const int end : {questions[0], questions[1], answers[0], answers[1]})
        ::close(end);
      ::execl(BENCH_PYTHON, BENCH_PYTHON, BENCH_DIRECTORY "/pipe_baseline.py",
              nullptr);
      ::_exit(127);
    }
    ::close(questions[0]);
    ::close(answers[1]);
    questions_ = ::fdopen(questions[1], "w");
    answers_ = ::fdopen(answers[0], "r");
  }
  ~pipe_baseline() {
    std::fclose(questions_);
    std::fclose(answers_);
    ::waitpid(child_, nullptr, 0);
  }
  pipe_baseline(const pipe_baseline&) = delete;
  pipe_baseline& operator=(const pipe_baseline&) = delete;

  void sample(bench::samples& into, const std::string& payload, const char* way,
              int times) {
    std::fprintf(questions_, "%s %s %d\n", payload.c_str(), way, times);
    std::fflush(questions_);
    for (int i = 0; i < times; ++i) {
      double took_us = 0;
      if (std::fscanf(answers_, "%lf", &took_us) != 1) {
        std::fputs("pipe_baseline.py ended\n", stderr);
        std::exit(1);
      }
      into.add(std::chrono::duration_cast<bench::clock::duration>(
        std::chrono::duration<double, std::micro>{took_us}));
    }
  }

private:
  pid_t child_ = 0;
  FILE* questions_ = nullptr;
  FILE* answers_ = nullptr;
};

// Copies of so many bytes from each buffer to the next; all were written to
// before.
class copy_chain {
public:
  copy_chain(std::size_t bytes, std::size_t copies)
      : buffers_(copies + 1, std::string(bytes, 'x')) {}

  void once() {
    for (std::size_t i = 1; i < buffers_.size(); ++i) {
      std::memcpy(buffers_[i].data(), buffers_[i - 1].data(),
                  buffers_[i].size());
      // So that the compiler takes every copy for needed.
      asm volatile("" : : "r"(buffers_[i].data()) : "memory");
    }
  }
  std::string name() const {
    return "memcpy x " + std::to_string(buffers_.size() - 1);
  }

private:
  std::vector<std::string> buffers_;
};

struct payload {
  const char* key; // in pipe_baseline.py
  const char* name;
  int times; // a round
};

constexpr payload payloads[] = {
  {"floats", "100,000 floats", 10},     {"dict", "dict of 10,000", 10},
  {"records", "1,000 records", 10},     {"bytes_1_mib", "bytes, 1 MiB", 20},
  {"bytes_16_mib", "bytes, 16 MiB", 3},
};

class crossing {
public:
  crossing() : bridge_{{.pools = {{.name = "default", .size = 1}}}} {
    sb::or_throw(bridge_.exec("import sys\n"
                              "sys.dont_write_bytecode = True\n"
                              "sys.path.insert(0, directory)",
                              {{"directory", BENCH_DIRECTORY}}));
    items_ = bridge_.get("pipe_baseline", "payloads").value();
    len_ = bridge_.get("builtins", "len").value();
    itself_ = bridge_.get("pipe_baseline", "itself").value();
  }

  void measure(const payload& what, bool back) {
    const auto& item = items_[what.key];
    const auto& function = back ? itself_ : len_;
    const auto ours = [&] { bridge_.call_object(function, item).value(); };
    const char* way = back ? "echo" : "pass";
    std::optional<copy_chain> copies;
    if (item.kind() == sb::kind::bytes)
      copies.emplace(item.size(), back ? 2 * copies_one_way : copies_one_way);

    bench::samples taken, by_pipe, by_copies;
    for (int round = 0; round <= rounds; ++round) {
      if (round == 1) // what came before was to warm up
        taken = by_pipe = by_copies = {};
      bench::sample(taken, what.times, ours);
      pipe_.sample(by_pipe, what.key, way, what.times);
      if (copies)
        bench::sample(by_copies, what.times, [&] { copies->once(); });
    }
    const auto name = what.name + std::string{", "} + way;
    const auto figures = taken.summary();
    if (!copies)
      return bench::print_row(name, figures, "multiprocessing.Pipe",
                              by_pipe.summary(), beside_pipe_max);
    bench::print_row(name, figures, copies->name(), by_copies.summary(),
                     beside_copies_max);
    bench::print_row("", figures, "multiprocessing.Pipe", by_pipe.summary());
  }

private:
  pipe_baseline pipe_; // forks: before there are threads
  sb::bridge bridge_;
  sb::value items_, len_, itself_;
};

} // namespace

int main() {
  crossing measured;
  for (const auto& each : payloads)
    for (const bool back : {false, true})
      measured.measure(each, back);
}
