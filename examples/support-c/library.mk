# What the Makefiles of the projects share: build/$(NAME).so from *.c and this folder's.
CFLAGS ?= -O2 -g -Wall -Wextra
DORMOUSE_CFLAGS ?= $(shell pkg-config --cflags dormouse)
SUPPORT := $(dir $(lastword $(MAKEFILE_LIST)))
SOURCES := $(wildcard *.c) $(SUPPORT)web.c
HEADERS := $(wildcard *.h) $(SUPPORT)web.h

build/$(NAME).so: $(SOURCES) $(HEADERS)
	mkdir -p build
	$(CC) $(CFLAGS) $(DORMOUSE_CFLAGS) -I$(SUPPORT) -fPIC -shared -o $@ $(SOURCES) -lm
