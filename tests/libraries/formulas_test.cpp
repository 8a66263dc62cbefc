// Formulas and graphs: SymPy, which puts names into its caller's globals and
// writes functions, and NetworkX.
#include "tests/libraries/libraries_fixture.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace snakebridge::testing {

class Formulas : public Libraries {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Formulas);

TEST_P(Formulas, WhenSymbolsAreMadeByVarThenTheyAreNamesOfTheSession) {
  ASSERT_TRUE(bridge.call("sympy", "var", "x y"));
  const auto slope =
    *bridge.call("sympy", "diff", *bridge.eval("x**3 * y"), *bridge.eval("x"));
  EXPECT_EQ(bridge.str(slope), "3*x**2*y");
}

TEST_P(Formulas, WhenTextIsAFormulaThenSymPySolvesIt) {
  const auto roots = *bridge.call("sympy", "solve", "x**2 - x - 6");
  EXPECT_EQ(bridge.repr(roots), "[-2, 3]");
  const auto cube = *bridge.call("sympy", "expand", "(x + 1)**3");
  EXPECT_EQ(bridge.str(cube), "x**3 + 3*x**2 + 3*x + 1");
  const auto area =
    *bridge.call("sympy", "integrate", "x**2", sb::tuple{"x", 0, 3});
  EXPECT_EQ(bridge.call("builtins", "int", area), 9);
  EXPECT_EQ(bridge.str(*bridge.call("sympy", "N", "pi", 30)),
            "3.14159265358979323846264338328");
  EXPECT_EQ(bridge.call("sympy", "factorint", 360),
            (sb::dict{{2, 3}, {3, 2}, {5, 1}}));
}

TEST_P(Formulas, WhenASympifiedTextIsWrongThenItsErrorSaysSo) {
  const auto why = error_of(bridge.call("sympy", "sympify", "x +* 2"));
  EXPECT_TRUE(why.is("sympy.core.sympify.SympifyError"));
}

// It runs the text that it writes, and leaves its source to inspect.
TEST_P(Formulas, WhenAFormulaIsMadeAFunctionThenItsSourceCanBeRead) {
  const auto function = *bridge.call("sympy", "lambdify", sb::list{"x", "y"},
                                     "x**2 + sin(y)", "math");
  EXPECT_EQ(bridge.call_object(function, 3, 0.0), 9.0);
  EXPECT_EQ(bridge.call("inspect", "getsource", function),
            "def _lambdifygenerated(x, y):\n"
            "    return x**2 + sin(y)\n");
}

TEST_P(Formulas, WhenAFormulaIsMadeAFunctionOfArraysThenItMapsThem) {
  const auto function =
    *bridge.call("sympy", "lambdify", "x", "x**2 + 1", "numpy");
  const auto numbers = *bridge.call("numpy", "array", sb::list{1, 2, 3});
  EXPECT_EQ(plain().call_object(function, numbers), (sb::list{2, 5, 10}));
}

TEST_P(Formulas, WhenAGraphIsSearchedThenItsShortestWayIsFound) {
  const auto graph = *bridge.call("networkx", "Graph");
  ASSERT_TRUE(
    bridge.method(graph, "add_weighted_edges_from",
                  sb::list{sb::tuple{"a", "b", 1}, sb::tuple{"b", "c", 2},
                           sb::tuple{"a", "c", 10}, sb::tuple{"c", "d", 1}}));
  EXPECT_EQ(bridge.call("networkx", "shortest_path", graph, "a", "d",
                        "weight"_a = "weight"),
            (sb::list{"a", "b", "c", "d"}));
  run("free = {'a', 'c'}\n"
      "def toll(start, end, edge):\n"
      "  return 0 if {start, end} == free else edge['weight']\n");
  EXPECT_EQ(bridge.call("networkx", "dijkstra_path", graph, "a", "d",
                        "weight"_a = *bridge.eval("toll")),
            (sb::list{"a", "c", "d"}));
  const auto why =
    error_of(bridge.call("networkx", "shortest_path", graph, "a", "nowhere"));
  EXPECT_TRUE(why.is("networkx.exception.NodeNotFound"));
  EXPECT_EQ(why.python()->message, "Target nowhere is not in G");
}

TEST_P(Formulas, WhenAnOrderIsGeneratedThenItsItemsComeOneByOne) {
  const auto graph = *bridge.call(
    "networkx", "DiGraph",
    sb::list{sb::tuple{"shirt", "tie"}, sb::tuple{"tie", "jacket"},
             sb::tuple{"trousers", "shoes"}, sb::tuple{"trousers", "belt"},
             sb::tuple{"belt", "jacket"}});
  const auto order =
    *bridge.call("networkx", "lexicographical_topological_sort", graph);
  ASSERT_TRUE(order.is_stream());
  EXPECT_EQ(bridge.call("builtins", "next", order), "shirt");
  EXPECT_EQ(bridge.call("builtins", "list", order),
            (sb::list{"tie", "trousers", "belt", "jacket", "shoes"}));
}

TEST_P(Formulas, WhenRanksOfARingAreComputedThenAllAreEqual) {
  const auto ring = *bridge.call("networkx", "cycle_graph", 4);
  const auto ranks =
    bridge.call("networkx", "pagerank", ring)->as<std::map<int, double>>();
  ASSERT_EQ(ranks.size(), 4U);
  for (const auto& [node, rank] : ranks)
    EXPECT_NEAR(rank, 0.25, 1e-9) << node;
  const auto bells = *bridge.call("networkx", "barbell_graph", 4, 0);
  EXPECT_EQ(bridge.call("networkx",
                        "algorithms.community.greedy_modularity_communities",
                        bells),
            (sb::list{sb::frozenset{0, 1, 2, 3}, sb::frozenset{4, 5, 6, 7}}));
}

} // namespace snakebridge::testing
