#include <snakebridge/result.hpp>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
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

TEST(Result, GivenAnErrorThenTheExceptionIsThatOfItsFamily) {
  const auto raised = [](auto... meaning) {
    python_error told;
    told.type = "ValueError";
    error why{std::move(told)};
    ((why = why.with_ml(meaning)), ...);
    return result<int>{why};
  };
  EXPECT_THROW(raised().value(), python_exception);
  EXPECT_THROW(raised(shape_mismatch{}).value(), shape_mismatch_error);
  EXPECT_THROW(raised(out_of_memory{}).value(), out_of_memory_error);
  EXPECT_THROW(raised(dtype_mismatch{}).value(), dtype_mismatch_error);
  EXPECT_THROW(or_throw(result<int>{some(errc::ref_released)}),
               ref_not_found_error);
  EXPECT_THROW(or_throw(result<int>{some(errc::ref_invalid)}),
               invalid_ref_error);
  try {
    or_throw(result<void>{some(errc::deadline_exceeded)});
    FAIL() << "nothing was thrown";
  } catch (const exception& failed) {
    EXPECT_EQ(failed.error(), some(errc::deadline_exceeded));
    EXPECT_STREQ(failed.what(), "deadline_exceeded: some error");
  }
}

TEST(Result, GivenAConstantErrorThenToUseItThrowsToo) {
  const result<std::string> failed = some();
  EXPECT_THROW(static_cast<void>(*failed), exception);
  EXPECT_THROW(static_cast<void>(failed->size()), exception);
  EXPECT_THROW(static_cast<void>(failed.value()), exception);
  EXPECT_THROW(static_cast<void>(*std::move(failed)), exception);
  EXPECT_THROW(static_cast<void>(std::move(failed).value()), exception);
  EXPECT_EQ(std::move(failed).error(), some());
}

TEST(Result, GivenNoneToIterateThenTheLoopThrows) {
  const auto none_there = []() -> result<std::vector<int>> { return some(); };
  int turns = 0;
  const auto loop = [&] {
    for (const int each : *none_there())
      turns += each;
  };
  EXPECT_THROW(loop(), exception);
  EXPECT_EQ(turns, 0);
}

TEST(Result, GivenWhatItIsMadeOfThenThatIsWhatItHolds) {
  EXPECT_EQ(result<int>{}, 0);
  EXPECT_EQ((*result<std::string>{std::in_place, 3U, 'x'}), "xxx");
  EXPECT_EQ(*result<std::string>{"text"}, "text");
  const auto later = [](bool well) -> result<std::string> {
    if (well)
      return "text";
    return tl::unexpected{some()};
  };
  EXPECT_EQ(later(true), "text");
  EXPECT_EQ(later(false), some());
  static_assert(!std::is_convertible_v<int, result<std::vector<int>>>);
  static_assert(std::is_constructible_v<result<std::vector<int>>, int>);
}

TEST(Result, GivenInPlaceThenItsArgumentsMustMakeTheValue) {
  EXPECT_TRUE(result<void>{std::in_place});
  EXPECT_EQ((*result<std::vector<int>>{std::in_place, {1, 2, 3}}),
            (std::vector{1, 2, 3}));
  EXPECT_EQ((result<int>{tl::unexpect, errc::overloaded, "some error"}),
            some());
  using void_result = result<void>;
  using number = result<int>;
  static_assert(!std::is_constructible_v<void_result, std::in_place_t, int>);
  static_assert(!std::is_constructible_v<number, std::in_place_t, std::string>);
  static_assert(!std::is_constructible_v<number, tl::unexpect_t, int>);
}

TEST(Result, WhenItIsSwappedThenEachHasWhatTheOtherHad) {
  result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  result<std::unique_ptr<int>> failed = some();
  made.swap(failed);
  EXPECT_EQ(made.error(), some());
  EXPECT_EQ(**failed, 5);
  result<void> well, not_well = some();
  well.swap(not_well);
  EXPECT_FALSE(well);
  EXPECT_TRUE(not_well);
}

TEST(Result, WhenItGetsAnotherValueThenTheErrorIsGone) {
  result<std::string> held = some();
  held.emplace(2U, 'x') += "y";
  EXPECT_EQ(held, "xxy");
  held = some();
  EXPECT_EQ(held.error_or(some(errc::cancelled)), some());
  held = "text";
  EXPECT_EQ(held, "text");
  EXPECT_EQ(held.error_or(some(errc::cancelled)).code(), errc::cancelled);
  result<void> nothing = some();
  nothing.emplace();
  EXPECT_TRUE(nothing);
}

TEST(Result, GivenWhatOnlyMovesThenEachStepMovesIt) {
  using owner = std::unique_ptr<int>;
  const auto five = [] { return result<owner>{std::make_unique<int>(5)}; };
  const auto same = [](const error& why) { return why; };
  EXPECT_EQ(**five().and_then(
              [](owner&& item) { return result<owner>{std::move(item)}; }),
            5);
  EXPECT_EQ(**five().or_else([&](error why) { return result<owner>{why}; }), 5);
  EXPECT_EQ(**five().transform_error(same), 5);
  EXPECT_EQ(*five().value_or(nullptr), 5);
  EXPECT_EQ(result<owner>{some()}.value_or(nullptr), nullptr);
  const result<std::shared_ptr<int>> shared = five();
  EXPECT_EQ(**shared, 5);
}

TEST(Result, GivenOneThatStaysThenAStepGetsItsValueByReference) {
  result<std::vector<int>> kept = three();
  EXPECT_TRUE(kept.transform([](auto& items) { items.push_back(4); }));
  EXPECT_TRUE(kept.and_then([](auto& items) -> result<void> {
    items.push_back(5);
    return {};
  }));
  EXPECT_EQ(kept->size(), 5U);
  result<int> failed = some();
  const auto cancels = [](error& why) {
    why = some(errc::cancelled);
    return why;
  };
  EXPECT_EQ(failed.transform_error(cancels), some(errc::cancelled));
  EXPECT_EQ(failed, some(errc::cancelled));
  EXPECT_EQ(failed.or_else([](error& why) -> result<int> {
    why = some();
    return 1;
  }),
            1);
  EXPECT_EQ(failed, some());
  const auto* held = &*std::as_const(kept);
  EXPECT_EQ(*std::as_const(kept).transform(
              [](const std::vector<int>& items) { return &items; }),
            held);
}

TEST(Result, GivenAnErrorThenNoStepRuns) {
  const auto never = [](const auto&...) -> result<int> {
    ADD_FAILURE() << "it ran";
    return 1;
  };
  const result<int> failed = some();
  EXPECT_EQ(failed.and_then(never), some());
  EXPECT_EQ(failed.transform(never).error(), some());
  EXPECT_EQ(result<void>{some()}.and_then(never), some());
  EXPECT_EQ(result<void>{some()}.transform(never).error(), some());
  EXPECT_EQ(result<int>{2}.or_else(never), 2);
  EXPECT_TRUE(result<void>{}.transform_error([&](const error& why) {
    static_cast<void>(never());
    return why;
  }));
}

TEST(Result, GivenNothingToHoldThenItsErrorMayBeMendedOrChanged) {
  const result<void> failed = some();
  EXPECT_TRUE(failed.or_else([](const error&) { return result<void>{}; }));
  EXPECT_EQ(failed.transform_error([](const error& why) {
    return error{errc::cancelled, why.message()};
  }),
            some(errc::cancelled));
  EXPECT_EQ(failed.error_or(some(errc::cancelled)), some());
  EXPECT_EQ(result<void>{}, result<void>{});
  EXPECT_EQ(failed, result<void>{some()});
  EXPECT_NE(failed, result<void>{});
}

TEST(Result, GivenTwoThenTheyCompare) {
  EXPECT_EQ(result<int>{1}, result<int>{1});
  EXPECT_NE(result<int>{1}, result<int>{2});
  EXPECT_NE(result<int>{1}, result<int>{some()});
  EXPECT_EQ(result<int>{some()}, result<int>{some()});
  EXPECT_NE(result<int>{some()}, 1);
}

// It was ambiguous.
TEST(Result, GivenTwoOfOtherTypesThenTheyCompareAsTheirValuesDo) {
  EXPECT_EQ(result<int>{1}, result<long>{1});
  EXPECT_NE(result<int>{1}, result<double>{1.5});
  EXPECT_EQ(result<int>{some()}, result<long>{some()});
  EXPECT_NE(result<int>{some()}, result<long>{1});
  EXPECT_EQ(result<std::string>{"text"}, result<const char*>{"text"});
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

TEST(Attempt, WhenPythonRaisedThenTheErrorHasAllThatItTold) {
  python_error told;
  told.type = "KeyError";
  const auto failed =
    attempt([&]() -> std::string { return *result<std::string>{error{told}}; });
  ASSERT_NE(failed.error().python(), nullptr);
  EXPECT_EQ(failed.error().python()->type, "KeyError");
}

TEST(Attempt, WhenTheBodyAnswersAReferenceThenTheResultIsACopy) {
  std::string text = "text";
  auto made = attempt([&]() -> const std::string& { return text; });
  static_assert(std::is_same_v<decltype(made), result<std::string>>);
  text = "other";
  EXPECT_EQ(made, "text");
}

TEST(Attempt, WhenTheBodyAnswersWhatOnlyMovesThenItIsMoved) {
  EXPECT_EQ(**attempt([] { return std::make_unique<int>(5); }), 5);
  EXPECT_EQ(**attempt([] {
    return result<std::unique_ptr<int>>{std::make_unique<int>(6)};
  }),
            6);
}

} // namespace snakebridge::testing
