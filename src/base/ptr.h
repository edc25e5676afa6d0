// Published data is immutable and shared: a Ptr may be kept by anyone, on any thread.
#pragma once

#include <memory>

namespace k8sgw {

template <class T>
using Ptr = std::shared_ptr<const T>;

}  // namespace k8sgw
