# A thin front for CMake presets and pip; each can be used directly.
.PHONY: setup build toolchains demo test test-all lint bench clean
PRESET ?= release
SPEEDSTER := build/$(PRESET)/bin/speedster

setup:
	@scripts/setup.sh

build: setup
	cmake --preset $(PRESET)
	cmake --build build/$(PRESET)

# The vendors, each in an environment of its own from a lock with digests; nothing happens where they are up to date.
toolchains: build
	$(SPEEDSTER) toolchain install onnxruntime openvino nncf

demo: toolchains
	examples/text_recognition/demo.sh build/$(PRESET)

# Every test once; test-all adds fuzzing and the sanitizers.
test: toolchains
	python3 cmake/check_includes.py .
	ctest --preset $(PRESET)

test-all: toolchains
	python3 cmake/check_includes.py .
	ctest --preset $(PRESET)
	scripts/fuzz.sh 20
	scripts/sanitize.sh

# clang-format and clang-tidy on what differs from BASE (a commit; by default the upstream branch).
lint:
	scripts/lint.sh $(BASE)

# The figures of the README, one after the other; nothing else should run meanwhile. FIGURES="overhead search_time" picks some.
bench: demo
	benchmarks/run.sh $(FIGURES)

clean:
	rm -rf build
