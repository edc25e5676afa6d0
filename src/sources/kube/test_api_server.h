// A model of an API server for tests: it keeps its whole history, sends what a real one sends for lists and watches of
// one kind, and breaks as real ones do. Versions are numbers that grow, as the real ones', and those of all kinds may
// be of one sequence.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/sources/kube/served.h"
#include "src/sources/kube/test_follower.h"

namespace k8sgw::kube::testing {

// The versions of one or several models.
struct Sequence {
  size_t last = 1;
  // The same change in several of them: all give it the last version.
  bool shared = false;
};

class TestApiServer {
 public:
  // What the objects were, by name; the bytes of each.
  using State = std::map<std::string, std::string>;

  // The text of an object.
  using Write = std::function<std::string(std::string_view name, std::string_view version, std::string_view spec)>;

  explicit TestApiServer(
      Write write = [](auto name, auto version, auto spec) { return ObjectJson(name, version, spec); },
      std::shared_ptr<Sequence> sequence = std::make_shared<Sequence>())
      : write_(std::move(write)), sequence_(std::move(sequence)) {
    states_.emplace_back();
    versions_.push_back(0);
  }

  // Faults.
  bool has_initial_events = true;
  int refuse_with = 0;  // every request is answered with this code
  bool lose_tokens = false;
  bool repeat_events = false;
  bool installed = true;
  // Of its group in its version; that is not there without any.
  bool only_kind = false;

  size_t version() const { return states_.size() - 1; }
  const std::vector<State>& states() const { return states_; }

  void Put(const std::string& name, std::string_view spec) {
    State next = states_.back();
    const std::string type = next.contains(name) ? "MODIFIED" : "ADDED";
    next[name] = write_(name, NextVersion(), spec);
    events_.push_back({type, next[name]});
    states_.push_back(std::move(next));
  }
  void Delete(const std::string& name) {
    State next = states_.back();
    if (next.erase(name) == 0) return;
    events_.push_back({"DELETED", write_(name, NextVersion(), "1")});
    states_.push_back(std::move(next));
  }
  // The history before now is forgotten.
  void Compact() { floor_ = version(); }
  // The definition of the kind goes, and all objects with it.
  void Uninstall() {
    while (!states_.back().empty()) Delete(states_.back().begin()->first);
    installed = false;
    Compact();
    Close();
  }

  // A request; what it answers is then to be read with Read.
  void Open(const std::string& target) {
    const Query query(target);
    out_.clear();
    position_.reset();
    open_ = true;
    code_ = 200;
    if (refuse_with != 0) return Refuse(refuse_with, "Refused");
    if (!installed) return Refuse(404, "NotFound");
    if (!query.Has("watch")) return List(query);
    if (query.Has("sendInitialEvents")) return SendInitialEvents();
    const std::optional<size_t> from = StateAt(query.Get("resourceVersion"));
    if (!from || *from < floor_) return GoneFor(query);
    position_ = *from;
  }
  // The same for what it says that it serves, whether or not it serves it now.
  void OpenServed(const std::string& target, const Resource& resource) {
    out_.clear();
    position_.reset();
    open_ = true;
    code_ = 200;
    const std::string version = Cat(resource.group, "/", resource.version);
    const bool has_group = installed || !only_kind;
    if (target == kGroupsPath) {
      out_ =
          has_group ? GroupsJson({{"apps", "v1"}, {resource.group, resource.version}}) : GroupsJson({{"apps", "v1"}});
    } else if (has_group) {
      out_ = installed ? KindsJson({"others", resource.plural}, version) : KindsJson({"others"}, version);
    } else {
      Refuse(404, "NotFound");
    }
  }
  static bool AsksWhatIsServed(const std::string& target, const Resource& resource) {
    return target == kGroupsPath || target == ServedPath(resource);
  }
  int code() const { return code_; }
  bool open() const { return open_; }
  void Close() { open_ = false; }
  // The answer ends here, if it is not a watch.
  bool Finished() const { return out_.empty() && !position_; }

  // Some bytes of what there is to say now; at most `size`.
  std::string Read(size_t size) {
    Fill();
    std::string bytes = out_.substr(0, size);
    out_.erase(0, bytes.size());
    return bytes;
  }
  void SendBookmark() {
    if (!position_ || in_initial_) return;
    Fill();
    out_ += Bookmark(Now());
  }
  bool HasBytes() {
    Fill();
    return !out_.empty();
  }

 private:
  struct Change {
    std::string type;
    std::string object;
  };
  class Query {
   public:
    explicit Query(const std::string& target) {
      const size_t begin = target.find('?');
      if (begin != std::string::npos) text_ = "&" + target.substr(begin + 1) + "&";
    }
    bool Has(const std::string& key) const { return text_.find("&" + key + "=") != std::string::npos; }
    std::string Get(const std::string& key) const {
      const size_t at = text_.find("&" + key + "=");
      if (at == std::string::npos) return "";
      const size_t begin = at + key.size() + 2;
      return text_.substr(begin, text_.find('&', begin) - begin);
    }

   private:
    std::string text_;
  };

  // The state that was the newest at that version.
  std::optional<size_t> StateAt(const std::string& version) const {
    if (version.empty() || version.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    const auto after = std::upper_bound(versions_.begin(), versions_.end(), std::stoul(version));
    return static_cast<size_t>(after - versions_.begin()) - 1;
  }
  std::string Now() const { return std::to_string(sequence_->last); }
  std::string NextVersion() {
    if (!sequence_->shared || versions_.back() == sequence_->last) ++sequence_->last;
    versions_.push_back(sequence_->last);
    return Now();
  }
  void Refuse(int code, std::string_view reason) {
    code_ = code;
    out_ = StatusJson(code, reason);
  }
  // Both ways in which real ones say it.
  void GoneFor(const Query& query) {
    if (query.Get("timeoutSeconds").back() % 2 == 0) return Refuse(410, "Expired");
    out_ = Line("ERROR", StatusJson(410, "Expired"));
  }
  void SendInitialEvents() {
    if (!has_initial_events) return Refuse(422, "Invalid");
    in_initial_ = true;
    for (const auto& [name, object] : states_.back()) out_ += Line("ADDED", object);
    position_ = version();
  }
  void List(const Query& query) {
    std::string now = Now();
    size_t at = version();
    std::string after;
    if (const std::string token = query.Get("continue"); !token.empty()) {
      now = token.substr(0, token.find('~'));
      at = *StateAt(now);
      after = token.substr(now.size() + 1);
      if (lose_tokens || at < floor_) return Refuse(410, "Expired");
    }
    const size_t limit = query.Has("limit") ? std::stoul(query.Get("limit")) : ~size_t{0};
    std::vector<std::string> items;
    std::string next;
    for (auto it = states_[at].upper_bound(after); it != states_[at].end(); ++it) {
      if (items.size() == limit) {
        next = now + "~" + std::prev(it)->first;
        break;
      }
      items.push_back(it->second);
    }
    out_ = PageJson(now, items, next);
  }
  void Fill() {
    while (position_ && *position_ < version()) {
      const Change& change = events_[(*position_)++];
      out_ += Line(change.type, change.object);
      if (repeat_events) out_ += Line(change.type, change.object);
    }
    if (!in_initial_ || !position_) return;
    in_initial_ = false;
    out_ += Bookmark(Now(), true);
  }

  Write write_;
  const std::shared_ptr<Sequence> sequence_;
  std::vector<State> states_;
  std::vector<size_t> versions_;  // of the states
  // events_[n] leads from states_[n] to states_[n + 1].
  std::vector<Change> events_;
  size_t floor_ = 0;
  // The running answer.
  std::string out_;
  std::optional<size_t> position_;
  int code_ = 0;
  bool open_ = false;
  bool in_initial_ = false;
};

}  // namespace k8sgw::kube::testing
