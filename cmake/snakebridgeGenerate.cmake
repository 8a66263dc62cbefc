# Typed C++ of Python's modules, for a target's sources to include as
# <snakebridge/py/NAME.hpp>:
#
#   snakebridge_generate(
#     TARGET app                what uses them
#     LIBRARIES numpy math      modules, or libraries of snakebridge.toml
#     [ALL]                     with all modules that are in them
#     [DEFINE used|all]         what the sources of the target name (used, the
#                               default), or all there is
#     [STRICT]                  neither Python nor a network: from the manifest,
#                               which must be what was locked
#     [MANIFEST FILE]           .snakebridge/manifest.json, which is committed,
#                               as is the snakebridge.lock beside it
#     [CONFIG FILE]             snakebridge.toml
#     [PYTHON VENV]             where the libraries are, but for pool.default
#     [PATH FOLDER…]            folders of modules
#     [STUBS FOLDER…]           folders of stubs
#     [TOOLS VENV])             what stubs are read with, if it may not be made
#
# Headers declare all there is, and are there once CMake has configured.
# Definitions are of one object library for each target, TARGET_wrappers, and of
# no more than is used. Files that would be the same are left alone.

# The policies of this file, whatever its user's are.
cmake_policy(PUSH)
cmake_policy(VERSION 3.25)

function(snakebridge_generate)
  cmake_parse_arguments(PARSE_ARGV 0 arg "ALL;STRICT"
    "TARGET;DEFINE;MANIFEST;CONFIG;PYTHON;TOOLS" "LIBRARIES;PATH;STUBS")
  _snakebridge_check_arguments()
  set(target "${arg_TARGET}")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/${target}_wrappers")
  set(stamp "${output}/generated.stamp")

  _snakebridge_arguments()
  set(headers "")
  foreach(library IN LISTS arg_LIBRARIES)
    string(REPLACE "." "/" header "${library}")
    list(APPEND headers "${output}/snakebridge/py/${header}.hpp")
  endforeach()
  # A program that is built with all else cannot run yet.
  get_target_property(is_there snakebridge::cli IMPORTED)
  if(is_there)
    _snakebridge_write_headers()
  endif()

  set(scanned "")
  if(arg_DEFINE STREQUAL "used")
    set(scanned "$<TARGET_PROPERTY:${target},SOURCES>")
    set(folders "$<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>")
    list(APPEND arguments --source "${scanned}"
         "$<$<BOOL:${folders}>:--include$<SEMICOLON>${folders}>")
  endif()
  get_target_property(source_dir "${target}" SOURCE_DIR)
  add_custom_command(
    OUTPUT "${stamp}"
    BYPRODUCTS "${output}/wrappers.cpp" "${output}/wrappers_messages.cpp"
               ${headers}
    COMMAND snakebridge::cli ${arguments}
            --depfile "${stamp}.d" --depends "${stamp}"
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    DEPENDS snakebridge::cli ${scanned}
    DEPFILE "${stamp}.d"
    WORKING_DIRECTORY "${source_dir}"
    COMMENT "Generating wrappers of ${target}"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target("${target}_generate" DEPENDS "${stamp}")

  add_library("${target}_wrappers" OBJECT
    "${output}/wrappers.cpp" "${output}/wrappers_messages.cpp")
  set_source_files_properties(
    "${output}/wrappers.cpp" "${output}/wrappers_messages.cpp"
    PROPERTIES GENERATED ON)
  set_target_properties("${target}_wrappers" PROPERTIES
    POSITION_INDEPENDENT_CODE ON)
  target_include_directories("${target}_wrappers" SYSTEM PUBLIC
    "$<BUILD_INTERFACE:${output}>")
  target_link_libraries("${target}_wrappers" PUBLIC snakebridge::snakebridge)
  # Targets of one folder are compiled alike, so one is precompiled for all.
  get_property(precompiled DIRECTORY PROPERTY _SNAKEBRIDGE_PRECOMPILED)
  if(precompiled)
    target_precompile_headers("${target}_wrappers" REUSE_FROM "${precompiled}")
  else()
    target_precompile_headers("${target}_wrappers" PRIVATE
      <snakebridge/generated.hpp>)
    set_property(DIRECTORY PROPERTY
                 _SNAKEBRIDGE_PRECOMPILED "${target}_wrappers")
  endif()
  add_dependencies("${target}_wrappers" "${target}_generate")
  add_dependencies("${target}" "${target}_generate")
  # Whoever exports a static library has no wrappers to install with it.
  target_link_libraries("${target}" PRIVATE
    "$<BUILD_INTERFACE:${target}_wrappers>")
  # A library's own headers may include those of wrappers.
  get_target_property(type "${target}" TYPE)
  if(NOT type STREQUAL "EXECUTABLE")
    target_include_directories("${target}" SYSTEM INTERFACE
      "$<BUILD_INTERFACE:${output}>")
    target_link_libraries("${target}" INTERFACE
      "$<BUILD_INTERFACE:snakebridge::snakebridge>")
  endif()
endfunction()

# Sets what was left out, and stops where it is no call of the function.
macro(_snakebridge_check_arguments)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
      "snakebridge_generate: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT arg_TARGET OR NOT TARGET "${arg_TARGET}")
    message(FATAL_ERROR "snakebridge_generate: TARGET must name a target")
  endif()
  if(NOT arg_LIBRARIES)
    message(FATAL_ERROR "snakebridge_generate: LIBRARIES must name modules")
  endif()
  if(NOT arg_DEFINE)
    set(arg_DEFINE used)
  endif()
  if(NOT arg_DEFINE MATCHES "^(used|all)$")
    message(FATAL_ERROR
      "snakebridge_generate: DEFINE must be used or all, not ${arg_DEFINE}")
  endif()
  set(has_config "${arg_CONFIG}")
  foreach(row "MANIFEST|.snakebridge/manifest.json" "CONFIG|snakebridge.toml")
    string(REPLACE "|" ";" row "${row}")
    list(GET row 0 name)
    list(GET row 1 default)
    if(NOT arg_${name})
      set(arg_${name} "${default}")
    endif()
    get_filename_component(arg_${name} "${arg_${name}}" ABSOLUTE)
  endforeach()
  # One that nobody has named may not be there.
  if(NOT has_config AND NOT EXISTS "${arg_CONFIG}")
    set(arg_CONFIG "")
  endif()
endmacro()

# Sets `arguments` to those of both runs of the command line.
macro(_snakebridge_arguments)
  set(arguments generate)
  foreach(library IN LISTS arg_LIBRARIES)
    list(APPEND arguments "${library}")
    if(arg_ALL)
      list(APPEND arguments "${library}.*")
    endif()
  endforeach()
  list(APPEND arguments --if-lacking --output "${output}"
       --manifest "${arg_MANIFEST}")
  if(arg_CONFIG)
    list(APPEND arguments --config "${arg_CONFIG}")
  endif()
  if(arg_STRICT OR SNAKEBRIDGE_STRICT OR "$ENV{SNAKEBRIDGE_STRICT}")
    list(APPEND arguments --strict)
  endif()
  foreach(name PYTHON TOOLS)
    if(arg_${name})
      string(TOLOWER "--${name}" option)
      list(APPEND arguments "${option}" "${arg_${name}}")
    endif()
  endforeach()
  foreach(name PATH STUBS)
    if(arg_${name})
      string(TOLOWER "--${name}" option)
      list(APPEND arguments "${option}")
      foreach(folder IN LISTS arg_${name})
        get_filename_component(folder "${folder}" ABSOLUTE)
        list(APPEND arguments "${folder}")
      endforeach()
    endif()
  endforeach()
endmacro()

# Headers are there before anything is built, so that editors see them.
macro(_snakebridge_write_headers)
  get_target_property(configurations snakebridge::cli IMPORTED_CONFIGURATIONS)
  list(GET configurations 0 configuration)
  get_target_property(program snakebridge::cli
                      "IMPORTED_LOCATION_${configuration}")
  execute_process(
    COMMAND "${program}" ${arguments} --headers
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE warned)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "snakebridge_generate: ${target}:\n${said}${warned}")
  endif()
  if(warned)
    message(WARNING "snakebridge_generate: ${target}:\n${warned}")
  endif()
  file(GLOB_RECURSE headers "${output}/snakebridge/py/*.hpp")
  get_filename_component(lock "${arg_MANIFEST}" DIRECTORY)
  string(APPEND lock "/snakebridge.lock")
  foreach(file IN ITEMS "${arg_MANIFEST}" "${lock}" "${arg_CONFIG}")
    if(EXISTS "${file}")
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    endif()
  endforeach()
endmacro()

cmake_policy(POP)
