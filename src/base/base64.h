// Base64, of both alphabets, with or without padding.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace k8sgw {

// False when the text is no base64, or is cut off. White space is skipped.
bool DecodeBase64(std::string_view text, std::string* bytes);
// Where the first character stands that cannot be in base64; the size of the text when there is none.
size_t EndOfBase64(std::string_view text);
// The standard alphabet, padded.
std::string EncodeBase64(std::string_view bytes);

}  // namespace k8sgw
