// Drives a Reflector in tests: says what comes back from a server, and keeps what a consumer would know.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/text.h"
#include "src/sources/kube/reflector.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube::testing {

inline std::string ObjectJson(std::string_view name, std::string_view version, std::string_view spec = "1") {
  return Cat(R"({"kind":"X","metadata":{"name":")", name, R"(","namespace":"ns","resourceVersion":")", version,
             R"(","uid":"u-)", name, R"("},"spec":)", spec, "}");
}

inline std::string Line(std::string_view type, std::string_view object) {
  return Cat(R"({"type":")", type, R"(","object":)", object, "}\n");
}

inline std::string Bookmark(std::string_view version, bool end = false) {
  return Line("BOOKMARK", Cat(R"({"kind":"X","metadata":{"resourceVersion":")", version, "\"",
                              end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "", "}}"));
}

inline std::string StatusJson(int code, std::string_view reason, std::string_view details = "{}") {
  return Cat(R"({"kind":"Status","metadata":{},"status":"Failure","message":"no","reason":")", reason,
             R"(","details":)", details, R"(,"code":)", code, "}");
}

inline std::string PageJson(std::string_view version, const std::vector<std::string>& items,
                            std::string_view next = "") {
  std::string out =
      Cat(R"({"kind":"XList","metadata":{"resourceVersion":")", version, R"(","continue":")", next, R"("},"items":[)");
  for (const std::string& item : items) out += (out.ends_with('[') ? "" : ",") + item;
  return out + "]}";
}

// What a server says that it serves: kinds of g.x/v1 by their plurals, and groups by one version each.
inline std::string KindsJson(const std::vector<std::string>& plurals, std::string_view version = "g.x/v1") {
  std::string out =
      Cat(R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":")", version, R"(","resources":[)");
  for (const std::string& plural : plurals) {
    out += Cat(out.ends_with('[') ? "" : ",", R"({"name":")", plural,
               R"(","singularName":"","namespaced":true,"kind":"X","verbs":["get","list","watch"]})");
  }
  return out + "]}";
}
inline std::string GroupsJson(const std::vector<std::pair<std::string, std::string>>& groups) {
  std::string out = R"({"kind":"APIGroupList","apiVersion":"v1","groups":[)";
  for (const auto& [group, version] : groups) {
    const std::string one = Cat(R"({"groupVersion":")", group, "/", version, R"(","version":")", version, "\"}");
    out += Cat(out.ends_with('[') ? "" : ",", R"({"name":")", group, R"(","versions":[)", one,
               R"(],"preferredVersion":)", one, "}");
  }
  return out + "]}";
}

// How a server is asked for its version.
inline constexpr char kLook[] = "limit=1";

class Follower {
 public:
  using Time = Reflector::Time;

  explicit Follower(
      ReflectorOptions options = {}, RandomFraction random = [] { return 0.5; })
      : reflector({"g.x", "v1", "xs", ""}, std::move(options), std::move(random)) {}

  void Start() { Apply(reflector.Start(now)); }
  void Head(int code, int retry_after = 0) { Apply(reflector.OnHead(now, code, std::chrono::seconds(retry_after))); }
  void Bytes(std::string_view bytes) { Apply(reflector.OnBytes(now, bytes)); }
  void End(const absl::Status& status = absl::OkStatus()) {
    open = false;
    Apply(reflector.OnEnd(now, status));
  }
  // A whole answer.
  void Answer(int code, std::string_view body, int retry_after = 0) {
    Head(code, retry_after);
    Bytes(body);
    if (open) End();
  }
  void Poke() { Apply(reflector.Poke(now)); }
  // To the next deadline; returns how long that took.
  std::chrono::milliseconds Wait() {
    if (!reflector.deadline()) return std::chrono::milliseconds(-1);
    const auto waited = *reflector.deadline() - now;
    now = std::max(now, *reflector.deadline());
    Apply(reflector.OnTimer(now));
    return std::chrono::duration_cast<std::chrono::milliseconds>(waited);
  }
  void Pass(std::chrono::milliseconds time) { now += time; }

  // The request that was made last, without the path; "" when none was made since.
  std::string Asked() {
    std::string out = asked;
    asked.clear();
    return out;
  }
  // What a consumer knows, such as "a=1 b=2".
  std::string Known() const {
    std::string out;
    for (const auto& [name, json] : known) {
      const size_t spec = json.find("\"spec\":") + 7;
      out += Cat(out.empty() ? "" : " ", name, "=", json.substr(spec, json.find('}', spec) - spec));
    }
    return out;
  }

  Time now{std::chrono::hours(1)};
  Reflector reflector;
  std::map<std::string, std::string> known;
  int syncs = 0;
  int events = 0;
  bool open = false;
  bool fresh_credentials = false;
  std::string asked;
  // Whether a look at the server's version finds it as it was.
  bool answers_looks = true;

 private:
  void Apply(Actions actions) {
    for (const Batch& batch : actions.batches) {
      syncs += batch.sync;
      for (const Event& event : batch.events) {
        ++events;
        if (event.kind == Event::Kind::kUpsert)
          known[event.object.meta.name] = event.object.json;
        else
          known.erase(event.object.meta.name);
      }
    }
    if (actions.cancel) open = false;
    if (!actions.fetch) return;
    open = true;
    fresh_credentials = actions.fetch->fresh_credentials;
    const std::string& target = actions.fetch->target;
    asked = target.starts_with("/apis/g.x/v1/xs?") ? target.substr(16) : target;
    if (answers_looks && asked == kLook && !reflector.resource_version().empty())
      Answer(200, PageJson(reflector.resource_version(), {}));
  }
};

// With a random fraction of 0.5, a watch lasts 450 s and jitter is 1.
inline constexpr char kInitial[] =
    "allowWatchBookmarks=true&timeoutSeconds=450&watch=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true";
inline constexpr char kWatchFrom[] = "allowWatchBookmarks=true&timeoutSeconds=450&watch=true&resourceVersion=";

// A reflector that knows a=1 and b=1 as of version 5.
struct Synced : Follower {
  explicit Synced(ReflectorOptions options = {}) : Follower(std::move(options)) {
    Start();
    Head(200);
    Bytes(Line("ADDED", ObjectJson("a", "3")) + Line("ADDED", ObjectJson("b", "4")) + Bookmark("5", true));
    EXPECT_EQ(Known(), "a=1 b=1");
    Asked();
  }
};

// What went wrong, in words.
inline std::string ErrorOf(const Follower& follower) {
  return std::string(ToStd(follower.reflector.health().error.message()));
}

}  // namespace k8sgw::kube::testing
