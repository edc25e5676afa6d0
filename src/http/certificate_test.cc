#include "src/http/certificate.h"

#include <gmock/gmock.h>

#include <ctime>

#include "src/http/test_certificate.h"

namespace k8sgw::http {
namespace {

using ::testing::HasSubstr;

TEST(CertificateFiles, TheLastGoodPairStaysInUse) {
  TestCertificate files;
  Certificate certificate(files.certificate(), files.key());
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kFailed);
  EXPECT_EQ(certificate.context(), nullptr);
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kNone);
  files.Make("one");
  EXPECT_EQ(certificate.ends(), 0);
  EXPECT_EQ(certificate.Refresh(), Certificate::Change::kRenewed);
  // As test_certificate.h has it.
  EXPECT_NEAR(static_cast<double>(certificate.ends()), static_cast<double>(std::time(nullptr) + 3600), 60);
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
}  // namespace k8sgw::http
