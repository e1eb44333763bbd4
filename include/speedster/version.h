/// The version of Speedster. CMake parses this header; nothing else states it.
#pragma once
#define SPEEDSTER_VERSION_MAJOR 0
#define SPEEDSTER_VERSION_MINOR 1
#define SPEEDSTER_VERSION_PATCH 0
#define SPEEDSTER_VERSION_STRING "0.1.0"
