# A thin front for CMake presets and pip; each can be used directly.
.PHONY: build test clean setup
PRESET ?= release

setup:
	@scripts/setup.sh

build: setup
	cmake --preset $(PRESET)
	cmake --build build/$(PRESET)

test: build
	ctest --preset $(PRESET)

clean:
	rm -rf build
