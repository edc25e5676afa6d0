# The Helm chart as a part of the program: `chart_archive`, packed anew when a file of it changes.

file(GLOB_RECURSE chart_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/chart/*)
set(chart_source ${CMAKE_BINARY_DIR}/gen/chart_archive.cc)
add_custom_command(
  OUTPUT ${chart_source}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/pack_chart.py --chart ${CMAKE_SOURCE_DIR}/chart --out ${chart_source}
  DEPENDS ${chart_files} ${CMAKE_SOURCE_DIR}/tools/pack_chart.py
  VERBATIM)
add_library(chart_archive STATIC ${chart_source})
target_link_libraries(chart_archive PUBLIC api_options)
target_compile_options(chart_archive PRIVATE -g0 -w)
