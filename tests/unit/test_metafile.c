#include <string.h>

#include "server/metafile.h"
#include "test.h"

TEST(a_metafile_tells_files_in_and_out)
{
    struct metafile metafile;

    CHECK(metafile_read(
        &metafile,
        BYTES("{\"inputs\": {\"src/a.ts\": {\"imports\": [{\"path\": "
              "\"node:async_hooks\", \"external\": true}]}, \"(disabled):x\": {}, "
              "\"<define:X>\": {}, \"data:text,y\": {}, \"b.wasm?module\": {}, "
              "\"\\u00e9.ts\": {}}, \"outputs\": {\".dormouse/build/worker.js\": {}}}")));
    CHECK_EQ(metafile.inputs.count, 3);
    CHECK_STR_EQ(metafile.inputs.names[0], "src/a.ts");
    CHECK_STR_EQ(metafile.inputs.names[1], "b.wasm");
    CHECK_STR_EQ(metafile.inputs.names[2], "\xc3\xa9.ts");
    CHECK_STR_EQ(metafile.outputs.names[0], ".dormouse/build/worker.js");
    metafile_fini(&metafile);
}

TEST(what_is_no_metafile_is_refused)
{
    struct metafile metafile;

    CHECK(!metafile_read(&metafile, BYTES("nonsense")));
    metafile_fini(&metafile);
    CHECK(!metafile_read(&metafile, BYTES("[]")));
    metafile_fini(&metafile);
    CHECK(!metafile_read(&metafile, BYTES("{\"inputs\": {\"a\": 1}}")));
    metafile_fini(&metafile);
}
