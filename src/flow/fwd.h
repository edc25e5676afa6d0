// Names of the core's types, for headers that only pass them on.
#pragma once

namespace k8sgw::flow {

class Graph;
class Reader;
template <class K, class V>
class Collection;

}  // namespace k8sgw::flow
