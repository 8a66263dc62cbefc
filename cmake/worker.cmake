# What is compiled for each CPython: the room of Python, and the program of a
# worker. The build of the bridge includes it for the Python it has, and
# worker_project.cmake for another. Both have `sb_wire`, `Python3::Python`,
# `pybind11::headers`, and say `python_version` ("3.11") and
# `Python3_EXECUTABLE`.
function(snakebridge_room OUT ROOM)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/runtime/${ROOM}/")
  set(${OUT} "${ARGN}" PARENT_SCOPE)
endfunction()

# All that needs the GIL.
snakebridge_room(python_sources python
  awaiting.cpp callback_proxy.cpp forked_child.cpp from_python.cpp
  helper_registry.cpp imports.cpp item_batch.cpp lookup.cpp markers.cpp
  members.cpp module.cpp moments.cpp names.cpp object_table.cpp packed.cpp
  perform.cpp python.cpp python_version.cpp raised.cpp running_call.cpp
  scalars.cpp session_module.cpp to_python.cpp without_gil.cpp)
snakebridge_layer(python
  SOURCES ${python_sources}
  LINKS sb_wire Python3::Python pybind11::headers
  PCH <pybind11/embed.h> <capnp/message.h> <snakebridge/config.hpp>
      <snakebridge/value.hpp> <fmt/format.h>)
target_compile_definitions(sb_python PUBLIC
  SNAKEBRIDGE_PYTHON_VERSION="${python_version}"
  SNAKEBRIDGE_PYTHON_EXECUTABLE="${Python3_EXECUTABLE}")

# The program of a worker process.
snakebridge_room(worker_sources worker
  callbacks.cpp control_thread.cpp executor.cpp executors.cpp limits.cpp
  main.cpp printed.cpp signals.cpp thread_interrupts.cpp wire_call.cpp)
add_executable(snakebridge-worker ${worker_sources})
target_link_libraries(snakebridge-worker PRIVATE sb_python)
# Extension modules find CPython's symbols in the program that loaded them.
set_target_properties(snakebridge-worker PROPERTIES ENABLE_EXPORTS ON)
