// Texts: XML and HTML, templates, dates and progress bars.
#include "tests/libraries/libraries_fixture.hpp"

#include <mutex>
#include <string>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Texts : public Libraries {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Texts);

TEST_P(Texts, WhenXMLIsAskedByXPathThenFunctionsOfTheSessionAnswerToo) {
  const auto shop = *bridge.call("lxml", "etree.fromstring",
                                 "<shop><item price='2' n='3'>pen</item>"
                                 "<item price='5' n='1'>ink</item></shop>");
  EXPECT_EQ(bridge.method(shop, "xpath", "sum(//item/@price)"), 7.0);
  // A text there is a str that knows its element.
  EXPECT_EQ(plain().method(shop, "xpath", "//item[@n > 2]/text()"),
            (sb::list{"pen"}));
  run(R"(
from lxml import etree
mark = "!"

@etree.FunctionNamespace(None)
def shout(context, words):
    return [word.upper() + mark for word in words]
)");
  EXPECT_EQ(plain().method(shop, "xpath", "shout(//item/text())"),
            (sb::list{"PEN!", "INK!"}));
}

TEST_P(Texts, WhenXMLIsTransformedThenTheTextIsItsStylesheets) {
  const auto sheet = *bridge.call("lxml", "etree.XML", R"(
<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">
<x:output method="text"/><x:template match="/"><x:for-each select="//item">
<x:value-of select="@price * @n"/>;</x:for-each></x:template></x:stylesheet>)");
  const auto costs = *bridge.call("lxml", "etree.XSLT", sheet);
  const auto shop =
    *bridge.call("lxml", "etree.XML",
                 "<shop><item price='2' n='3'/><item price='5' n='1'/></shop>");
  EXPECT_EQ(bridge.str(*bridge.call_object(costs, shop)), "6;5;");
}

TEST_P(Texts, WhenXMLIsBrokenThenItsErrorIsASyntaxErrorWithItsPlace) {
  const auto why =
    error_of(bridge.call("lxml", "etree.fromstring", "<a><b></a>"));
  EXPECT_TRUE(why.is("lxml.etree.XMLSyntaxError"));
  EXPECT_TRUE(why.is("SyntaxError"));
  EXPECT_THAT(why.python()->message, HasSubstr("line 1, column 11"));
}

TEST_P(Texts, WhenHTMLIsSloppyThenItsSoupIsSearchedAllTheSame) {
  const auto soup = *bridge.call(
    "bs4", "BeautifulSoup",
    "<ul><li class='a b'>One<li class=a>Two <b>bold</b><li>Three</ul>"
    "<a href='/p?q=1'>go</a>",
    "lxml");
  run("def is_plain(tag):\n"
      "  return tag.name == 'li' and not tag.has_attr('class')\n");
  const auto found = *bridge.method(soup, "find_all", *bridge.eval("is_plain"));
  ASSERT_EQ(bridge.len(found), 1U);
  EXPECT_EQ(bridge.str(*bridge.item(found, 0)), "<li>Three</li>");
  const auto second = *bridge.item(*bridge.method(soup, "select", "li.a"), 1);
  EXPECT_EQ(bridge.method(second, "get_text"), "Two bold");
  EXPECT_EQ(plain().item(*bridge.attr(soup, "a"), "href"), "/p?q=1");
}

class Templates : public Libraries {
protected:
  void SetUp() override {
    run(R"(
import jinja2

def euros(cents):
    return f"{cents / 100:.2f} EUR"

env = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
env.filters["euros"] = euros
)");
  }

  sb::result<sb::value> rendered(const char* text, const sb::dict& names) {
    return bridge.method(
      *bridge.method(*bridge.eval("env"), "from_string", text), "render",
      names);
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Templates);

TEST_P(Templates, WhenOneIsRenderedThenFiltersOfTheSessionAreUsed) {
  const sb::list lines{sb::tuple{"pen", 120}, sb::tuple{"<ink>", 599}};
  EXPECT_EQ(rendered("{% for name, cents in lines %}\n"
                     "{{ loop.index }}. {{ name|e }}: {{ cents|euros }}\n"
                     "{% endfor %}\n"
                     "Total {{ lines|sum(attribute=1)|euros }}",
                     {{"lines", lines}}),
            "1. pen: 1.20 EUR\n"
            "2. &lt;ink&gt;: 5.99 EUR\n"
            "Total 7.19 EUR");
}

TEST_P(Templates, WhenANameIsMissingThenTheTracebackHasTheTemplatesLine) {
  const auto why = error_of(rendered("one\n{{ missing.name }}", {}));
  EXPECT_TRUE(why.is("jinja2.exceptions.UndefinedError"));
  EXPECT_EQ(why.python()->message, "'missing' is undefined");
  EXPECT_THAT(why.python()->traceback,
              HasSubstr("File \"<template>\", line 2, in top-level template"));
}

class Dates : public Libraries {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Dates);

TEST_P(Dates, WhenADateIsWrittenByPeopleThenItIsRead) {
  EXPECT_EQ(
    bridge.call("dateutil", "parser.parse", "Thu 29 Feb 2024 10:30 PM"),
    (sb::datetime{.date = {2024, 2, 29}, .time = {.hour = 22, .minute = 30}}));
  EXPECT_EQ(bridge.call("dateutil", "easter.easter", 2024),
            (sb::date{2024, 3, 31}));
  EXPECT_TRUE(
    error_of(bridge.call("dateutil", "parser.parse", "the day before"))
      .is("ValueError"));
}

TEST_P(Dates, WhenMonthsAreCountedThenTheirLastDayIsTheirOwn) {
  const auto month =
    *bridge.call("dateutil", "relativedelta.relativedelta", "months"_a = 1);
  EXPECT_EQ(bridge.call("operator", "add", sb::date{2024, 1, 31}, month),
            (sb::date{2024, 2, 29}));
  const auto rule = *bridge.call(
    "dateutil", "rrule.rrule", *bridge.get("dateutil", "rrule.MONTHLY"),
    "count"_a = 3, "bymonthday"_a = -1, "dtstart"_a = midnight(2024, 1, 1));
  EXPECT_EQ(bridge.call("builtins", "list", rule),
            (sb::list{midnight(2024, 1, 31), midnight(2024, 2, 29),
                      midnight(2024, 3, 31)}));
}

TEST_P(Dates, WhenAZoneIsPytzsThenItIsAnObjectAndItsTimeIsRight) {
  const auto berlin = *bridge.call("pytz", "timezone", "Europe/Berlin");
  const auto noon =
    *bridge.method(berlin, "localize",
                   sb::datetime{.date = {2024, 7, 1}, .time = {.hour = 12}});
  EXPECT_TRUE(noon.is_ref());
  EXPECT_EQ(bridge.method(noon, "isoformat"), "2024-07-01T12:00:00+02:00");
  // Not of the kind that Python has since: the hour that is left out has to be
  // told it.
  const auto before = *bridge.method(
    berlin, "localize",
    sb::datetime{.date = {2024, 3, 31}, .time = {.hour = 1, .minute = 30}});
  const auto after =
    *bridge.call("operator", "add", before, sb::timedelta{.seconds = 3600});
  EXPECT_EQ(bridge.method(after, "isoformat"), "2024-03-31T02:30:00+01:00");
  EXPECT_EQ(
    bridge.method(*bridge.method(berlin, "normalize", after), "isoformat"),
    "2024-03-31T03:30:00+02:00");
}

class Bars : public Libraries {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Bars);

TEST_P(Bars, WhenTqdmDrawsOneIntoATextThenEachStepIsThere) {
  run(R"(
import io
from tqdm import tqdm
page = io.StringIO()
total = sum(tqdm([1, 2, 3], file=page, ncols=20, mininterval=0, ascii=" #",
                 bar_format="{l_bar}{bar}|{n_fmt}/{total_fmt}"))
)");
  EXPECT_EQ(bridge.eval("total"), 6);
  EXPECT_EQ(bridge.eval("page.getvalue()"), "\r  0%|           |0/3"
                                            "\r 33%|###        |1/3"
                                            "\r 67%|#######    |2/3"
                                            "\r100%|###########|3/3"
                                            "\r100%|###########|3/3\n");
}

// In this process it would be drawn on the program's own stderr.
TEST(BarsOfAWorker, WhenTqdmDrawsOneThenItIsAmongTheLinesOfStderr) {
  std::mutex mutex;
  std::string shown;
  auto wanted = with_libraries(sb::placement::worker);
  wanted.on_output = [&](const sb::log_line& line) {
    const std::lock_guard lock{mutex};
    if (line.is_error)
      shown += line.text + '\n';
  };
  const sb::bridge bridge{std::move(wanted)};
  const auto session = bridge.open_session();
  or_throw(session.exec("from tqdm import tqdm"));
  EXPECT_EQ(session.eval("sum(tqdm([1, 2, 3], desc='adding', ncols=40))"), 6);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return shown.find("adding: 100%") != std::string::npos
           && shown.find("3/3") != std::string::npos;
  }));
}

} // namespace snakebridge::testing
