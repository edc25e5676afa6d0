// Kinds that are published, and from which nothing is translated here.
//
// Their objects are decoded as strictly as all others, and each says what it is not good for.
#pragma once

#include "src/model/objects.h"

namespace k8sgw {

// Whether the objects of a kind count in translation.
bool IsRead(Kind kind);

// What to tell the owner of an object; nothing about those that are read, or gone.
Problems UnreadNotices(const Change& change);

}  // namespace k8sgw
