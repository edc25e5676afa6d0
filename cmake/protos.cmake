# Generated C++: `envoy_api` from the Envoy API's descriptors, `api` and `api_comments` from our own proto files.
#
# Generated at configure time into build/gen, which all presets share, and compiled with the same flags everywhere, so
# that the compiler cache serves every preset from one compilation.

set(gen ${CMAKE_SOURCE_DIR}/build/gen)

function(k8sgw_generated target dir)
  file(GLOB units ${dir}/unity/*.cc)
  add_library(${target} STATIC ${units})
  target_include_directories(${target} SYSTEM PUBLIC ${dir}/cpp)
  target_compile_options(${target} PRIVATE -Os -g0 -w)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf gRPC::grpc++)
  # Objects of both compilers fit together, so a preset of clang takes those of g++ from the cache as well.
  if(CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_COMPILER=/usr/bin/c++;${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endfunction()

function(k8sgw_run_generator)
  execute_process(COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/gen_protos.py ${ARGN} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "generating C++ from protobuf descriptions failed; the reason stands above")
  endif()
endfunction()

set(need ${CMAKE_SOURCE_DIR}/cmake/envoy_api.txt)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${need} ${CMAKE_SOURCE_DIR}/tools/gen_protos.py)
k8sgw_run_generator(envoy --wheel ${XDS_PROTOS_WHEEL} --need ${need} --out ${gen}/envoy --units 8)
k8sgw_generated(envoy_api ${gen}/envoy)

file(GLOB_RECURSE own_protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/api/*.proto ${CMAKE_SOURCE_DIR}/plugins/*.proto)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${own_protos})
k8sgw_run_generator(own --root ${CMAKE_SOURCE_DIR} --out ${gen}/own --units 6)
k8sgw_generated(api ${gen}/own)
# The descriptions of our proto files with their comments, which generated code leaves out: see src/crds/protos.h.
add_library(api_comments STATIC ${gen}/own/descriptors/descriptors.cc)
target_compile_options(api_comments PRIVATE -g0 -w)

# What own code needs besides: the root for includes such as "src/base/yaml.h".
add_library(api_options INTERFACE)
target_include_directories(api_options INTERFACE ${CMAKE_SOURCE_DIR})
