#include "api/curve_point.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
    NUMBER_BYTES_MAX = 128, /* the largest curve has 571 bits */
};

static EC_GROUP *group_of(const char *curve)
{
    int nid = OBJ_sn2nid(curve);

    if (nid == NID_undef)
        nid = EC_curve_nist2nid(curve);
    return nid != NID_undef ? EC_GROUP_new_by_curve_name(nid) : NULL;
}

/* A private number that fits the curve, to be cleared and freed; or NULL. */
static BIGNUM *private_of(const EC_GROUP *group, struct bytes private)
{
    BIGNUM *number;

    if (private.len == 0 || private.len > NUMBER_BYTES_MAX)
        return NULL;
    number = BN_bin2bn(private.data, (int)private.len, NULL);
    ASSERT(number != NULL);
    if (!BN_is_zero(number) && BN_cmp(number, EC_GROUP_get0_order(group)) < 0)
        return number;
    BN_clear_free(number);
    return NULL;
}

/* A point that lies on the curve, to be freed; or NULL. */
static EC_POINT *point_of(const EC_GROUP *group, struct bytes encoded)
{
    EC_POINT *point = EC_POINT_new(group);

    ASSERT(point != NULL);
    if (encoded.len > 0 && EC_POINT_oct2point(group, point, encoded.data, encoded.len, NULL) == 1 &&
        EC_POINT_is_on_curve(group, point, NULL) == 1 && EC_POINT_is_at_infinity(group, point) == 0)
        return point;
    EC_POINT_free(point);
    return NULL;
}

static bool append_point(const EC_GROUP *group, const EC_POINT *point, point_conversion_form_t form,
                         struct buf *out)
{
    size_t len = EC_POINT_point2oct(group, point, form, NULL, 0, NULL);

    if (len == 0 || EC_POINT_point2oct(group, point, form, buf_reserve(out, len), len, NULL) != len)
        return false;
    buf_added(out, len);
    return true;
}

int curve_point_generate(const char *curve, struct buf *out)
{
    EC_GROUP *group = group_of(curve);
    BIGNUM *number = BN_secure_new();
    int r = CURVE_POINT_NO_CURVE;

    ASSERT(number != NULL);
    if (group != NULL) {
        int len;

        do {
            if (BN_priv_rand_range(number, EC_GROUP_get0_order(group)) != 1)
                UNREACHABLE(); /* no randomness, no keys */
        } while (BN_is_zero(number));
        len = BN_num_bytes(number);
        buf_added(out, (size_t)BN_bn2bin(number, buf_reserve(out, (size_t)len)));
        r = 0;
    }
    BN_clear_free(number);
    EC_GROUP_free(group);
    ERR_clear_error();
    return r;
}

int curve_point_public(const char *curve, struct bytes private, struct buf *out)
{
    EC_GROUP *group = group_of(curve);
    BIGNUM *number = group != NULL ? private_of(group, private) : NULL;
    EC_POINT *point = NULL;
    int r = group == NULL ? CURVE_POINT_NO_CURVE : CURVE_POINT_BAD;

    if (number != NULL) {
        point = EC_POINT_new(group);
        ASSERT(point != NULL);
        if (EC_POINT_mul(group, point, number, NULL, NULL, NULL) == 1 &&
            append_point(group, point, POINT_CONVERSION_UNCOMPRESSED, out))
            r = 0;
    }
    EC_POINT_free(point);
    BN_clear_free(number);
    EC_GROUP_free(group);
    ERR_clear_error();
    return r;
}

/* The secret is the x coordinate, as long as the field's numbers. */
static bool append_x(const EC_GROUP *group, const EC_POINT *point, struct buf *out)
{
    size_t len = ((size_t)EC_GROUP_get_degree(group) + 7) / 8;
    BIGNUM *x = BN_secure_new();
    bool done;

    ASSERT(x != NULL);
    done = EC_POINT_get_affine_coordinates(group, point, x, NULL, NULL) == 1 &&
           BN_bn2binpad(x, buf_reserve(out, len), (int)len) == (int)len;
    if (done)
        buf_added(out, len);
    BN_clear_free(x);
    return done;
}

int curve_point_agree(const char *curve, struct bytes private, struct bytes public, struct buf *out)
{
    EC_GROUP *group = group_of(curve);
    BIGNUM *number = group != NULL ? private_of(group, private) : NULL;
    EC_POINT *point = group != NULL ? point_of(group, public) : NULL;
    EC_POINT *shared = NULL;
    int r = group == NULL ? CURVE_POINT_NO_CURVE : CURVE_POINT_BAD;

    if (number != NULL && point != NULL) {
        shared = EC_POINT_new(group);
        ASSERT(shared != NULL);
        /* With a single secret number OpenSSL takes the ladder that shows nothing by its timing. */
        if (EC_POINT_mul(group, shared, NULL, point, number, NULL) == 1 &&
            EC_POINT_is_at_infinity(group, shared) == 0 && append_x(group, shared, out))
            r = 0;
    }
    EC_POINT_clear_free(shared);
    EC_POINT_free(point);
    BN_clear_free(number);
    EC_GROUP_free(group);
    ERR_clear_error();
    return r;
}

int curve_point_convert(const char *curve, struct bytes encoded, enum curve_point_form form,
                        struct buf *out)
{
    static const point_conversion_form_t forms[] = {
        [CURVE_POINT_UNCOMPRESSED] = POINT_CONVERSION_UNCOMPRESSED,
        [CURVE_POINT_COMPRESSED] = POINT_CONVERSION_COMPRESSED,
        [CURVE_POINT_HYBRID] = POINT_CONVERSION_HYBRID,
    };
    EC_GROUP *group = group_of(curve);
    EC_POINT *point = group != NULL ? point_of(group, encoded) : NULL;
    int r = group == NULL ? CURVE_POINT_NO_CURVE : CURVE_POINT_BAD;

    if (point != NULL && append_point(group, point, forms[form], out))
        r = 0;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    ERR_clear_error();
    return r;
}

void curve_point_list(void (*found)(const char *name, void *data), void *data)
{
    size_t count = EC_get_builtin_curves(NULL, 0);
    EC_builtin_curve *curves = mem_new_array(EC_builtin_curve, count);
    size_t i;

    EC_get_builtin_curves(curves, count);
    for (i = 0; i < count; i++) {
        const char *name = OBJ_nid2sn(curves[i].nid);

        if (name != NULL)
            found(name, data);
    }
    mem_free(curves);
}
