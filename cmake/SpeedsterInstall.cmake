# The installed package: headers, libraries, the command, and find_package(speedster).
install(DIRECTORY include/speedster DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${SPEEDSTER_DLPACK_INCLUDE}/dlpack/dlpack.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlpack COMPONENT development)
