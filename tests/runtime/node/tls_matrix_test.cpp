// What each side of a TLS link may be wrong in, each by the name under which
// both sides are told of it. One that is right stands opposite.
#include "tests/runtime/node/certificates.hpp"
#include "tests/runtime/node/node_fixture.hpp"
#include "tests/runtime/node/raw_socket.hpp"

#include "runtime/node/greeting.hpp"

namespace snakebridge::testing {

namespace {

enum class files {
  right,
  none,
  of_a_stranger, ///< signed by an authority that the other does not know
  of_another,    ///< in whose certificate its name is not
  without_name,
  expired,
  missing,
};

struct row {
  const char* name;
  files listener, dialer;
  refusal told_listener;
  /// In TLS 1.3 who dials is done before its certificate is looked at: it may
  /// hear why, or just the end.
  std::vector<refusal> told_dialer;
};

const row rows[] = {
  {"ListenerHasNone",
   files::none,
   files::right,
   refusal::ended,
   {refusal::tls_missing}},
  {"DialerHasNone",
   files::right,
   files::none,
   refusal::ended,
   {refusal::tls_wanted}},
  {"ListenerIsAStranger",
   files::of_a_stranger,
   files::right,
   refusal::tls_failed,
   {refusal::tls_failed}},
  {"DialerIsAStranger",
   files::right,
   files::of_a_stranger,
   refusal::tls_failed,
   {refusal::tls_failed, refusal::ended, refusal::malformed}},
  {"ListenerHasAnotherName",
   files::of_another,
   files::right,
   refusal::tls_failed,
   {refusal::tls_failed}},
  {"DialerHasAnotherName",
   files::right,
   files::of_another,
   refusal::name_differs,
   {refusal::name_differs}},
  // TLS takes its common name for one, and we do not.
  {"ListenerHasNoName",
   files::without_name,
   files::right,
   refusal::ended,
   {refusal::name_differs}},
  {"DialerHasNoName",
   files::right,
   files::without_name,
   refusal::name_differs,
   {refusal::name_differs}},
  {"ListenerHasExpired",
   files::expired,
   files::right,
   refusal::tls_failed,
   {refusal::tls_failed}},
  {"DialerHasExpired",
   files::right,
   files::expired,
   refusal::tls_failed,
   {refusal::tls_failed, refusal::ended, refusal::malformed}},
  {"ListenerMissesAFile",
   files::missing,
   files::right,
   refusal::tls_files,
   {refusal::ended}},
  {"DialerMissesAFile",
   files::right,
   files::missing,
   refusal::ended,
   {refusal::tls_files}},
};

} // namespace

class TlsFixture : public ::testing::Test {
protected:
  link_settings node(const std::string& name, files which = files::right) {
    auto made = test_node::named(name);
    made.handshake_limit = milliseconds{1'000};
    made.tls = files_of(name, which);
    return made;
  }
  tls_files files_of(const std::string& name, files which) {
    switch (which) {
    case files::none:
      return {};
    case files::of_a_stranger: {
      auto made = stranger_.issue(name);
      made.ca = trusted_.file(); // it believes the other
      return made;
    }
    case files::of_another:
      return trusted_.issue("another");
    case files::without_name:
      return trusted_.issue(name, "");
    case files::expired:
      return trusted_.issue(name, "DNS:" + name, -60);
    case files::missing: {
      auto made = trusted_.issue(name);
      made.key = folder_ / "nowhere.key";
      return made;
    }
    case files::right:
      break;
    }
    return trusted_.issue(name);
  }
  /// The first time it was refused there, by name and with the code of that.
  static refusal told(const test_node& to) {
    const auto first = to.refused.first();
    EXPECT_EQ(first.told.code(), to_error(first.why, "").code());
    EXPECT_THAT(first.told.message(),
                ::testing::StartsWith(std::string{to_string(first.why)}));
    return first.why;
  }
  /// It is no worse for all that.
  void expect_it_links(test_node& listener) {
    test_node other{node("other"), {}};
    other.link_to(listener);
  }

private:
  const scratch_folder folder_;
  const authority trusted_{folder_};
  const authority stranger_{folder_, "stranger"};
};

class TlsMatrix : public TlsFixture,
                  public ::testing::WithParamInterface<row> {};

TEST_P(TlsMatrix, GivenOneThatIsWrongThenBothAreToldByName) {
  const auto& wanted = GetParam();
  test_node listens{node("alpha", wanted.listener), {}},
    dials{node("beta", wanted.dialer), {}};
  ASSERT_TRUE(dials.links.dial(listens.address()));
  EXPECT_THAT(wanted.told_dialer, ::testing::Contains(told(dials)));
  EXPECT_EQ(told(listens), wanted.told_listener);
  EXPECT_EQ(listens.up.size() + dials.up.size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, TlsMatrix, ::testing::ValuesIn(rows),
                         [](const auto& tested) { return tested.param.name; });

class TlsPeers : public TlsFixture {
protected:
  static greeting::bytes greets(greeting::way next) {
    return greeting{next, "alpha"}.encoded();
  }
  /// Dials what answers these bytes and no more, until it is left.
  refusal dialed(const std::string& answer) {
    const raw_listener listens;
    test_node dials{node("beta"), {}};
    EXPECT_TRUE(dials.links.dial(listens.address()));
    const auto peer = listens.accept();
    ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return told(dials);
  }
  /// Is dialed by what says these bytes after the greeting, and no more.
  refusal listened(const std::string& said) {
    test_node listens{node("alpha"), {}};
    const raw_socket dials{raw_socket::port_of(listens.address())};
    EXPECT_EQ(dials.receive(sizeof(greeting::bytes)).size(),
              sizeof(greeting::bytes));
    EXPECT_TRUE(dials.send(said.data(), said.size()));
    const auto why = told(listens);
    EXPECT_TRUE(dials.is_ended());
    expect_it_links(listens);
    return why;
  }
  static std::string text_of(const greeting::bytes& from) {
    return {from.data(), from.size()};
  }
  static std::string noise() {
    std::string made;
    for (const auto each : words(1'000))
      made += static_cast<char>(each >> 32U);
    return made;
  }
  /// The head of a TLS record that announces more than follows.
  static std::string begun() { return {"\x16\x03\x01\x02\x00\x01", 6}; }
};

TEST_F(TlsPeers, GivenAListenerThatGoesOnInTheClearThenItIsLeft) {
  EXPECT_EQ(dialed(text_of(greets(greeting::way::plain))),
            refusal::tls_missing);
}

TEST_F(TlsPeers, GivenADialerThatGoesOnInTheClearThenItIsRefused) {
  // The beginning of an RPC message: one segment of four words.
  EXPECT_EQ(listened({"\0\0\0\0\4\0\0\0\0\0\0\0\1\0\1\0", 16}),
            refusal::tls_failed);
}

TEST_F(TlsPeers, GivenAListenerOfNoiseThenItIsLeft) {
  EXPECT_EQ(dialed(noise()), refusal::malformed);
  EXPECT_EQ(dialed(text_of(greets(greeting::way::tls)) + noise()),
            refusal::tls_failed);
}

TEST_F(TlsPeers, GivenADialerOfNoiseThenItIsRefused) {
  EXPECT_EQ(listened(noise()), refusal::tls_failed);
}

TEST_F(TlsPeers, GivenASlowListenerThenItIsLeftInTime) {
  EXPECT_EQ(dialed("sb-n"), refusal::too_late);
  EXPECT_EQ(dialed(text_of(greets(greeting::way::tls)) + begun()),
            refusal::too_late);
}

TEST_F(TlsPeers, GivenASlowDialerThenItIsRefusedInTime) {
  EXPECT_EQ(listened(begun()), refusal::too_late);
}

} // namespace snakebridge::testing
