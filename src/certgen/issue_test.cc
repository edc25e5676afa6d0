#include "src/certgen/issue.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include "src/certgen/test_material.h"

namespace k8sgw::certgen {
namespace {

class IssueTest : public testing::Test {
 protected:
  void Make(const Subject& subject) {
    const auto issued = Issue(subject, kNow, 365 * kDay);
    ASSERT_TRUE(issued.ok()) << issued.status();
    const auto pair = pem::ReadPair(issued->certificate, issued->key);
    ASSERT_TRUE(pair.ok()) << pair.status();
    ASSERT_EQ(pair->chain.size(), 1u);
    leaf_ = pair->chain.front();
    const auto authorities = pem::ReadCertificates(issued->authority);
    ASSERT_TRUE(authorities.ok() && authorities->size() == 1) << authorities.status();
    ca_ = authorities->front();
  }
  bool Purpose(int purpose, bool as_ca = false) const {
    return X509_check_purpose(as_ca ? ca_.get() : leaf_.get(), purpose, as_ca ? 1 : 0) == 1;
  }

  pem::Certificate leaf_;
  pem::Certificate ca_;
};

TEST_F(IssueTest, TheLeafIsSignedNamedAndDated) {
  Make({.service = "gloo", .ns = "gloo-system"});
  EXPECT_TRUE(pem::Verify({leaf_}, {ca_}, kNow).ok());
  EXPECT_EQ(X509_verify(leaf_.get(), X509_get0_pubkey(ca_.get())), 1);
  for (const char* name : {"gloo", "gloo.gloo-system", "gloo.gloo-system.svc", "gloo.gloo-system.svc.cluster.local"})
    EXPECT_TRUE(pem::HasName(leaf_, name)) << name;
  for (const char* name : {"other", "gloo.other.svc", "gloo.gloo-system.svc.elsewhere"})
    EXPECT_FALSE(pem::HasName(leaf_, name)) << name;
  char common_name[256];
  X509_NAME_get_text_by_NID(X509_get_subject_name(leaf_.get()), NID_commonName, common_name, sizeof(common_name));
  EXPECT_STREQ(common_name, "gloo.gloo-system.svc");
  EXPECT_EQ(pem::NotAfter(leaf_), kNow + 365 * kDay);
  EXPECT_EQ(pem::NotBefore(leaf_), kNow - 300);
  // Its end, and a time before it was made.
  EXPECT_FALSE(pem::Verify({leaf_}, {ca_}, kNow + 366 * kDay).ok());
  EXPECT_FALSE(pem::Verify({leaf_}, {ca_}, kNow - 400).ok());
}

TEST_F(IssueTest, UsesAreThoseOfServersAndClients) {
  Make({.service = "gloo", .ns = "gloo-system"});
  EXPECT_TRUE(Purpose(X509_PURPOSE_SSL_SERVER) && Purpose(X509_PURPOSE_SSL_CLIENT));
  EXPECT_FALSE(Purpose(X509_PURPOSE_SMIME_SIGN));
  EXPECT_EQ(X509_check_ca(leaf_.get()), 0);
  EXPECT_EQ(X509_check_ca(ca_.get()), 1);
  EXPECT_EQ(X509_get_pathlen(ca_.get()), 0);
  EXPECT_EQ(X509_get_key_usage(leaf_.get()), uint32_t{KU_DIGITAL_SIGNATURE});
  EXPECT_EQ(X509_get_key_usage(ca_.get()), uint32_t{KU_KEY_CERT_SIGN | KU_CRL_SIGN});
  EXPECT_EQ(X509_get_version(leaf_.get()), X509_VERSION_3);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(leaf_.get())), 256);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf_.get()), X509_get0_subject_key_id(ca_.get())), 0);
}

TEST_F(IssueTest, TwoHaveNothingInCommon) {
  Make({.service = "gloo", .ns = "gloo-system"});
  const pem::Certificate leaf = leaf_;
  const pem::Certificate ca = ca_;
  Make({.service = "gloo", .ns = "gloo-system"});
  EXPECT_FALSE(pem::Verify({leaf}, {ca_}, kNow).ok());
  EXPECT_NE(X509_NAME_cmp(X509_get_subject_name(ca.get()), X509_get_subject_name(ca_.get())), 0);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf.get()), X509_get0_serialNumber(leaf_.get())), 0);
}

TEST_F(IssueTest, LongNamesAreOnlyAlternativeOnes) {
  const std::string service(63, 's');
  Make({.service = service, .ns = std::string(63, 'n')});
  EXPECT_TRUE(pem::HasName(leaf_, service + "." + std::string(63, 'n') + ".svc"));
  EXPECT_EQ(X509_NAME_get_index_by_NID(X509_get_subject_name(leaf_.get()), NID_commonName, -1), -1);
}

}  // namespace
}  // namespace k8sgw::certgen
