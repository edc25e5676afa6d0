# A folder is a library, and its *_test.cc files are one test program. Files are globbed: adding one edits nothing.

# What ctest runs, without the program and what is started beside it.
add_custom_target(test_programs)

function(k8sgw_test name sources)
  if(NOT sources)
    return()
  endif()
  find_package(GTest REQUIRED)
  add_executable(${name} ${sources})
  k8sgw_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
  add_dependencies(test_programs ${name})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit)
endfunction()

# k8sgw_library(sources/file LINKS a b): the library k8sgw_sources_file of src/sources/file.
function(k8sgw_library folder)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  string(REPLACE / _ name k8sgw_${folder})
  set(dir ${CMAKE_SOURCE_DIR}/src/${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  list(REMOVE_ITEM sources ${dir}/main.cc)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${arg_LINKS} api_options)
    k8sgw_compile_options(${name})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${arg_LINKS} api_options)
  endif()
  k8sgw_test(${name}_test "${tests}" ${name})
endfunction()

# All of plugins/*/*.cc, and a generated list of the plugins: a folder with a .cc file is a plugin, found by its name.
function(k8sgw_plugins)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plugins/*/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plugins/*/*_test.cc)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  set(declarations "")
  set(entries "")
  file(GLOB folders LIST_DIRECTORIES true CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plugins/*)
  foreach(folder ${folders})
    get_filename_component(name ${folder} NAME)
    if(EXISTS ${folder}/${name}.cc)
      string(APPEND declarations "namespace ${name} { extern const Plugin kPlugin; }\n")
      string(APPEND entries "      &${name}::kPlugin,\n")
    endif()
  endforeach()
  set(registry ${CMAKE_BINARY_DIR}/gen/plugin_registry.cc)
  file(CONFIGURE OUTPUT ${registry} @ONLY CONTENT [[// Generated from the folders under plugins/. Do not edit.
#include "src/envoy/plugin.h"

namespace k8sgw::plugins {
using envoy::Plugin;
@declarations@}  // namespace k8sgw::plugins

namespace k8sgw::envoy {
std::span<const Plugin* const> AllPlugins() {
  using namespace k8sgw::plugins;
  static const Plugin* const kAll[] = {
@entries@  };
  return kAll;
}
}  // namespace k8sgw::envoy
]])
  add_library(k8sgw_plugins STATIC ${sources} ${registry})
  target_link_libraries(k8sgw_plugins PUBLIC k8sgw_envoy)
  # The registry that envoy reads is here.
  target_link_libraries(k8sgw_envoy INTERFACE k8sgw_plugins)
  # A test of one piece of envoy needs envoy, for that all plugins, and for those all of envoy.
  set_target_properties(k8sgw_envoy PROPERTIES LINK_INTERFACE_MULTIPLICITY 3)
  k8sgw_compile_options(k8sgw_plugins)
  k8sgw_test(k8sgw_plugins_test "${tests}" k8sgw_plugins)
endfunction()
