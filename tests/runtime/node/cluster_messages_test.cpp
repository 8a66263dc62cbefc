// What nodes tell each other arrives as it was told, and no bytes that are
// something else do more harm than `message_malformed`.
#include "runtime/node/cluster_messages.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/some_error.hpp"

namespace snakebridge::testing {

namespace {

std::vector<word> words_of(const cluster_message& told) {
  const auto made = encode(told);
  std::vector<word> words;
  for (const auto& part : made->parts())
    words.insert(words.end(), part.begin(), part.end());
  return words;
}

/// As it arrives; throws if that is something else.
template <class Word>
Word passed(const Word& told) {
  return std::get<Word>(or_throw(decode_cluster_message(words_of(told))));
}

const node_id someone{"gpu-1", 0xfedc'ba98'7654'3210};
const node_stats some_stats{.sessions = 2,
                            .pools = {{.name = "default",
                                       .takes_calls = true,
                                       .interpreters = 2,
                                       .ready = 1,
                                       .waiting = 3,
                                       .running = 4,
                                       .calls = 5,
                                       .live_objects = 6,
                                       .deaths = 7,
                                       .restarts = 8},
                                      {.name = "gpu", .running = 2}}};

} // namespace

TEST(ClusterMessages, GivenAHelloThenAllOfItArrives) {
  const node_hello told{.node = someone,
                        .number = 3,
                        .address = "10.0.0.7:7070",
                        .listens = true,
                        .drains = true,
                        .pools = {"default", "gpu"},
                        .load = 12,
                        .cluster = {1, 2},
                        .held = {{"a", 5}, {std::string{"b\0c", 3}, 6}},
                        .epoch_seen = 9};
  const auto heard = passed(told);
  EXPECT_EQ(heard.node, told.node);
  EXPECT_EQ(heard.number, told.number);
  EXPECT_EQ(heard.address, told.address);
  EXPECT_TRUE(heard.listens);
  EXPECT_TRUE(heard.drains);
  EXPECT_EQ(heard.pools, told.pools);
  EXPECT_EQ(heard.load, told.load);
  EXPECT_EQ(heard.cluster, told.cluster);
  EXPECT_EQ(heard.held, told.held);
  EXPECT_EQ(heard.epoch_seen, told.epoch_seen);
}

TEST(ClusterMessages, GivenAnAdmissionOrARefusalThenItArrives) {
  const admission may{.cluster = {7, 8}, .ends_first = true, .drains = true};
  const auto heard = passed(hello_answer{4, may});
  EXPECT_EQ(heard.number, 4U);
  EXPECT_EQ(*heard.answer, may);
  const error why{errc::not_authorized, "its name is taken"};
  EXPECT_EQ(passed(hello_answer{5, why}).answer.error(), why);
}

TEST(ClusterMessages, GivenAnOpenAndItsAnswerThenTheyArrive) {
  const auto asked = passed(open_request{someone, 8, "id", "at", "pool", 77});
  EXPECT_EQ(asked.opener, someone);
  EXPECT_EQ(asked.number, 8U);
  EXPECT_EQ(asked.id, "id");
  EXPECT_EQ(asked.at, "at");
  EXPECT_EQ(asked.pool, "pool");
  EXPECT_EQ(asked.ended_epoch, 77U);
  const open_answer place{someone, 8, session_place{someone, "h:1", 6}};
  EXPECT_EQ(passed(place), place);
  const open_answer none{someone, 9, error{errc::pool_unknown, "none"}};
  EXPECT_EQ(passed(none), none);
}

TEST(ClusterMessages, GivenWordsOfAGrantThenEachIsItself) {
  const session_grant grant{"id", 5};
  EXPECT_EQ(passed(grant), grant);
  EXPECT_EQ(passed(grant_taken{grant}).grant, grant);
  const error why{errc::session_closed, "it ended"};
  const auto ended = passed(grant_ended{grant, why});
  EXPECT_EQ(ended.grant, grant);
  EXPECT_EQ(ended.why, why);
  EXPECT_EQ(passed(stats_word{some_stats}).stats, some_stats);
  EXPECT_EQ(load_of(some_stats), 9U);
  EXPECT_EQ(passed(drain_word{std::chrono::milliseconds{250}}).patience.count(),
            250);
}

TEST(ClusterMessages, GivenAQuestionAndItsAnswerThenTheyArrive) {
  const auto asked = passed(cluster_question{
    3, cluster_question::kind::drain, "a", std::chrono::milliseconds{9}});
  EXPECT_EQ(asked.number, 3U);
  EXPECT_EQ(asked.what, cluster_question::kind::drain);
  EXPECT_EQ(asked.name, "a");
  EXPECT_EQ(asked.patience.count(), 9);
  const node_row row{.node = someone,
                     .address = "h:1",
                     .state = node_state::silent,
                     .pools = {"p"},
                     .load = 2,
                     .sessions = 4,
                     .silent_for = std::chrono::milliseconds{77},
                     .stats = some_stats,
                     .listens = true};
  const auto rows =
    or_throw(passed(cluster_answer{3, std::vector<node_row>{row}}).nodes);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].node, row.node);
  EXPECT_EQ(rows[0].address, row.address);
  EXPECT_EQ(rows[0].state, row.state);
  EXPECT_EQ(rows[0].pools, row.pools);
  EXPECT_EQ(rows[0].load, row.load);
  EXPECT_EQ(rows[0].sessions, row.sessions);
  EXPECT_EQ(rows[0].silent_for, row.silent_for);
  EXPECT_EQ(rows[0].stats, some_stats);
  EXPECT_TRUE(rows[0].listens);
}

TEST(ClusterMessages, GivenNoiseThenItIsMalformedOrSomeWord) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const auto sample = words_of(node_hello{
    .node = someone, .address = "h:1", .pools = {"a"}, .held = {{"b", 1}}});
  for (int round = 0; round < 2'000; ++round) {
    auto words = sample;
    auto* const bytes = reinterpret_cast<unsigned char*>(words.data());
    for (int hit = 0; hit < 4; ++hit)
      bytes[random() % (words.size() * sizeof(word))] =
        static_cast<unsigned char>(random());
    words.resize(1 + random() % words.size());
    const auto heard = decode_cluster_message(std::move(words));
    if (!heard) {
      EXPECT_EQ(heard.error().code(), errc::message_malformed);
    }
  }
  EXPECT_FALSE(decode_cluster_message({}));
}

} // namespace snakebridge::testing
