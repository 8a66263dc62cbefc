#pragma once
// One link, of a peer that sends just these bytes and goes. On the thread of
// its loop.

#include <array>
#include <memory>
#include <span>

#include <kj/async-io.h>

#include "runtime/node/node_link.hpp"
#include "tests/fuzz/node/node_input.hpp"

namespace snakebridge::fuzz {

class visit final : private node_link::owner, private session_provider {
public:
  visit(node_loop& loop, std::span<const std::uint8_t> bytes, bool is_dialed)
      : bytes_{bytes.begin(), bytes.end()},
        pipe_{kj::newTwoWayPipe()} {
    settings_.self = {.name = "alpha", .incarnation = 1};
    settings_.payload_bytes_max = std::size_t{1} << 20U;
    progress_.address = "peer:1";
    progress_.name = "beta";
    auto counts = std::make_shared<traffic>();
    auto stream = kj::heap<counted_stream>(kj::mv(pipe_.ends[0]), counts);
    link_ = kj::heap<node_link>(
      static_cast<node_link::owner&>(*this), settings_, loop,
      static_cast<session_provider&>(*this),
      opened{kj::mv(stream), std::move(counts)}, progress_, is_dialed);
    if (is_dialed)
      link_->say_hello(0);
  }

  ~visit() noexcept override {} // KJ's may throw, in theory

  kj::Promise<visited> go() {
    auto& peer = *pipe_.ends[1];
    auto writing = peer.write(bytes_.data(), bytes_.size())
                     .then([&peer] { peer.shutdownWrite(); })
                     .catch_([](kj::Exception&&) {});
    auto reading = read(peer).catch_([](kj::Exception&&) {});
    return ended_.promise
      .then([this] {
        link_ = nullptr;
        return came_to_;
      })
      .attach(writing.eagerlyEvaluate(nullptr),
              reading.eagerlyEvaluate(nullptr));
  }

  /// For another peer.
  kj::Own<kj::AsyncIoStream> other_end() { return kj::mv(pipe_.ends[1]); }

private:
  kj::Promise<void> read(kj::AsyncIoStream& from) {
    return from.tryRead(unread_.data(), 1, unread_.size())
      .then([this, &from](size_t came) -> kj::Promise<void> {
        if (came == 0)
          return kj::READY_NOW;
        return read(from);
      });
  }

  std::optional<refused_error> judge_hello(node_link&, std::uint64_t) override {
    return std::nullopt;
  }
  std::optional<refused_error> judge_up(node_link&) override {
    return std::nullopt;
  }
  void on_up(node_link&) override { came_to_.was_up = true; }
  result<void> on_told(node_link&, std::vector<word> said) override {
    ++came_to_.told;
    return decode_cluster_message(std::move(said)).transform([](auto&&) {});
  }
  void on_end(node_link&, const error&, std::optional<refused_error>) override {
    ended_.fulfiller->fulfill();
  }

  class client final : public remote_client {
  public:
    explicit client(visited& counts) : counts_{counts} {}
    void submit(std::uint64_t, received_message request,
                steady_clock::time_point, on_remote_reply done) override {
      ++counts_.requested;
      done(remote_reply{std::make_shared<echo>(std::move(request.words))});
    }
    void cancel(std::uint64_t) override {}

  private:
    visited& counts_;
  };
  class echo final : public message {
  public:
    explicit echo(std::vector<word> content)
        : content_{std::move(content)},
          part_{content_} {}
    std::span<const message_part> parts() override { return {&part_, 1}; }

  private:
    const std::vector<word> content_;
    const message_part part_;
  };
  void open(const remote_open&, on_remote_end, on_opened done) override {
    ++came_to_.opened;
    done(std::make_unique<client>(came_to_));
  }

  const std::vector<kj::byte> bytes_;
  kj::TwoWayPipe pipe_;
  link_settings settings_;
  link_attempt progress_;
  visited came_to_;
  std::array<kj::byte, 4'096> unread_{};
  kj::PromiseFulfillerPair<void> ended_ = kj::newPromiseAndFulfiller<void>();
  kj::Own<node_link> link_;
};

} // namespace snakebridge::fuzz
