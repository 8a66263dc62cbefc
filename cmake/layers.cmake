# How a layer is built. One folder, or one room of runtime, is one static,
# position-independent library `sb_<folder>`; cmake/library.cmake joins them into
# the one users link.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Assertions stay on in every build: no NDEBUG.
# Memory of threads is found without a call, and our own functions without a
# table: nobody puts others in their place.
set(CMAKE_CXX_FLAGS_RELEASE
    "-O2 -ftls-model=initial-exec -fno-semantic-interposition")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Binaries and libraries lie in the build tree as they do when installed, so
# the library finds its worker beside itself in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY
    "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}")
file(RELATIVE_PATH _lib_from_bin "/${CMAKE_INSTALL_BINDIR}"
     "/${CMAKE_INSTALL_LIBDIR}")
set(CMAKE_INSTALL_RPATH "$ORIGIN/${_lib_from_bin}")

# By what the files hold, comments too (depend mode): ccache else takes the
# output of the preprocessor for the key, hands out a precompiled header made
# of other comments, and gcc, which knows `#pragma once` headers by their text,
# reads them twice. The namespace keeps off what the other mode has stored.
find_program(SNAKEBRIDGE_CCACHE ccache)
if(SNAKEBRIDGE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_DEPEND=1 CCACHE_NAMESPACE=snakebridge
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
      ${SNAKEBRIDGE_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

add_library(sb_options INTERFACE)
target_compile_options(sb_options INTERFACE -Wall -Wextra -Wpedantic)
target_include_directories(sb_options INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include"
  "${PROJECT_BINARY_DIR}/include")
if(SNAKEBRIDGE_SANITIZER)
  add_compile_options(-fsanitize=${SNAKEBRIDGE_SANITIZER}
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SNAKEBRIDGE_SANITIZER})
  if(SNAKEBRIDGE_SANITIZER MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=all -fsanitize-recover=null
                        -fno-sanitize=vptr)
    add_link_options(-fno-sanitize=vptr)
  endif()
endif()

# snakebridge_layer(actors SOURCES a.cpp… LINKS sb_config fmt::fmt… PCH …)
function(snakebridge_layer NAME)
  cmake_parse_arguments(LAYER "" "" "SOURCES;LINKS;PCH" ${ARGN})
  add_library(sb_${NAME} STATIC ${LAYER_SOURCES})
  target_link_libraries(sb_${NAME} PUBLIC sb_options ${LAYER_LINKS})
  if(LAYER_PCH)
    target_precompile_headers(sb_${NAME} PRIVATE ${LAYER_PCH})
  endif()
endfunction()
