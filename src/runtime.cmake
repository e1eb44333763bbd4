# libspeedster_runtime: what an application ships. Shared, it exports speedster_* and nothing else; static
# (-DBUILD_SHARED_LIBS=OFF), it holds the objects of all its rooms.
set(SPEEDSTER_RUNTIME_ROOMS learner package backend hardware model tensor base)
set(runtime_dir ${PROJECT_SOURCE_DIR}/src)

if(BUILD_SHARED_LIBS)
  add_library(speedster_runtime SHARED ${runtime_dir}/learner/c_api.cpp)
  speedster_link_rooms(speedster_runtime ${SPEEDSTER_RUNTIME_ROOMS})
  target_link_options(speedster_runtime PRIVATE
    LINKER:--version-script=${runtime_dir}/runtime.map LINKER:--exclude-libs,ALL LINKER:--gc-sections LINKER:--no-undefined)
  set_target_properties(speedster_runtime PROPERTIES
    LINK_DEPENDS ${runtime_dir}/runtime.map
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON)
else()
  add_library(speedster_runtime STATIC ${runtime_dir}/learner/c_api.cpp)
  target_link_libraries(speedster_runtime PRIVATE $<BUILD_INTERFACE:speedster_options> OpenSSL::Crypto ${CMAKE_DL_LIBS})
  foreach(room IN LISTS SPEEDSTER_RUNTIME_ROOMS)
    target_sources(speedster_runtime PRIVATE $<TARGET_OBJECTS:speedster_room_${room}>)
  endforeach()
  target_include_directories(speedster_runtime PRIVATE ${runtime_dir})
  target_link_libraries(speedster_runtime PRIVATE $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>)
  target_compile_definitions(speedster_runtime PUBLIC SPEEDSTER_STATIC)
  # A C program is linked by the C compiler, which does not bring these. Last in line, after the objects that need them.
  target_link_libraries(speedster_runtime INTERFACE stdc++ m)
endif()
add_library(speedster::runtime ALIAS speedster_runtime)
target_include_directories(speedster_runtime PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${SPEEDSTER_VENDOR_INCLUDE}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(speedster_runtime INTERFACE c_std_11)
set_target_properties(speedster_runtime PROPERTIES EXPORT_NAME runtime)
