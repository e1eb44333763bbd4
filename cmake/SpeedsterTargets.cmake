# How every target of the project is compiled, and the functions that declare rooms, plug-ins and unit tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# The vendors do the heavy work; -O3 would only make the build longer.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

# The build tree has the layout of an installed prefix, so that everything finds its neighbours in the same way.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(SPEEDSTER_BACKEND_SUBDIR lib/speedster/backends)
# Where an installed program finds our libraries.
file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set(SPEEDSTER_PROGRAM_RPATH "$ORIGIN/${bin_to_lib}")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(speedster_options INTERFACE)
target_compile_options(speedster_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Wno-missing-field-initializers)
if(SPEEDSTER_WARNINGS_AS_ERRORS)
  target_compile_options(speedster_options INTERFACE -Werror)
  # g++ 12 takes moved-from variants and inlined strings for uninitialised (GCC bug 105562 and its kin): said, but no error.
  target_compile_options(speedster_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-error=maybe-uninitialized>)
  # clang 19 finds what C++17 deprecated in the stable_sort of libstdc++ 12 itself.
  target_compile_options(speedster_options INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-error=deprecated-declarations>)
endif()
if(SPEEDSTER_SANITIZE)
  target_compile_options(speedster_options INTERFACE -fsanitize=${SPEEDSTER_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(speedster_options INTERFACE -fsanitize=${SPEEDSTER_SANITIZE})
endif()

# speedster_room(NAME SOURCES file… [ROOMS room…] [LINK target…])
# A room of src/: a static library (position independent, hidden symbols) whose headers are included as "NAME/header.h". ROOMS are the rooms to its right.
function(speedster_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;ROOMS;LINK")
  if(NOT arg_SOURCES)
    file(WRITE ${PROJECT_BINARY_DIR}/empty.cpp "")
    set(arg_SOURCES ${PROJECT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(speedster_room_${name} STATIC ${arg_SOURCES})
  target_include_directories(speedster_room_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${SPEEDSTER_VENDOR_INCLUDE})
  target_link_libraries(speedster_room_${name} PUBLIC ${arg_LINK} PRIVATE speedster_options)
  foreach(room IN LISTS arg_ROOMS)
    target_link_libraries(speedster_room_${name} PUBLIC speedster_room_${room})
  endforeach()
  set_target_properties(speedster_room_${name} PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/rooms)
endfunction()

# Links rooms (and with them the rooms that they use) into a target.
function(speedster_link_rooms target)
  foreach(room IN LISTS ARGN)
    target_link_libraries(${target} PRIVATE speedster_room_${room})
  endforeach()
  target_link_libraries(${target} PRIVATE speedster_options)
endfunction()

# speedster_backend(NAME SOURCES file… [INCLUDES dir…]): a plug-in; it sees backend.h, backends/support and its vendor's headers.
function(speedster_backend name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;INCLUDES;LINK")
  add_library(speedster_backend_${name} MODULE ${arg_SOURCES})
  target_include_directories(speedster_backend_${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/backends ${PROJECT_SOURCE_DIR}/include ${SPEEDSTER_VENDOR_INCLUDE})
  target_include_directories(speedster_backend_${name} SYSTEM PRIVATE ${arg_INCLUDES})
  target_link_libraries(speedster_backend_${name} PRIVATE speedster_options ${arg_LINK} ${CMAKE_DL_LIBS})
  set_target_properties(speedster_backend_${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${SPEEDSTER_BACKEND_SUBDIR})
  install(TARGETS speedster_backend_${name} LIBRARY DESTINATION ${SPEEDSTER_BACKEND_SUBDIR} COMPONENT runtime)
endfunction()

# All unit tests, for the sanitizers' builds.
add_custom_target(unit_tests)

# speedster_unit_test(ROOM file…): tests/unit/ROOM, linked with the room's objects.
function(speedster_unit_test room)
  add_executable(unit_${room} ${ARGN})
  speedster_link_rooms(unit_${room} ${room})
  target_include_directories(unit_${room} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(unit_${room} PRIVATE
    SPEEDSTER_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SPEEDSTER_BUILD_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(unit_${room} PRIVATE GTest::gmock GTest::gtest GTest::gtest_main Threads::Threads)
  set_target_properties(unit_${room} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_dependencies(unit_tests unit_${room})
  add_test(NAME unit_${room} COMMAND unit_${room})
  # glibc fills fresh memory with 0x7f bytes (as floats: 3.4e38), so that a read of what was never written fails here
  # rather than on the machine where it happens not to be zero.
  set_tests_properties(unit_${room} PROPERTIES LABELS "unit" TIMEOUT 600 ENVIRONMENT "MALLOC_PERTURB_=128")
endfunction()
