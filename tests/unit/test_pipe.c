#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "actor/failure.h"
#include "actor/pipe.h"
#include "actor_world.h"
#include "base/blob.h"
#include "base/mem.h"
#include "shard_threads.h"
#include "test.h"

/* An end that counts the news it was told. */
struct end {
    struct pipe_watch watch;
    unsigned news;
};

static void count_news(struct pipe_watch *watch)
{
    container_of(watch, struct end, watch)->news++;
}

static struct end end_on(struct world *world, unsigned shard)
{
    return (struct end){.watch = {.news = count_news, .shard = world->shards[shard]}};
}

static struct world *fresh(void)
{
    return world_create(&(struct shard_options){.count = 2});
}

static int write_text(struct pipe *pipe, const char *text)
{
    struct blob *blob = blob_create(text, strlen(text));
    int r = pipe_write(pipe, blob);

    blob_unref(blob);
    return r;
}

static const char *read_text(struct pipe *pipe)
{
    static char text[64];
    struct blob *blob;
    struct failure *failure;
    int r = pipe_read(pipe, &blob, &failure);

    if (r == PIPE_READ_EMPTY)
        return "<empty>";
    if (r == PIPE_READ_END)
        return "<end>";
    if (r == PIPE_READ_FAILED) {
        snprintf(text, sizeof text, "!%s", failure->message);
        failure_unref(failure);
        return text;
    }
    snprintf(text, sizeof text, "%.*s", (int)blob_bytes(blob).len,
             (const char *)blob_bytes(blob).data);
    blob_unref(blob);
    return text;
}

TEST(what_is_written_is_read_in_order_up_to_the_end)
{
    struct pipe *pipe = pipe_create(100);

    CHECK_STR_EQ(read_text(pipe), "<empty>");
    CHECK(write_text(pipe, "one") == 0);
    CHECK(write_text(pipe, "two") == 0);
    pipe_finish(pipe);
    CHECK_STR_EQ(read_text(pipe), "one");
    CHECK_STR_EQ(read_text(pipe), "two");
    CHECK_STR_EQ(read_text(pipe), "<end>");
    CHECK_STR_EQ(read_text(pipe), "<end>");
    pipe_unref(pipe);
}

TEST(a_writer_over_the_limit_is_asked_to_wait_until_there_is_room)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(6);
    struct end writer = end_on(world, 0);

    pipe_watch_writer(pipe, &writer.watch);
    CHECK_EQ(pipe_room(pipe), 6);
    CHECK(write_text(pipe, "four") == 0);
    CHECK(write_text(pipe, "more") == PIPE_WRITE_FULL);
    CHECK_EQ(pipe_room(pipe), 0);
    world_run(world);
    CHECK_EQ(writer.news, 0);
    CHECK_STR_EQ(read_text(pipe), "four");
    world_run(world);
    CHECK_EQ(writer.news, 0);
    CHECK_STR_EQ(read_text(pipe), "more");
    CHECK_EQ(writer.news, 0);
    world_run(world);
    CHECK_EQ(writer.news, 1);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(a_reader_hears_once_of_any_number_of_pieces)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(100);
    struct end reader = end_on(world, 1);

    pipe_watch_reader(pipe, &reader.watch);
    write_text(pipe, "one");
    write_text(pipe, "two");
    CHECK_EQ(reader.news, 0);
    world_run(world);
    CHECK_EQ(reader.news, 1);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(a_watch_set_late_hears_what_was_missed)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(2);
    struct end reader = end_on(world, 1);
    struct end writer = end_on(world, 0);

    CHECK(write_text(pipe, "full") == PIPE_WRITE_FULL);
    pipe_watch_reader(pipe, &reader.watch);
    world_run(world);
    CHECK_EQ(reader.news, 1);
    CHECK_STR_EQ(read_text(pipe), "full");
    pipe_watch_writer(pipe, &writer.watch);
    world_run(world);
    CHECK_EQ(writer.news, 1);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(nobody_is_told_after_having_stopped_watching)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(100);
    struct end reader = end_on(world, 1);

    pipe_watch_reader(pipe, &reader.watch);
    write_text(pipe, "one");
    pipe_watch_reader(pipe, NULL);
    world_run(world);
    CHECK_EQ(reader.news, 0);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(news_follow_an_end_that_moves_to_another_shard)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(100);
    struct end first = end_on(world, 0);
    struct end second = end_on(world, 1);

    pipe_watch_reader(pipe, &first.watch);
    write_text(pipe, "one");
    pipe_watch_reader(pipe, &second.watch);
    world_run(world);
    CHECK_EQ(first.news, 0);
    CHECK_EQ(second.news, 1);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(a_reader_that_leaves_cancels_the_writer)
{
    struct world *world = fresh();
    struct pipe *pipe = pipe_create(100);
    struct end writer = end_on(world, 0);

    pipe_watch_writer(pipe, &writer.watch);
    write_text(pipe, "unread");
    pipe_leave_reader(pipe_ref(pipe));
    world_run(world);
    CHECK_EQ(writer.news, 1);
    CHECK(write_text(pipe, "more") == PIPE_WRITE_CANCELLED);
    CHECK_EQ(pipe_room(pipe), 0);
    pipe_unref(pipe);
    world_destroy(world);
}

TEST(a_writer_that_leaves_before_the_end_fails_the_reader_after_what_was_written)
{
    struct pipe *pipe = pipe_create(100);

    write_text(pipe, "half");
    pipe_leave_writer(pipe_ref(pipe));
    CHECK_STR_EQ(read_text(pipe), "half");
    CHECK_STR_EQ(read_text(pipe), "!Network connection lost.");
    pipe_unref(pipe);
}

TEST(a_writer_that_leaves_after_the_end_changes_nothing)
{
    struct pipe *pipe = pipe_create(100);

    write_text(pipe, "all");
    pipe_finish(pipe);
    pipe_leave_writer(pipe_ref(pipe));
    CHECK_STR_EQ(read_text(pipe), "all");
    CHECK_STR_EQ(read_text(pipe), "<end>");
    pipe_unref(pipe);
}

TEST(a_failure_arrives_as_it_was_given)
{
    struct pipe *pipe = pipe_create(100);
    struct failure *failure = failure_format(0, "disk %d", 7);

    pipe_fail(pipe, failure);
    failure_unref(failure);
    CHECK_STR_EQ(read_text(pipe), "!disk 7");
    pipe_unref(pipe);
}

/* ---- two threads ---- */

#define PIECES 20000

struct stream {
    struct pipe *pipe;
    struct pipe_watch writer;
    struct pipe_watch reader;
    struct message start;
    unsigned written;
    unsigned read;
    bool in_order;
};

static void write_on(struct pipe_watch *watch)
{
    struct stream *stream = container_of(watch, struct stream, writer);

    while (stream->written < PIECES) {
        struct blob *blob = blob_create(&stream->written, sizeof stream->written);
        int r = pipe_write(stream->pipe, blob);

        blob_unref(blob);
        stream->written++;
        if (r == PIPE_WRITE_FULL)
            return;
    }
    pipe_watch_writer(stream->pipe, NULL);
    pipe_finish(stream->pipe);
}

static void read_on(struct pipe_watch *watch)
{
    struct stream *stream = container_of(watch, struct stream, reader);
    struct failure *failure;
    struct blob *blob;
    int r;

    while ((r = pipe_read(stream->pipe, &blob, &failure)) == 0) {
        unsigned number;

        memcpy(&number, blob_bytes(blob).data, sizeof number);
        stream->in_order = stream->in_order && number == stream->read;
        stream->read++;
        blob_unref(blob);
    }
    if (r == PIPE_READ_END)
        shard_threads_done();
}

static void start_writing(struct message *message)
{
    struct stream *stream = container_of(message, struct stream, start);

    pipe_watch_writer(stream->pipe, &stream->writer);
    write_on(&stream->writer);
}

TEST(a_stream_between_two_threads_arrives_whole_and_in_order)
{
    struct shard_threads *threads = shard_threads_create(2, NULL);
    struct stream stream = {.in_order = true};

    stream.pipe = pipe_create(1000);
    stream.writer = (struct pipe_watch){write_on, shard_threads_shard(threads, 0)};
    stream.reader = (struct pipe_watch){read_on, shard_threads_shard(threads, 1)};
    stream.start.run = start_writing;
    pipe_watch_reader(stream.pipe, &stream.reader);
    shard_post(shard_threads_shard(threads, 0), &stream.start);
    shard_threads_wait(threads);
    shard_threads_destroy(threads);
    CHECK_EQ(stream.read, PIECES);
    CHECK(stream.in_order);
    pipe_unref(stream.pipe);
}
