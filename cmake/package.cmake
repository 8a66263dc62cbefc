# What `cmake --install` puts in place beside the programs: the library, its
# headers, and how CMake (find_package(snakebridge)) and pkg-config find them.
# All of it may be moved as one: no file names the prefix it was installed to.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/snakebridge")
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(TARGETS snakebridge snakebridge_testing EXPORT snakebridgeTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/snakebridge"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/config/snakebridge.toml"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/snakebridge")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/python/stubs/snakebridge-stubs"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/snakebridge/python"
        FILES_MATCHING PATTERN "*.pyi")

install(EXPORT snakebridgeTargets NAMESPACE snakebridge::
        DESTINATION "${package_dir}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/snakebridgeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/snakebridgeConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/snakebridgeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/snakebridgeConfig.cmake"
              "${PROJECT_BINARY_DIR}/snakebridgeConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/snakebridgeGenerate.cmake"
        DESTINATION "${package_dir}")

file(RELATIVE_PATH prefix_from_pkgconfig
     "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" prefix_from_pkgconfig "${prefix_from_pkgconfig}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/snakebridge.pc.in"
               "${PROJECT_BINARY_DIR}/snakebridge.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/snakebridge.pc"
        DESTINATION "${pkgconfig_dir}")
