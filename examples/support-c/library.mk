# What the Makefiles of the projects share: build/$(NAME).so from *.c and this folder's.
# PAGE, if it is set, is a file that the library has in it, as page.h says.
CFLAGS ?= -O2 -g -Wall -Wextra
DORMOUSE_CFLAGS ?= $(shell pkg-config --cflags dormouse)
SUPPORT := $(dir $(lastword $(MAKEFILE_LIST)))
SOURCES := $(wildcard *.c) $(SUPPORT)web.c $(SUPPORT)text.c $(if $(PAGE),build/page.c)
HEADERS := $(wildcard *.h) $(wildcard $(SUPPORT)*.h)

build/$(NAME).so: $(SOURCES) $(HEADERS)
	mkdir -p build
	$(CC) $(CFLAGS) $(DORMOUSE_CFLAGS) -I$(SUPPORT) -I. -fPIC -shared -o $@ $(SOURCES) $(LIBS) -lm

build/page.c: $(PAGE)
	mkdir -p build
	{ echo '#include "page.h"'; echo 'const unsigned char page[] = {'; \
	  od -An -v -tu1 $(PAGE) | sed 's/[0-9][0-9]*/&,/g'; \
	  echo '};'; echo 'const size_t page_size = sizeof page;'; } > $@
