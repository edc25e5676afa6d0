// Seeded lives of discovery beside a server that is slow, refuses, fails and loses answers, a watch that lags, Services
// that come and go, people who edit, and replicas that lead, lose the lead and start again without some of their
// rights. At all times nothing is written that must not be; when all is well again, every Upstream is as it should be.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "src/discovery/driver/test_upstream_server.h"
#include "src/discovery/driver/upstream_discovery.h"
#include "src/discovery/service_upstream.h"

namespace k8sgw::discovery {
namespace {

using std::chrono::milliseconds;
using testing::At;
using Time = UpstreamDiscovery::Time;

constexpr UpstreamDiscovery::Limits kLimits{.rate = {20, 10}, .at_once = 3};

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed) { Restart(); }

  void Run(milliseconds duration, bool faults) {
    faults_ = faults;
    if (!faults) Mend();
    for (const Time end = now_ + duration; now_ < end && !::testing::Test::HasFailure();) {
      now_ += milliseconds(1 + Below(60));
      if (faults) Disturb();
      Step();
    }
  }

  void ExpectAllIsAsItShould() {
    EXPECT_TRUE(discovery_->IsSettled());
    const int sent = sent_;
    Run(std::chrono::minutes(5), false);
    EXPECT_EQ(sent_, sent) << "it does not come to rest";
    std::map<UpstreamRef, std::vector<ServiceRef>> wanted;
    for (const auto& [ref, service] : services_) {
      if (!options_.watch_labels.empty() && !service->labels.contains("team")) continue;
      for (const auto& port : service->spec.ports)
        wanted[{options_.write_namespace, UpstreamName(ref, port.port)}].push_back(ref);
    }
    for (const auto& [ref, claims] : wanted) ExpectGood(ref, claims);
    for (const auto& [ref, object] : server_.objects()) {
      if (ref.ns != options_.write_namespace || !testing::UpstreamServer::IsOurs(object)) continue;
      EXPECT_TRUE(wanted.contains(ref)) << ref.ToString() << " stands for nothing";
    }
  }

  const testing::UpstreamServer& server() const { return server_; }
  int held_back() const { return held_back_; }

 private:
  struct Call {
    kube::WriteRequest request;
    kube::Writer::Done done;
    std::string name;
    Time arrives{};  // at the server, or max
    Time returns{};  // the answer
    kube::WriteResult result = {absl::DeadlineExceededError("timeout"), {}, ""};
  };

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  void ExpectGood(const UpstreamRef& ref, const std::vector<ServiceRef>& claims) {
    const auto found = server_.objects().find(ref);
    ASSERT_NE(found, server_.objects().end()) << ref.ToString() << " is missing";
    const yaml::Node& object = found->second;
    if (!testing::UpstreamServer::IsOurs(object)) return;
    const auto stands_for = [&](const ServiceRef& service) {
      return At(object, "spec", "kube", "serviceName") == Cat("\"", service.name.str(), "\"") &&
             At(object, "spec", "kube", "serviceNamespace") == Cat("\"", service.ns.str(), "\"");
    };
    const auto service = std::ranges::find_if(claims, stands_for);
    ASSERT_NE(service, claims.end()) << yaml::EmitJson(object);
    const Labels& labels = services_.at(*service)->labels;
    const auto label = labels.find("number");
    EXPECT_EQ(At(object, "spec", "discoveryMetadata", "labels", "number"),
              label == labels.end() ? "" : Cat("\"", label->second, "\""));
    EXPECT_EQ(At(object, "spec", "kube", "selector", "app"),
              Cat("\"", services_.at(*service)->spec.selector.at("app"), "\""));
  }

  // A new process: what was on its way still arrives, and its answer is nobody's.
  void Restart() {
    discovery_ = std::make_unique<UpstreamDiscovery>(
        UpstreamDiscovery::Environment{
            .now = [this] { return now_; },
            .at = [this](Time when, std::function<void()> what) { timers_.emplace(when, std::move(what)); },
            .send = [this](kube::WriteRequest request,
                           kube::Writer::Done done) { Send(std::move(request), std::move(done)); },
            .random = [this] { return Below(1000) / 1000.; },
            .log = [](const std::string&) {},
            .leads = [this] { return leading_; }},
        options_, kLimits);
    for (Call& call : calls_) call.name.clear();
    sent_since_ = 0;
    since_ = now_;
    complete_ = false;
    leading_ = false;
    heard_ = !faults_ || !OneIn(3);
    discovery_->SetHeard("services", "", heard_);
    if (heard_) Hear();
    told_heard_ = false;
    server_.told().clear();
    for (const auto& [ref, object] : server_.objects()) Tell({ref, yaml::EmitJson(object, 0)});
    discovery_->Flush();
    discovery_->Complete();
    complete_ = true;
  }
  // The watch has Services, and somebody is about to tell them.
  void BeginToHear() {
    discovery_->SetHeard("services", "", true);
    told_heard_ = true;
  }
  void Hear() {
    for (const auto& [ref, service] : services_) discovery_->SetService(ref, service);
    discovery_->SetHeard("services", "", heard_ = true);
    discovery_->Flush();
  }

  void Send(kube::WriteRequest request, kube::Writer::Done done) {
    ++sent_;
    ++sent_since_;
    EXPECT_TRUE(leading_ && complete_ && options_.enabled) << request.method << " " << request.target;
    EXPECT_TRUE(heard_ || request.method != "DELETE") << "of what cannot be heard: " << request.target;
    const std::chrono::duration<double> since = now_ - since_;
    EXPECT_LE(sent_since_, kLimits.rate.burst + since.count() * kLimits.rate.per_second + 1);
    std::string name = request.target.substr(request.target.rfind('/') + 1);
    if (request.method == "POST") {
      const auto body = yaml::FromJson(yaml::Padded(request.body).view());
      name = body->Find("metadata")->FindScalar("name");
    }
    size_t running = 1;
    for (const Call& call : calls_) {
      EXPECT_NE(call.name, name) << "two writes at once";
      running += !call.name.empty();
    }
    EXPECT_LE(running, kLimits.at_once);
    Call call{std::move(request), std::move(done), name, now_ + Delay(), now_ + std::chrono::seconds(30)};
    if (faults_ && OneIn(20)) call.arrives = Time::max();
    calls_.push_back(std::move(call));
  }
  milliseconds Delay() { return milliseconds(faults_ && OneIn(4) ? Below(3000) : Below(30)); }

  void Step() {
    for (Call& call : calls_) {
      if (call.arrives > now_) continue;
      call.arrives = Time::max();
      kube::WriteResult result = Answer(call.request);
      if (faults_ && OneIn(15)) continue;  // the answer is lost
      call.returns = now_ + Delay();
      call.result = std::move(result);
    }
    for (auto it = calls_.begin(); it != calls_.end();) {
      if (it->returns > now_) {
        ++it;
        continue;
      }
      const Call call = std::move(*it);
      it = calls_.erase(it);
      call.done(call.result);
      it = calls_.begin();
    }
    while (!server_.told().empty() && !(faults_ && OneIn(3))) {
      const auto told = server_.told().front();
      server_.told().pop_front();
      Tell(told);
      if (!told_heard_ || heard_) discovery_->Flush();
    }
    while (!timers_.empty() && timers_.begin()->first <= now_) timers_.extract(timers_.begin()).mapped()();
  }
  kube::WriteResult Answer(const kube::WriteRequest& request) {
    if (faults_ && OneIn(6)) {
      static constexpr int kCodes[] = {403, 409, 422, 429, 500, 503, 504};
      return testing::UpstreamServer::Error(kCodes[Below(7)], "", OneIn(4) ? Below(3) : 0);
    }
    return server_.Do(request);
  }
  void Tell(const testing::UpstreamServer::Told& told) {
    const yaml::Padded padded(told.json);
    kube::Event event;
    event.kind = told.json.empty() ? kube::Event::Kind::kDelete : kube::Event::Kind::kUpsert;
    event.object = {{told.ref.ns.str(), told.ref.name.str(), "", ""}, padded.view()};
    discovery_->Observe(event);
  }

  void Disturb() {
    if (!heard_ && told_heard_) Hear();
    if (OneIn(8)) ChangeService();
    if (OneIn(12)) People();
    if (OneIn(60)) discovery_->SetLeading(leading_ = !leading_);
    if (OneIn(1500)) Restart();
    if (OneIn(250)) ChangeOptions();
    if (!heard_ && OneIn(100)) BeginToHear();
    held_back_ += !heard_ && leading_;
  }
  void ChangeService() {
    // Some of them share names: "a-b"/"c" and "a"/"b-c".
    static const ServiceRef kRefs[] = {{"a", "b-c"}, {"a-b", "c"}, {"a", "x"}, {"b", "y"}, {"b", "z"}};
    const ServiceRef& ref = kRefs[Below(5)];
    if (OneIn(3)) {
      services_.erase(ref);
    } else {
      auto service = std::make_shared<Object<core::Service>>();
      for (int i = 0; i < 2; ++i)
        service->spec.ports.push_back({"", static_cast<uint32_t>(80 + Below(3)), "", "TCP", ""});
      service->spec.selector["app"] = Cat("s", Below(3));
      service->labels["number"] = Cat(Below(5));
      if (OneIn(2)) service->labels["team"] = "blue";
      if (OneIn(3)) service->annotations["gloo.solo.io/h2_service"] = OneIn(2) ? "true" : "false";
      services_[ref] = std::move(service);
    }
    if (!heard_) return;
    discovery_->SetService(ref, services_.contains(ref) ? services_.at(ref) : nullptr);
    discovery_->Flush();
  }
  void People() {
    if (OneIn(6)) {
      const UpstreamRef ref{OneIn(2) ? "gloo-system" : "other", OneIn(2) ? "a-x-80" : "b-y-81"};
      if (!server_.objects().contains(ref)) return server_.Make(ref);
    }
    if (server_.objects().empty()) return;
    const auto at = std::next(server_.objects().begin(), Below(static_cast<int>(server_.objects().size())));
    const UpstreamRef ref = at->first;
    switch (Below(7)) {
      case 0: return server_.Edit(ref, Cat(R"({"spec":{"connectionConfig":{"connectTimeout":")", Below(9), R"(s"}}})"));
      case 1: return server_.Edit(ref, R"({"spec":{"unknownToUs":[1,2],"connectionConfig":null}})");
      case 2: return server_.Edit(ref, R"({"spec":{"kube":{"selector":{"app":"another","more":"x"}}}})");
      case 3: return server_.Edit(ref, Cat(R"({"status":{"statuses":{"n":)", Below(100), "}}}"));
      case 4: return server_.Edit(ref, R"({"metadata":{"labels":{"discovered_by":null}}})");
      case 5: return server_.Edit(ref, R"({"metadata":{"labels":{"discovered_by":"kubernetesplugin"}}})");
      default: return server_.Remove(ref);
    }
  }
  void ChangeOptions() {
    options_.enabled = !OneIn(4);
    options_.write_namespace = OneIn(3) ? "other" : "gloo-system";
    options_.watch_labels.clear();
    if (OneIn(3)) options_.watch_labels["team"] = "blue";
    discovery_->SetOptions(options_);
    discovery_->Flush();
  }
  void Mend() {
    options_.enabled = true;
    discovery_->SetOptions(options_);
    if (!heard_) Hear();
    if (!leading_) discovery_->SetLeading(leading_ = true);
    discovery_->Flush();
  }

  std::mt19937_64 random_;
  Time now_{std::chrono::hours(1)};
  Options options_;
  bool faults_ = false;
  bool leading_ = false;
  bool complete_ = false;
  bool heard_ = false;
  bool told_heard_ = false;
  testing::UpstreamServer server_;
  std::map<ServiceRef, Ptr<Object<core::Service>>> services_;
  std::vector<Call> calls_;
  std::multimap<Time, std::function<void()>> timers_;
  int sent_ = 0;
  int sent_since_ = 0;
  Time since_{};
  int held_back_ = 0;
  std::unique_ptr<UpstreamDiscovery> discovery_;
};

TEST(UpstreamDiscoveryPropertyTest, NothingIsLostAndAllIsWell) {
  const char* chosen = std::getenv("DISCOVERY_SEED");
  const uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen != nullptr ? 1 : 100;
  int created = 0, changed = 0, deleted = 0, held_back = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(Cat("DISCOVERY_SEED=", seed, " repeats this life"));
    Life life(seed);
    life.Run(std::chrono::minutes(3), true);
    life.Run(std::chrono::minutes(6), false);
    if (!::testing::Test::HasFailure()) life.ExpectAllIsAsItShould();
    created += life.server().created;
    changed += life.server().changed;
    deleted += life.server().deleted;
    held_back += life.held_back();
    if (::testing::Test::HasFailure()) return;
  }
  if (chosen != nullptr) return;
  EXPECT_GT(created, 1000);
  EXPECT_GT(changed, 1000);
  EXPECT_GT(deleted, 500);
  EXPECT_GT(held_back, 1000);
}

}  // namespace
}  // namespace k8sgw::discovery
