// Values as receivers, forms of results, and refs that a scope releases.
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Receivers : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Receivers);

TEST_P(Receivers, GivenAValueThenItIsSentAndUsedAsAnObject) {
  EXPECT_EQ(bridge.method("abc", "upper"), "ABC");
  EXPECT_EQ(bridge.method(sb::list{3, 1}, "index", 1), 1);
  EXPECT_EQ(bridge.len(sb::list{1}), 1U);
  EXPECT_EQ(bridge.item(sb::dict{{"key", 5}}, "key"), 5);
  EXPECT_EQ(bridge.attr(sb::date{2024, 2, 29}, "day"), 29);
  EXPECT_EQ(bridge.method(sb::date{2024, 2, 29}, "isoformat"), "2024-02-29");
  EXPECT_EQ(bridge.repr("it's"), "\"it's\"");
  EXPECT_EQ(bridge.str(1.0), "1.0");
  EXPECT_EQ(bridge.method(sb::none, "__class__.__name__.upper"), "NONETYPE");
  EXPECT_EQ(bridge.method(5, "bit_length"), 3);
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(Receivers, GivenAValueWithRefsThenItGoesWhereTheyLive) {
  const auto object = path();
  EXPECT_EQ(bridge.len(sb::list{object, object}), 2U);
  const auto again = or_throw(bridge.method(sb::list{object}, "pop"));
  EXPECT_EQ(bridge.call("operator", "is_", again, object), true);
}

TEST_P(Receivers, GivenAValueThenNobodyWouldSeeItChange) {
  const auto refused = error_of(bridge.set_attr("abc", "x", 1));
  EXPECT_EQ(refused.code(), sb::errc::ref_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("nobody would see"));
  EXPECT_EQ(code_of(bridge.set_item(sb::list{1}, 0, 2)), sb::errc::ref_invalid);
  EXPECT_EQ(code_of(bridge.release(5)), sb::errc::ref_invalid);
  EXPECT_EQ(error_of(bridge.call_object(5)).python()->type, "TypeError");
  EXPECT_EQ(error_of(bridge.method("abc", "no")).python()->type,
            "AttributeError");
}

class Forms : public EachPlacement {
protected:
  sb::value plain(std::string_view expression) {
    return or_throw(
      bridge.with({.leaves = sb::leaves::plain}).eval(expression));
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Forms);

TEST_P(Forms, GivenAllRefsThenEachResultIsOne) {
  const auto kept = bridge.with({.leaves = sb::leaves::all_refs});
  const auto items = or_throw(kept.eval("[1, [2, 3]]"));
  EXPECT_EQ(items.as<sb::ref>().type_name, "list");
  EXPECT_TRUE(bridge.method(items, "append", 4));
  EXPECT_EQ(bridge.len(items), 3U);
  EXPECT_EQ(or_throw(kept.call("math", "sqrt", 16)).type_name(), "float");
  EXPECT_EQ(or_throw(kept.item(items, 0)).type_name(), "int");
  EXPECT_EQ(or_throw(kept.attr(items, "__class__")).type_name(), "type");
  EXPECT_EQ(or_throw(kept.method(items, "copy")).type_name(), "list");
  EXPECT_EQ(or_throw(kept.get("math", "pi")).type_name(), "float");
  EXPECT_EQ(or_throw(kept.method(items, "reverse")).type_name(), "NoneType");
}

TEST_P(Forms, GivenAllRefsThenTextLengthsAndNothingStayWhatTheyAre) {
  const auto kept = bridge.with({.leaves = sb::leaves::all_refs});
  EXPECT_TRUE(kept.exec("x = 1"));
  EXPECT_EQ(kept.repr(5), "5");
  EXPECT_EQ(kept.len("abc"), 3U);
  const auto object = or_throw(kept.eval("type('t', (), {})()"));
  EXPECT_TRUE(kept.set_attr(object, "a", 1));
  EXPECT_EQ(kept.release(object), true);
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(Forms, GivenPlainThenWhatIsDerivedIsItsBase) {
  or_throw(bridge.exec(R"(
    import collections, enum
    class number(int): pass
    class text(str):
        def __str__(self): return 'not this'
    class real(float): pass
    class data(bytes): pass
    class row(list):
        def __iter__(self): raise RuntimeError('not by this')
    class table(dict): pass
    class colour(enum.Enum): red = 'r'
    class level(enum.IntEnum): high = 3
    class flags(enum.Flag): a = 1; b = 2
    pair = collections.namedtuple('pair', 'a b')
  )"));
  EXPECT_EQ(plain("[number(5), text('x'), real(1.5), data(b'y')]"),
            (sb::list{5, "x", 1.5, sb::bytes{"y"}}));
  EXPECT_EQ(plain("row([1, number(2)])"), (sb::list{1, 2}));
  EXPECT_EQ(plain("table(a=1)"), (sb::dict{{"a", 1}}));
  EXPECT_EQ(plain("[colour.red, level.high, flags.a | flags.b]"),
            (sb::list{"r", 3, 3}));
  EXPECT_EQ(plain("pair(1, pair(2, 3))"), (sb::tuple{1, sb::tuple{2, 3}}));
  EXPECT_EQ(plain("collections.Counter('aab')"),
            (sb::dict{{"a", 2}, {"b", 1}}));
  EXPECT_EQ(plain("collections.defaultdict(int, a=1)"), (sb::dict{{"a", 1}}));
  EXPECT_EQ(sb::repr(plain("(d := collections.OrderedDict(a=1, b=2), "
                           "d.move_to_end('a'), d)[2]")),
            "{'b': 2, 'a': 1}");
  EXPECT_EQ(plain("[type(x := real(2.0)).__name__, x]"),
            (sb::list{"real", 2.0}));
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(Forms, GivenAnObjectOfADerivedClassThenCastTakesItForItsBase) {
  or_throw(bridge.exec(R"(
    import enum
    class text(str):
        def __str__(self): return 'not this'
    class number(int): pass
    class data(bytes): pass
    class real(float): pass
    class level(enum.IntEnum): high = 3
  )"));
  const auto got = or_throw(bridge.eval(
    "[text('x'), number(5), data(b'y'), real(2.5), level.high, object()]"));
  for (const auto& each : got)
    EXPECT_TRUE(each.is_ref());
  EXPECT_EQ(got[0].cast<std::string>(), "x");
  EXPECT_EQ(got[1].cast<int>(), 5);
  EXPECT_EQ(got[1].cast<double>(), 5.0);
  EXPECT_EQ(got[2].cast<sb::bytes>(), sb::bytes{"y"});
  EXPECT_EQ(got[3].cast<double>(), 2.5);
  EXPECT_EQ(got[4].cast<std::optional<int>>(), 3);
  EXPECT_EQ(got[0].cast<sb::ref>().type_name, got[0].type_name());
  EXPECT_THROW(got[3].cast<int>(), sb::exception);
  EXPECT_THROW(got[5].cast<std::string>(), sb::exception);
  const auto refused = got[0].to<std::string>();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("cast<T>()"));
  const auto rows = or_throw(bridge.eval("{'a': [text('b'), 'c']}"));
  EXPECT_EQ(
    (rows.cast<std::map<std::string, std::vector<std::string>>>()),
    (std::map<std::string, std::vector<std::string>>{{"a", {"b", "c"}}}));
  // Too large to go along with a ref.
  const auto large = or_throw(bridge.eval("text('x' * 100_000)"));
  EXPECT_THROW(large.cast<std::string>(), sb::exception);
}

TEST_P(Forms, GivenPlainThenContainersOfTheLibraryAreData) {
  or_throw(bridge.exec("import array, collections, types, decimal, uuid\n"
                       "class cents(decimal.Decimal): pass\n"
                       "class id(uuid.UUID): pass\n"));
  EXPECT_EQ(plain("collections.deque([1, 2])"), (sb::list{1, 2}));
  EXPECT_EQ(plain("range(3)"), (sb::list{0, 1, 2}));
  EXPECT_EQ(plain("array.array('i', [1, 2])"), (sb::list{1, 2}));
  EXPECT_EQ(plain("{'a': 1}.keys()"), sb::list{"a"});
  EXPECT_EQ(plain("{'a': 1}.items()"), sb::list{(sb::tuple{"a", 1})});
  EXPECT_EQ(plain("types.MappingProxyType({'a': 1})"), (sb::dict{{"a", 1}}));
  EXPECT_EQ(plain("collections.ChainMap({'a': 1}, {'b': 2})['b']"), 2);
  EXPECT_EQ(plain("cents('1.50')"), sb::decimal{"1.50"});
  EXPECT_EQ(plain("id(int=5)").kind(), sb::kind::uuid);
  EXPECT_EQ(plain("bytearray(b'x')"), sb::bytes{"x"});
  EXPECT_FALSE(plain("bytearray(b'x')").is_typed());
}

TEST_P(Forms, GivenPlainThenADataclassIsADictOfItsFields) {
  or_throw(bridge.exec("from dataclasses import dataclass\n"
                       "@dataclass\n"
                       "class point:\n"
                       "  x: int\n"
                       "  of: object = None\n"));
  EXPECT_EQ(plain("point(1, point(2))"),
            (sb::dict{{"x", 1}, {"of", sb::dict{{"x", 2}, {"of", sb::none}}}}));
  EXPECT_EQ(plain("point").as<sb::ref>().type_name, "type");
}

TEST_P(Forms, GivenPlainThenRowsAreTuplesOrDicts) {
  or_throw(bridge.exec("import sqlite3\n"
                       "db = sqlite3.connect(':memory:')\n"
                       "db.row_factory = sqlite3.Row\n"));
  EXPECT_EQ(plain("db.execute('select 1 as a, 2 as b').fetchall()"),
            sb::list{(sb::dict{{"a", 1}, {"b", 2}})});
  or_throw(bridge.exec("db.close(); del db"));
}

TEST_P(Forms, GivenPlainThenMomentsOfOtherTypesAreMoments) {
  or_throw(bridge.exec(R"(
    import datetime
    class day(datetime.date): pass
    class moment(datetime.datetime): pass
    class span(datetime.timedelta): pass
    class odd(datetime.tzinfo):
        def utcoffset(self, when): return datetime.timedelta(hours=2)
        def dst(self, when): return None
  )"));
  EXPECT_EQ(plain("day(2024, 2, 29)"), (sb::date{2024, 2, 29}));
  EXPECT_EQ(plain("moment(2024, 2, 29, 12)"),
            or_throw(bridge.eval("datetime.datetime(2024, 2, 29, 12)")));
  EXPECT_EQ(plain("span(hours=1)"),
            or_throw(bridge.eval("datetime.timedelta(hours=1)")));
  EXPECT_EQ(plain("datetime.datetime(2024, 1, 1, tzinfo=odd())"),
            or_throw(bridge.eval(
              "datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone("
              "datetime.timedelta(hours=2)))")));
}

TEST_P(Forms, GivenPlainAndAStandInForDatetimeThenItIsAMoment) {
  or_throw(bridge.exec(R"(
    import datetime
    real = datetime.datetime
    class any_datetime(type):
        def __instancecheck__(cls, object): return isinstance(object, real)
    class stand_in(real, metaclass=any_datetime): pass
    datetime.datetime = stand_in
  )"));
  const auto got = plain("[stand_in(2024, 2, 29)]");
  or_throw(bridge.exec("datetime.datetime = real"));
  EXPECT_EQ(got, (sb::list{or_throw(bridge.eval("real(2024, 2, 29)"))}));
}

TEST_P(Forms, GivenPlainThenANamespaceIsADict) {
  EXPECT_EQ(plain("__import__('types').SimpleNamespace(a=1, b=[2])"),
            (sb::dict{{"a", 1}, {"b", sb::list{2}}}));
}

TEST_P(Forms, GivenPlainThenWhatIsLeftIsARef) {
  const auto got = plain("[object(), open, (i for i in ()), ValueError('x')]");
  for (const auto& each : got)
    EXPECT_TRUE(each.is_ref()) << each;
  EXPECT_TRUE(got[2].is_stream());
}

TEST_P(Forms, GivenPlainAndAnObjectThatCannotBeReadThenItIsARef) {
  or_throw(bridge.exec("from dataclasses import dataclass\n"
                       "@dataclass\n"
                       "class broken:\n"
                       "  x: int\n"
                       "gone = broken(1)\n"
                       "del gone.x\n"));
  const auto got = plain("[gone, broken(2)]");
  EXPECT_TRUE(got[0].is_ref());
  EXPECT_EQ(got[1], (sb::dict{{"x", 2}}));
}

TEST_P(Forms, GivenPlainThenKeysStayApart) {
  or_throw(bridge.exec("import enum\n"
                       "class colour(enum.Enum): red = 1; blue = 'b'\n"
                       "class text(str): pass\n"
                       "class frozen(tuple): pass\n"));
  EXPECT_EQ(plain("{colour.blue: 1, text('x'): 2, frozen((1, 2)): 3}"),
            (sb::dict{{"b", 1}, {"x", 2}, {sb::tuple{1, 2}, 3}}));
  // Red's value is a key already: it stays what it is.
  const auto both = plain("{colour.red: 'red', 1: 'one'}");
  EXPECT_EQ(both[1], "one");
  EXPECT_EQ(both.size(), 2U);
  const auto set = plain("{colour.red, 1, colour.blue}");
  EXPECT_EQ(set.size(), 3U);
  EXPECT_TRUE(set.get_if<sb::set>()->contains("b"));
}

TEST_P(Forms, GivenPlainAndObjectsInThemselvesThenTheyAreRefsThere) {
  or_throw(bridge.exec("from dataclasses import dataclass\n"
                       "@dataclass\n"
                       "class node:\n"
                       "  next: object = None\n"
                       "ring = node(); ring.next = node(ring)\n"));
  const auto got = plain("ring");
  EXPECT_TRUE(got["next"]["next"].is_ref()) << got;
}

TEST_P(Forms, GivenPlainThenItHoldsForScopesAndPoolsToo) {
  constexpr auto enumeration =
    "__import__('enum').Enum('colour', {'red': 'r'})('r')";
  {
    const sb::runtime_scope in{{.leaves = sb::leaves::plain}};
    EXPECT_EQ(bridge.eval(enumeration), "r");
    EXPECT_TRUE(
      or_throw(bridge.with({.leaves = sb::leaves::refs}).eval(enumeration))
        .is_ref());
  }
  auto wanted = one_pool(GetParam());
  wanted.pools[0].leaves = sb::leaves::plain;
  EXPECT_EQ(sb::bridge{wanted}.eval(enumeration), "r");
}

TEST_P(Forms, GivenNumPyThenItsArraysAndScalarsArePlain) {
  or_throw(bridge.exec("import numpy as np"));
  EXPECT_EQ(plain("np.array([[1, 2], [3, 4]])"),
            (sb::list{sb::list{1, 2}, sb::list{3, 4}}));
  EXPECT_EQ(plain("[np.float32(1.5), np.int8(3), np.bool_(True)]"),
            (sb::list{1.5, 3, true}));
  EXPECT_FALSE(plain("np.float64(1.5)").is_typed());
  EXPECT_EQ(plain("np.array(5)"), 5);
  EXPECT_EQ(plain("np.datetime64('2024-02-29')"), (sb::date{2024, 2, 29}));
  EXPECT_EQ(
    plain("np.array(['2024-02-29', 'NaT'], dtype='datetime64[ns]')"),
    (sb::list{sb::datetime{.date = {2024, 2, 29}, .time = {}}, sb::none}));
  const auto array = or_throw(bridge.eval("np.array([1.5])"));
  EXPECT_THAT(error_of(array.to<std::vector<double>>()).message(),
              AllOf(HasSubstr("expected list"), HasSubstr("leaves::plain")));
  // Finer than a datetime is: cut. Longer than one is, or of months: a ref.
  EXPECT_EQ(plain("np.datetime64('1970-01-02T00:00:00.000001', 'ps')"),
            or_throw(bridge.eval("__import__('datetime').datetime(1970, 1, 2, "
                                 "0, 0, 0, 1)")));
  EXPECT_TRUE(plain("np.timedelta64(5, 'Y')").is_ref());
  EXPECT_TRUE(plain("np.datetime64('20000-01-01')").is_ref());
  const auto years = plain("np.array(['2024-01-01', '20000-01-01'], "
                           "'datetime64[D]')");
  EXPECT_EQ(years[0], (sb::date{2024, 1, 1}));
  EXPECT_TRUE(years[1].is_ref());
}

class RefScopes : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(RefScopes);

TEST_P(RefScopes, WhenItEndsThenTheRefsMadeInItAreReleased) {
  const auto outside = path();
  {
    const sb::ref_scope mine{bridge};
    path();
    or_throw(bridge.eval("[object(), {'x': object()}]"));
    or_throw(bridge.with({.timeout = 1min}).eval("object()"));
    EXPECT_EQ(bridge.stats().live_objects(), 5U);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 1U);
  EXPECT_EQ(bridge.str(outside), "/tmp");
}

TEST_P(RefScopes, WhenARefIsKeptThenItOutlivesTheScope) {
  std::optional<sb::ref> kept;
  std::optional<sb::value> all;
  {
    sb::ref_scope around{bridge};
    {
      sb::ref_scope mine{bridge};
      kept = path();
      all = or_throw(bridge.eval("[object(), object()]"));
      path();
      mine.keep(*kept);
      mine.keep(*all);
    }
    EXPECT_EQ(bridge.stats().live_objects(), 3U);
    EXPECT_EQ(bridge.str(*kept), "/tmp");
    around.keep(*kept);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 1U);
  EXPECT_EQ(bridge.str(*kept), "/tmp");
}

TEST_P(RefScopes, GivenAnExceptionThatIsKeptThenItIsReleasedToo) {
  {
    const sb::ref_scope mine{bridge};
    const auto failed =
      error_of(bridge.with({.keep_exception = true}).eval("1 / 0"));
    EXPECT_TRUE(failed.python()->object);
    EXPECT_EQ(bridge.stats().live_objects(), 1U);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(RefScopes, GivenOtherCallersAndThreadsThenTheirRefsStay) {
  const auto session = bridge.open_session({.id = "other"});
  {
    const sb::ref_scope mine{bridge};
    or_throw(session.eval("object()"));
    std::thread{[&] {
      or_throw(bridge.with({.session = "other"}).eval("object()"));
    }}.join();
  }
  EXPECT_EQ(bridge.stats().live_objects(), 2U);
  {
    const sb::ref_scope of_the_session{session};
    or_throw(session.eval("object()"));
  }
  EXPECT_EQ(bridge.stats().live_objects(), 2U);
}

TEST_P(RefScopes, WhenTheSessionEndsFirstThenNothingIsLeftToDo) {
  const sb::ref_scope mine{bridge};
  path();
  EXPECT_EQ(bridge.release_auto_session(), 1U);
}

TEST_P(RefScopes, WhenARefWasReleasedBeforeThenTheOthersStillAre) {
  {
    const sb::ref_scope mine{bridge};
    const auto first = path();
    path();
    EXPECT_EQ(bridge.release(first), true);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(RefScopes, GivenRoundsOfLargeResultsThenMemoryStays) {
  or_throw(bridge.exec("def resident():\n"
                       "  with open('/proc/self/statm') as f:\n"
                       "    return int(f.read().split()[1]) * 4096\n"
                       "class block:\n"
                       "  def __init__(self, old=None):\n"
                       "    self.content = bytearray(8 << 20)\n"));
  const auto resident = [&] {
    return or_throw(bridge.eval("resident()")).as<std::int64_t>();
  };
  const auto before = resident();
  for (int round = 0; round < 100; ++round) {
    const sb::ref_scope mine{bridge};
    const auto made = or_throw(bridge.eval("block()"));
    or_throw(bridge.eval("block(made)", {{"made", made}}));
  }
  // Not the 1.6 GB of all of them.
  // (AddressSanitizer keeps 256 MB of what is freed.)
  EXPECT_LT(resident() - before, 512 << 20);
}

TEST_P(RefScopes, GivenAWorkerThatDiesThenItEndsAllTheSame) {
  if (GetParam() == sb::placement::embedded)
    return; // the program would die
  {
    const sb::ref_scope mine{bridge};
    path();
    EXPECT_EQ(code_of(bridge.call("os", "_exit", 3)),
              sb::errc::interpreter_died);
    path();
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

} // namespace snakebridge::testing
