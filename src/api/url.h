#pragma once

/*
 * URL
 *
 * The WHATWG URL Standard: parser, serialiser and the setters of the URL class, on UTF-8. A record
 * keeps each part as the standard does, except that a path which is a list is kept as its text,
 * "/a/b", which says the same because no segment contains a slash.
 *
 * Pure; a record belongs to one thread. An all-zero record is empty, and one can be parsed into
 * again and again: its memory is kept.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

enum {
    URL_NO_PORT = -1,
};

struct url {
    struct buf scheme; /* without the colon */
    struct buf username;
    struct buf password;
    struct buf host; /* serialised; empty if it is the empty host, or if there is none */
    struct buf path;
    struct buf query;    /* without the question mark */
    struct buf fragment; /* without the number sign */
    int port;            /* URL_NO_PORT also if it is the scheme's own */
    bool has_host;
    bool has_query;
    bool has_fragment;
    bool opaque_path; /* "mailto:x": no list, and nothing can be relative to it */
    bool special;     /* http, https, ws, wss, ftp, file */
};

/* Frees the memory; the record is empty and may be used on. */
void url_fini(struct url *url);

/* What url_parse() and domain_to_ascii() can find out. */
enum url_result {
    URL_INVALID = 1,
};

/* `base` may be NULL. After URL_INVALID the record holds something of no use. */
int url_parse(struct url *url, struct bytes input, const struct url *base);

/* Append the serialised URL. */
void url_format(const struct url *url, struct buf *out);

/* The part that a setter of the URL class sets; href is url_parse(). */
enum url_part {
    URL_PROTOCOL,
    URL_USERNAME,
    URL_PASSWORD,
    URL_HOST,
    URL_HOSTNAME,
    URL_PORT,
    URL_PATHNAME,
    URL_SEARCH,
    URL_HASH,
};

/* As the setters do, a value that does not fit changes nothing, or what comes before the misfit. */
void url_set(struct url *url, enum url_part part, struct bytes value);

/* Append the domain as browsers send it: percent-decoded, mapped, in Punycode; an IPv4 address in
 * its usual form. */
int url_domain_to_ascii(struct bytes domain, struct buf *out);
