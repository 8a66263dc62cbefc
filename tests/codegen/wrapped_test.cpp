// Programs with generated wrappers: inventory.py, every construct there is.
#include <caf/scoped_actor.hpp>
#include <gtest/gtest.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

#include <snakebridge/py/inventory.hpp>

namespace {

namespace sb = snakebridge;
namespace inv = sb::py::inventory;

sb::config settings() {
  sb::config made;
  sb::pool_config pool;
  pool.size = 1;
  pool.path = {SNAKEBRIDGE_INVENTORY};
  made.pools = {std::move(pool)};
  return made;
}

class Wrapped : public testing::Test {
protected:
  static sb::bridge& python() {
    static sb::bridge one{settings()};
    return one;
  }

  inv::Store store() const {
    inv::Store made{python(), "/tmp/s.db", {.mode = "w"}};
    made.add({inv::Item{python(), "hammer", {.price = 3}},
              inv::Item{python(), "nail"}});
    return made;
  }
};

TEST_F(Wrapped, ScalarsGoAsWhatTheyAre) {
  EXPECT_EQ(inv::scalars(python(), 1, 2, true, "d", sb::bytes{"e"}, 3.0),
            "1 2.0 True d b'e' (3+0j)");
  EXPECT_EQ(inv::index(python(), 3, 1), 4.0);
}

TEST_F(Wrapped, WhatPythonWouldNotTakeForItDoesNotCompile) {
  EXPECT_FALSE((std::is_constructible_v<sb::arg<bool>, const char*>));
  EXPECT_FALSE((std::is_constructible_v<sb::option<bool>, const char*>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<std::int64_t>, double>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<std::int64_t>, bool>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<std::string_view>, int>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<inv::Store>, inv::Item>));
  EXPECT_TRUE((std::is_constructible_v<sb::arg<inv::Item>, inv::Tool>));
  EXPECT_TRUE((std::is_constructible_v<sb::arg<std::int64_t>, sb::value>));
  EXPECT_TRUE((std::is_constructible_v<sb::arg<inv::Item>, sb::object>));
  EXPECT_FALSE((std::is_constructible_v<sb::only<inv::Item>, sb::object>));
  EXPECT_TRUE((std::is_constructible_v<sb::arg<sb::array_like>, sb::list>));
  EXPECT_TRUE(
    (std::is_constructible_v<sb::arg<sb::array_like>, std::vector<double>>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<sb::array_like>, const char*>));
  EXPECT_TRUE((std::is_constructible_v<sb::arg<sb::dtype_like>, const char*>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<sb::dtype_like>, double>));
}

TEST_F(Wrapped, MomentsAndExactNumbersCrossByField) {
  const sb::datetime when{.date = {.year = 2024, .month = 2, .day = 28},
                          .time = {.hour = 12}};
  EXPECT_EQ(
    inv::moments(python(), when, when.date, when.time, std::chrono::hours{24})
      ->date.day,
    29);
  const auto told = inv::exact(python(), sb::decimal{"1.50"}, sb::uuid{});
  EXPECT_EQ(std::get<0>(*told), sb::decimal{"2.50"});
}

TEST_F(Wrapped, OptionsLeftOutAreNotSentAndNoneIsNone) {
  EXPECT_EQ(*inv::maybe(python()), std::nullopt);
  EXPECT_EQ(*inv::maybe(python(), {.name = "four"}), 4);
  EXPECT_EQ(*inv::maybe(python(), {.name = sb::none}), std::nullopt);
  EXPECT_EQ(*inv::maybe(python(), "by place"), 8);
  EXPECT_EQ(inv::wide(python(), {.limit = 2}), 2.0);
}

TEST_F(Wrapped, ContainersTakeWhatHoldsSuchItems) {
  EXPECT_EQ(inv::sums(python(), {1, 2.5}, {.names = {"a"}}),
            (std::vector{3.5, 1.0}));
  EXPECT_EQ(inv::sums(python(), std::vector{1, 2}), (std::vector{3.0, 0.0}));
  EXPECT_EQ(inv::count(python(), {{"x", 1}})->at("x"), 2);
  EXPECT_EQ(inv::count(python(), std::map<std::string, int>{{"y", 2}})->at("y"),
            3);
  EXPECT_EQ(inv::pair(python(), std::tuple{1, "q"}, {1, 2}),
            (std::tuple<std::string, std::int64_t>{"q", 3}));
  EXPECT_EQ(inv::distinct(python(), {3, 3, 1}), (std::set<std::int64_t>{1, 3}));
}

TEST_F(Wrapped, OneOfSeveralKindsIsAVariant) {
  EXPECT_EQ(std::get<std::int64_t>(*inv::either(python(), 5)), 5);
  EXPECT_EQ(std::get<std::string>(*inv::either(python(), 0)), "zero");
}

TEST_F(Wrapped, MembersOfEnumsAreMembersThere) {
  EXPECT_EQ(inv::put(python(), inv::Place::SHELF), inv::Place::YARD);
  EXPECT_EQ(inv::paint(python(), inv::Item{python(), "wall"}, inv::Colour::RED),
            inv::Colour::BLUE);
  EXPECT_EQ(store().add({}, {.place = inv::Place::YARD}), 2);
  EXPECT_EQ(store().places().at(0), inv::Place::SHELF);
  EXPECT_EQ(inv::allowed(python(), inv::Rights::WRITE),
            static_cast<inv::Rights>(3));
  EXPECT_EQ(inv::mixed(python(), inv::Colour::BLUE), inv::Colour::BLUE);
  EXPECT_EQ(inv::mixed(python(), 5), std::nullopt);
  EXPECT_EQ(inv::put(python().async(), inv::Place::SHELF).get(),
            inv::Place::YARD);
}

TEST_F(Wrapped, AMemberThatIsNoneIsRefusedByItsEnum) {
  for (const auto& refused :
       {inv::put(python(), static_cast<inv::Place>(9)).error(),
        inv::mixed(python(), static_cast<inv::Colour>(9)).error()})
    EXPECT_EQ(refused.code(), sb::errc::not_convertible) << refused.message();
}

TEST_F(Wrapped, AClassInsideAClassIsOneOfItsModule) {
  using size = inv::Store::Size;
  const auto shelf = store().shelf({.size = size::SMALL});
  EXPECT_EQ(shelf.size(), size::SMALL);
  EXPECT_EQ(shelf.grown().size(), inv::Store_Size::LARGE);
  EXPECT_EQ(inv::Store::Shelf(python(), size::LARGE).size(), size::LARGE);
}

TEST_F(Wrapped, NamesThatAreWordsOrMacrosHaveATrailingLine) {
  EXPECT_EQ(inv::delete_(python(), 1, {.errno_ = 2}), 3);
}

TEST_F(Wrapped, PositionalOnesGoByPositionAndTheRestByName) {
  using three = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  EXPECT_EQ(inv::shift(python(), 1), (three{1, 0, 0}));
  EXPECT_EQ(inv::shift(python(), 1, {.z = 3}), (three{1, 0, 3}));
  EXPECT_EQ(inv::shift(python(), 1, 2, {.z = 3}), (three{1, 2, 3}));
  EXPECT_EQ(inv::shift(python(), 1, 2, 3), (three{1, 2, 3}));
  EXPECT_EQ(inv::spread(python(), {1, 2, 3}), 6);
}

TEST_F(Wrapped, AClassHasItsMembers) {
  const inv::Item item{python(), "nail", 2.0};
  EXPECT_EQ(item.price(), 2.0);
  item.price(4);
  EXPECT_EQ(item.price(), 4.0);
  EXPECT_EQ(item.raised(1).label(), "nail@5");
  EXPECT_EQ(item.kind(), "plain");
  EXPECT_EQ(item.Item_(), "a member of its class's name");
}

TEST_F(Wrapped, ADerivedClassIsItsBaseAndAnswersItself) {
  const inv::Tool tool{python(), "saw", {.price = 2}};
  EXPECT_EQ(tool.same().use(), 2);
  EXPECT_EQ(tool.use(3), 6);
  EXPECT_EQ(tool.nickname(), "nick");
  const inv::Item& item = tool;
  EXPECT_EQ(item.label(), "saw@2");
}

TEST_F(Wrapped, OverloadsAreToldByTheirArguments) {
  EXPECT_EQ(store().find(0).label(), "hammer@3");
  EXPECT_EQ(store().find("nail").at(0).label(), "nail@1");
}

TEST_F(Wrapped, OperatorsAreThoseOfPython) {
  const auto mine = store();
  EXPECT_EQ(mine.size(), 2U);
  EXPECT_TRUE(mine.contains("nail"));
  EXPECT_EQ(mine["hammer"].price(), 3.0);
  EXPECT_EQ(mine("nail")->price(), 1.0);
  EXPECT_FALSE(mine("screw"));
  mine.set_item("screw", inv::Item{python(), "screw"});
  EXPECT_EQ((mine + store()).size(), 3U);
  mine.del_item("screw");
  EXPECT_EQ(mine.size(), 2U);
  EXPECT_TRUE(mine);
  EXPECT_FALSE(-mine);
  EXPECT_TRUE(mine["nail"] < mine["hammer"]);
  EXPECT_TRUE(mine["nail"] == inv::Item(python(), "nail"));
  double all = 0;
  for (const inv::Item& each : mine)
    all += each.price();
  EXPECT_EQ(all, 4.0);
}

TEST_F(Wrapped, AContextManagerIsEnteredAndLeft) {
  const auto mine = store();
  const auto mode = sb::with(mine, [](const sb::object& given) {
    return given.attr("mode").as<std::string>();
  });
  EXPECT_EQ(mode, "w");
  EXPECT_EQ(mine.attr("mode").as<std::string>(), "r");
}

TEST_F(Wrapped, IteratorsAreStreamsOfTheirItems) {
  const auto mine = store();
  double all = 0;
  for (const auto& each : mine.scan())
    all += each->price();
  EXPECT_EQ(all, 4.0);
  std::vector<std::string> names;
  for (const auto& each : mine.keys())
    names.push_back(*each);
  EXPECT_EQ(names, (std::vector<std::string>{"hammer", "nail"}));
  std::int64_t sum = 0;
  for (const auto& each : inv::numbers(python(), 5))
    sum += *each;
  for (const auto& each : inv::ticks(python(), 3))
    sum += *each;
  EXPECT_EQ(sum, 13);
}

TEST_F(Wrapped, CallablesAreCppThatPythonCalls) {
  std::vector<std::string> seen;
  store().each([&](const std::string& name) { seen.push_back(name); });
  EXPECT_EQ(seen, (std::vector<std::string>{"hammer", "nail"}));
}

TEST_F(Wrapped, ObjectsThrowAndAttemptMakesResultsOfThem) {
  const auto missing = sb::attempt([&] { return store()["screw"]; });
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().is(inv::Missing));
  EXPECT_THROW(store().missing("screw"), sb::python_exception);
}

TEST_F(Wrapped, StaticMembersAndFunctionsAnswerResults) {
  EXPECT_EQ(inv::Store::open(python(), "u")->size(), 0U);
  EXPECT_EQ(inv::Store::version(python()),
            (std::tuple<std::int64_t, std::int64_t>{1, 2}));
  EXPECT_EQ(inv::total(python(), store(),
                       {.tax = 1, .currency = "USD", .more = {{"a", 2}}}),
            10.0);
  EXPECT_EQ(inv::stock(python(), {"a", "b"})->at(1).label(), "b@1");
  EXPECT_EQ(inv::make(python(), "x", 3.0)->label(), "x@3");
}

TEST_F(Wrapped, ConstantsAreConstantsAndOthersAreAsked) {
  static_assert(inv::LIMIT == 100);
  static_assert(inv::OWNER == "Ada");
  EXPECT_EQ(inv::counter(python()), 7);
}

TEST_F(Wrapped, AClassWithoutAWrapperIsAnObject) {
  const auto quarter = python().import("fractions").attr("Fraction")(1, 2);
  EXPECT_EQ(inv::half(python(), quarter)->str(), "1/4");
  EXPECT_EQ(inv::Box(python(), 5).get(), sb::value{5});
}

TEST_F(Wrapped, AnAsyncCallerGetsFutures) {
  const auto mine = store();
  EXPECT_EQ(inv::total(python().async(), mine).get(), 4.0);
  EXPECT_EQ(inv::stock(python().async(), {"a"}).get()->at(0).label(), "a@1");
  const auto quarter = python().import("fractions").attr("Fraction")(1, 2);
  EXPECT_EQ(inv::half(python().async(), quarter).get()->str(), "1/4");
  EXPECT_EQ(inv::half(python().async(), sb::value{3}).get()->as<double>(), 1.5);
  EXPECT_EQ(inv::refresh(python(), mine), 3);
  EXPECT_EQ(inv::refresh_async(python(), mine, {.times = 2}).get(), 4);
}

TEST_F(Wrapped, AnActorSendsItsSessionTheMessage) {
  const auto asked =
    inv::scalars(sb::as_message, 1, 2.5, false, "x", sb::bytes{"y"}, 0.0);
  EXPECT_EQ(asked.module, "inventory");
  EXPECT_EQ(asked.function, "scalars");
  EXPECT_EQ(asked.args.size(), 6U);
  const auto named = inv::wide(sb::as_message, {.limit = 1.5});
  EXPECT_EQ(named.kwargs, (sb::dict{{"limit", 1.5}}));
  const auto put = inv::put(sb::as_message, inv::Place::YARD);
  EXPECT_EQ(put.args.at(0), sb::value::of_type("inventory:Place", 2));
  const auto numbers = inv::numbers(sb::as_message, 3);
  static_assert(std::same_as<decltype(numbers), const sb::stream_message>);
  EXPECT_EQ(numbers.args, (sb::list{3}));
}

TEST_F(Wrapped, MembersOfAnAsyncCallerAnswerFutures) {
  const auto mine = store();
  const auto later = python().async();
  EXPECT_EQ(mine.find(later, 0).get()->label(), "hammer@3");
  EXPECT_EQ(mine.find(later, "nail").get()->at(0).label(), "nail@1");
  EXPECT_EQ(mine.add(later, {}, {.note = "none"}).get(), 2);
  EXPECT_EQ(mine(later, "nail").get().value()->price(), 1.0);
  EXPECT_TRUE(mine.missing(later, "screw").get().error().is(inv::Missing));
  const auto nail = mine["nail"];
  EXPECT_TRUE(nail.price(later, 4).get());
  EXPECT_EQ(nail.price(later).get(), 4.0);
  EXPECT_EQ(nail.question(later).get(), 1);
  EXPECT_EQ(nail.question(later, {.message_of = 5}).get(), 5);
  EXPECT_EQ(inv::Item{}.raised(later, 1).get().error().code(),
            sb::errc::ref_invalid);
}

TEST_F(Wrapped, AnActorSendsItsSessionTheMessagesOfMembers) {
  const sb::bridge bridge{settings()};
  const caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  const auto ask = [&](auto message) {
    sb::value told;
    self->request(session, std::chrono::seconds{30}, std::move(message))
      .receive(
        [&](sb::value answered) { told = std::move(answered); },
        [](const caf::error& why) { ADD_FAILURE() << sb::to_error(why); });
    return told;
  };
  const inv::Item item{
    sb::borrowed(ask(inv::make(sb::as_message, "saw", {.price = 2})))};
  self
    ->request(session, std::chrono::seconds{30}, item.price(sb::as_message, 3))
    .receive([] {},
             [](const caf::error& why) { ADD_FAILURE() << sb::to_error(why); });
  EXPECT_EQ(ask(item.price(sb::as_message)), sb::value{3.0});
  EXPECT_EQ(ask(item.question(sb::as_message, {.message_of = 5})),
            sb::value{5});
  const inv::Item raised{sb::borrowed(ask(item.raised(sb::as_message, 1)))};
  EXPECT_EQ(ask(raised.label(sb::as_message)), sb::value{"saw@4"});
  // It is the session's, and of no caller.
  EXPECT_EQ(sb::attempt([&] { return item.price(); }).error().code(),
            sb::errc::ref_invalid);
  EXPECT_EQ(sb::attempt([&] { return item.str(); }).error().code(),
            sb::errc::ref_invalid);
}

// They cannot be told as anything that an argument may be.
TEST_F(Wrapped, NoArgumentPassesForAnActorsOrAnAsyncCaller) {
  EXPECT_FALSE((std::is_constructible_v<sb::arg<sb::value>, sb::as_message_t>));
  EXPECT_FALSE((std::is_constructible_v<sb::arg<sb::value>, sb::async_caller>));
  const inv::Item item{python(), "nail"};
  EXPECT_EQ(item.question({.message_of = 2}), 2);
}

TEST_F(Wrapped, WordsOfALiteralAreLookedAtBeforeAndAfter) {
  using mode = sb::literal<"r", "w">;
  EXPECT_EQ(mode::of("w")->word(), "w");
  EXPECT_EQ(mode::of("x").error().code(), sb::errc::not_convertible);
  const inv::Store asked{python(), "/tmp/t.db", *mode::of("w")};
  EXPECT_EQ(asked.attr("mode").as<std::string>(), "w");
}

TEST_F(Wrapped, AModuleTellsOfItsFunctions) {
  const auto all = inv::py__functions__();
  EXPECT_GT(all.size(), 10U);
  const auto found = inv::py__search__("PRICE of");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "total");
  EXPECT_EQ(found[0].signature,
            "total(store, *, tax=0.0, currency='EUR', **more)");
  EXPECT_EQ(found[0].summary, "The price of all.");
}

} // namespace
