#include "src/sds/served_secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/envoy/resource.h"
#include "src/sds/test_files.h"

namespace k8sgw::sds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServedSecretTest : public testing::Test {
 protected:
  std::vector<std::string> Take(const std::vector<file::FileEvent>& events, int64_t now = kNow) {
    std::vector<std::string> names;
    for (const auto& resource : secret_.Take(events, now).resources) {
      names.push_back(resource->name);
      last_.ParseFromString(envoy::JoinBytes(*resource));
    }
    return names;
  }

  ServedSecret secret_{{.folder = "/ssl", .certificate_name = "cert", .authority_name = "ca"}};
  ::envoy::extensions::transport_sockets::tls::v3::Secret last_;
};

TEST_F(ServedSecretTest, ServesAPairAndItsAuthorities) {
  const TestPair pair(kNow, 100);
  EXPECT_THAT(Take({Content("tls.crt", pair.certificate), Content("tls.key", pair.key)}), ElementsAre("cert"));
  EXPECT_EQ(last_.tls_certificate().certificate_chain().inline_string(), pair.certificate);
  EXPECT_EQ(last_.tls_certificate().private_key().inline_string(), pair.key);
  EXPECT_FALSE(secret_.complete());
  EXPECT_THAT(secret_.problem(), HasSubstr("/ssl: ca.crt there is no such file"));
  EXPECT_THAT(Take({Content("ca.crt", pair.certificate)}), ElementsAre("ca"));
  EXPECT_EQ(last_.validation_context().trusted_ca().inline_string(), pair.certificate);
  EXPECT_TRUE(secret_.complete());
  EXPECT_EQ(secret_.problem(), "");
  // The same again is nothing new.
  EXPECT_THAT(Take({Content("tls.crt", pair.certificate), Content("ca.crt", pair.certificate)}), IsEmpty());
}

TEST_F(ServedSecretTest, APairThatDoesNotFitWaitsForItsOtherHalf) {
  const TestPair old(kNow, 100);
  const TestPair fresh(kNow, 100);
  Take({Content("tls.crt", old.certificate), Content("tls.key", old.key), Content("ca.crt", old.certificate)});
  EXPECT_THAT(Take({Content("tls.crt", fresh.certificate)}), IsEmpty());
  EXPECT_THAT(secret_.problem(), HasSubstr("not that of the first certificate: the one before is served on"));
  EXPECT_THAT(Take({Content("tls.key", fresh.key)}), ElementsAre("cert"));
  EXPECT_EQ(secret_.problem(), "");
}

TEST_F(ServedSecretTest, WhatIsBrokenOrGoneKeepsWhatWasGood) {
  const TestPair pair(kNow, 100);
  Take({Content("tls.crt", pair.certificate), Content("tls.key", pair.key), Content("ca.crt", pair.certificate)});
  const std::string half = pair.certificate.substr(0, pair.certificate.size() / 2);
  for (const file::FileEvent& event :
       {Content("tls.crt", half), Content("tls.crt", ""), Content("tls.key", "x"), Content("ca.crt", half),
        Content("ca.crt", "\xff"), file::FileEvent{file::FileEvent::Kind::kGone, "tls.key", ""},
        file::FileEvent{file::FileEvent::Kind::kUnreadable, "ca.crt", "cannot be read: Permission denied"}}) {
    EXPECT_THAT(Take({event}), IsEmpty());
    EXPECT_THAT(secret_.problem(), HasSubstr("served on")) << event.path << " " << event.content;
    EXPECT_TRUE(secret_.complete());
    Take({Content("tls.crt", pair.certificate), Content("tls.key", pair.key), Content("ca.crt", pair.certificate)});
    EXPECT_EQ(secret_.problem(), "");
  }
}

TEST_F(ServedSecretTest, AnExpiredPairDoesNotReplaceAGoodOne) {
  const TestPair good(kNow, 100);
  const TestPair expired(kNow - 200, 100);
  Take({Content("tls.crt", good.certificate), Content("tls.key", good.key)});
  EXPECT_THAT(Take({Content("tls.crt", expired.certificate), Content("tls.key", expired.key)}), IsEmpty());
  EXPECT_THAT(secret_.problem(), HasSubstr("tls.crt is not good now"));
  // When both have expired, the newest counts.
  EXPECT_THAT(Take({Content("tls.key", expired.key)}, kNow + 101), ElementsAre("cert"));
}

TEST_F(ServedSecretTest, AnExpiredPairIsBetterThanNothing) {
  const TestPair expired(kNow - 200, 100);
  EXPECT_THAT(Take({Content("tls.crt", expired.certificate), Content("tls.key", expired.key)}), ElementsAre("cert"));
  EXPECT_THAT(secret_.problem(), HasSubstr("renew it"));
}

TEST_F(ServedSecretTest, FilesOfFoldersBelowDoNotCount) {
  const TestPair pair(kNow, 100);
  EXPECT_THAT(Take({Content("sub/tls.crt", pair.certificate), Content("sub/tls.key", pair.key)}), IsEmpty());
}

}  // namespace
}  // namespace k8sgw::sds
