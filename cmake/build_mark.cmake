# Writes OUTPUT, with a mark of the sources listed in the file LIST and of how
# they are compiled (BUILD): a worker serves only a bridge of the same mark.
file(STRINGS "${LIST}" files)
set(all "${BUILD}")
foreach(each IN LISTS files)
  file(SHA256 "${each}" hash)
  string(APPEND all " ${hash}")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING "${hash}" 0 16 hash)
file(CONFIGURE OUTPUT "${OUTPUT}"
     CONTENT "#define SNAKEBRIDGE_BUILD_MARK \"${VERSION}-${hash}\"\n")
