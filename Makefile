# Everything is built by meson into build/; this file only knows the way there. The work is done
# in tools/.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

all: build/build.ninja
	ninja -C build

run: setup build/build.ninja
	ninja -C build dormouse
	build/dormouse dev examples/chat

test: setup-test all
	tools/test.py

bench: setup-test all
	tools/bench.sh

asan: setup-test
	tools/test.py asan

tsan: setup-test
	tools/test.py tsan

fuzz: setup-test
	FUZZ_SECONDS=$(FUZZ_SECONDS) tools/test.py fuzz

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

# What building needs, on Debian 12; nothing happens when all is there.
setup:
	@tools/setup.sh build

setup-test:
	@tools/setup.sh test

build/build.ninja: | node_modules/.dormouse-lock
	meson setup build --prefix $(PREFIX)

node_modules/.dormouse-lock: package-lock.json
	@tools/setup.sh js

install: all
	meson install -C build --no-rebuild

clean:
	rm -rf build build-*

.PHONY: all run test bench asan tsan fuzz format setup setup-test install clean
