// The host's side of the wire: what it writes, what it accepts, and that no
// bytes from the other side do more harm than `message_malformed`.
#include "config/tunables.hpp"
#include "runtime/wire/messages.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/some_error.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <limits>
#include <random>

namespace snakebridge::testing {

namespace {

using ::testing::HasSubstr;

const ref_origin some_origin{"a", 7, 3};
constexpr std::uint64_t refs_max = ref_rules{}.max;

// As it arrives: the parts in one piece.
frame arrived(wire::outgoing& message) {
  frame made;
  for (const auto& part : message.parts())
    made.message.insert(made.message.end(), part.begin(), part.end());
  made.header = {.words = static_cast<std::uint32_t>(made.message.size()),
                 .kind = frame_kind::reply,
                 .call = 1,
                 .deadline_ns = 0};
  return made;
}

frame reply_of(const value& item) {
  wire::outgoing message;
  wire::write_value(message.builder().initRoot<schema::Reply>().initValue(),
                    item);
  return arrived(message);
}

frame reply_of(const python_error& raised) {
  wire::outgoing message;
  wire::write_raised(message.builder().initRoot<schema::Reply>().initRaised(),
                     raised);
  return arrived(message);
}

frame failure_of(std::uint8_t code) {
  wire::outgoing message;
  auto failure = message.builder().initRoot<schema::Reply>().initFailed();
  failure.setCode(code);
  failure.setMessage("why");
  return arrived(message);
}

frame copy_of(const frame& sample) {
  return {.header = sample.header, .message = sample.message};
}

wire::reply decode(const frame& received) {
  return wire::decode_reply(received, some_origin, refs_max);
}

value of_all_kinds() {
  return list{none,
              true,
              -1,
              std::numeric_limits<std::int64_t>::max(),
              1.5,
              std::numeric_limits<double>::infinity(),
              "text \U0001F40D",
              std::string{"\0", 1},
              bytes{"\xff"},
              tuple{1, list{}},
              dict{{"k", dict{{tuple{1}, "v"}}}}};
}

} // namespace

TEST(Wire, WhenAReplyHasDataThenItComesBackTheSame) {
  const auto got = decode(reply_of(of_all_kinds()));
  EXPECT_FALSE(got.malformed);
  EXPECT_EQ(value_of(got.outcome), of_all_kinds());
  EXPECT_EQ(repr(*got.outcome), repr(of_all_kinds()));
}

TEST(Wire, WhenAReplyHasARefThenTheHostSaysWhereItLives) {
  wire::outgoing message;
  auto sent = message.builder().initRoot<schema::Reply>().initValue().initRef();
  sent.setSlot(5);
  sent.setTypeName("pathlib.Path");
  const auto name = value_of(decode(arrived(message)).outcome).as<ref>();
  EXPECT_EQ(name, (ref{.node = {},
                       .session = "a",
                       .interpreter = 7,
                       .epoch = 3,
                       .slot = 5,
                       .type_name = {}}));
  EXPECT_EQ(name.type_name, "pathlib.Path");
}

TEST(Wire, WhenAReplyRaisedThenAllOfItComesBack) {
  const auto raised = raised_by(decode(reply_of(some_error())).outcome);
  EXPECT_EQ(raised.type, "ValueError");
  EXPECT_EQ(raised.module, "builtins");
  EXPECT_EQ(raised.traceback, "Traceback");
  ASSERT_EQ(raised.frames.size(), 2u);
  EXPECT_EQ(raised.frames[1].line, 4u);
  EXPECT_EQ(raised.notes, std::vector<std::string>{"note"});
  EXPECT_EQ(raised.mro.size(), 2u);
  ASSERT_TRUE(raised.cause);
  EXPECT_EQ(raised.cause->type, "ZeroDivisionError");
  ASSERT_TRUE(raised.context);
  EXPECT_EQ(raised.context->type, "ZeroDivisionError");
}

TEST(Wire, GivenAGroupThenItsMembersFactsAndObjectComeBack) {
  auto sent = some_error();
  sent.suppress_context = true;
  sent.facts = {{"dtype", "float64"}};
  sent.object.emplace().slot = 5;
  sent.exceptions = {some_error(), python_error{}};
  sent.exceptions[0].object.emplace().slot = 6; // nobody keeps it
  sent.exceptions[0].exceptions = {some_error()};
  const auto raised = raised_by(decode(reply_of(sent)).outcome);
  EXPECT_TRUE(raised.suppress_context);
  EXPECT_EQ(raised.facts, sent.facts);
  ASSERT_TRUE(raised.object);
  EXPECT_EQ(*raised.object, (ref{.node = {},
                                 .session = "a",
                                 .interpreter = 7,
                                 .epoch = 3,
                                 .slot = 5,
                                 .type_name = {}}));
  EXPECT_EQ(raised.object->type_name, "ValueError");
  ASSERT_EQ(raised.exceptions.size(), 2u);
  EXPECT_FALSE(raised.exceptions[0].suppress_context);
  EXPECT_FALSE(raised.exceptions[0].object);
  ASSERT_EQ(raised.exceptions[0].exceptions.size(), 1u);
  EXPECT_EQ(raised.exceptions[0].exceptions[0].notes.size(), 1u);
}

namespace {

std::size_t count(const python_error& told) {
  std::size_t sum = 1;
  if (told.cause)
    sum += count(*told.cause);
  if (told.context && told.context != told.cause)
    sum += count(*told.context);
  for (const auto& member : told.exceptions)
    sum += count(member);
  return sum;
}

} // namespace

// What no worker of ours would write: each a cause, a context and two members.
TEST(Wire, GivenExceptionsThatBranchWithoutEndThenTheyAreCutInAll) {
  wire::outgoing message;
  std::vector<schema::PythonError::Builder> level{
    message.builder().initRoot<schema::Reply>().initRaised()};
  for (int depth = 0; depth < 5; ++depth) {
    std::vector<schema::PythonError::Builder> next;
    for (auto& each : level) {
      next.push_back(each.initCause());
      next.push_back(each.initContext());
      auto members = each.initExceptions(2);
      next.push_back(members[0]);
      next.push_back(members[1]);
    }
    level = std::move(next);
  }
  const auto raised = raised_by(decode(arrived(message)).outcome);
  EXPECT_EQ(count(raised), limits::exception_chain_max);
}

TEST(Wire, GivenListsBeyondTheLimitsThenTheyAreCut) {
  wire::outgoing message;
  auto sent = message.builder().initRoot<schema::Reply>().initRaised();
  sent.initExceptions(100'000);
  sent.initFrames(100'000);
  sent.initNotes(100'000);
  sent.initMro(100'000);
  sent.initFacts(100'000);
  const auto raised = raised_by(decode(arrived(message)).outcome);
  EXPECT_EQ(raised.exceptions.size(), limits::exception_chain_max - 1);
  EXPECT_EQ(raised.frames.size(), limits::exception_frames_max);
  EXPECT_EQ(raised.notes.size(), limits::exception_notes_max);
  EXPECT_EQ(raised.mro.size(), limits::exception_bases_max);
  EXPECT_EQ(raised.facts.size(), limits::exception_facts_max);
}

TEST(Wire, WhenAWorkerRefusesThenItsCodeIsTheError) {
  const auto refused =
    decode(failure_of(static_cast<std::uint8_t>(errc::ref_released)));
  EXPECT_FALSE(refused.malformed);
  EXPECT_EQ(refused.outcome.error(), (error{errc::ref_released, "why"}));
}

TEST(Wire, GivenACodeNobodyKnowsThenTheReplyIsMalformed) {
  for (const int code : {0, static_cast<int>(errc::shutting_down) + 1, 255})
    EXPECT_TRUE(decode(failure_of(static_cast<std::uint8_t>(code))).malformed)
      << code;
}

TEST(Wire, WhenACallWasDroppedThenItsTimeRanOut) {
  wire::outgoing message;
  message.builder().initRoot<schema::Reply>().setDropped();
  const auto got = decode(arrived(message));
  EXPECT_FALSE(got.malformed);
  EXPECT_EQ(code_of(got.outcome), errc::deadline_exceeded);
  EXPECT_FALSE(got.outcome.error().may_have_run());
}

TEST(Wire, WhenARequestIsEncodedThenItsPartsAreOneFlatMessage) {
  const auto asked = asking(verb::call, "math", "pow", of_all_kinds(), 2);
  auto encoded = wire::encode_request(asked, 9, 1U << 20U);
  ASSERT_TRUE(encoded);
  const auto flat = arrived(**encoded);
  wire::incoming message{flat};
  const auto request = message.root<schema::Request>();
  EXPECT_EQ(request.getSession(), 9u);
  EXPECT_EQ(request.getModule(), "math");
  EXPECT_EQ(request.getName(), "pow");
  EXPECT_EQ(request.getPositional().size(), 2u);
}

TEST(Wire, GivenALimitThenALargerRequestIsRefusedByName) {
  const auto asked = asking(verb::call, "m", "f", std::string(2'000, 'x'));
  EXPECT_TRUE(wire::encode_request(asked, 1, 4'096));
  const auto refused = wire::encode_request(asked, 1, 1'024);
  EXPECT_EQ(code_of(refused), errc::payload_too_large);
  EXPECT_THAT(refused.error().message(), HasSubstr("1024 bytes"));
}

TEST(Wire, GivenTextBeyondTheFormatThenItIsTooLargeAndNoCrash) {
  const auto asked =
    asking(verb::call, "m", "f", std::string(std::size_t{1} << 29U, 'x'));
  EXPECT_EQ(code_of(wire::encode_request(asked, 1, std::size_t{1} << 40U)),
            errc::payload_too_large);
}

TEST(Wire, GivenTheDeepestValueThenItIsReadAndOneDeeperIsRefused) {
  value lists = 1;
  value dicts = 1;
  for (std::size_t i = 0; i < limits::value_depth_max; ++i) {
    lists = list{lists};
    dicts = dict{{"k", dicts}};
  }
  EXPECT_EQ(value_of(decode(reply_of(lists)).outcome), lists);
  EXPECT_EQ(value_of(decode(reply_of(dicts)).outcome), dicts);
  wire::outgoing message;
  EXPECT_THROW(
    wire::write_value(message.builder().initRoot<schema::Value>(), list{lists}),
    exception);
}

// Deeper than any worker of ours would write, and deep enough to end a stack.
TEST(Wire, GivenADeeperReplyThenItIsMalformed) {
  wire::outgoing message;
  auto at = message.builder().initRoot<schema::Reply>().initValue();
  for (int i = 0; i < 100'000; ++i)
    at = at.initList().initValues(1)[0];
  const auto got = decode(arrived(message));
  EXPECT_TRUE(got.malformed);
  EXPECT_EQ(code_of(got.outcome), errc::message_malformed);
}

TEST(Wire, GivenAListThatClaimsToBeHugeThenItIsMalformedAtOnce) {
  auto reply = reply_of(list{1, 2, 3});
  // Every word in turn as if it were a list pointer with the most items.
  for (auto& word : reply.message) {
    const auto before = word;
    std::uint64_t bits = 0;
    std::memcpy(&bits, &word, sizeof bits);
    bits |= 0xFFFFFFF800000000U;
    std::memcpy(static_cast<void*>(&word), &bits, sizeof bits);
    const auto got = decode(reply);
    EXPECT_TRUE(got.outcome || got.outcome.error().code() < errc{99});
    word = before;
  }
}

TEST(Wire, GivenAnEmptyMessageThenItIsNoCrash) {
  const auto got = decode(frame{});
  EXPECT_TRUE(got.malformed || got.outcome == value{});
}

// Numbers read as values would be one a word, each of which costs us sixteen
// bytes, and again wherever the message points at them.
TEST(Wire, GivenItemsSmallerThanTheyAreThenTheReplyIsMalformed) {
  wire::outgoing message;
  auto sent = message.builder().initRoot<schema::Reply>().initValue();
  sent.initList().initIntegers(100);
  auto reply = arrived(message);
  // After the table, the root and Reply; and after its value.
  constexpr std::size_t word_of_kind = 2 + capnp::sizeInWords<schema::Reply>();
  constexpr std::size_t word_of_items =
    word_of_kind + capnp::sizeInWords<schema::Value>();
  ASSERT_EQ(reply.message.at(word_of_kind), schema::Value::LIST);
  ASSERT_EQ(reply.message.at(word_of_items), schema::Items::INTEGERS);
  EXPECT_FALSE(decode(reply).malformed);
  reply.message[word_of_items] = schema::Items::VALUES;
  for (const auto kind :
       {schema::Value::LIST, schema::Value::TUPLE, schema::Value::DICT,
        schema::Value::SET, schema::Value::FROZENSET}) {
    reply.message[word_of_kind] = kind;
    EXPECT_TRUE(decode(reply).malformed) << kind;
  }
}

// A message of which one word points back to the root: each visit to a
// container would visit it again.
TEST(Wire, GivenTwoPointersToOneListThenReadingItEnds) {
  auto reply = reply_of(list{list{1}, list{list{2}}});
  std::mt19937 random{1};
  for (int i = 0; i < 2'000; ++i) {
    auto twisted = copy_of(reply);
    auto& to = twisted.message[random() % twisted.message.size()];
    to = twisted.message[random() % twisted.message.size()];
    static_cast<void>(decode(twisted));
  }
}

class HostileReply : public ::testing::TestWithParam<unsigned> {
protected:
  static std::vector<frame> samples() {
    std::vector<frame> made;
    made.push_back(reply_of(of_all_kinds()));
    made.push_back(reply_of(some_error()));
    made.push_back(failure_of(2));
    return made;
  }
  // Anything but a crash, and malformed means the error says so.
  static void expect_handled(const frame& received) {
    const auto got = decode(received);
    if (got.malformed) {
      EXPECT_EQ(code_of(got.outcome), errc::message_malformed);
    }
  }
};

TEST_P(HostileReply, WhenBitsAreFlippedThenItIsAValueOrMalformed) {
  std::mt19937 random{GetParam()};
  for (const auto& sample : samples())
    for (int i = 0; i < 2'000; ++i) {
      auto flipped = copy_of(sample);
      auto* at = reinterpret_cast<unsigned char*>(flipped.message.data());
      const auto bytes = flipped.message.size() * sizeof(word);
      for (auto flips = 1 + random() % 4; flips > 0; --flips)
        at[random() % bytes] ^= static_cast<unsigned char>(1U << random() % 8);
      expect_handled(flipped);
    }
}

TEST_P(HostileReply, WhenItIsCutThenItIsAValueOrMalformed) {
  std::mt19937 random{GetParam()};
  for (const auto& sample : samples())
    for (std::size_t words = 0; words < sample.message.size(); ++words) {
      auto cut = copy_of(sample);
      cut.message.resize(words);
      expect_handled(cut);
      if (words > 0)
        std::memset(static_cast<void*>(&cut.message[random() % words]), 0xFF,
                    sizeof(word));
      expect_handled(cut);
    }
}

// Replay one seed: --gtest_filter='*HostileReply*/seed_3'
INSTANTIATE_TEST_SUITE_P(Seeds, HostileReply, ::testing::Range(1U, 5U),
                         [](const auto& tested) {
                           return "seed_" + std::to_string(tested.param);
                         });

} // namespace snakebridge::testing
