#include "tests/fuzz/seeds.hpp"

#include <limits>

#include <snakebridge/result.hpp>

#include "tests/fuzz/builders.hpp"
#include "tests/support/some_error.hpp"

namespace snakebridge::fuzz {

namespace {

struct named_sample {
  const char* name;
  value item;
};

std::vector<named_sample> scalars() {
  const timezone paris{
    .key = "Europe/Paris", .offset = timedelta{0, 3600, 0}, .name = {}};
  const timezone named{
    .key = {}, .offset = timedelta{-1, 82800, 0}, .name = "X"};
  return {
    {"none", none},
    {"boolean", true},
    {"integer", std::numeric_limits<std::int64_t>::min()},
    {"floating", -0.5},
    {"string", "text \U0001F40D"},
    {"bytes", bytes{"\xff\0", 2}},
    {"big_integer", value::of_integer(integer{"-1" + std::string(40, '0')})},
    {"complex", std::complex<double>{1, -2}},
    {"date", date{2024, 2, 29}},
    {"time", time{23, 59, 58, 999'999, 1, named}},
    {"time_without_zone", time{1, 2, 3, 4, 0, {}}},
    {"datetime", datetime{{9999, 12, 31}, {12, 0, 0, 0, 0, paris}}},
    {"timedelta", timedelta{-999'999'999, 86'399, 1}},
    {"decimal", decimal{"-1.50E+7"}},
    {"uuid", uuid::parse("00112233-4455-6677-8899-aabbccddeeff")},
    {"atom", atom{"ok"}},
    {"typed", value::of_type("numpy.float32", 1.5)},
    {"typed_bytes", value::of_type("bytearray", bytes{"ab"})}};
}

std::vector<named_sample> containers() {
  return {{"list", list{1, "two", list{}, none}},
          {"tuple", tuple{1, tuple{2.5}}},
          {"dict", dict{{"k", dict{{tuple{1}, "v"}}}, {2, none}}},
          {"floats", list{1.5, std::numeric_limits<double>::quiet_NaN()}},
          {"integers", list{1, -1, 1 << 30}},
          {"texts", list{"", "a", "\xc3\xa4"}},
          {"lists", list{list{1}, list{}, list{2.5, list{"a"}}}},
          {"records", list{dict{{"a", 1}, {"b", list{1.5}}},
                           dict{{"a", none}, {"b", list{}}}}},
          {"set", set{1, "a", tuple{}}},
          {"frozenset", frozenset{frozenset{1}, 2}},
          {"large_dict", [] {
             dict entries;
             for (int at = 0; at < 40; ++at)
               entries.set(at, at);
             return entries;
           }()}};
}

std::vector<named_sample> samples() {
  auto all = scalars();
  for (auto& each : containers())
    all.push_back(std::move(each));
  return all;
}

void add_replies(corpus& to) {
  for (const auto& each : samples())
    to[std::string{"reply_"} + each.name] =
      reply_value([&](auto value) { wire::write_value(value, each.item); });
  to["reply_ref"] = reply_value([](auto value) {
    auto name = value.initRef();
    name.setSlot(5);
    name.setTypeName("pathlib.Path");
    name.setIsStream(true);
  });
  to["reply_unserializable"] = reply_value([](auto value) {
    auto marker = value.initUnserializable();
    marker.setTypeName("object");
    marker.setRepr("<object>");
  });
  to["reply_raised"] = reply_of([](auto reply) {
    wire::write_raised(reply.initRaised(), testing::some_error());
  });
  to["reply_failed"] = reply_of([](auto reply) {
    auto failure = reply.initFailed();
    failure.setCode(static_cast<std::uint8_t>(errc::ref_released));
    failure.setMessage("why");
  });
  to["reply_items"] = reply_of([](auto reply) {
    auto items = reply.initItems().initValues(3);
    wire::write_value(items[0], 5);
    wire::write_value(items[2], list{"a", 2.5});
    reply.initValue().setBoolean(true);
  });
  to["reply_dropped"] = reply_of([](auto reply) { reply.setDropped(); });
}

void add_called(corpus& to) {
  to["called"] = message_of<schema::Called>(target::called, [](auto called) {
    called.setSession(2);
    called.setCallback(3);
    called.setVisit(4);
    auto positional = called.initPositional(2);
    wire::write_value(positional[0], list{1, "two"});
    positional[1].initRef().setSlot(7);
    auto named = called.initNamed(1)[0];
    named.setName("key");
    wire::write_value(named.initValue(), dict{{"a", 1.5}});
  });
}

void add_control(corpus& to) {
  to["failed"] = message_of<schema::Failure>(target::failed, [](auto failure) {
    failure.setCode(static_cast<std::uint8_t>(errc::environment_invalid));
    failure.setMessage("no such Python");
  });
  to["ready"] = message_of<schema::Ready>(target::failed, [](auto) {});
  to["start"] = message_of<schema::Start>(target::start, [](auto start) {
    start.setPython("/usr/bin/python3");
    start.setPayloadBytesMax(1U << 30U);
    start.setBuild("0.1.0-0123456789abcdef");
  });
  to["release"] = message_of<schema::Release>(
    target::release, [](auto release) { release.setSession(2); });
  to["release_slots"] =
    message_of<schema::Release>(target::release, [](auto release) {
      release.setSession(2);
      release.initSlots(2).set(1, 7);
    });
}

void append_request(input& to, const operation& asked) {
  auto message = wire::encode_request(asked, 2, 1U << 20U);
  append_message(to, **message);
}

input request_of(const operation& asked) {
  auto made = begun(target::request);
  append_request(made, asked);
  return made;
}

void add_requests(corpus& to) {
  // Slot 1 is there.
  const ref object{.node = {},
                   .session = {},
                   .interpreter = 0,
                   .epoch = 0,
                   .slot = 1,
                   .type_name = {}};
  for (unsigned number = 0; number <= static_cast<unsigned>(last_verb);
       ++number)
    to["request_verb_" + std::to_string(number)] =
      request_of({.what = static_cast<verb>(number),
                  .module = "math",
                  .name = "sqrt",
                  .target = object,
                  .positional = {1, "two"},
                  .named = {{"three", 3.0}}});
  for (const auto& each : samples())
    to[std::string{"request_"} + each.name] =
      request_of({.name = "f", .positional = {each.item}});
  to["request_path"] = request_of({.what = verb::read,
                                   .target = object,
                                   .path = {{.name = "a.b"},
                                            {.key = tuple{0, ellipsis}},
                                            {.key = slice(1, none, object)}}});
  to["request_ref"] = request_of({.name = "f", .positional = {object}});
  for (const auto* type : {"memoryview", "numpy.str_", "numpy.bytes_",
                           "numpy.int8", "numpy.complex64", "os.system"})
    to[std::string{"request_typed_"} + type] =
      request_of({.name = "f",
                  .positional = {value::of_type(type, 3),
                                 value::of_type(type, bytes{"ab"}),
                                 value::of_type(type, "3")}});
}

void append_frame(input& to, frame_kind kind, const input& message) {
  const auto bytes = message.size() - sizeof(word);
  const frame_header header{
    .words = static_cast<std::uint32_t>(bytes / sizeof(word)),
    .kind = kind,
    .call = 7,
    .deadline_ns = std::numeric_limits<std::int64_t>::max()};
  append(to, &header, sizeof header);
  append(to, message.data() + sizeof(word), bytes);
}

void add_streams(corpus& to) {
  auto made = begun(target::stream, {0, 1, 2, 3, 4, 5, 6});
  append_frame(made, frame_kind::start, to.at("start"));
  append_frame(made, frame_kind::ready, to.at("ready"));
  append_frame(made, frame_kind::request, to.at("request_list"));
  append_frame(made, frame_kind::release, to.at("release"));
  append_frame(made, frame_kind::reply, to.at("reply_list"));
  append_frame(made, frame_kind::failed, to.at("failed"));
  to["stream_in_pieces"] = made;
  made[1] = made[2] = 255;
  to["stream_at_once"] = made;
  made.resize(made.size() - 3);
  to["stream_cut"] = made;
  made = begun(target::stream, {200});
  append_frame(made, frame_kind{9}, to.at("ready"));
  to["stream_of_no_known_kind"] = made;
  made = begun(target::stream, {20, 30, 1});
  input large = begun(target::reply);
  large.resize(sizeof(word) + 4'096, 'x');
  append_frame(made, frame_kind::reply, large);
  append_frame(made, frame_kind::reply, large);
  to["stream_of_large_frames"] = made;
}

} // namespace

std::map<std::string, input> seeds() {
  corpus made;
  add_replies(made);
  add_control(made);
  add_called(made);
  add_requests(made);
  add_streams(made);
  add_hostile_seeds(made);
  return made;
}

} // namespace snakebridge::fuzz
