// Base64, of both alphabets, with or without padding.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw {

// False when the text is no base64, or is cut off. White space is skipped.
bool DecodeBase64(std::string_view text, std::string* bytes);
// The standard alphabet, padded.
std::string EncodeBase64(std::string_view bytes);

}  // namespace k8sgw
