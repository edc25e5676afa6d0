// The validating webhook of `gloo`, in a cluster and with folders.
#pragma once

#include <functional>
#include <string>

#include "api/gloo/v1/settings.proto.h"
#include "src/admission/webhook.h"
#include "src/cmd/commands.h"

namespace k8sgw {

admission::WebhookOptions WebhookOf(const GlooOptions& options);

void LogOfWebhook(const std::string& message, bool is_error);

// With folders there is a webhook only where Settings name the files of its certificate: nobody put any at the usual
// place, as the chart does. `settings` may be nullptr.
bool NamesWebhookFiles(const gloov1::Settings* settings);

// Which namespaces count by watchNamespaces: folders know no labels of them. `own` does in any case.
admission::Namespaces NamespacesOfFiles(std::function<const gloov1::Settings*()> settings, std::string own);

}  // namespace k8sgw
