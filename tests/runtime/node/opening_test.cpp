// TLS between nodes: each wrong certificate, file and peer, by name.
#include "runtime/node/opening.hpp"
#include "tests/runtime/node/certificates.hpp"
#include "tests/runtime/node/node_fixture.hpp"
#include "tests/runtime/node/raw_socket.hpp"

#include <fstream>

#include <openssl/ssl.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Tls : public ::testing::Test {
protected:
  link_settings with(const std::string& name, tls_files files) {
    auto made = test_node::named(name);
    made.tls = std::move(files);
    return made;
  }
  /// What each of the two is told: who listens, who dials.
  std::pair<refusal, refusal> refusals(link_settings of_listener,
                                       link_settings of_dialer) {
    test_node listens{std::move(of_listener), {}},
      dials{std::move(of_dialer), {}};
    EXPECT_TRUE(dials.links.dial(listens.address()));
    const auto there = dials.refused.first();
    const auto here = listens.refused.first();
    EXPECT_EQ(listens.up.size() + dials.up.size(), 0U);
    EXPECT_EQ(here.told.code(), to_error(here.why, "").code());
    return {here.why, there.why};
  }

  const scratch_folder folder;
  const authority trusted{folder};
  const authority stranger{folder, "stranger"};
};

TEST_F(Tls, GivenCertificatesOfOneAuthorityThenTheyAreLinked) {
  test_node alpha{with("alpha", trusted.issue("alpha")), {}},
    beta{with("beta", trusted.issue("beta")), {}};
  beta.link_to(alpha);
  const auto session = beta.open("alpha");
  const auto request = words(300'000);
  EXPECT_TRUE(*test_call(*session, request).answer() == request);
}

TEST_F(Tls, GivenADialerOfAnotherAuthorityThenBothAreToldSo) {
  const auto [here, there] =
    refusals(with("alpha", trusted.issue("alpha")), [&] {
      auto files = stranger.issue("beta");
      files.ca = trusted.file(); // it believes the other
      return with("beta", files);
    }());
  EXPECT_EQ(here, refusal::tls_failed);
  // TLS 1.3 lets a client finish before the server has looked at it.
  EXPECT_THAT(there, ::testing::AnyOf(refusal::tls_failed, refusal::ended,
                                      refusal::malformed));
}

TEST_F(Tls, GivenAListenerOfAnotherAuthorityThenItIsLeft) {
  const auto [here, there] = refusals(with("alpha", stranger.issue("alpha")),
                                      with("beta", trusted.issue("beta")));
  EXPECT_EQ(there, refusal::tls_failed);
  EXPECT_EQ(here, refusal::tls_failed);
}

TEST_F(Tls, GivenADialerThatSaysAnotherNameThenItIsToldSo) {
  const auto [here, there] = refusals(with("alpha", trusted.issue("alpha")),
                                      with("beta", trusted.issue("gamma")));
  EXPECT_EQ(here, refusal::name_differs);
  EXPECT_EQ(there, refusal::name_differs);
}

TEST_F(Tls, GivenAListenerThatSaysAnotherNameThenItIsLeft) {
  const auto [here, there] = refusals(with("alpha", trusted.issue("gamma")),
                                      with("beta", trusted.issue("beta")));
  EXPECT_EQ(there, refusal::tls_failed);
}

// Neither a common name nor a wildcard is a name of a node.
TEST_F(Tls, GivenNoAlternativeNameThenTheCommonNameIsNone) {
  const auto [here, there] = refusals(with("alpha", trusted.issue("alpha")),
                                      with("beta", trusted.issue("beta", "")));
  EXPECT_EQ(here, refusal::name_differs);
}

TEST_F(Tls, GivenAWildcardThenItIsNoName) {
  const auto [here, there] = refusals(
    with("alpha", trusted.issue("alpha")),
    with("beta.nodes.test", trusted.issue("beta", "DNS:*.nodes.test")));
  EXPECT_EQ(here, refusal::name_differs);
}

// OpenSSL takes it for all names that end so.
TEST_F(Tls, GivenANameThatBeginsWithADotThenItIsNone) {
  const auto [here, there] =
    refusals(with("alpha", trusted.issue("alpha")),
             with(".lan", trusted.issue("beta", "DNS:beta.lan")));
  EXPECT_EQ(here, refusal::name_invalid);
  EXPECT_EQ(there, refusal::name_invalid);
}

TEST_F(Tls, GivenACertificateThatHasExpiredThenItIsNotAccepted) {
  const auto old = trusted.issue("beta", "DNS:beta", -60);
  EXPECT_EQ(
    refusals(with("alpha", trusted.issue("alpha")), with("beta", old)).first,
    refusal::tls_failed);
  EXPECT_EQ(
    refusals(with("beta", old), with("alpha", trusted.issue("alpha"))).second,
    refusal::tls_failed);
}

TEST_F(Tls, GivenADialerWithoutThenItIsToldWhatToSet) {
  test_node listens{with("alpha", trusted.issue("alpha")), {}}, dials{"beta"};
  ASSERT_TRUE(dials.links.dial(listens.address()));
  const auto why = dials.refused.first();
  EXPECT_EQ(why.why, refusal::tls_wanted);
  EXPECT_THAT(why.told.message(), HasSubstr("node.tls_certificate"));
}

TEST_F(Tls, GivenAListenerWithoutThenItIsLeft) {
  test_node listens{"alpha"}, dials{with("beta", trusted.issue("beta")), {}};
  ASSERT_TRUE(dials.links.dial(listens.address()));
  EXPECT_EQ(dials.refused.first().why, refusal::tls_missing);
}

TEST_F(Tls, GivenAMissingFileThenThatIsSaidAndNotWhatFollows) {
  for (auto tls_files::*which :
       {&tls_files::certificate, &tls_files::key, &tls_files::ca}) {
    auto files = trusted.issue("beta");
    files.*which = folder / "nowhere.pem";
    test_node listens{with("alpha", trusted.issue("alpha")), {}},
      dials{with("beta", files), {}};
    ASSERT_TRUE(dials.links.dial(listens.address()));
    const auto why = dials.refused.first();
    EXPECT_EQ(why.why, refusal::tls_files);
    EXPECT_EQ(why.told.code(), errc::config_invalid);
    EXPECT_THAT(why.told.message(), HasSubstr("nowhere.pem"));
  }
}

TEST_F(Tls, GivenAFileThatIsNoneThenThatIsSaid) {
  auto files = trusted.issue("alpha");
  files.certificate = folder / "noise.pem";
  std::ofstream{files.certificate} << "-----BEGIN CERTIFICATE-----\nxyz\n";
  test_node listens{with("alpha", files), {}},
    dials{with("beta", trusted.issue("beta")), {}};
  ASSERT_TRUE(dials.links.dial(listens.address()));
  EXPECT_EQ(listens.refused.first().why, refusal::tls_files);
}

// Read at each handshake: a node need not be restarted for a new certificate.
TEST_F(Tls, WhenACertificateIsRenewedThenTheNextHandshakeHasIt) {
  auto files = trusted.issue("beta", "DNS:beta", -60);
  test_node alpha{with("alpha", trusted.issue("alpha")), {}},
    beta{with("beta", files), {}};
  ASSERT_TRUE(beta.links.dial(alpha.address()));
  EXPECT_EQ(alpha.refused.first().why, refusal::tls_failed);
  trusted.issue("beta"); // of the same files
  EXPECT_TRUE(beta.is_linked_with("alpha"));
}

TEST_F(Tls, GivenAClientOfTls12ThenItIsNotAccepted) {
  test_node alpha{with("alpha", trusted.issue("alpha")), {}};
  const auto handshake = [&](int version) {
    const auto files = trusted.issue("beta");
    auto* const context = ::SSL_CTX_new(::TLS_client_method());
    ::SSL_CTX_set_max_proto_version(context, version);
    ::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str());
    ::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM);
    const raw_socket to{raw_socket::port_of(alpha.address())};
    to.receive(sizeof(greeting::bytes));
    auto* const tls = ::SSL_new(context);
    ::SSL_set_fd(tls, to.number());
    const int outcome = ::SSL_connect(tls);
    ::SSL_free(tls);
    ::SSL_CTX_free(context);
    return outcome;
  };
  EXPECT_EQ(handshake(TLS1_3_VERSION), 1);
  EXPECT_NE(handshake(TLS1_2_VERSION), 1);
}

TEST(Attempts, GivenSeveralAddressesThenOneThatRefusesProvesNothing) {
  link_attempt attempt{.address = "alpha.test:1"};
  const auto how =
    KJ_EXCEPTION(DISCONNECTED, "connect()", "Connection refused");
  EXPECT_EQ(attempt.failed(how).why, refusal::refused);
  attempt.has_several_addresses = true;
  EXPECT_EQ(attempt.failed(how).why, refusal::unreachable);
}

TEST(Attempts, WhenTheSystemHasTooFewThenThatIsSaid) {
  const link_attempt attempt{.address = "alpha.test:1"};
  const auto how = KJ_EXCEPTION(OVERLOADED, "socket()", "Too many open files");
  EXPECT_THAT(attempt.failed(how).what, HasSubstr("Too many open files"));
}

// A process that is killed then.
TEST(Attempts, WhenItsConnectionEndsInTlsThenNoCertificateIsBlamed) {
  const link_attempt attempt{.at = link_attempt::stage::tls,
                             .address = "alpha.test:1"};
  EXPECT_EQ(attempt.failed(KJ_EXCEPTION(DISCONNECTED, "reset by peer")).why,
            refusal::ended);
  EXPECT_EQ(attempt.failed(KJ_EXCEPTION(FAILED, "unknown ca")).why,
            refusal::tls_failed);
}

TEST(Addresses, GivenSeveralThenAllMustBeLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1:0"));
  EXPECT_TRUE(is_loopback("[::1]:0,127.1.2.3:0"));
  EXPECT_FALSE(is_loopback("127.0.0.1:0,10.0.0.1:0"));
  EXPECT_FALSE(is_loopback("0.0.0.0:0"));
  EXPECT_FALSE(is_loopback("*:0"));
  EXPECT_FALSE(is_loopback(""));
}

} // namespace snakebridge::testing
