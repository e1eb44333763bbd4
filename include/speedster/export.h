/// Symbol visibility: everything is hidden but what carries SPEEDSTER_API.
#pragma once
#if defined(SPEEDSTER_STATIC)
#define SPEEDSTER_API
#else
#define SPEEDSTER_API __attribute__((visibility("default")))
#endif
