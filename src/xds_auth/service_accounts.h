// Callers of xDS are known by the tokens of their ServiceAccounts, which the API server reviews.
//
// gRPC's threads ask; the API server is spoken to on another thread, that of a client of its own, so that neither a
// flood of callers nor a translation holds up the other. A lock stands around Reviews; nobody is answered within it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "src/sources/kube/writer.h"
#include "src/xds/authenticator.h"
#include "src/xds_auth/reviews.h"
#include "src/xds_auth/service_account.h"

namespace k8sgw::xds_auth {

struct ServiceAccountOptions {
  // What tokens must be for, so that one that was made for something else, and stolen there, is no use here.
  std::string audience = "k8sgateway-xds";
  Grants grants;
  // Where Proxies are that callers must have the right to read, in place of roles that are theirs; "" for roles.
  std::string readers_of;
  // A stream that is open for so long is asked about again: its account, its pod or its token may be gone.
  std::chrono::milliseconds recheck{300'000};
  ReviewOptions reviews;
};

class ServiceAccounts : public xds::Authenticator {
 public:
  using Time = Reviews::Time;

  // The client of the API server; all but `post` and `now` are called on its thread.
  struct Api {
    std::function<void(std::function<void()> work)> post;
    std::function<Time()> now;
    std::function<void(Time when, std::function<void()> what)> at;
    std::function<void(kube::WriteRequest request, kube::Writer::Done done)> send;
  };
  // What operators want to know, on the client's thread: that reviews fail, and that they are well again.
  using Log = std::function<void(const std::string& what, bool is_error)>;

  // Of `reviews`, times that are longer than the recheck are cut to it, and unasked_grace follows from it.
  ServiceAccounts(ServiceAccountOptions options, Api api, Log log);

  void Authenticate(const xds::Caller& caller, Done done) override;
  std::chrono::milliseconds holds_for() const override { return options_.recheck; }
  // Whoever waits is told so, and nobody passes any more.
  void Stop();

 private:
  // What Reviews want done; without the lock.
  void Do(Reviews::Todo todo);
  void Review(const Reviews::Start& start);
  void Reviewed(const std::string& key, const kube::WriteResult& result);
  void AskForRight(const std::string& key, const Account& account);
  void Finish(const std::string& key, Reviews::Answer answer);
  void Arm();
  void LogHealth(const absl::Status& status);

  const ServiceAccountOptions options_;
  const Ptr<Grants> grants_;
  const Api api_;
  const Log log_;
  std::mutex mutex_;
  Reviews reviews_;  // guarded by mutex_
  // These belong to the client's thread.
  std::optional<Time> armed_;
  bool failing_ = false;
};

// The address of a peer, without its port; "" when it is of this machine, where a proxy stands in front of all others.
std::string AddressOf(const std::string& peer);

}  // namespace k8sgw::xds_auth
