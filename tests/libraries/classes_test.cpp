// Classes that exec makes: their annotations, module and source are looked up
// by the libraries that work on them.
#include "tests/libraries/libraries_fixture.hpp"

#include <string>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Classes : public Libraries {
protected:
  /// The name of the session's namespace, as a module.
  std::string module() { return bridge.eval("__name__")->as<std::string>(); }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Classes);

// Each asks its caller's frame for the module the class belongs to.
TEST_P(Classes, WhenAClassIsMadeByACallThenItsModuleIsTheSessions) {
  for (const auto& made :
       {*bridge.call("collections", "namedtuple", "Place", "name size"),
        *bridge.call("enum", "Enum", "Colour", "RED GREEN"),
        *bridge.call("typing", "NamedTuple", "Pair", sb::list{}),
        *bridge.call("attrs", "make_class", "Tag", sb::list{"name"}),
        *bridge.call("pydantic", "create_model", "Point",
                     "y"_a = sb::tuple{*bridge.get("builtins", "float"), 0})})
    EXPECT_EQ(bridge.attr(made, "__module__"), module());
}

TEST_P(Classes, WhenAPydanticModelIsCreatedThenItConvertsItsFields) {
  const auto whole = *bridge.get("builtins", "int");
  const auto point = *bridge.call(
    "pydantic", "create_model", "Point", "x"_a = sb::tuple{whole, 7},
    "y"_a = sb::tuple{*bridge.get("builtins", "float"),
                      *bridge.get("builtins", "Ellipsis")});
  const auto made = *bridge.call_object(point, "y"_a = "1.5");
  EXPECT_EQ(bridge.method(made, "model_dump"),
            (sb::dict{{"x", 7}, {"y", 1.5}}));
}

class Orders : public Classes {
protected:
  void SetUp() override {
    // Line is known only after Order has named it.
    run(R"(
from __future__ import annotations
from datetime import date
from typing import Optional
from pydantic import BaseModel, Field, field_validator

class Order(BaseModel):
    customer: str
    day: date
    lines: list[Line]
    note: Optional[str] = None

    @field_validator("customer")
    @classmethod
    def named(cls, name):
        return name.strip().title()

class Line(BaseModel):
    item: str
    count: int = Field(gt=0)
)");
  }

  static sb::result<sb::value> order(const sb::caller& by, const char* day,
                                     sb::value count) {
    return by.method(
      *by.eval("Order"), "model_validate",
      sb::dict{{"customer", " ada "},
               {"day", day},
               {"lines", sb::list{sb::dict{{"item", "pen"},
                                           {"count", std::move(count)}}}}});
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Orders);

TEST_P(Orders, WhenPydanticValidatesOneThenItsFieldsAreOfTheirTypes) {
  const auto valid = *order(bridge, "2024-02-29", "3");
  EXPECT_EQ(
    bridge.method(valid, "model_dump"),
    (sb::dict{{"customer", "Ada"},
              {"day", sb::date{2024, 2, 29}},
              {"lines", sb::list{sb::dict{{"item", "pen"}, {"count", 3}}}},
              {"note", nullptr}}));
  EXPECT_EQ(bridge.method(valid, "model_dump_json"),
            R"({"customer":"Ada","day":"2024-02-29",)"
            R"("lines":[{"item":"pen","count":3}],"note":null})");
  EXPECT_EQ(
    bridge.call("pickle", "loads", *bridge.call("pickle", "dumps", valid))
      ->type_name(),
    valid.type_name());
}

TEST_P(Orders, WhenPydanticRefusesOneThenItsErrorNamesEachField) {
  const auto why =
    error_of(order(bridge.with({.keep_exception = true}), "2023-02-29", 0));
  EXPECT_TRUE(why.is("pydantic_core.ValidationError"));
  EXPECT_TRUE(why.is("ValueError"));
  EXPECT_THAT(why.python()->message,
              HasSubstr("2 validation errors for Order\nday\n"));
  const auto raised = *why.python()->object;
  EXPECT_EQ(bridge.method(raised, "error_count"), 2);
  const auto found = *bridge.method(raised, "errors");
  EXPECT_EQ(found[0]["loc"], (sb::tuple{"day"}));
  EXPECT_EQ(found[1]["loc"], (sb::tuple{"lines", 0, "count"}));
  EXPECT_EQ(found[1]["type"], "greater_than");
}

// ClassVar and InitVar are found in texts by the class's module.
TEST_P(Classes, WhenADataclassHasTextsAsAnnotationsThenTheyAreUnderstood) {
  run(R"(
from __future__ import annotations
import dataclasses, typing

@dataclasses.dataclass(order=True)
class Version:
    major: int
    minor: int = 0
    known: typing.ClassVar[int] = 2
    text: dataclasses.InitVar[str | None] = None
    older: Version | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self, text):
        if text is not None:
            self.major, self.minor = map(int, text.split("."))
)");
  const auto first = *bridge.eval("Version(0, text='3.11')");
  const auto version = *bridge.call("dataclasses", "replace", first,
                                    "minor"_a = 13, "text"_a = nullptr);
  EXPECT_EQ(bridge.call("dataclasses", "asdict", version),
            (sb::dict{{"major", 3}, {"minor", 13}, {"older", nullptr}}));
  EXPECT_EQ(plain().call("builtins", "max", first, version),
            (sb::dict{{"major", 3}, {"minor", 13}, {"older", nullptr}}));
  const auto hints =
    *bridge.call("typing", "get_type_hints", *bridge.eval("Version"));
  EXPECT_EQ(bridge.str(hints["older"]), module() + ".Version | None");
}

TEST_P(Classes, WhenAnObjectIsPickledThenItIsOfItsClassAgain) {
  run(R"(
import enum, typing

class Suit(enum.Enum):
    HEARTS = "h"
    SPADES = "s"

class Card(typing.NamedTuple):
    suit: Suit
    rank: int

class Hand:
    def __init__(self, *cards):
        self.cards = cards

hand = Hand(Card(Suit.SPADES, 1), Card(Suit.HEARTS, 12))
)");
  const auto hand = *bridge.eval("hand");
  const auto bytes = *bridge.call("pickle", "dumps", hand);
  ASSERT_EQ(bytes.kind(), sb::kind::bytes);
  const auto back = *bridge.call("pickle", "loads", bytes);
  EXPECT_EQ(bridge.call("builtins", "isinstance", back, *bridge.eval("Hand")),
            true);
  EXPECT_EQ(plain().attr(back, "cards"),
            (sb::tuple{sb::tuple{"s", 1}, sb::tuple{"h", 12}}));
  const auto copy = *bridge.call("copy", "deepcopy", hand);
  EXPECT_EQ(bridge.call("operator", "eq", *bridge.attr(copy, "cards"),
                        *bridge.attr(hand, "cards")),
            true);
}

TEST_P(Classes, WhenAttrsDefinesAClassThenItConvertsAndValidates) {
  run(R"(
import attrs

@attrs.define
class Account:
    owner: str = attrs.field(converter=str.strip)
    cents: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    parent: "Account | None" = None

    @property
    def euros(self):
        return self.cents / 100
)");
  const auto account = *bridge.eval("Account(' Ada ', 1250)");
  EXPECT_EQ(bridge.repr(account),
            "Account(owner='Ada', cents=1250, parent=None)");
  EXPECT_EQ(bridge.attr(account, "euros"), 12.5);
  EXPECT_EQ(
    bridge.call("attrs", "asdict",
                *bridge.call("attrs", "evolve", account, "cents"_a = 1)),
    (sb::dict{{"owner", "Ada"}, {"cents", 1}, {"parent", nullptr}}));
  EXPECT_EQ(error_of(bridge.eval("Account('x', -1)")).python()->message,
            "'cents' must be >= 0: -1");
  // It has slots.
  EXPECT_TRUE(
    error_of(bridge.set_attr(account, "other", 1)).is("AttributeError"));
  const auto resolved =
    *bridge.call("attrs", "resolve_types", *bridge.eval("Account"));
  const auto parent =
    *bridge.attr(*bridge.call("attrs", "fields", resolved), "parent");
  EXPECT_EQ(bridge.str(*bridge.attr(parent, "type")),
            module() + ".Account | None");
}

TEST_P(Classes, WhenAFunctionIsMadeByExecThenItsSourceCanBeRead) {
  run("import math\n"
      "\n"
      "def area(radius):\n"
      "    # of a circle\n"
      "    return math.pi * radius ** 2\n");
  const auto area = *bridge.eval("area");
  EXPECT_EQ(bridge.call("inspect", "getsource", area),
            "def area(radius):\n"
            "    # of a circle\n"
            "    return math.pi * radius ** 2\n");
  EXPECT_EQ(bridge.str(*bridge.call("inspect", "signature", area)), "(radius)");
  const auto home = *bridge.call("inspect", "getmodule", area);
  EXPECT_EQ(bridge.attr(home, "__name__"), module());
}

// It runs what the docstrings show, in the module's names.
TEST_P(Classes, WhenDocstringsShowExamplesThenDoctestRunsThem) {
  run(R"(
import sys

def half(number):
    """
    >>> half(3)
    1.5
    >>> half(4)
    2.5
    """
    return number / 2
)");
  const auto told =
    *bridge.call("doctest", "testmod", *bridge.eval("sys.modules[__name__]"));
  EXPECT_EQ(bridge.attr(told, "attempted"), 2);
  EXPECT_EQ(bridge.attr(told, "failed"), 1);
}

} // namespace snakebridge::testing
