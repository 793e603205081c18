#pragma once

/*
 * Curve point
 *
 * Elliptic curve Diffie-Hellman on bytes: private numbers, and points in the usual encodings. Any
 * curve that OpenSSL knows, by its short name or the one that NIST gave it. Appends to `out`.
 */

#include <stdbool.h>

#include "base/bytes.h"

struct buf;

enum curve_point_form {
    CURVE_POINT_UNCOMPRESSED,
    CURVE_POINT_COMPRESSED,
    CURVE_POINT_HYBRID,
};

/* What the functions below can find out. */
enum curve_point_result {
    CURVE_POINT_NO_CURVE = 1, /* the name means none */
    CURVE_POINT_BAD,          /* the number or the point is none of that curve */
};

/* A number between 0 and the curve's order. */
int curve_point_generate(const char *curve, struct buf *out);

/* The point that belongs to a private number. */
int curve_point_public(const char *curve, struct bytes private, struct buf *out);

/* The shared secret. */
int curve_point_agree(const char *curve, struct bytes private, struct bytes public,
                      struct buf *out);

/* A point in another encoding. */
int curve_point_convert(const char *curve, struct bytes point, enum curve_point_form form,
                        struct buf *out);

/* Calls back with each curve's name. */
void curve_point_list(void (*found)(const char *name, void *data), void *data);
