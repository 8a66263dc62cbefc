#include "runtime/node/link_faults.hpp"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

namespace snakebridge {

void link_faults::meet_any(link_stage at) {
  const auto due = [at](link_fault how) {
    return fault_at(link_fault_point(at, how));
  };
  die_at(link_fault_point(at, link_fault::die));
  if (due(link_fault::lost))
    ::shutdown(socket, SHUT_RDWR); // both sides see it end
  if (const auto how = due(link_fault::stall); how && timer != nullptr)
    stall_ = how->time;
  if (const auto how = due(link_fault::corrupt))
    corrupt_ = how->byte;
}

kj::Promise<void>
link_faults::write(kj::AsyncIoStream& to,
                   kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  const auto stall = std::exchange(stall_, std::nullopt);
  const auto corrupt = std::exchange(corrupt_, std::nullopt);
  kj::Vector<kj::byte> all;
  for (const auto& each : pieces)
    all.addAll(each);
  if (corrupt && all.size() > 0) {
    auto& wrong = all[std::min<std::size_t>(*corrupt, all.size() - 1)];
    wrong = static_cast<kj::byte>(~wrong);
  }
  auto whole = all.releaseAsArray();
  const auto go = [&to, bytes = whole.asPtr()] {
    return to.write(bytes.begin(), bytes.size());
  };
  auto going =
    stall
      ? timer->afterDelay(stall->count() * kj::MILLISECONDS).then(kj::cp(go))
      : go();
  return going.attach(kj::mv(whole));
}

} // namespace snakebridge
