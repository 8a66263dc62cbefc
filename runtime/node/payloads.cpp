#include "runtime/node/payloads.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <kj/debug.h>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

// The parts of a message, one after the other, as bytes.
class byte_parts {
public:
  explicit byte_parts(message& of) : parts_{of.parts()} {}

  void copy(kj::byte* into, std::size_t bytes) {
    while (bytes > 0) {
      const auto now = std::min(bytes, parts_.front().size_bytes() - done_);
      if (now > 0)
        std::memcpy(into,
                    reinterpret_cast<const kj::byte*>(parts_.front().data())
                      + done_,
                    now);
      into += now;
      bytes -= now;
      done_ += now;
      if (done_ == parts_.front().size_bytes()) {
        parts_ = parts_.subspan(1);
        done_ = 0;
      }
    }
  }

private:
  std::span<const message_part> parts_;
  std::size_t done_ = 0; // of the first
};

} // namespace

class outgoing_payloads::source final : public schema::Source::Server {
public:
  source(std::shared_ptr<message> content, std::size_t bytes,
         std::shared_ptr<unread> held, std::shared_ptr<traffic> over)
      : content_{std::move(content)},
        parts_{*content_},
        bytes_{bytes},
        left_{bytes},
        held_{std::move(held)},
        over_{std::move(over)} {
    if (held_->bytes == 0)
      held_->last_read = steady_clock::now();
    held_->bytes += bytes_;
  }
  ~source() noexcept { held_->bytes -= bytes_; }

  kj::Promise<void> read(ReadContext context) override {
    const std::size_t wanted = context.getParams().getBytes();
    if (wanted == 0 || wanted > limits::payload_part_bytes_max
        || wanted > left_)
      throw KJ_EXCEPTION(FAILED, "a part that the payload does not have");
    context.releaseParams();
    held_->last_read = steady_clock::now();
    auto part =
      context.getResults(capnp::MessageSize{wanted / sizeof(word) + 8, 0})
        .initPart(static_cast<kj::uint>(wanted));
    parts_.copy(part.begin(), wanted);
    left_ -= wanted;
    if (over_)
      over_->faults.meet(link_stage::part);
    return kj::READY_NOW;
  }

private:
  const std::shared_ptr<message> content_;
  byte_parts parts_;
  const std::size_t bytes_;
  std::size_t left_;
  const std::shared_ptr<unread> held_;
  const std::shared_ptr<traffic> over_; // null: no link
};

namespace {

tl::unexpected<error> malformed(const char* what) {
  return tl::unexpected{error{errc::message_malformed, what}};
}

void place(std::vector<word>& into, std::size_t at, capnp::Data::Reader part) {
  if (part.size() > 0)
    std::memcpy(reinterpret_cast<kj::byte*>(into.data()) + at, part.begin(),
                part.size());
}

} // namespace

void outgoing_payloads::write(schema::Payload::Builder to,
                              std::shared_ptr<message> content) {
  const auto bytes = bytes_of(*content);
  if (bytes <= limits::payload_part_bytes_max) {
    byte_parts{*content}.copy(
      to.initWhole(static_cast<kj::uint>(bytes)).begin(), bytes);
    return;
  }
  auto parts = to.initParts();
  parts.setBytes(bytes);
  parts.setSource(kj::heap<source>(std::move(content), bytes, unread_, over_));
}

// One that is being read: the next parts are asked for while others come.
class incoming_payloads::arrival {
public:
  arrival(schema::Source::Client from, std::size_t bytes, allowance& window)
      : from_{kj::mv(from)},
        bytes_{bytes},
        window_{window} {}

  kj::Promise<result<std::vector<word>>> read() {
    return ask()
      .then([this] { return kj::joinPromises(coming_.releaseAsArray()); })
      .then([this]() -> result<std::vector<word>> {
        if (failed_)
          return malformed("a part of another size than was asked for");
        return std::move(words_);
      });
  }

private:
  kj::Promise<void> ask() {
    if (asked_ == bytes_ || failed_)
      return kj::READY_NOW;
    const auto next = std::min(limits::payload_part_bytes_max, bytes_ - asked_);
    return window_.take(next).then([this, next](allowance::share share) {
      auto asking = from_.readRequest(capnp::MessageSize{4, 0});
      asking.setBytes(static_cast<std::uint32_t>(next));
      const auto at = std::exchange(asked_, asked_ + next);
      coming_.add(asking.send()
                    .then([this, at, next](
                            auto&& came) { take(came.getPart(), at, next); },
                          [this](kj::Exception&& failed) {
                            failed_ = true;
                            kj::throwFatalException(kj::mv(failed));
                          })
                    .attach(kj::mv(share))
                    .eagerlyEvaluate(nullptr));
      return ask();
    });
  }
  void take(capnp::Data::Reader part, std::size_t at, std::size_t expected) {
    failed_ = failed_ || part.size() != expected;
    if (failed_)
      return;
    // All of it at once, which costs memory only as it is filled. To move what
    // has come to where there is more room would hold up the loop.
    words_.reserve(bytes_ / sizeof(word));
    words_.resize(std::max(words_.size(), (at + expected) / sizeof(word)));
    place(words_, at, part);
  }

  schema::Source::Client from_;
  const std::size_t bytes_;
  allowance& window_;
  std::size_t asked_ = 0;
  bool failed_ = false;
  std::vector<word> words_;
  kj::Vector<kj::Promise<void>> coming_;
};

incoming_payloads::incoming_payloads(std::size_t bytes_max,
                                     std::size_t wholes_bytes_max)
    : bytes_max_{bytes_max},
      memory_{kj::refcounted<allowance>(bytes_max)},
      wholes_{kj::refcounted<allowance>(wholes_bytes_max)},
      window_{kj::refcounted<allowance>(limits::link_window_bytes)} {}

kj::Promise<result<arrived>>
incoming_payloads::read(schema::Payload::Reader from) {
  using outcome = result<arrived>;
  // Read once: what is read of a message is counted, against its limit.
  const auto whole = from.isWhole() ? from.getWhole() : capnp::Data::Reader{};
  const auto bytes = from.isWhole() ? whole.size() : from.getParts().getBytes();
  if (bytes == 0 || bytes % sizeof(word) != 0)
    return outcome{malformed("a payload of no whole words")};
  if (bytes > bytes_max_)
    return outcome{tl::unexpected{error{
      errc::payload_too_large,
      fmt::format("{} bytes, and payload_bytes_max of the other node is {}",
                  bytes, bytes_max_)}}};
  if (from.isWhole()) {
    auto held = wholes_->take_now(bytes);
    if (!held)
      return outcome{tl::unexpected{
        error{errc::overloaded,
              "what has come to that node of this link is not answered yet"}}};
    std::vector<word> words(bytes / sizeof(word));
    place(words, 0, whole);
    return outcome{arrived{std::move(words), *std::move(held)}};
  }
  auto source = from.getParts().getSource();
  return memory_->take(bytes).then(
    [this, bytes, source = kj::mv(source)](allowance::share share) mutable {
      auto made = kj::heap<arrival>(kj::mv(source), bytes, *window_);
      auto reading = made->read();
      return reading.attach(kj::mv(made))
        .then([held = kj::mv(share)](auto words) mutable -> outcome {
          if (!words)
            return tl::unexpected{std::move(words).error()};
          return arrived{*std::move(words), kj::mv(held)};
        });
    });
}

} // namespace snakebridge
