# A thin front for Meson; the build itself is in meson.build.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

.PHONY: run build check bench lint install setup setup-tests web format clean

run: build
	@$(BUILD)/src/cli/cardea demo $(ARGS)

build: setup $(BUILD)/build.ninja web
	@ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja: | setup
	@meson setup $(BUILD) --prefix $(PREFIX)

setup:
	@scripts/setup

setup-tests:
	@scripts/setup --tests

web: setup
	@if [ -f web/package.json ]; then cd web && npm run --silent build; fi

check: setup-tests build
	@tools/check

bench: setup-tests build
	@tools/bench

lint: setup-tests
	@tools/lint

install: build
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

format:
	@git ls-files "src/*.[ch]" "tests/*.[ch]" "bench/*.[ch]" | xargs clang-format -i

clean:
	@rm -rf $(BUILD) build-* web/dist
