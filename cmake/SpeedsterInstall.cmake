# The installed package: headers, libraries, plug-ins, the command, and find_package(speedster) with the targets
# speedster::runtime and, where the search is built, speedster::speedster.
include(CMakePackageConfigHelpers)
set(SPEEDSTER_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/speedster)

# speedster_install_library(TARGET…): exported as speedster::EXPORT_NAME.
function(speedster_install_library)
  install(TARGETS ${ARGN} EXPORT speedsterTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endfunction()

speedster_install_library(speedster_runtime)
if(TARGET speedster)
  speedster_install_library(speedster)
endif()
if(TARGET speedster_run)
  # `speedster bundle` puts it beside a package, to show that it runs: there the libraries are in lib.
  set(rpath ${SPEEDSTER_PROGRAM_RPATH} "$ORIGIN/../lib")
  list(REMOVE_DUPLICATES rpath)
  set_target_properties(speedster_run PROPERTIES INSTALL_RPATH "${rpath}")
  install(TARGETS speedster_run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endif()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/speedster DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${SPEEDSTER_DLPACK_INCLUDE}/dlpack/dlpack.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlpack COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/speedster COMPONENT runtime)

# Licences of what the binaries contain; `speedster bundle` takes them from here, in the build tree too.
set(licences ${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_DATADIR}/speedster/licenses)
configure_file(${PROJECT_SOURCE_DIR}/LICENSE ${licences}/speedster/LICENSE COPYONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/licenses/nlohmann-json.txt ${licences}/nlohmann-json/LICENSE COPYONLY)
install(DIRECTORY ${licences} DESTINATION ${CMAKE_INSTALL_DATADIR}/speedster COMPONENT runtime)

install(EXPORT speedsterTargets NAMESPACE speedster:: DESTINATION ${SPEEDSTER_CMAKE_DIR} COMPONENT development)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/speedsterConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/speedsterConfig.cmake
  INSTALL_DESTINATION ${SPEEDSTER_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/speedsterConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/speedsterConfig.cmake ${PROJECT_BINARY_DIR}/cmake/speedsterConfigVersion.cmake
  DESTINATION ${SPEEDSTER_CMAKE_DIR} COMPONENT development)
