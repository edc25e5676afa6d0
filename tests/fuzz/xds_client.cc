#include "tests/fuzz/xds_client.h"

#include <google/protobuf/struct.pb.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "google/rpc/status.proto.h"
#include "src/xds/wire.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

namespace dsv3 = ::envoy::service::discovery::v3;

// In two pieces, as gRPC may hand a message over.
grpc::ByteBuffer Buffer(const std::string& bytes) {
  const size_t middle = bytes.size() / 2;
  const grpc::Slice slices[] = {grpc::Slice(bytes.substr(0, middle)), grpc::Slice(bytes.substr(middle))};
  return {slices, 2};
}

void Tell(const Client* client, std::string_view what, const google::protobuf::Message& message) {
  if (Verbose()) std::cerr << client << " " << what << " " << message.ShortDebugString().substr(0, 400) << "\n";
}

// The bytes that a client of this kind sends.
std::string Write(const Client* client, const xds::Request& request, bool delta) {
  const auto fill = [&](auto message) {
    if (request.role) {
      message.mutable_node()->set_id(request.node_id);
      (*message.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(*request.role);
    }
    message.set_type_url(request.type_url);
    message.set_response_nonce(request.nonce);
    if (request.error) message.mutable_error_detail()->set_message(*request.error);
    return message;
  };
  if (delta) {
    auto message = fill(dsv3::DeltaDiscoveryRequest());
    for (const std::string& name : request.subscribe) message.add_resource_names_subscribe(name);
    for (const std::string& name : request.unsubscribe) message.add_resource_names_unsubscribe(name);
    message.mutable_initial_resource_versions()->insert(request.initial_versions.begin(),
                                                        request.initial_versions.end());
    Tell(client, "says", message);
    return message.SerializeAsString();
  }
  auto message = fill(dsv3::DiscoveryRequest());
  for (const std::string& name : request.names) message.add_resource_names(name);
  message.set_version_info(request.version);
  Tell(client, "says", message);
  return message.SerializeAsString();
}

template <class Message>
Message Parse(grpc::ByteBuffer bytes) {
  Message message;
  const bool ok = grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&bytes, &message).ok();
  Require(ok, "a response can be parsed");
  return message;
}

// Of these Envoy asks for all, by no names at all; what a response without delta leaves out is gone.
bool IsWildcardType(xds::Type type) {
  return type == xds::Type::kCluster || type == xds::Type::kListener || type == xds::Type::kScope;
}

// Whatever is wrong with others.
bool IsTakenOneByOne(xds::Type type) { return type == xds::Type::kCluster || type == xds::Type::kListener; }

}  // namespace

Client::Client(xds::Engine& engine, std::string role, xds::StreamOptions options)
    : engine_(engine), role_(std::move(role)), options_(options) {
  id_ = engine_.Open(options_, [this](xds::Response response) { Take(std::move(response)); });
}

Client::~Client() { engine_.Close(id_); }

void Client::CheckWire(const xds::Response& response) const {
  if (options_.delta) {
    const auto message = Parse<dsv3::DeltaDiscoveryResponse>(xds::WriteDeltaResponse(response));
    Tell(this, "hears", message);
    Require(message.resources_size() == static_cast<int>(response.resources.size()), "all resources are written");
    Require(message.removed_resources_size() == static_cast<int>(response.removed.size()), "all removals are written");
    Require(message.nonce() == response.nonce && message.type_url() == response.type_url, "the head is written");
  } else {
    const auto message = Parse<dsv3::DiscoveryResponse>(xds::WriteStateResponse(response));
    Tell(this, "hears", message);
    Require(message.resources_size() == static_cast<int>(response.resources.size()), "all resources are written");
    Require(message.nonce() == response.nonce && message.type_url() == response.type_url, "the head is written");
  }
}

void Client::Take(xds::Response response) {
  ++responses_;
  Require(nonces_.insert(response.nonce).second, "every response has its own nonce", response.nonce);
  CheckWire(response);
  const auto type = xds::TypeOfUrl(response.type_url);
  if (!type) return Require(response.resources.empty(), "of an unknown type there is nothing");
  Require(*type == response.type, "type and address agree");
  Require(!options_.single_type || *options_.single_type == *type, "a stream of one type gets no other");
  Require(!in_flight_.contains(*type), "at most one response of a type is in flight", response.type_url);
  std::set<std::string> names(response.removed.begin(), response.removed.end());
  Require(names.size() == response.removed.size(), "each removal once");
  for (const auto& resource : response.resources) {
    Require(resource->type == *type, "resources are of the type");
    Require(names.insert(resource->name).second, "each resource once, and not removed as well", resource->name);
  }
  in_flight_[*type] = std::move(response);
}

xds::Request Client::Base(xds::Type type) {
  xds::Request request;
  if (!identified_) request.role = role_;
  request.node_id = "envoy";
  request.type_url = xds::TypeUrl(type);
  return request;
}

void Client::Say(xds::Request request, xds::Time now) {
  xds::Request parsed;
  const grpc::ByteBuffer bytes = Buffer(Write(this, request, options_.delta));
  const bool ok = options_.delta ? xds::ParseDeltaRequest(bytes, &parsed) : xds::ParseStateRequest(bytes, &parsed);
  Require(ok, "a request of Envoy is understood");
  identified_ = true;
  engine_.Receive(id_, parsed, now);
}

bool Client::Wants(xds::Type type, const std::string& name) const {
  const auto wanted = wanted_.find(type);
  return wanted != wanted_.end() && (wanted->second.everything || wanted->second.names.contains(name));
}

void Client::Ask(xds::Type type, const std::vector<std::string>& names, const std::map<std::string, std::string>& has,
                 xds::Time now) {
  if (options_.single_type && *options_.single_type != type) return;
  Wanted& wanted = wanted_[type];
  xds::Request request = Base(type);
  const bool first = !wanted.asked;
  if (options_.delta) {
    request.subscribe = names;
    for (const std::string& name : names) {
      if (name == "*") wanted.everything = true;
      if (name != "*") wanted.names.insert(name);
    }
    if (first && names.empty() && IsWildcardType(type)) wanted.everything = true;
    // Only the first request of a type tells what the client has from a former life: what it also asks for.
    if (first) {
      std::copy_if(has.begin(), has.end(), std::inserter(has_[type], has_[type].end()),
                   [&](const auto& entry) { return Wants(type, entry.first); });
      request.initial_versions = has_[type];
      if (type == xds::Type::kListener) brought_ = has_[type];
    }
  } else if (first || !IsWildcardType(type)) {
    wanted.names = {names.begin(), names.end()};
    wanted.names.erase("*");
    wanted.everything = IsWildcardType(type) && wanted.names.empty();
  }
  if (!options_.delta) request.names = {wanted.names.begin(), wanted.names.end()};
  wanted.asked = true;
  Say(std::move(request), now);
}

void Client::Leave(xds::Type type, const std::vector<std::string>& names, xds::Time now) {
  const auto wanted = wanted_.find(type);
  if (wanted == wanted_.end()) return;
  if (!options_.delta && IsWildcardType(type)) return;
  for (const std::string& name : names) {
    wanted->second.names.erase(name);
    if (name == "*") wanted->second.everything = false;
  }
  std::erase_if(has_[type], [&](const auto& entry) { return !Wants(type, entry.first); });
  xds::Request request = Base(type);
  if (options_.delta) {
    request.unsubscribe = names;
  } else {
    request.names = {wanted->second.names.begin(), wanted->second.names.end()};
  }
  Say(std::move(request), now);
}

void Client::Answer(xds::Type type, const std::optional<size_t>& blamed, xds::Time now) {
  const auto flight = in_flight_.find(type);
  if (flight == in_flight_.end()) return;
  const xds::Response response = std::move(flight->second);
  in_flight_.erase(flight);
  xds::Request request = Base(type);
  request.nonce = response.nonce;
  request.version = response.version;
  if (!options_.delta) request.names = {wanted_[type].names.begin(), wanted_[type].names.end()};
  std::optional<std::string> refused;
  if (blamed) {
    request.error = "Error adding/updating cluster(s)";
    if (!response.resources.empty()) refused = response.resources[*blamed % response.resources.size()]->name;
    if (refused) *request.error += " " + *refused + ": is wrong";
  }
  Book(type, response, refused);
  Say(std::move(request), now);
}

// Envoy takes what it does not refuse, and what is gone, also when it refuses something.
void Client::Book(xds::Type type, const xds::Response& response, const std::optional<std::string>& refused) {
  auto& has = has_[type];
  const auto before = has;
  if (!options_.delta && IsWildcardType(type)) has.clear();
  for (const auto& resource : response.resources) {
    const auto had = before.find(resource->name);
    // What is had already is not tried again.
    const bool same = had != before.end() && had->second == resource->version;
    if (resource->name == refused && !same) {
      refused_.emplace(type, resource->name, resource->version);
      if (had != before.end()) has.insert(*had);
    } else if (Wants(type, resource->name)) {
      has[resource->name] = resource->version;
      // Beside a refused one, of types that are not taken one by one, nobody knows that it was taken.
      if (!refused || IsTakenOneByOne(type)) {
        uncertain_.erase({type, resource->name});
      } else if (!same) {
        uncertain_.emplace(type, resource->name);
      }
    }
  }
  for (const std::string& name : response.removed) has.erase(name);
}

void Client::SayNonsense(xds::Type type, const std::string& nonce, xds::Time now) {
  const auto same = [&](const auto& flight) { return flight.second.nonce == nonce; };
  if (std::any_of(in_flight_.begin(), in_flight_.end(), same)) return;
  if (!wanted_[type].asked) well_behaved_ = false;
  xds::Request request = Base(type);
  request.nonce = nonce.empty() ? "x" : nonce;
  request.names = {wanted_[type].names.begin(), wanted_[type].names.end()};
  Say(std::move(request), now);
}

void Client::SayDamaged(xds::Type type, const std::vector<std::string>& names, const Damage& damage, xds::Time now) {
  xds::Request request = Base(type);
  if (options_.delta) {
    request.subscribe = names;
    for (const std::string& name : names) request.initial_versions[name] = "1";
  } else {
    request.names = names;
  }
  std::string bytes = Write(this, request, options_.delta);
  bytes[damage.at % bytes.size()] = damage.byte;
  if (damage.cut) bytes.resize(damage.at % bytes.size());
  SayBytes(bytes, now);
}

void Client::SayBytes(const std::string& bytes, xds::Time now) {
  xds::Request request;
  const bool ok = options_.delta ? xds::ParseDeltaRequest(Buffer(bytes), &request)
                                 : xds::ParseStateRequest(Buffer(bytes), &request);
  if (!ok) return;
  well_behaved_ = false;
  // Nobody may count what such a request answers: the books are closed.
  identified_ = true;
  in_flight_.clear();
  engine_.Receive(id_, request, now);
}

std::vector<xds::Type> Client::InFlight() const {
  std::vector<xds::Type> types;
  for (const auto& [type, response] : in_flight_) types.push_back(type);
  return types;
}

bool Client::UsesWhatNobodyKnows(const Served& served) const {
  const auto is_in = [](const auto& all, const auto& listener) {
    const auto listeners = all.find(xds::Type::kListener);
    if (listeners == all.end()) return false;
    const auto found = listeners->second.find(listener.first);
    return found != listeners->second.end() && found->second == listener.second;
  };
  return std::any_of(brought_.begin(), brought_.end(),
                     [&](const auto& listener) { return is_in(has_, listener) && !is_in(served, listener); });
}

void Client::CheckSettled(const Served& served) const {
  for (const auto& [type, wanted] : wanted_) {
    const auto here = served.find(type);
    static const std::map<std::string, std::string> kNothing;
    const auto& resources = here == served.end() ? kNothing : here->second;
    const auto mine = has_.find(type);
    const auto& has = mine == has_.end() ? kNothing : mine->second;
    for (const auto& [name, version] : resources) {
      if (!Wants(type, name) || refused_.contains({type, name, version})) continue;
      const auto held = has.find(name);
      Require(held != has.end() && held->second == version, "a client has the newest of what it wants",
              std::string(xds::TypeUrl(type)) + " " + name);
    }
    // Without delta, only clusters and listeners can be taken back.
    if (!options_.delta && !IsWildcardType(type)) continue;
    const bool part = type == xds::Type::kScope || type == xds::Type::kRoute;
    if (part && UsesWhatNobodyKnows(served)) continue;
    for (const auto& [name, version] : has) {
      if (uncertain_.contains({type, name})) continue;
      Require(resources.contains(name), "a client has nothing that is gone",
              std::string(xds::TypeUrl(type)) + " " + name);
    }
  }
}

}  // namespace k8sgw::fuzz
