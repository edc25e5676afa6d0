// An Envoy without a network: subscribes as Envoy does, takes its time, refuses, falls silent, and comes back.
//
// It checks what it is sent: one response per type in flight, nothing sent again that it has or has refused, and make
// before break: routes come after the clusters that they lead to, and clusters go after the routes that led to them.
// Parts of tables stay as long as a listener uses them that it has, or had until a moment ago, and a listener comes
// only when all its parts can be used, if those of the one before can.
// As clusters are of no use before their endpoints are known, those come before the routes, too.
// (A last good route may lead to an Upstream that is gone for good. Nothing comes before or after then.)
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/xds/engine.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/random.h"

namespace k8sgw::sim {

// The version of the module that those report that have it.
inline constexpr char kModule[] = "1";

// How long connections of a replaced listener go on.
inline constexpr Clock::Duration kEnvoyDrain{600'000};

// Whether Envoy asks for such resources by their names, not for all that there are.
inline bool IsByName(xds::Type type) {
  return type != xds::Type::kCluster && type != xds::Type::kScope && type != xds::Type::kListener;
}

struct EnvoyTraits {
  std::string id;
  bool delta = true;
  std::optional<std::string> role;
  // It has the module, so it may get divided route tables; needs delta.
  bool module = false;
  // How often things go wrong: once in so many responses; 0 is never.
  int refuses = 0;
  int stalls = 0;
  int reconnects = 0;
};

class FakeEnvoy {
 public:
  using Snapshot = std::map<xds::Type, std::map<std::string, Ptr<xds::Resource>>>;

  // What is there to connect to; nullptr while nobody listens.
  using Server = std::function<xds::Engine*()>;

  // `snapshot` is what its role is to have now; `complain` is told what is against the protocol.
  FakeEnvoy(EnvoyTraits traits, Server server, Clock& clock, Random& random, std::function<Snapshot()> snapshot,
            std::function<void(std::string)> complain);

  // Again and again, until somebody listens.
  void Connect();
  // The server has ended, and all streams with it.
  void LoseServer();
  // No more faults from here on: what was put off is answered.
  void Calm();
  const EnvoyTraits& traits() const { return traits_; }
  // Compares with what its role is to have. Refused versions may differ.
  void CheckHolds(const Snapshot& snapshot);
  using Held = std::map<std::string, Ptr<xds::Resource>>;
  // What it uses, by name.
  const Held& held(xds::Type type) { return held_[type]; }

 private:
  void Disconnect();
  void ComeBack();
  xds::Request Base(xds::Type type);
  void Subscribe(xds::Type type, const std::set<std::string>& names);
  // A response, and the clusters that there were when it left: what its routes may count on, and what routes still use.
  struct Mail {
    xds::Response response;
    std::set<std::string> existing;
    std::set<std::string> used;
  };

  void OnResponse(uint64_t life, Mail mail);
  void Take(const Mail& mail);
  void Answer(const Mail& mail);
  void CheckResponse(const xds::Response& response);
  void Accept(const Mail& mail);
  // What it does not have already: no Envoy refuses what it uses.
  std::vector<Ptr<xds::Resource>> NewsIn(const xds::Response& response);
  void Refuse(const xds::Response& response, const std::string& guilty, xds::Request& answer);
  // Asks for what the listeners and clusters in force refer to.
  void Follow();
  // Books which clusters wait for endpoints, and which wait no longer.
  void Warm(const xds::Response& response, const std::vector<Ptr<xds::Resource>>& news);
  void GiveUpWarming(uint64_t life, const std::string& nonce);
  // Sends the answer that was put off, if its clusters are warm.
  void AnswerAboutClusters();
  bool HasDivided() const;
  void SubscribeScopes(bool wanted);
  void CheckTables(const xds::Response& response, const Held& before);
  void CheckGonePart(xds::Type type, const std::string& name);
  // Its connections drain.
  void NoteReplaced(const Held& before);
  // Whether it is right that it has another version of this, or that it has something that is gone.
  bool MayLag(xds::Type type, const Ptr<xds::Resource>& newest) const;
  bool MayKeep(xds::Type type, const std::string& name, const Held& listeners) const;
  void CheckNewRoutes(const Mail& mail);
  void CheckGoneCluster(const std::string& name, const Mail& mail);

  EnvoyTraits traits_;
  const Server server_;
  // Of the stream, while there is one.
  xds::Engine* engine_ = nullptr;
  Clock& clock_;
  Random& random_;
  const std::function<Snapshot()> snapshot_;
  const std::function<void(std::string)> complain_;
  bool calm_ = false;
  // Which connection this is: what belongs to an older one is dropped.
  uint64_t life_ = 0;
  std::optional<xds::StreamId> stream_;
  bool said_role_ = false;
  // A listener in force needs scopes.
  bool scoped_ = false;
  std::map<xds::Type, int> in_flight_;
  std::map<xds::Type, Held> held_;
  std::map<xds::Type, std::set<std::string>> asked_;
  // Asked for on this stream and not yet answered: may be sent although it is known.
  std::set<std::pair<xds::Type, std::string>> fresh_;
  std::map<std::pair<xds::Type, std::string>, std::string> refused_;
  // Listeners with parts of tables that were refused on this stream, by name: it may get the plain ones.
  std::map<std::string, std::string> declined_;
  // Asked for by name, held, and missing in the last response of a stream without delta.
  std::set<std::pair<xds::Type, std::string>> absent_;
  // Listeners that were replaced on this connection, and when their connections have drained.
  std::vector<std::pair<Ptr<xds::Resource>, Clock::Time>> drained_;
  // Listeners that came over an earlier connection.
  std::set<std::string> brought_;
  // Route configurations that came over this connection.
  std::set<std::string> confirmed_;
  std::map<xds::Type, std::string> nonce_;
  std::map<xds::Type, std::string> version_;
  // Clusters in force that wait for word of their endpoints, also for endpoints that are known.
  std::set<std::string> warming_;
  // Clusters that have been served with endpoints once; a changed one serves as it was while it warms.
  std::set<std::string> warm_;
  std::optional<xds::Request> put_off_;
  // Types of which the last response was refused.
  std::set<xds::Type> mixed_;
  std::vector<std::function<void()>> stalled_;
  // When the newest response comes out of the wire.
  Clock::Time arrives_{};
};

}  // namespace k8sgw::sim
