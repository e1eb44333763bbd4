# Headers and schemas of the vendors, taken from pinned packages at configure time (cmake/vendor-headers.lock).
# A folder of your own wins: -DSPEEDSTER_DLPACK_INCLUDE=…, -DSPEEDSTER_ONNXRUNTIME_INCLUDE=…, -DSPEEDSTER_OPENVINO_INCLUDE=….

set(SPEEDSTER_VENDOR_DIR ${PROJECT_SOURCE_DIR}/build/vendor CACHE PATH "Where fetched vendor headers are kept")
set(SPEEDSTER_DLPACK_INCLUDE ${SPEEDSTER_VENDOR_DIR}/include CACHE PATH "Folder with dlpack/dlpack.h")
set(SPEEDSTER_ONNXRUNTIME_INCLUDE ${SPEEDSTER_VENDOR_DIR}/onnxruntime CACHE PATH "Folder with onnxruntime_c_api.h")
set(SPEEDSTER_OPENVINO_INCLUDE ${SPEEDSTER_VENDOR_DIR}/openvino CACHE PATH "Folder with openvino/c/openvino.h")
set(SPEEDSTER_ONNX_PROTO_DIR ${SPEEDSTER_VENDOR_DIR}/onnx CACHE PATH "Folder with onnx-ml.proto")
set(SPEEDSTER_VENDOR_INCLUDE ${SPEEDSTER_DLPACK_INCLUDE})

set(SPEEDSTER_VENDOR_FOLDERS "${SPEEDSTER_DLPACK_INCLUDE};${SPEEDSTER_ONNXRUNTIME_INCLUDE};${SPEEDSTER_OPENVINO_INCLUDE}")
if(NOT SPEEDSTER_RUNTIME_ONLY)
  list(APPEND SPEEDSTER_VENDOR_FOLDERS "${SPEEDSTER_ONNX_PROTO_DIR}")
endif()
# Where one of them is the fetched folder, the script runs at each configure; it does nothing if all is there.
if("${SPEEDSTER_VENDOR_FOLDERS}" MATCHES "(^|;)${SPEEDSTER_VENDOR_DIR}/")
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(NOT Python3_FOUND AND NOT (EXISTS "${SPEEDSTER_DLPACK_INCLUDE}/dlpack/dlpack.h"
                                AND EXISTS "${SPEEDSTER_ONNXRUNTIME_INCLUDE}/onnxruntime_c_api.h"
                                AND EXISTS "${SPEEDSTER_OPENVINO_INCLUDE}/openvino/c/openvino.h"
                                AND (SPEEDSTER_RUNTIME_ONLY OR EXISTS "${SPEEDSTER_ONNX_PROTO_DIR}/onnx-ml.proto")))
    message(FATAL_ERROR "Expected Python 3 to fetch vendors' headers, got none; try apt-get install python3, or give the "
                        "include folders by -DSPEEDSTER_*_INCLUDE")
  endif()
endif()
if(Python3_FOUND AND "${SPEEDSTER_VENDOR_FOLDERS}" MATCHES "(^|;)${SPEEDSTER_VENDOR_DIR}/")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/fetch_headers.py
            ${PROJECT_SOURCE_DIR}/cmake/vendor-headers.lock ${SPEEDSTER_VENDOR_DIR}
    RESULT_VARIABLE fetched)
  if(NOT fetched EQUAL 0)
    message(FATAL_ERROR "[vendor-headers] expected the pinned packages, got no download; try again with a package index, "
                        "or give the include folders by -DSPEEDSTER_*_INCLUDE")
  endif()
endif()
