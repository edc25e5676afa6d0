#include "src/discovery/function_mode.h"

#include <gtest/gtest.h>

#include "api/gloo/v1/settings.proto.h"

namespace k8sgw::discovery {
namespace {

const Labels kNone;
const Labels kEnabled{{"discovery.solo.io/function_discovery", "enabled"}};
const Labels kDisabled{{"discovery.solo.io/function_discovery", "disabled"}};

TEST(FunctionMode, OfSettings) {
  gloov1::Settings settings;
  EXPECT_EQ(ReadFunctionMode(settings), FunctionMode::kDenied);
  settings.mutable_discovery()->set_fds_mode(gloov1::Settings::DiscoveryOptions::WHITELIST);
  EXPECT_EQ(ReadFunctionMode(settings), FunctionMode::kAllowed);
  settings.mutable_discovery()->set_fds_mode(gloov1::Settings::DiscoveryOptions::DISABLED);
  EXPECT_EQ(ReadFunctionMode(settings), FunctionMode::kOff);
}

TEST(FunctionMode, LabelsDecide) {
  EXPECT_FALSE(IsLookedAt(FunctionMode::kAllowed, "shop", kNone, kNone));
  EXPECT_TRUE(IsLookedAt(FunctionMode::kAllowed, "shop", kEnabled, kNone));
  EXPECT_TRUE(IsLookedAt(FunctionMode::kAllowed, "shop", kDisabled, kEnabled));
  EXPECT_FALSE(IsLookedAt(FunctionMode::kAllowed, "shop", kEnabled, kDisabled));
  EXPECT_TRUE(IsLookedAt(FunctionMode::kDenied, "shop", kNone, kNone));
  EXPECT_FALSE(IsLookedAt(FunctionMode::kDenied, "shop", kDisabled, kNone));
  EXPECT_FALSE(IsLookedAt(FunctionMode::kDenied, "shop", kNone, kDisabled));
  EXPECT_FALSE(IsLookedAt(FunctionMode::kDenied, "kube-system", kNone, kNone));
  EXPECT_TRUE(IsLookedAt(FunctionMode::kDenied, "kube-system", kEnabled, kNone));
  EXPECT_FALSE(IsLookedAt(FunctionMode::kOff, "shop", kEnabled, kEnabled));
}

}  // namespace
}  // namespace k8sgw::discovery
