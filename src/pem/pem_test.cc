#include "src/pem/pem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace k8sgw::pem {
namespace {

using testing::HasSubstr;

Pair Make() {
  Pair pair;
  pair.key = Key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate x509(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), 1'000'000'000);
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), 2'000'000'000);
  X509_set_pubkey(x509.get(), pair.key.get());
  X509_sign(x509.get(), pair.key.get(), EVP_sha256());
  pair.chain = {x509};
  return pair;
}

std::string Encrypted(const Key& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key.get(), EVP_aes_128_cbc(), reinterpret_cast<const unsigned char*>("secret"), 6,
                           nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// Nothing that fails leaves errors for whoever comes next.
class PemTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(ERR_peek_error(), 0u); }
  std::string Refusal(const std::string& certificates, const std::string& key) {
    const auto pair = ReadPair(certificates, key);
    EXPECT_FALSE(pair.ok());
    return std::string(pair.status().message());
  }
};

TEST_F(PemTest, ReadsWhatItWrites) {
  const Pair made = Make();
  const std::string text = "words before\n" + Write(made.chain) + "\r\n\r\n" + Write(made.chain);
  const auto read = ReadCertificates(text);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_TRUE(Same(read->back(), made.chain.front()));
  EXPECT_TRUE(ReadPair(text, Write(made.key)).ok());
  EXPECT_EQ(NotBefore(read->front()), 1'000'000'000);
  EXPECT_EQ(NotAfter(read->front()), 2'000'000'000);
}

TEST_F(PemTest, ACutChainIsRefusedAsAWhole) {
  const std::string one = Write(Make().chain);
  // Before its first line is whole nobody can know that there is another one, and the last line may lack its end.
  const size_t first_line = std::string("-----BEGIN CERTIFICATE-----").size();
  for (size_t size = one.size() + first_line; size + 1 < 2 * one.size(); ++size) {
    EXPECT_FALSE(ReadCertificates((one + one).substr(0, size)).ok()) << size;
  }
}

TEST_F(PemTest, SaysWhatIsWrong) {
  const Pair made = Make();
  const std::string certificate = Write(made.chain);
  const std::string key = Write(made.key);
  EXPECT_THAT(Refusal("", key), HasSubstr("no certificate in PEM form"));
  EXPECT_THAT(Refusal(key, key), HasSubstr("no certificate in PEM form"));
  EXPECT_THAT(Refusal(std::string(2 << 20, 'x'), key), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(Refusal("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key),
              HasSubstr("certificate 1 is broken or cut off"));
  EXPECT_THAT(Refusal(certificate, certificate), HasSubstr("private key"));
  EXPECT_THAT(Refusal(certificate, Encrypted(made.key)), HasSubstr("no whole, unencrypted private key"));
  EXPECT_THAT(Refusal(certificate, Write(Make().key)), HasSubstr("not that of the first certificate"));
}

TEST_F(PemTest, TimesAreReadAsTheyAreWritten) {
  EXPECT_EQ(FormatTime(1'782'864'000), "2026-07-01T00:00:00Z");
  EXPECT_EQ(*ParseTime("2026-07-01T00:00:00Z"), 1'782'864'000);
  for (const char* text : {"", "now", "2026-07-01", "1782864000"}) EXPECT_FALSE(ParseTime(text).ok()) << text;
}

}  // namespace
}  // namespace k8sgw::pem
