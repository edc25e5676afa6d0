#include "src/admission/certificate.h"

#include <gmock/gmock.h>

#include "src/admission/test_certificate.h"

namespace k8sgw::admission {
namespace {

using ::testing::HasSubstr;

TEST(CertificateFiles, TheLastGoodPairStaysInUse) {
  TestCertificate files;
  Certificate certificate(files.certificate(), files.key());
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kFailed);
  EXPECT_EQ(certificate.context(), nullptr);
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kNone);
  files.Make("one");
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kRenewed);
  const TlsContext one = certificate.context();
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kNone);
  files.CutShort();
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kFailed);
  EXPECT_THAT(std::string(certificate.error().message()), HasSubstr(files.certificate()));
  EXPECT_EQ(certificate.context(), one);
  files.Make("two");
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kRenewed);
  EXPECT_NE(certificate.context(), one);
}

TEST(CertificateFiles, AKeyOfAnotherIsRefused) {
  TestCertificate a;
  TestCertificate b;
  a.Make("a");
  b.Make("b");
  const auto mixed = LoadCertificate(a.certificate(), b.key());
  EXPECT_FALSE(mixed.ok());
  EXPECT_THAT(std::string(mixed.status().message()), HasSubstr(b.key()));
}

}  // namespace
}  // namespace k8sgw::admission
