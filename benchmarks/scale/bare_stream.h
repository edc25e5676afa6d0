// One delta ADS client, as bare as can be: a socket, the frames of HTTP/2 that such a stream needs, and an
// acknowledgement for whatever comes. It keeps no resource, so that a thousand of them cost their server's work and
// hardly any of their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/xds/resource.h"

namespace k8sgw::bench {

struct Subscriptions {
  std::string role;
  // By type, names to ask for; an empty list asks for all. Types that are not here are not asked for.
  std::vector<std::pair<xds::Type, std::vector<std::string>>> types;
};

class BareStream {
 public:
  // Connects to 127.0.0.1:`port`, waiting until somebody listens there, and asks. Ends the process on any error, here
  // and below: a benchmark with a lost client measures nothing.
  BareStream(int port, const Subscriptions& subscriptions);
  ~BareStream();
  BareStream(const BareStream&) = delete;
  BareStream& operator=(const BareStream&) = delete;

  int fd() const { return fd_; }
  // Reads what there is, and answers it. Returns the types of the responses that became complete.
  std::vector<xds::Type> OnReadable();

  // From now on the newest message of each type is kept whole.
  void Keep() { keep_ = true; }
  const std::string& kept(xds::Type type) const { return kept_[static_cast<size_t>(type)]; }

 private:
  void Connect(int port);
  void Send(std::string_view bytes);
  void SendMessage(const std::string& message);
  // Each takes what it can from the front of `bytes`.
  void TakeFrame(std::string_view& bytes, std::vector<xds::Type>& complete);
  void TakeData(std::string_view data, std::vector<xds::Type>& complete);
  void OnSmallFrame();
  void OnMessage(std::vector<xds::Type>& complete);

  int fd_ = -1;
  bool keep_ = false;
  // Of the frame that is being read: its head, and how much of its payload is missing.
  std::string head_;
  size_t missing_ = 0;
  std::string payload_;  // not that of data
  // Of the gRPC message that is being read.
  std::string prefix_;
  size_t message_missing_ = 0;
  std::string message_;  // its beginning, or all of it
  uint64_t unacknowledged_ = 0;
  std::array<std::string, xds::kTypeCount> kept_;
};

}  // namespace k8sgw::bench
