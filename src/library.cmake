# libspeedster: the search. It holds its own copy of the rooms that it shares with the runtime (hidden, without state), and
# reaches the learner only through children.
find_package(fmt REQUIRED)
target_link_libraries(speedster_room_search PRIVATE fmt::fmt-header-only)
add_library(speedster $<TARGET_OBJECTS:speedster_room_optimize> $<TARGET_OBJECTS:speedster_room_report>)
add_library(speedster::speedster ALIAS speedster)
speedster_link_rooms(speedster optimize report)
target_include_directories(speedster INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                               $<BUILD_INTERFACE:${SPEEDSTER_VENDOR_INCLUDE}> $<INSTALL_INTERFACE:include>)
target_compile_features(speedster INTERFACE cxx_std_20)
set_target_properties(speedster PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
