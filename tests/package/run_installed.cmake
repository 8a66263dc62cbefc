# Installs the build in BUILD under WORK, then builds and runs the consumer
# beside this file against what was installed: once found by CMake, once by
# pkg-config. Fails unless every program prints 4.0, and its test passes.
cmake_minimum_required(VERSION 3.25)

foreach(name BUILD COMPILER FAULTS GENERATOR LIBDIR WORK)
  if(NOT DEFINED ${name})
    message(FATAL_ERROR "say -D${name}=… before -P")
  endif()
endforeach()

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nended with ${code}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect_four)
  run(${ARGV})
  string(STRIP "${output}" output)
  if(NOT output STREQUAL "4.0")
    message(FATAL_ERROR "${ARGV} printed '${output}', not 4.0")
  endif()
  message(STATUS "${ARGV}: ${output}")
endfunction()

# What an earlier run, or the checkout, could lend to the consumer is gone.
file(REMOVE_RECURSE "${WORK}")
set(prefix "${WORK}/installed")
foreach(name CONFIG WORKER PYTHON POOL_SIZE TIMEOUT_MS PLACEMENT)
  unset(ENV{SNAKEBRIDGE_${name}})
endforeach()
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
foreach(completion bash-completion/completions/snakebridge
                   zsh/site-functions/_snakebridge
                   fish/vendor_completions.d/snakebridge.fish)
  if(NOT EXISTS "${prefix}/share/${completion}")
    message(FATAL_ERROR "no share/${completion} was installed")
  endif()
endforeach()

set(consumer "${CMAKE_CURRENT_LIST_DIR}")
run("${CMAKE_COMMAND}" -S "${consumer}" -B "${WORK}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}"
    "-DFAULTS=${FAULTS}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
expect_four("${WORK}/build/plain")
expect_four("${WORK}/build/actors")
expect_four("${WORK}/build/plugin_host" "${WORK}/build/libplugin.so")
run("${WORK}/build/service_test")

find_program(pkg_config pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
run("${pkg_config}" --cflags --libs snakebridge)
separate_arguments(flags UNIX_COMMAND "${output}")
run("${COMPILER}" -std=c++20 "${consumer}/main.cpp" -o "${WORK}/by_pkg_config"
    ${flags} "-Wl,-rpath,${prefix}/${LIBDIR}")
expect_four("${WORK}/by_pkg_config")
