#include "src/model/unread.h"

#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/flow/graph.h"
#include "src/model/decode.h"
#include "src/model/inputs.h"

namespace k8sgw {
namespace {

TEST(Unread, AKindIsReadOrSaysThatItIsNot) {
  flow::Graph graph;
  Inputs inputs(graph);
  for (const std::span<const KindInfo> kinds : {AllKinds(), CoreKinds()}) {
    for (const KindInfo& info : kinds) {
      Change change;
      change.key = {info.kind, "default", "a"};
      EXPECT_EQ(inputs.Stage(change), IsRead(info.kind)) << KindName(info.kind);
      EXPECT_TRUE(UnreadNotices(change).empty()) << KindName(info.kind) << " is gone";
    }
  }
}

TEST(Unread, NoticesSayThatThereIsNoEffect) {
  for (const KindInfo& info : AllKinds()) {
    const yaml::Stream text = yaml::Parse(Cat("{apiVersion: ", info.api_version, ", kind: ", KindName(info.kind),
                                              ", metadata: {name: a, namespace: b}, spec: {}}"));
    const DecodedDocument decoded = DecodeKubernetes(text.documents.at(0), "default");
    ASSERT_EQ(decoded.objects.size(), 1u) << KindName(info.kind);
    const Problems notices = UnreadNotices(decoded.objects.front());
    ASSERT_EQ(notices.empty(), IsRead(info.kind)) << KindName(info.kind);
    if (notices.empty()) continue;
    EXPECT_EQ(notices.front().object, decoded.objects.front().key);
    EXPECT_EQ(notices.front().severity, Severity::kNotice);
    EXPECT_NE(notices.front().message.find("no effect"), std::string::npos) << notices.front().ToString();
    EXPECT_FALSE(notices.front().fix.empty());
  }
}

}  // namespace
}  // namespace k8sgw
