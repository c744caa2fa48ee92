# Slicer writes the extension's description here, from the project's EXTENSION_* variables and, for those that the
# catalog entry sets, from the command line.
if(NOT EXTENSION_NAME STREQUAL PROJECT_NAME)
  message(FATAL_ERROR "the extension is called ${EXTENSION_NAME}, the project ${PROJECT_NAME}")
endif()
set(EXTENSION_ENABLED 1)
set(description "scm git\n")
foreach(key SCMURL SCMREVISION DEPENDS RECOMMENDS BUILD_SUBDIRECTORY HOMEPAGE CONTRIBUTORS CATEGORY ICONURL STATUS TIER
        DESCRIPTION SCREENSHOTURLS ENABLED DICOM_SUPPORT_RULE KEYWORDS)
  string(TOLOWER "${key}" name)
  string(STRIP "${name} ${EXTENSION_${key}}" line)
  string(APPEND description "${line}\n")
endforeach()
file(WRITE "${CMAKE_BINARY_DIR}/${EXTENSION_NAME}.s4ext" "${description}")
