/// The runtime in C: load a package, bind memory, run. Needs no Python and no vendor at link time.
///
/// Errors: every function that can fail returns NULL for success or a speedster_error that the caller frees.
/// Threads: a learner is used from any threads at once; a context by one at a time (speedster_cancel: any).
/// Memory: what is bound stays the caller's; outputs that are not bound belong to the context until the next run.
/// Growth: structs start with their size; set it with sizeof. New fields come at the end.
#pragma once

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#include "speedster/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct speedster_error speedster_error;
typedef struct speedster_learner speedster_learner;
typedef struct speedster_context speedster_context;

/// "0.1.0".
SPEEDSTER_API const char* speedster_version(void);

/// The kind (values of speedster::ErrorKind), the message with its causes, and the vendor's own code or 0.
SPEEDSTER_API int speedster_error_kind(const speedster_error*);
SPEEDSTER_API const char* speedster_error_message(const speedster_error*);
SPEEDSTER_API int64_t speedster_error_vendor_code(const speedster_error*);
SPEEDSTER_API void speedster_error_free(speedster_error*);

/// Receives UTF-8 text, possibly in several pieces.
typedef void (*speedster_write)(void* user, const char* text, size_t length);
/// level: 0 debug, 1 info, 2 warning, 3 error. Called from any thread.
typedef void (*speedster_log)(void* user, int level, const char* text);

typedef struct {
  uint32_t size;               /* sizeof(speedster_load_options) */
  const char* entry;           /* entry point; NULL = "main" */
  int32_t threads;             /* 0 = as the package was judged, at most the cores that this process may use */
  int32_t contexts;            /* how many callers to provide for; 0 = 1 */
  const char* require_variant; /* fail instead of falling back to another variant */
  const char* manifest_sha256; /* fail if the manifest has another digest (lower-case hex) */
  int32_t allow_code;          /* 1: payloads that are code may load though this machine did not make them */
  /* folders with plug-ins, ':'-separated; NULL = beside the runtime, SPEEDSTER_BACKEND_PATH */
  const char* backend_path;
  const char* vendor_library; /* NAME=PATH[,NAME=PATH…]: the vendor's library for a backend, before any search */
  const char* options;        /* KEY=VALUE[,KEY=VALUE…]: session options that override the variant's own */
  const char* hide_isa;       /* instruction sets to treat as missing ("avx512_vnni,avx_vnni"), for tests */
  speedster_log log;          /* NULL = silent */
  void* log_user;
  /* 1: neither uses nor keeps what a vendor makes of the model on this machine, in the user's cache folder */
  int32_t no_vendor_cache;
} speedster_load_options;

/// Loads the first variant of the entry whose needs this machine meets. `options` may be NULL.
SPEEDSTER_API speedster_error* speedster_learner_load(const char* package, const speedster_load_options* options,
                                                      speedster_learner** out);
SPEEDSTER_API void speedster_learner_free(speedster_learner*);
/// JSON: variant, why earlier ones were passed over, precision that really ran, threads, vendor library and version,
/// manifest digest, package path. schemas/learner_info.schema.json describes it.
SPEEDSTER_API speedster_error* speedster_learner_info(const speedster_learner*, speedster_write, void* user);

/// The signature of the loaded entry. Shapes have -1 for dynamic axes; pointers live as long as the learner.
typedef struct {
  const char* name;
  DLDataType dtype;
  int32_t rank;
  const int64_t* shape;
  const char* const* axes; /* symbolic names, NULL entries where there is none */
  const int64_t* typical; /* the shape with a size for each dynamic axis: the one it was judged at, 1 where not known */
} speedster_tensor_spec;
SPEEDSTER_API uint32_t speedster_input_count(const speedster_learner*);
SPEEDSTER_API uint32_t speedster_output_count(const speedster_learner*);
/// NULL past the last.
SPEEDSTER_API const speedster_tensor_spec* speedster_input(const speedster_learner*, uint32_t index);
SPEEDSTER_API const speedster_tensor_spec* speedster_output(const speedster_learner*, uint32_t index);

/// One caller. Contexts of one learner share its weights.
SPEEDSTER_API speedster_error* speedster_context_create(speedster_learner*, speedster_context** out);
SPEEDSTER_API void speedster_context_free(speedster_context*);
/// Bindings last until they are replaced; NULL takes one away. The tensor is contiguous host memory (strides NULL or
/// compact) of the signature's dtype, rank and fixed dimensions; kind usage where it is not. Its shape is copied, its
/// data read at each run.
SPEEDSTER_API speedster_error* speedster_bind_input(speedster_context*, uint32_t index, const DLTensor*);
/// `capacity` bytes from data + byte_offset; NULL tensor = the context owns the output. Binding never fails on size.
SPEEDSTER_API speedster_error* speedster_bind_output(speedster_context*, uint32_t index, const DLTensor*,
                                                     uint64_t capacity);
/// The same memory with another shape.
SPEEDSTER_API speedster_error* speedster_reshape_input(speedster_context*, uint32_t index, int32_t rank,
                                                       const int64_t* shape);
/// Runs with the bindings as they are. The steady state neither binds nor allocates memory of ours.
SPEEDSTER_API speedster_error* speedster_run(speedster_context*);
/// Looks at an output with its actual shape; valid until the next run. `in_bound_memory` may be NULL.
SPEEDSTER_API speedster_error* speedster_get_output(speedster_context*, uint32_t index, DLTensor* view,
                                                    int32_t* in_bound_memory);
/// Takes an output that the context owns, once after each run (kind usage where it is bound or was taken); the caller
/// calls its deleter, which works after the context and the learner were freed, too.
SPEEDSTER_API speedster_error* speedster_take_output(speedster_context*, uint32_t index,
                                                     DLManagedTensorVersioned** out);
/// Ends a running speedster_run of this context with the kind `cancelled`; no effect on a later one.
SPEEDSTER_API speedster_error* speedster_cancel(speedster_context*);
/// JSON: time by original node name, where the vendor can.
SPEEDSTER_API speedster_error* speedster_profile(speedster_context*, speedster_write, void* user);

/// Checks every digest of a package and runs its samples against the expected outputs, then the package's other
/// variants beside the one that loads, in this process; JSON report into `write`. The error is NULL if everything held,
/// of the kind `corrupt` where a file or an output differs, and of speedster_learner_load's kinds where nothing loads.
SPEEDSTER_API speedster_error* speedster_verify(const char* package, const speedster_load_options* options,
                                                speedster_write, void* user);

#ifdef __cplusplus
}
#endif
