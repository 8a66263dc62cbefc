# The library users link: every layer in one shared object, so that a program
# sees one version, one set of symbols and none of the private dependencies.
set(layers sb_config sb_schemas sb_node_schemas sb_base sb_values sb_wire
           sb_python sb_calls sb_hosts sb_node sb_environment sb_actors
           sb_supervisors sb_bridge)

# The objects themselves: an archive would drop what nothing inside calls, and
# that is just the public API.
list(TRANSFORM layers REPLACE ".+" "$<TARGET_OBJECTS:\\0>"
     OUTPUT_VARIABLE layer_objects)
add_library(snakebridge SHARED ${layer_objects})
add_library(snakebridge::snakebridge ALIAS snakebridge)
target_link_libraries(snakebridge
  PUBLIC CAF::core fmt::fmt tl::expected Threads::Threads
  PRIVATE CapnProto::capnp CapnProto::capnp-rpc CapnProto::kj-tls
          OpenSSL::Crypto Python3::Python spdlog::spdlog
          tomlplusplus::tomlplusplus PkgConfig::gmp ${CMAKE_DL_LIBS})
set_target_properties(snakebridge PROPERTIES
  VERSION "${PROJECT_VERSION}"
  # Until 1.0 each minor version may break its users.
  SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
target_compile_features(snakebridge PUBLIC cxx_std_20)
target_include_directories(snakebridge PUBLIC
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_options(snakebridge PRIVATE
                    $<$<CONFIG:Release>:LINKER:-Bsymbolic-functions>)
# A name nobody defines must fail here, not in every program that links this.
# Sanitizers leave theirs to the program.
if(NOT SNAKEBRIDGE_SANITIZER)
  target_link_options(snakebridge PRIVATE LINKER:--no-undefined)
endif()
