# Toolchain for an extension without compiled code: no compiler is looked for and none is run.
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER "${CMAKE_COMMAND}")
  set(CMAKE_${language}_COMPILER_FORCED TRUE)
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
endforeach()
set(CMAKE_MAKE_PROGRAM "${CMAKE_COMMAND}" CACHE FILEPATH "")
