// The few things that readers and writers of text need to know about UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace k8sgw {

// Decodes the first character of `text`, strictly (no surrogates, no overlong forms). Returns its length in bytes, or 0
// when the text is empty or not UTF-8.
size_t DecodeUtf8(std::string_view text, uint32_t* code);

// True when YAML allows the character unescaped.
bool IsYamlPrintable(uint32_t code);

}  // namespace k8sgw
