# Compiler cache, linker, warnings, sanitizers.

find_program(CCACHE ccache)
if(CCACHE)
  # Paths are made relative, so that another checkout, or another preset's copy of the same file, hits the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
                                  CCACHE_COMPRESS=true ${CCACHE})
endif()
find_program(MOLD mold)
# Debian 12's mold fails an assertion of its own on some programs of clang with sanitizers.
if(MOLD AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=mold)
endif()

# Generated code gets none of these: it is compiled once for all presets.
set(K8SGW_FLAGS "-O1;-g1" CACHE STRING "Flags for our own code")
set(K8SGW_SANITIZE "" CACHE STRING "Value of -fsanitize= for our own code, such as address,undefined")
# Read by k8sgw_compile_options; generated code is built without warnings and sanitizers, the same for every preset.
function(k8sgw_compile_options target)
  target_compile_options(${target} PRIVATE ${K8SGW_FLAGS} -Wall -Wextra -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Werror
                         -Wno-deprecated-declarations) # the published API has deprecated fields that we honour
  if(K8SGW_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${K8SGW_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    # protobuf's messages have another layout with this macro, but the library and generated code are built without it.
    target_compile_options(${target} PRIVATE -U__SANITIZE_THREAD__)
  endif()
endfunction()
if(K8SGW_SANITIZE)
  add_link_options(-fsanitize=${K8SGW_SANITIZE})
endif()
