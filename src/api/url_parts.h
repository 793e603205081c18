#pragma once

/*
 * Between the files that make up url.h.
 */

#include "api/url.h"

/* The percent-encode sets, as bits of url_sets[byte]. */
enum url_set {
    URL_SET_C0 = 1,
    URL_SET_FRAGMENT = 2,
    URL_SET_QUERY = 4,
    URL_SET_SPECIAL_QUERY = 8,
    URL_SET_PATH = 16,
    URL_SET_USERINFO = 32,
};

/* Append, the bytes of the set as %XX. */
void url_encode(struct buf *out, struct bytes text, enum url_set set);

/* 80 for "http" and so on; URL_NO_PORT for file; 0 for a scheme that is not special. */
int url_default_port(struct bytes scheme);

/* One letter and : or |. `text` may be longer. */
bool url_starts_with_drive(struct bytes text);

/* Drop the last segment, but not the drive letter of a file. */
void url_shorten(struct url *url);

/* Parse a host into `out`, which is emptied first. */
int url_parse_host(struct bytes input, bool opaque, struct buf *out);

/* The states from which setters start; `input` has no tabs and newlines. Each returns what is left,
 * that is, where the next part of a URL would begin. */
struct bytes url_parse_path(struct url *url, struct bytes input, bool setter);
int url_parse_port(struct url *url, struct bytes input, bool setter, struct bytes *rest);

/* Up to where the host goes, with its port: until / ? # or, if special, \. */
size_t url_authority_len(const struct url *url, struct bytes input);

/* Index of the colon before the port, outside of brackets; len if there is none. */
size_t url_port_colon(struct bytes host);

/* A copy without tabs and newlines if there are any, else the input itself. */
struct bytes url_without_newlines(struct bytes input, struct buf *space);
