/*
 * main() of a fuzz target that is not built for libFuzzer: runs every file of its corpus, then
 * inputs made from a seed, partly by changing files of the corpus. Prints TAP. So what a fuzzer
 * has once found stays found with every compiler.
 *
 *     fuzz_<noun> [folder | file]…
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"

enum {
    INPUTS_MADE = 2000,
    INPUT_MAX = 1024 * 1024, /* a longer file is cut */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct corpus {
    struct bytes *inputs; /* owned, and the bytes */
    size_t count;
};

static void read_file(struct corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct buf content = {0};
    struct bytes *input;

    if (file == NULL) {
        printf("Bail out! cannot read %s\n", path);
        exit(1);
    }
    buf_added(&content, fread(buf_reserve(&content, INPUT_MAX), 1, INPUT_MAX, file));
    fclose(file);
    corpus->inputs = mem_realloc_array(corpus->inputs, corpus->count + 1, sizeof *input);
    input = &corpus->inputs[corpus->count++];
    *input = bytes_of(mem_dup(content.data, content.len), content.len);
    buf_fini(&content);
}

static void read_folder(struct corpus *corpus, const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        char *child = mem_format("%s/%s", path, entry->d_name);
        struct stat st;

        if (stat(child, &st) == 0 && S_ISREG(st.st_mode))
            read_file(corpus, child);
        mem_free(child);
    }
    closedir(folder);
}

/* The exact size, in memory of its own, so that a sanitizer sees a read beyond the end. */
static void run(struct bytes input)
{
    uint8_t *copy = mem_dup(input.data, input.len);

    LLVMFuzzerTestOneInput(copy, input.len);
    mem_free(copy);
}

/* A file of the corpus with some bytes changed and its end cut off, or just noise. */
static void make_input(struct buf *input, const struct corpus *corpus, struct rng *rng)
{
    size_t len = rng_below(rng, 256);

    buf_clear(input);
    if (corpus->count > 0 && rng_below(rng, 8) > 0) {
        buf_append_bytes(input, corpus->inputs[rng_below(rng, corpus->count)]);
    } else {
        rng_fill(rng, buf_reserve(input, len), len);
        buf_added(input, len);
    }
    for (uint64_t n = rng_below(rng, 8); n > 0 && input->len > 0; n--)
        input->data[rng_below(rng, input->len)] = (uint8_t)rng_next(rng);
    if (rng_below(rng, 4) == 0)
        buf_truncate(input, rng_below(rng, input->len + 1));
}

int main(int argc, char **argv)
{
    struct corpus corpus = {0};
    struct buf input = {0};
    struct rng rng;

    for (int i = 1; i < argc; i++) {
        struct stat st;

        if (stat(argv[i], &st) == 0 && S_ISREG(st.st_mode))
            read_file(&corpus, argv[i]);
        else
            read_folder(&corpus, argv[i]);
    }
    printf("1..2\n");
    run(bytes_of(NULL, 0));
    for (size_t i = 0; i < corpus.count; i++)
        run(corpus.inputs[i]);
    printf("ok 1 - the_corpus_of_%zu_inputs_passes\n", corpus.count);
    fflush(stdout);

    rng_init(&rng, 1);
    for (int i = 0; i < INPUTS_MADE; i++) {
        make_input(&input, &corpus, &rng);
        run(buf_bytes(&input));
    }
    printf("ok 2 - %d_inputs_made_from_a_seed_pass\n", INPUTS_MADE);

    buf_fini(&input);
    for (size_t i = 0; i < corpus.count; i++)
        mem_free((void *)(uintptr_t)corpus.inputs[i].data);
    mem_free(corpus.inputs);
    return 0;
}
