#include <pthread.h>

#include "base/blob.h"
#include "base/mem.h"
#include "test.h"

TEST(bytes_stay_until_the_last_reference_goes)
{
    struct blob *blob = blob_create("hello", 5);

    CHECK(blob_ref(blob) == blob);
    blob_unref(blob);
    CHECK_BYTES_EQ(blob_bytes(blob), BYTES("hello"));
    blob_unref(blob);
    blob_unref(NULL);
    CHECK_EQ(blob_bytes(NULL).len, 0);
}

TEST(memory_and_buffers_are_taken_over_without_a_copy)
{
    char *data = mem_strdup("abc");
    struct blob *blob = blob_take(data, 3);
    struct buf buf = {0};

    CHECK((const char *)blob_bytes(blob).data == data);
    blob_unref(blob);

    buf_append_string(&buf, "xyz");
    blob = blob_take_buf(&buf);
    CHECK_BYTES_EQ(blob_bytes(blob), BYTES("xyz"));
    CHECK_EQ(buf.len, 0);
    blob_unref(blob);
}

static void *pass_around(void *arg)
{
    struct blob *blob = arg; /* with one reference of our own */
    size_t sum = 0;

    for (int i = 0; i < 20000; i++) {
        blob_ref(blob);
        sum += blob_bytes(blob).data[i % 5];
        blob_unref(blob);
    }
    blob_unref(blob);
    return sum > 0 ? NULL : arg;
}

TEST(threads_share_one_and_the_last_frees_it)
{
    struct blob *blob = blob_create("hello", 5);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, pass_around, blob_ref(blob)), 0);
    blob_unref(blob);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
