#include "src/bootstrap/template.h"

#include <algorithm>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/bootstrap/go_string.h"

namespace k8sgw::bootstrap {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kShownBytes = 80;
constexpr char kMend[] =
    "only {{.Field}} with PodName, PodNamespace, PodIp, PodSvcAccount, PodUID, NodeName or NodeIp, and {{index "
    ".PodLabels "
    "\"key\"}} or {{index .PodAnnotations \"key\"}} are filled in";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::string Shown(std::string_view action) {
  return Printable(action.size() <= kShownBytes ? action : action.substr(0, kShownBytes));
}

class Filler {
 public:
  explicit Filler(const PodInfo& pod) : pod_(pod) {}

  absl::StatusOr<Filled> Fill(std::string_view text) {
    while (true) {
      const size_t begin = text.find("{{");
      Take(text, std::min(begin, text.size()));
      if (begin == std::string_view::npos) return std::move(filled_);
      const size_t end = EndOf(text);
      if (end == std::string_view::npos) return Error(Cat("there is no }} for \"", Shown(text), "\""), kMend);
      const std::string_view action = text.substr(0, end);
      if (const absl::Status status = Evaluate(action); !status.ok()) return status;
      line_ += static_cast<int>(std::ranges::count(action, '\n'));
      text.remove_prefix(end);
    }
  }

 private:
  // The end of the action that the text begins with; keys may hold braces.
  static size_t EndOf(std::string_view text) {
    for (size_t at = 2; at < text.size();) {
      std::string_view rest = text.substr(at);
      if (rest.starts_with("}}")) return at + 2;
      at = TakeString(rest) ? text.size() - rest.size() : at + 1;
    }
    return std::string_view::npos;
  }

  void Take(std::string_view& text, size_t size) {
    filled_.text += text.substr(0, size);
    line_ += static_cast<int>(std::ranges::count(text.substr(0, size), '\n'));
    text.remove_prefix(size);
  }

  absl::Status Error(const std::string& what, std::string_view mend) const {
    return absl::InvalidArgumentError(Cat("line ", line_, ": ", what, ": ", mend));
  }

  absl::Status Evaluate(std::string_view action) {
    std::string_view inside = Trimmed(action.substr(2, action.size() - 4));
    if (TakeWord(inside, ".")) {
      const auto* field = std::ranges::find(kPodFields, inside, &PodField::name);
      if (field == std::end(kPodFields)) return Refuse(action);
      return Put(action, pod_.fields, std::string(field->name), Cat(field->variable, " is not set"));
    }
    if (!TakeWord(inside, "index") || inside.find_first_of(kSpace) != 0) return Refuse(action);
    inside = Trimmed(inside);
    const bool labels = inside.starts_with(".PodLabels");
    if (!TakeWord(inside, labels ? ".PodLabels" : ".PodAnnotations")) return Refuse(action);
    inside = Trimmed(inside);
    const std::optional<std::string> key = TakeString(inside);
    if (!key || !inside.empty()) return Refuse(action);
    return Put(action, labels ? pod_.labels : pod_.annotations, *key,
               Cat("the pod has no ", labels ? "label " : "annotation ", Printable(*key)));
  }

  absl::Status Refuse(std::string_view action) const {
    return Error(Cat("\"", Shown(action), "\" is not understood"), kMend);
  }

  absl::Status Put(std::string_view action, const std::map<std::string, std::string, std::less<>>& values,
                   const std::string& key, const std::string& otherwise) {
    const auto found = values.find(key);
    if (found == values.end()) {
      filled_.notices.push_back(Cat("line ", line_, ": ", Shown(action), ": ", otherwise, ": it is left empty"));
      return absl::OkStatus();
    }
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (std::ranges::any_of(found->second, is_control)) {
      return Error(Cat("the value of \"", Shown(action), "\" has a line break or another control character"),
                   "it would write lines of its own into the bootstrap");
    }
    filled_.text += found->second;
    return absl::OkStatus();
  }

  const PodInfo& pod_;
  Filled filled_;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<Filled> Fill(std::string_view text, const PodInfo& pod) { return Filler(pod).Fill(text); }

}  // namespace k8sgw::bootstrap
