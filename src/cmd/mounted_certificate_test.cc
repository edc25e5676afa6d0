#include "src/cmd/mounted_certificate.h"

#include <gtest/gtest.h>

#include "src/base/test_folder.h"
#include "src/certgen/issue.h"

namespace k8sgw {
namespace {

constexpr int64_t kNow = 1'782'864'000;
constexpr int64_t kDay = 24 * 3600;

certgen::Issued Issue(int64_t days) { return *certgen::Issue({.service = "gloo", .ns = "n"}, kNow, days * kDay); }

TEST(MountedCertificateTest, EndsWithWhatEndsFirst) {
  const testing::TestFolder folder;
  EXPECT_EQ(MountedCertificateEnd(""), 0);
  EXPECT_EQ(MountedCertificateEnd(folder.root()), 0) << "it may come later";
  const certgen::Issued year = Issue(365);
  const certgen::Issued month = Issue(30);
  folder.Write("tls.crt", year.certificate);
  EXPECT_EQ(MountedCertificateEnd(folder.root()), kNow + 365 * kDay) << "without authorities";
  // An authority of before stands beside the one that counts.
  folder.Write("ca.crt", month.authority + year.authority);
  EXPECT_EQ(MountedCertificateEnd(folder.root()), kNow + 365 * kDay);
  folder.Write("ca.crt", month.authority);
  EXPECT_EQ(MountedCertificateEnd(folder.root()), kNow + 30 * kDay);
  folder.Write("tls.crt", month.certificate + year.certificate);
  folder.Write("ca.crt", year.authority);
  EXPECT_EQ(MountedCertificateEnd(folder.root()), kNow + 30 * kDay);
  folder.Write("tls.crt", "no certificate");
  EXPECT_EQ(MountedCertificateEnd(folder.root()), 0);
}

}  // namespace
}  // namespace k8sgw
