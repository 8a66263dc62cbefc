// Large values between nodes, and replies that nobody takes: what they cost the
// links, and what becomes of the objects in them.
#include "tests/api/python_fixture.hpp"

#include "tests/runtime/node/relay.hpp"

namespace snakebridge::testing {

namespace {

sb::config node_of(const std::string& name, std::chrono::milliseconds limit) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools.front().size = 2;
  wanted.node = {.name = name, .heartbeat_limit = limit};
  wanted.timeout = 60s;
  return wanted;
}

} // namespace

class NodesValues : public ::testing::Test {
protected:
  /// A node that listens, and one that has joined it through a relay.
  void begin(std::chrono::milliseconds limit) {
    auto listens = node_of("owner", limit);
    listens.node.listen = "127.0.0.1:0";
    owner.emplace(listens);
    way.emplace(owner->node_address());
    auto joins = node_of("other", limit);
    joins.cluster.join = {way->address()};
    other.emplace(joins);
    ASSERT_TRUE(eventually([&] { return other->nodes().has_value(); }));
  }
  sb::session open(const std::string& id) const {
    return other->open_session({.id = id, .scope = sb::scope::cluster});
  }

  std::optional<sb::bridge> owner;
  std::optional<relay> way;
  std::optional<sb::bridge> other;
};

// To read or write it takes either node longer than a silent link lives.
TEST_F(NodesValues, WhenALargeValueCrossesThenBothNodesGoOnBeating) {
  begin(500ms);
  const auto large = open("large"), small = open("small");
  ASSERT_TRUE(large.exec("x = 'still there'"));
  ASSERT_TRUE(small.eval("1"));
  sb::list items;
  for (std::int64_t each = 0; each < 600'000; ++each)
    items.push_back(sb::list{each, "item", nullptr});
  const sb::value many{std::move(items)};
  auto crossing = large.async().eval("[len(many), many]", {{"many", many}});
  int answered = 0;
  while (!crossing.ready())
    if (small.eval("1 + 1") == sb::value{2})
      ++answered;
    else
      FAIL() << "a small call beside it was not answered";
  EXPECT_GT(answered, 10);
  const auto come = crossing.get();
  ASSERT_TRUE(come) << come.error();
  EXPECT_EQ((*come)[0], sb::value{600'000});
  EXPECT_TRUE((*come)[1] == many);
  EXPECT_EQ(large.eval("x"), sb::value{"still there"}); // by the same link
}

TEST_F(NodesValues, WhenACallIsGivenUpAsItsReplyIsOnItsWayThenItsObjectsGo) {
  begin(10s);
  const auto there = open("shared");
  ASSERT_TRUE(there.exec("class Thing: pass"));
  const auto kept = there.eval("Thing()");
  ASSERT_TRUE(kept) << kept;
  EXPECT_EQ(owner->stats().live_objects(), 1U);
  way->cut_from = true;
  sb::cancel_source cancel;
  auto late = there.with({.cancel = cancel.token()}).async().eval("[Thing()]");
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 2; }));
  cancel.cancel();
  EXPECT_EQ(code_of(late.get()), sb::errc::cancelled);
  way->cut_from = false;
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 1; }));
  EXPECT_EQ(there.eval("isinstance(it, Thing)", {{"it", *kept}}),
            sb::value{true});
}

// The session goes on for others.
TEST_F(NodesValues, WhenALinkEndsWithRepliesOnItsWayThenTheirObjectsGo) {
  begin(10s);
  const auto here =
    owner->open_session({.id = "shared", .scope = sb::scope::cluster});
  const auto there = open("shared");
  ASSERT_TRUE(here.exec("class Thing: pass"));
  way->cut_from = true;
  auto late = there.async().eval("[Thing()]");
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 1; }));
  way.reset();
  EXPECT_EQ(code_of(late.get()), sb::errc::node_down);
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 0; }));
  EXPECT_EQ(here.eval("Thing.__name__"), sb::value{"Thing"});
}

} // namespace snakebridge::testing
