// Containers whose items are all of one kind, which cross packed: nothing of
// that may show. Each is compared with what Python itself has.
#include "tests/runtime/hosts/conformance.hpp"

namespace snakebridge::testing {

using HostContainers = conformance;

namespace {

// Each in an expression of Python's, and nearly packed or packed in another
// way than the one before it.
constexpr const char* containers[] = {
  "['', 'a', 'b' * 40, '\\0', '\\u00e4\\U0001F600']",
  "['a', '\\ud800', 'b']",
  "['a', b'a']",
  "[1, 2, True]",
  "[2**63, 1]",
  "[1, 2, 3.0]",
  "[-0.0, float('inf')]",
  "('a', 'b')",
  "({'a', 'b'}, {1.5})",
  "[[], [], []]",
  "[[1], [2.5, 'x'], []]",
  "[['a', 'b'], ['c']]",
  "[[[1], [2]], [], [[3], []]]",
  "[(1, 2), (3, 4)]",
  "[{}, {}]",
  "[{'a': 1}, {'a': 2}]",
  "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]",
  "[{'a': 1, 'b': 'x'}, {'b': 'y', 'a': 2}]",
  "[{'a': 1, 'b': 'x'}, {'a': 2}]",
  "[{'a': 1}, {'a': 1, 'b': 2}]",
  "[{'a': 1, 2: 'x'}, {'a': 1, 2: 'x'}]",
  "[{'a': 1, '\\ud800': 2}, {'a': 1, '\\ud800': 2}]",
  "[{'a': None, 'b': [i, {'c': i, 'd': str(i)}]} for i in range(5)]",
  "[{'a': {'x': i, 'y': {'p': [i], 'q': [[i]]}}, 'b': ''} for i in range(4)]",
  "[[{'a': i, 'b': j} for i in range(j)] for j in range(4)]",
  "{str(i): [i] for i in range(100)}",
  "{i: {'a': i, 'b': 0.5} for i in range(20)}",
  "{(1, 'a'): 1, (2, 'b'): 2}",
  "frozenset(['a', 'b'])",
};

} // namespace

TEST_P(HostContainers, GivenItemsOfOneKindThenTheyCrossAsTheyAre) {
  for (const auto* expression : containers) {
    const auto got = value_of(eval(expression));
    EXPECT_EQ(value_of(eval("repr(sorted(x) if isinstance(x, frozenset) else x)"
                            " == repr(sorted(y) if isinstance(y, frozenset) "
                            "else y)",
                            "x"_a = got, "y"_a = value_of(eval(expression)))),
              value{true})
      << expression;
    EXPECT_EQ(value_of(eval("x == " + std::string{expression}, "x"_a = got)),
              value{true})
      << expression << " came back as " << got;
    EXPECT_EQ(value_of(call("copy", "copy", got)), got) << expression;
  }
}

TEST_P(HostContainers, GivenSubclassesAmongThemThenTheyAreRefs) {
  exec("import collections\n"
       "class text(str): pass\n"
       "class row(list): pass\n");
  const auto got = value_of(
    eval("[[text('a'), 'b'], [row(), []], [collections.OrderedDict(a=1, b=2), "
         "{'a': 1, 'b': 2}], [{text('a'): 1, 'b': 2}, {'a': 1, 'b': 2}]]"));
  EXPECT_TRUE(got[0][0].is_ref());
  EXPECT_EQ(got[0][1], value{"b"});
  EXPECT_TRUE(got[1][0].is_ref());
  EXPECT_EQ(got[1][1], value{list{}});
  EXPECT_TRUE(got[2][0].is_ref());
  EXPECT_EQ(got[2][1]["b"], value{2});
  EXPECT_TRUE(got[3][0].get_if<dict>()->begin()->first.is_ref());
  EXPECT_EQ(got[3][1]["a"], value{1});
  release_all();
}

TEST_P(HostContainers, WhenTheyHoldThemselvesThenThatIsARefAndNoOtherIs) {
  exec("d = {'a': 1}; d['me'] = d; other = {'a': 2, 'me': d}\n"
       "l = [1]; l.append(l); m = [l, 2]\n"
       "deep = {'a': 0, 'b': [{'a': 1, 'b': []}, {'a': 2, 'b': []}]}\n"
       "deep['b'][1]['b'].append(deep)\n"
       "deep['b'][0]['b'].append(deep['b'][1])");
  const auto both = value_of(eval("[d, other]"));
  EXPECT_EQ(both[0]["a"], value{1});
  EXPECT_TRUE(both[0]["me"].is_ref());
  EXPECT_EQ(both[1]["me"]["a"], value{1}) << "it is not inside itself there";
  EXPECT_EQ(both[1]["me"]["me"], both[0]["me"]) << "the same object";
  const auto lists = value_of(eval("[l, m]"));
  EXPECT_TRUE(lists[0][1].is_ref());
  EXPECT_EQ(lists[1][0][0], value{1});
  EXPECT_EQ(lists[1][0][1], lists[0][1]);
  const auto nested = value_of(eval("[deep, deep]"));
  EXPECT_TRUE(nested[0]["b"][1]["b"][0].is_ref()) << nested;
  EXPECT_EQ(nested[0]["b"][0]["b"][0]["a"], value{2}) << nested;
  EXPECT_TRUE(nested[0]["b"][0]["b"][0]["b"][0].is_ref()) << nested;
  EXPECT_EQ(value_of(eval("x[1]['b'][1]['b'][0] is deep", "x"_a = nested)),
            value{true});
  release_all();
}

TEST_P(HostContainers, WhenObjectsAreAmongThemThenEachIsOneRef) {
  exec("o = object()");
  const auto got =
    value_of(eval("[{'a': o, 'b': [o, 1]}, {'a': 2, 'b': [object(), o]}]"));
  EXPECT_EQ(live_objects(), 2U);
  EXPECT_EQ(got[0]["a"], got[0]["b"][0]);
  EXPECT_EQ(got[0]["a"], got[1]["b"][1]);
  EXPECT_EQ(value_of(eval("x[0]['b'][0] is o and x[1]['b'][1] is o and "
                          "x[1]['b'][0] is not o",
                          "x"_a = got)),
            value{true});
  release_all();
}

// Reading a type's name runs code of its metaclass.
TEST_P(HostContainers, WhenOneChangesWhileItIsReadThenItCrossesWhole) {
  exec("class nosy(type):\n"
       "  @property\n"
       "  def __module__(cls):\n"
       "    for each in rows: each.clear()\n"
       "    rows.clear()\n"
       "    return 'm'\n"
       "class thing(metaclass=nosy): pass\n"
       "rows = [{'a': thing(), 'b': [i, 'x']} for i in range(3)]");
  const auto got = value_of(eval("rows"));
  ASSERT_EQ(got.size(), 3U);
  EXPECT_TRUE(got[0]["a"].is_ref());
  EXPECT_EQ(got[0]["b"], (value{list{0, "x"}}));
  EXPECT_EQ(value_of(eval("len(rows)")), value{0}) << "the code did run";
  release_all();
}

TEST_P(HostContainers, GivenTheDeepestOfThemThenTheyCrossAndNoDeeper) {
  exec("def lists(n):\n"
       "  x = [1]\n"
       "  for i in range(n - 1): x = [x, []]\n"
       "  return x\n"
       "def records(n):\n" // of two containers each
       "  x = []\n"
       "  for i in range(n // 2): x = [{'a': x, 'b': i}, {'a': [], 'b': i}]\n"
       "  return x");
  const auto most = limits::value_depth_max;
  for (const auto* made : {"lists", "records"}) {
    const auto of = [&](std::size_t depth) {
      return eval(made + fmt::format("({})", depth));
    };
    const auto deepest = value_of(of(most - 1));
    EXPECT_EQ(value_of(call("copy", "copy", deepest)), deepest) << made;
    EXPECT_EQ(code_of(of(most + 2)), errc::payload_too_large) << made;
  }
  value deeper = list{};
  for (std::size_t i = 0; i < most; i += 2)
    deeper = list{dict{{"a", deeper}, {"b", 1}}, dict{{"a", none}, {"b", 2}}};
  EXPECT_EQ(code_of(eval("x", "x"_a = deeper)), errc::payload_too_large);
  EXPECT_EQ(value_of(eval("1")), value{1}) << "it can go on";
}

// Forty lists that hold the one before twice: 2^40 items when told one by one.
// In this process nothing is told: containers are made, and memory is shared.
TEST(ContainersOfAWorker, GivenAListSharedTooOftenThenItIsRefusedBothWays) {
  printed_lines printed;
  auto settings = patient_worker(printed);
  settings.payload_bytes_max = std::size_t{16} << 20U;
  test_interpreter interpreter{worker_of(settings)};
  ASSERT_TRUE(interpreter.start_and_wait());
  auto session = interpreter.open();
  for (const auto* twice : {"[x, x]", "(x, x)", "{'a': x, 'b': x}",
                            "[{'a': x, 'b': x}, {'a': x, 'b': 1}]"}) {
    EXPECT_TRUE(session.exec("x = [1]\n"
                             "for i in range(40): x = "
                             + std::string{twice}));
    const auto refused = session.eval("x");
    EXPECT_EQ(code_of(refused), errc::payload_too_large) << twice;
  }
  value lists = list{1}, dicts = list{1};
  for (int i = 0; i < 40; ++i) {
    lists = list{lists, lists};
    dicts = dict{{"a", dicts}, {"b", dicts}};
  }
  EXPECT_EQ(code_of(session.eval("x", "x"_a = lists)), errc::payload_too_large);
  EXPECT_EQ(code_of(session.eval("x", "x"_a = dicts)), errc::payload_too_large);
  EXPECT_EQ(value_of(session.eval("1")), value{1}) << "it can go on";
  EXPECT_TRUE(interpreter.ends_empty());
}

INSTANTIATE_TEST_SUITE_P(Both, HostContainers, both_placements, placement_name);

} // namespace snakebridge::testing
