#include <snakebridge/result.hpp>

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

error some(errc code = errc::overloaded) {
  return {code, "some error"};
}

result<std::vector<int>> three() {
  return std::vector{1, 2, 3};
}

} // namespace

TEST(Result, GivenAValueThenItIsThere) {
  result<int> made = 5;
  EXPECT_TRUE(made);
  EXPECT_TRUE(made.has_value());
  EXPECT_EQ(*made, 5);
  EXPECT_EQ(made.value(), 5);
  *made = 6;
  EXPECT_EQ(std::as_const(made).value(), 6);
  EXPECT_EQ(made.value_or(1), 6);
  EXPECT_EQ(made.emplace(7), 7);
  EXPECT_EQ(three()->size(), 3U);
}

TEST(Result, GivenAnErrorThenToUseItThrowsWhatMatches) {
  result<std::string> failed = some();
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.error(), some());
  EXPECT_THROW(static_cast<void>(*failed), exception);
  EXPECT_THROW(static_cast<void>(failed.value()), exception);
  EXPECT_THROW(static_cast<void>(failed->size()), exception);
  EXPECT_THROW(static_cast<void>(*std::move(failed)), exception);
  EXPECT_THROW(static_cast<void>(*result<int>{some(errc::ref_stale)}),
               ref_not_found_error);
  EXPECT_THROW(result<void>{some(errc::ref_foreign)}.value(),
               session_mismatch_error);
  EXPECT_EQ(failed.value_or("instead"), "instead");
}

TEST(Result, GivenAValueThenToAskForItsErrorThrows) {
  EXPECT_THROW(static_cast<void>(result<int>{5}.error()), std::logic_error);
  EXPECT_EQ(result<int>{5}.error_or(some()), some());
  EXPECT_EQ(result<int>{some(errc::cancelled)}.error_or(some()).code(),
            errc::cancelled);
}

TEST(Result, GivenOneThatIsAboutToGoThenItsValueIsNot) {
  int sum = 0;
  for (const int each : *three())
    sum += each;
  for (const int each : three().value())
    sum += each;
  EXPECT_EQ(sum, 12);
  static_assert(std::is_same_v<decltype(*three()), std::vector<int>>);
  static_assert(std::is_same_v<decltype(three().value()), std::vector<int>>);
  auto kept = three();
  static_assert(std::is_same_v<decltype(*kept), std::vector<int>&>);
}

TEST(Result, GivenAnotherThenItConvertsAsItsValueDoes) {
  const result<int> number = 5;
  const result<double> wider = number;
  EXPECT_EQ(*wider, 5.0);
  const result<std::string> text = result<const char*>{"text"};
  EXPECT_EQ(*text, "text");
  const result<double> failed = result<int>{some()};
  EXPECT_EQ(failed.error(), some());
  static_assert(!std::is_convertible_v<result<std::string>, result<int>>);
  static_assert(std::is_convertible_v<tl::unexpected<error>, result<int>>);
}

TEST(Result, GivenNoValueThenItIsWellOrNot) {
  result<void> well;
  EXPECT_TRUE(well);
  EXPECT_NO_THROW(well.value());
  EXPECT_NO_THROW(*well);
  const result<void> failed = some();
  EXPECT_THROW(*failed, exception);
}

TEST(Result, GivenWhatOnlyMovesThenItIsMovedOut) {
  result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  auto taken = *std::move(made);
  EXPECT_EQ(*taken, 5);
  result<std::unique_ptr<int>> again = std::move(taken);
  EXPECT_EQ(**std::move(again).transform(
              [](std::unique_ptr<int> item) { return item; }),
            5);
  EXPECT_EQ(*or_throw(result<std::unique_ptr<int>>{std::make_unique<int>(6)}),
            6);
}

TEST(Result, GivenStepsThenTheFirstErrorIsTheLast) {
  const auto half = [](int item) -> result<int> {
    return item % 2 == 0 ? result<int>{item / 2} : some();
  };
  EXPECT_EQ(result<int>{8}.and_then(half).and_then(half), 2);
  EXPECT_EQ(result<int>{6}.and_then(half).and_then(half), some());
  const result<int> kept = 8;
  EXPECT_EQ(kept.and_then(half), 4);
  EXPECT_EQ(kept.transform([](int item) { return item + 0.5; }), 8.5);
  EXPECT_EQ(result<int>{some()}.transform([](int) { return 1; }), some());
  int seen = 0;
  EXPECT_TRUE(kept.transform([&](int item) { seen = item; }));
  EXPECT_EQ(seen, 8);
  EXPECT_EQ(result<void>{}.transform([] { return 3; }), 3);
  EXPECT_EQ(result<void>{}.and_then([]() -> result<int> { return some(); }),
            some());
}

TEST(Result, GivenAnErrorThenItMayBeMendedOrChanged) {
  const result<int> failed = some();
  EXPECT_EQ(failed.or_else([](const error&) { return result<int>{1}; }), 1);
  EXPECT_EQ(result<int>{2}.or_else([](const error&) { return result<int>{1}; }),
            2);
  EXPECT_EQ(failed
              .transform_error([](const error& why) {
                return error{errc::cancelled, why.message()};
              })
              .error()
              .code(),
            errc::cancelled);
  EXPECT_EQ(result<int>{2}.transform_error([](error why) { return why; }), 2);
}

TEST(Result, GivenTwoThenTheyCompare) {
  EXPECT_EQ(result<int>{1}, result<int>{1});
  EXPECT_NE(result<int>{1}, result<int>{2});
  EXPECT_NE(result<int>{1}, result<int>{some()});
  EXPECT_EQ(result<int>{some()}, result<int>{some()});
  EXPECT_NE(result<int>{some()}, 1);
}

TEST(Attempt, WhenTheBodyAnswersThenThatIsTheResult) {
  EXPECT_EQ(attempt([] { return 5; }), 5);
  EXPECT_TRUE(attempt([] {}));
  EXPECT_EQ(attempt([]() -> result<int> { return 5; }), 5);
  EXPECT_EQ(attempt([]() -> result<int> { return some(); }), some());
}

TEST(Attempt, WhenAnExceptionOfOursLeavesItThenItIsItsError) {
  EXPECT_EQ(attempt([]() -> int { throw_error(some()); }), some());
  const auto stale = attempt([] { throw_error(some(errc::ref_stale)); });
  EXPECT_EQ(stale.error().code(), errc::ref_stale);
  EXPECT_EQ(attempt([] { return *result<int>{some()}; }), some());
}

TEST(Attempt, WhenAnotherLeavesItThenItPasses) {
  EXPECT_THROW(static_cast<void>(attempt([]() -> int { throw 5; })), int);
  EXPECT_THROW(static_cast<void>(attempt([] { throw std::bad_alloc{}; })),
               std::bad_alloc);
}

} // namespace snakebridge::testing
