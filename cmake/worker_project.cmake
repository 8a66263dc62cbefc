# The project that `snakebridge setup` builds a worker with, for a CPython that
# is not the bridge's: installed as CMakeLists.txt, beside the sources it names
# and an archive of what needs no Python. It is told
#   PYTHON_EXECUTABLE, PYTHON_VERSION   "3.13"
#   PYTHON_INCLUDE, PYTHON_LIBRARY      Python.h's folder, libpython
#   PYTHON_LINKS                        what a static libpython needs
#   PYBIND11_INCLUDE
cmake_minimum_required(VERSION 3.25)
# The compiler, its flags, and how the archive was built.
include("${CMAKE_CURRENT_LIST_DIR}/settings.cmake")
project(snakebridge_worker LANGUAGES C CXX)
list(APPEND CMAKE_MODULE_PATH "${PROJECT_SOURCE_DIR}/cmake")
include(GNUInstallDirs)
include(layers)

find_package(Threads REQUIRED)
find_package(CapnProto REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(gmp REQUIRED IMPORTED_TARGET gmp)

add_library(sb_wire STATIC IMPORTED)
set_target_properties(sb_wire PROPERTIES
  IMPORTED_LOCATION "${PROJECT_SOURCE_DIR}/libsnakebridge_wire.a")
target_include_directories(sb_wire INTERFACE "${PROJECT_SOURCE_DIR}/made")
target_compile_definitions(sb_wire INTERFACE
  SNAKEBRIDGE_VERSION="${SNAKEBRIDGE_VERSION}")
target_link_libraries(sb_wire INTERFACE
  sb_options CapnProto::capnp fmt::fmt spdlog::spdlog tl::expected
  PkgConfig::gmp Threads::Threads)

add_library(Python3::Python INTERFACE IMPORTED)
target_include_directories(Python3::Python SYSTEM INTERFACE "${PYTHON_INCLUDE}")
if(PYTHON_LIBRARY MATCHES "[.]a$")
  # All of it: extension modules need what the worker does not.
  target_link_options(Python3::Python INTERFACE
    "SHELL:LINKER:--whole-archive '${PYTHON_LIBRARY}' LINKER:--no-whole-archive")
  separate_arguments(PYTHON_LINKS)
  target_link_libraries(Python3::Python INTERFACE ${PYTHON_LINKS})
else()
  target_link_libraries(Python3::Python INTERFACE "${PYTHON_LIBRARY}")
endif()
add_library(pybind11::headers INTERFACE IMPORTED)
target_include_directories(pybind11::headers SYSTEM INTERFACE
                           "${PYBIND11_INCLUDE}")

set(python_version "${PYTHON_VERSION}")
set(Python3_EXECUTABLE "${PYTHON_EXECUTABLE}")
include(worker)
