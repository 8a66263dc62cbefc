// One model, three processes: the first loads it into a session of the cluster,
// two others predict with it as if it were theirs. One of them is killed, and
// the rest go on; when the last of them has ended the model is freed.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

// Something that takes long to make, or a lot of memory: here a line through
// points.
constexpr auto source = R"python(
class Model:
    def __init__(self, points):
        n = len(points)
        mean_x = sum(x for x, _ in points) / n
        mean_y = sum(y for _, y in points) / n
        self.slope = (sum((x - mean_x) * (y - mean_y) for x, y in points)
                      / sum((x - mean_x) ** 2 for x, _ in points))
        self.start = mean_y - self.slope * mean_x

    def predict(self, x):
        return self.start + self.slope * x

model = Model([(0, 1), (1, 3), (2, 5), (3, 7)])
)python";

sb::config one_worker() {
  return {.pools = {{.size = 1}}, .timeout = 30s};
}

sb::session_options the_model() {
  return {.id = "model", .scope = sb::scope::cluster};
}

double predict(const sb::session& session, double x) {
  return or_throw(session.eval("model.predict(x)", {{"x", x}})).as<double>();
}

/// The program of the others: a prediction for each number it is sent.
int predictor_main(const char* port) {
  const sb::bridge bridge{one_worker()};
  or_throw(
    bridge.join("127.0.0.1", static_cast<std::uint16_t>(std::stoul(port))));
  const auto session = bridge.open_session(the_model());
  for (double x = 0; std::cin >> x;)
    std::cout << predict(session, x) << std::endl; // at once
  return 0;
}

/// Such a process, seen from the first.
class predictor {
public:
  explicit predictor(std::uint16_t port) {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0
        || ::pipe2(out.data(), O_CLOEXEC) != 0)
      throw std::runtime_error{"no pipe"};
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    std::string name = "shared_model", number = std::to_string(port);
    std::array<char*, 3> words{name.data(), number.data(), nullptr};
    const int failed = ::posix_spawn(&pid_, "/proc/self/exe", &files, nullptr,
                                     words.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::close(in[0]);
    ::close(out[1]);
    asks_.reset(::fdopen(in[1], "w"));
    answers_.reset(::fdopen(out[0], "r"));
    if (failed != 0)
      throw std::runtime_error{"no process"};
  }
  ~predictor() { end(SIGKILL); }
  predictor(const predictor&) = delete;
  predictor& operator=(const predictor&) = delete;

  std::string predict(int x) {
    std::fprintf(asks_.get(), "%d\n", x);
    std::fflush(asks_.get());
    std::array<char, 64> line{};
    if (std::fgets(line.data(), line.size(), answers_.get()) == nullptr)
      return "nothing";
    std::string answer{line.data()};
    answer.pop_back(); // the end of the line
    return answer;
  }
  void end(int signal) {
    asks_.reset(); // it has read all it will
    if (pid_ == 0)
      return;
    if (signal != 0)
      ::kill(pid_, signal);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

private:
  struct closes {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  pid_t pid_ = 0;
  std::unique_ptr<std::FILE, closes> asks_, answers_;
};

bool is_freed(const sb::bridge& bridge) {
  const auto until = std::chrono::steady_clock::now() + 10s;
  for (;;) {
    const auto now = bridge.stats();
    if (now.sessions == 0 && now.live_objects() == 0)
      return true;
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(5ms);
  }
}

int owner_main() {
  const sb::bridge bridge{one_worker()};
  const auto port = or_throw(bridge.listen());

  std::optional mine{bridge.open_session(the_model())};
  or_throw(mine->exec(source));
  std::cout << "loaded: " << predict(*mine, 10) << '\n';

  predictor first{port}, second{port};
  std::cout << "the first predicts: " << first.predict(20) << '\n';
  std::cout << "the second predicts: " << second.predict(30) << '\n';

  first.end(SIGKILL);
  std::cout << "the first is killed; the second predicts: "
            << second.predict(40) << '\n';

  mine.reset(); // the session has another client
  std::cout << "who loaded it has left; the second predicts: "
            << second.predict(50) << '\n';

  second.end(0);
  const bool freed = is_freed(bridge);
  std::cout << "the second has ended; the model is "
            << (freed ? "freed" : "still there") << '\n';
  return freed ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  return argc > 1 ? predictor_main(argv[1]) : owner_main();
}
