#include <pthread.h>
#include <string.h>

#include "actor/failure.h"
#include "base/blob.h"
#include "test.h"

TEST(a_failure_keeps_copies_of_what_it_was_given)
{
    char message[] = "out of range";
    struct failure *failure = failure_create("RangeError", message, NULL, FAILURE_REMOTE);

    message[0] = 'X';
    CHECK_STR_EQ(failure->name, "RangeError");
    CHECK_STR_EQ(failure->message, "out of range");
    CHECK(failure->stack == NULL);
    CHECK_EQ(failure->flags, FAILURE_REMOTE);
    failure_unref(failure);
}

TEST(a_message_of_any_length_is_kept_whole)
{
    char part[1001];
    struct failure *failure;

    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    failure = failure_format(0, "%s%s%s", part, part, part);
    CHECK_EQ(strlen(failure->message), 3000);
    CHECK_STR_EQ(failure->name, "Error");
    failure_unref(failure);
}

TEST(flags_are_added_to_a_copy_that_shares_the_value)
{
    struct failure *failure = failure_create("Error", "no", "at x", FAILURE_RETRYABLE);
    struct failure *copy;

    failure->value = blob_create("v8", 2);
    copy = failure_with_flags(failure, FAILURE_RESET);
    CHECK_EQ(failure->flags, FAILURE_RETRYABLE);
    CHECK_EQ(copy->flags, FAILURE_RETRYABLE | FAILURE_RESET);
    CHECK_STR_EQ(copy->stack, "at x");
    CHECK(copy->value == failure->value);
    failure_unref(failure);
    CHECK_BYTES_EQ(blob_bytes(copy->value), BYTES("v8"));
    failure_unref(copy);
    failure_unref(NULL);
}

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 10000; i++)
        failure_unref(failure_ref(arg));
    failure_unref(arg);
    return NULL;
}

TEST(a_failure_may_be_shared_by_threads)
{
    struct failure *failure = failure_format(0, "shared");
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, ref_and_unref, failure_ref(failure));
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(failure->refs, 1);
    failure_unref(failure);
}
