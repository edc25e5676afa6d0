// A client of the xDS engine that keeps the books of an Envoy, and protests when the engine breaks its promises.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::fuzz {

// What a role is served now, by type and name: versions.
using Served = std::map<xds::Type, std::map<std::string, std::string>>;

class Client {
 public:
  Client(xds::Engine& engine, std::string role, xds::StreamOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Asks for names of a type, besides or instead of those before; "*" is everything. For state-of-the-world streams of
  // clusters and listeners, names are chosen once.
  void Ask(xds::Type type, const std::vector<std::string>& names, const std::map<std::string, std::string>& has,
           xds::Time now);
  void Leave(xds::Type type, const std::vector<std::string>& names, xds::Time now);
  // Answers the response of a type that is in flight, if there is one. `blamed` counts to the resource that is refused.
  void Answer(xds::Type type, const std::optional<size_t>& blamed, xds::Time now);
  // What happens to the bytes of a request: one is changed, and all from there on may be lost.
  struct Damage {
    size_t at = 0;
    char byte = 0;
    bool cut = false;
  };

  // Says something that no Envoy says: a nonce that was never given, a damaged request, or any bytes. No promise is
  // kept to such a client but that nothing breaks.
  void SayNonsense(xds::Type type, const std::string& nonce, xds::Time now);
  void SayDamaged(xds::Type type, const std::vector<std::string>& names, const Damage& damage, xds::Time now);
  void SayBytes(const std::string& bytes, xds::Time now);

  bool waits() const { return !in_flight_.empty(); }
  std::vector<xds::Type> InFlight() const;
  const std::string& role() const { return role_; }
  bool well_behaved() const { return well_behaved_; }
  bool active() const { return identified_; }
  size_t responses() const { return responses_; }

  // Has everything that it wants and does not refuse, and nothing that is gone.
  void CheckSettled(const Served& served) const;

 private:
  // Whether it has a listener of which only it knows what tables it uses: those stay.
  bool UsesWhatNobodyKnows(const Served& served) const;
  struct Wanted {
    bool everything = false;
    bool asked = false;
    std::set<std::string> names;
  };

  void Take(xds::Response response);
  void Book(xds::Type type, const xds::Response& response, const std::optional<std::string>& refused);
  void CheckWire(const xds::Response& response) const;
  void Say(xds::Request request, xds::Time now);
  xds::Request Base(xds::Type type);
  bool Wants(xds::Type type, const std::string& name) const;

  xds::Engine& engine_;
  const std::string role_;
  const xds::StreamOptions options_;
  xds::StreamId id_ = 0;
  bool identified_ = false;
  bool well_behaved_ = true;
  size_t responses_ = 0;
  std::map<xds::Type, Wanted> wanted_;
  std::map<xds::Type, xds::Response> in_flight_;
  std::map<xds::Type, std::map<std::string, std::string>> has_;
  std::set<std::tuple<xds::Type, std::string, std::string>> refused_;
  // Listeners of an earlier connection.
  std::map<std::string, std::string> brought_;
  // What it may keep when it is gone, as the server cannot know that it has it.
  std::set<std::pair<xds::Type, std::string>> uncertain_;
  std::set<std::string> nonces_;
};

}  // namespace k8sgw::fuzz
