# The library users link: every layer in one shared object, so that a program
# sees one version, one set of symbols and none of the private dependencies.
# Objects, not archives: what nothing inside calls is the public API.
add_library(snakebridge SHARED
  $<TARGET_OBJECTS:sb_config> $<TARGET_OBJECTS:sb_schemas>
  $<TARGET_OBJECTS:sb_runtime> $<TARGET_OBJECTS:sb_actors>
  $<TARGET_OBJECTS:sb_supervisors>)
add_library(snakebridge::snakebridge ALIAS snakebridge)

# sb_supervisors brings what the layers need: CPython too, so that extension
# modules find its symbols in every program that links this library.
target_link_libraries(snakebridge
  PRIVATE sb_supervisors
  PUBLIC CAF::core fmt::fmt tl::expected Threads::Threads)
set_target_properties(snakebridge PROPERTIES
  LINKER_LANGUAGE CXX
  VERSION "${PROJECT_VERSION}"
  # Until 1.0 each minor version may break its users.
  SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
target_compile_features(snakebridge PUBLIC cxx_std_20)
target_include_directories(snakebridge PUBLIC
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
# A name nobody defines must fail here, not in every program that links this.
# Sanitizers leave theirs to the program.
if(NOT SNAKEBRIDGE_SANITIZER)
  target_link_options(snakebridge PRIVATE LINKER:--no-undefined)
endif()
