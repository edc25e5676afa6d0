#include "src/cli/install/install.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/cli/install/chart_archive.h"
#include "src/cli/install/helm.h"

namespace k8sgw::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(InstallArguments, AreThoseOfHelm) {
  InstallOptions options;
  options.helm.kubeconfig = "admin.conf";
  options.helm.context = "here";
  options.values = {"a.yaml", "b.yaml"};
  options.set = {"x=1"};
  EXPECT_THAT(InstallArguments(options, "c.tgz"),
              ElementsAre("upgrade", "--install", "gloo", "c.tgz", "--skip-crds", "--namespace", "gloo-system",
                          "--kubeconfig", "admin.conf", "--kube-context", "here", "--create-namespace", "--values",
                          "a.yaml", "--values", "b.yaml", "--set", "x=1"));
}

TEST(InstallArguments, ADryRunNeedsNoCluster) {
  InstallOptions options;
  options.dry_run = true;
  options.helm.ns = "other";
  options.helm.kubeconfig = "admin.conf";
  EXPECT_THAT(InstallArguments(options, "c.tgz"),
              ElementsAre("template", "gloo", "c.tgz", "--include-crds", "--namespace", "other"));
}

TEST(Install, WithoutHelmSaysWhatToDo) {
  InstallOptions options;
  options.dry_run = true;
  options.helm.program = "/no/such/helm";
  std::ostringstream out, err;
  EXPECT_EQ(Install(nullptr, options, out, err), 1);
  EXPECT_THAT(err.str(), ::testing::AllOf(HasSubstr("/no/such/helm cannot be started"), HasSubstr("install helm 3")));
}

TEST(Install, FailuresOfHelmAreOurs) {
  InstallOptions options;
  options.dry_run = true;
  options.helm.program = "/bin/false";
  std::ostringstream out, err;
  EXPECT_EQ(Install(nullptr, options, out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("helm ended with exit code 1"));
  options.helm.program = "/bin/true";
  EXPECT_EQ(Install(nullptr, options, out, err), 0);
}

TEST(Uninstall, LooksWhereDiscoveryWrites) {
  const auto places = [](const char* text) {
    return PlacesOfDiscovered(yaml::Parse(text).documents.at(0), "gloo-system");
  };
  EXPECT_THAT(PlacesOfDiscovered({}, "gloo-system"), ElementsAre("gloo-system"));
  EXPECT_THAT(places("{spec: {gloo: {}}}"), ElementsAre("gloo-system"));
  EXPECT_THAT(places("{spec: {discoveryNamespace: found}}"), ElementsAre("found", "gloo-system"));
}

TEST(Uninstall, TellsWhatIsLeft) {
  EXPECT_EQ(DiscoveredLeft({{"a", 0}}), "");
  EXPECT_EQ(DiscoveredLeft({{"a", 2}, {"b", 0}, {"c", 1}}),
            "Discovered Upstreams are left: 2 in a, 1 in c. To delete them, too:\n"
            "  kubectl delete upstreams -n a -l discovered_by=kubernetesplugin\n"
            "  kubectl delete upstreams -n c -l discovered_by=kubernetesplugin\n");
}

// helm may understand a kubeconfig that we do not.
TEST(Uninstall, WithoutAClusterOfOursIsNoFailure) {
  const OpenCluster none = [] { return absl::InvalidArgumentError("user u: no such form"); };
  UninstallOptions options;
  options.helm.program = "/bin/true";
  std::ostringstream out, err;
  EXPECT_EQ(Uninstall(none, options, out, err), 0);
  EXPECT_EQ(err.str(), "");
  EXPECT_THAT(out.str(), ::testing::AllOf(HasSubstr("not looked for: user u: no such form"),
                                          HasSubstr("kubectl get upstreams -A -l discovered_by")));
  // What is to be removed by us cannot be: then helm removes nothing, either.
  options.delete_namespace = true;
  options.helm.program = "/no/such/helm";
  std::ostringstream said;
  EXPECT_EQ(Uninstall(none, options, out, said), 1);
  EXPECT_THAT(said.str(), ::testing::AllOf(HasSubstr("user u: no such form\ngive --kubeconfig"),
                                           ::testing::Not(HasSubstr("cannot be started"))));
}

TEST(ChartArchive, IsAGzip) {
  ASSERT_GT(ChartArchive().size(), 100u);
  EXPECT_EQ(ChartArchive().substr(0, 2), "\x1f\x8b");
}

TEST(TemporaryFile, GoesWithTheObject) {
  std::string path;
  {
    const auto file = TemporaryFile::Make(".x", "hello");
    ASSERT_TRUE(file.ok()) << file.status();
    path = file->path();
    std::ifstream in(path);
    std::string text;
    in >> text;
    EXPECT_EQ(text, "hello");
  }
  EXPECT_FALSE(std::ifstream(path).good());
}

}  // namespace
}  // namespace k8sgw::cli
