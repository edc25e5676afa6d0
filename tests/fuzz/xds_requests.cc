// The xDS engine between Envoys that say anything, and snapshots that change at any time.
#include <array>
#include <iostream>
#include <memory>

#include "src/base/hash.h"
#include "tests/fuzz/reader.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/xds_client.h"

namespace k8sgw::fuzz {
namespace {

using xds::Type;

constexpr std::array<const char*, 5> kNames = {"a", "b", "c", "ab", "*"};
constexpr std::array<const char*, 4> kRoles = {"n~one", "n~two", "n~late", ""};
constexpr char kFallback[] = "fallback";
constexpr size_t kMostClients = 4;

class World {
 public:
  explicit World(Reader& reader)
      : reader_(reader), engine_([this] {
          xds::EngineOptions options;
          options.fallback_role = kFallback;
          options.on_nack = [this](const xds::Nack&) { ++nacks_; };
          return options;
        }()) {
    served_[kFallback];
  }

  void Run() {
    for (int step = 0; step < 400 && !reader_.done(); ++step) Step();
    Settle();
  }

 private:
  Type AnyType() { return static_cast<Type>(reader_.Below(xds::kTypeCount)); }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (size_t i = reader_.Below(4); i > 0; --i) names.emplace_back(kNames[reader_.Below(kNames.size())]);
    return names;
  }

  Client* AnyClient() {
    auto& client = clients_[reader_.Below(kMostClients)];
    if (!client) {
      xds::StreamOptions options{.delta = reader_.Flip(), .single_type = std::nullopt};
      if (reader_.Below(4) == 3) options.single_type = AnyType();
      client = std::make_unique<Client>(engine_, kRoles[reader_.Below(kRoles.size())], options);
    }
    return client.get();
  }

  void Step() {
    switch (reader_.Below(10)) {
      case 0: return Change();
      case 1: return Ask();
      case 2: return AnyClient()->Leave(AnyType(), Names(), now_);
      case 3:
      case 4: return AnyClient()->Answer(AnyType(), std::nullopt, now_);
      case 5: return AnyClient()->Answer(AnyType(), reader_.Below(4), now_);
      case 6: return clients_[reader_.Below(kMostClients)].reset();
      case 7: return Pass(std::chrono::milliseconds(1000 * static_cast<int64_t>(reader_.Below(8))));
      case 8: return Rarely();
      case 9: return AnyClient()->SayNonsense(AnyType(), std::to_string(reader_.Below(9)), now_);
    }
  }

  void Ask() {
    std::map<std::string, std::string> has;
    Client* client = AnyClient();
    const Type type = AnyType();
    for (size_t i = reader_.Below(3); i > 0; --i) {
      const std::string name = kNames[reader_.Below(4)];
      // Current, old or foreign.
      has[name] = MakeResource(type, name, reader_.Below(4))->version;
    }
    client->Ask(type, Names(), has, now_);
  }

  void Rarely() {
    switch (reader_.Below(5)) {
      case 1: return AnyClient()->SayBytes(reader_.Bytes(64), now_);
      case 2: return Fetch();
      case 0:
      case 3: return CheckIdle();
      case 4: {
        Client* client = AnyClient();
        const Type type = AnyType();
        const std::vector<std::string> names = Names();
        const Client::Damage damage = {reader_.Below(256), static_cast<char>(reader_.Below(256)), reader_.Flip()};
        return client->SayDamaged(type, names, damage, now_);
      }
    }
  }

  static Ptr<xds::Resource> MakeResource(Type type, const std::string& name, size_t content) {
    auto resource = std::make_shared<xds::Resource>();
    resource->type = type;
    resource->name = name;
    const std::string bytes(content * 9000, 'x');
    resource->version = HexHash(Hash64(name, content));
    resource->body = {std::make_shared<const std::string>(bytes), std::make_shared<const std::string>(name)};
    resource->size = bytes.size() + name.size();
    return resource;
  }

  void Change() {
    const size_t who = reader_.Below(4);
    const std::string role = who == 3 ? kFallback : kRoles[who];
    xds::Update update;
    Served& served = served_[role];
    for (size_t i = reader_.Below(4); i > 0; --i) {
      const Type type = AnyType();
      const std::string name = kNames[reader_.Below(4)];
      if (reader_.Below(3) == 0) {
        // What is put in the same update stays: an update names each resource once.
        if (served[type].erase(name) > 0) update.removed.emplace_back(type, name);
        std::erase_if(update.put, [&](const auto& put) { return put->type == type && put->name == name; });
      } else {
        update.put.push_back(MakeResource(type, name, reader_.Below(4)));
        served[type][name] = update.put.back()->version;
        std::erase_if(update.removed, [&](const auto& gone) { return gone == std::pair(type, name); });
      }
    }
    if (Verbose()) Tell(role, update);
    engine_.Apply(role, update, now_);
  }

  static void Tell(const std::string& role, const xds::Update& update) {
    std::cerr << "role " << role << ":";
    for (const auto& put : update.put) std::cerr << " put " << xds::TypeUrl(put->type) << " " << put->name;
    for (const auto& [type, name] : update.removed) std::cerr << " remove " << xds::TypeUrl(type) << " " << name;
    std::cerr << "\n";
  }

  void Pass(std::chrono::milliseconds time) {
    now_ += time;
    if (const auto next = engine_.NextDeadline(); next && *next <= now_) engine_.Tick(now_);
    const auto next = engine_.NextDeadline();
    Require(!next || *next > now_, "what was due is done");
  }

  void Fetch() {
    xds::Request request;
    request.role = kRoles[reader_.Below(kRoles.size())];
    const Type type = AnyType();
    request.type_url = xds::TypeUrl(type);
    const auto first = engine_.Fetch(request, now_);
    Require(first.has_value(), "who has nothing is told something");
    const bool known = served_.contains(*request.role);
    Require(first->resources.size() == served_[known ? *request.role : kFallback][type].size(),
            "a fetch gives everything");
    request.version = first->version;
    Require(!engine_.Fetch(request, now_), "who has the newest is told nothing");
  }

  size_t Responses() const {
    size_t count = 0;
    for (const auto& client : clients_) count += client ? client->responses() : 0;
    return count;
  }

  // The same again changes nothing, and sends nothing.
  void CheckIdle() {
    const size_t before = Responses();
    for (const auto& [role, served] : served_) engine_.Apply(role, {}, now_);
    Require(Responses() == before, "without a change nothing is sent");
  }

  // Everybody answers until all is quiet; then everybody has what they should have.
  void Settle() {
    bool busy = true;
    for (int round = 0; busy; ++round) {
      Require(round < 200, "answers come to an end");
      busy = false;
      for (const auto& client : clients_) {
        if (!client) continue;
        for (const Type type : client->InFlight()) {
          client->Answer(type, std::nullopt, now_);
          busy = true;
        }
      }
    }
    CheckIdle();
    Require(nacks_ == engine_.stats().nacks, "every refusal is reported");
    for (const auto& client : clients_) {
      if (!client || !client->active() || !client->well_behaved()) continue;
      const std::string role = client->role().empty() ? kFallback : client->role();
      // Who was never given a snapshot, or whose role was taken away, keeps what it has.
      if (const auto served = served_.find(role); served != served_.end()) client->CheckSettled(served->second);
    }
  }

  Reader& reader_;
  xds::Engine engine_;
  xds::Time now_{};
  int64_t nacks_ = 0;
  std::map<std::string, Served> served_;
  std::array<std::unique_ptr<Client>, kMostClients> clients_;
};

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  k8sgw::fuzz::Reader reader(data, size);
  k8sgw::fuzz::World(reader).Run();
  return 0;
}
