#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "store/inspect_parts.h"
#include "store/journal_format.h"
#include "store/journal_reader.h"
#include "store/namespaces.h"
#include "store/page_diff.h"
#include "store/record.h"
#include "store/store_parts.h"

#define RUNS_SHOWN_MAX 12 /* of page numbers in one line */

/* ---- words ---- */

void inspect_say(const struct inspect_output *output, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mem_format_va(format, args);
    va_end(args);
    output->line(output->data, text);
    mem_free(text);
}

const char *inspect_time(int64_t time_ms, char text[INSPECT_TIME_BYTES])
{
    int64_t rest = time_ms % 1000 < 0 ? time_ms % 1000 + 1000 : time_ms % 1000;
    time_t seconds = (time_t)((time_ms - rest) / 1000);
    struct tm utc;
    size_t len;

    if (gmtime_r(&seconds, &utc) == NULL) {
        snprintf(text, INSPECT_TIME_BYTES, "%" PRId64 " ms", time_ms);
        return text;
    }
    len = strftime(text, INSPECT_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, INSPECT_TIME_BYTES - len, ".%03dZ", (int)rest);
    return text;
}

const char *inspect_namespace(const struct inspection *inspection, uint32_t number, char text[32])
{
    const char *key = NULL;

    if (number == STORE_NAMESPACE)
        return "alarm-index";
    if (inspection != NULL)
        key = namespaces_key(inspection->namespaces, number);
    if (key != NULL)
        return key;
    snprintf(text, 32, "class#%u", number);
    return text;
}

/* ---- records ---- */

struct printing {
    const struct inspection *inspection; /* NULL: one file by itself */
    const struct inspect_output *output;
};

/* "1-3 7 9-10", and how many bytes of them changed. */
static void describe_pages(const struct record *record, struct buf *out)
{
    struct bytes rest = record->pages;
    struct record_page page;
    uint32_t first = 0;
    uint32_t last = 0;
    unsigned count = 0;
    unsigned runs = 0;
    uint64_t changed = 0;
    struct buf numbers = {0};

    while (record_next_page(&rest, &page)) {
        count++;
        changed += page_diff_changed(page.diff);
        if (first != 0 && page.number == last + 1) {
            last = page.number;
            continue;
        }
        if (first != 0 && ++runs <= RUNS_SHOWN_MAX)
            buf_append_format(&numbers, first == last ? " %u" : " %u-%u", first, last);
        first = last = page.number;
    }
    if (first != 0 && ++runs <= RUNS_SHOWN_MAX)
        buf_append_format(&numbers, first == last ? " %u" : " %u-%u", first, last);
    if (runs > RUNS_SHOWN_MAX)
        buf_append_string(&numbers, " ...");
    if (count == 0)
        buf_append_string(out, "  no pages");
    else
        buf_append_format(out, "  pages %u:%s (%" PRIu64 " bytes)", count, buf_string(&numbers),
                          changed);
    buf_fini(&numbers);
}

static void describe_alarm(const struct record_alarm *alarm, struct buf *out)
{
    char time[INSPECT_TIME_BYTES];

    if (alarm->scheduled_ms == 0) {
        buf_append_string(out, "  alarm removed");
        return;
    }
    buf_append_format(out, "  alarm %s", inspect_time(alarm->scheduled_ms, time));
    if (alarm->run_ms != alarm->scheduled_ms)
        buf_append_format(out, " run at %s", inspect_time(alarm->run_ms, time));
    if (alarm->retry_count > 0)
        buf_append_format(out, " failures %u", alarm->retry_count);
    if (alarm->name.data == NULL)
        return;
    buf_append_string(out, " name \"");
    for (size_t i = 0; i < alarm->name.len; i++) {
        uint8_t c = alarm->name.data[i];

        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            buf_append_format(out, "\\x%02x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

static void describe_record(const struct printing *printing, uint64_t lsn,
                            const struct record *record, size_t bytes, struct buf *out)
{
    static const char *const parts[] = {" (middle)", " (first)", " (last)", ""};
    char id[2 * STORE_ID_SIZE + 1] = {0};
    char text[32];

    hex_encode(bytes_of(record->id, STORE_ID_SIZE), id);
    buf_append_format(out, "    %10" PRIu64 "  %s%s", lsn,
                      record->kind == RECORD_COMMIT ? "commit" : "retry",
                      parts[record->flags & (RECORD_FIRST | RECORD_LAST)]);
    buf_append_format(out, "  %s %s",
                      inspect_namespace(printing->inspection, record->namespace_number, text), id);
    buf_append_format(out, "  size %u", record->size_pages);
    describe_pages(record, out);
    if ((record->flags & RECORD_ALARM) != 0)
        describe_alarm(&record->alarm, out);
    if (record->previous_lsn != 0)
        buf_append_format(out, "  after %" PRIu64, record->previous_lsn);
    buf_append_format(out, "  record %zu bytes", bytes);
}

static int print_records(const struct printing *printing, const struct journal_file *file,
                         uint64_t offset, const struct batch *batch)
{
    struct bytes rest = batch->records;
    struct record record;

    for (uint32_t i = 0; i < batch->record_count; i++) {
        struct bytes before = rest;
        struct buf line = {0};
        uint64_t lsn = batch->first_lsn + i;
        uint64_t at = offset + BATCH_HEADER_BYTES + (uint64_t)(rest.data - batch->records.data);
        int r = record_parse(&rest, &record);

        if (r != 0) {
            inspect_say(printing->output, "%s: record %" PRIu64 " at offset %" PRIu64 " is %s",
                        file->path, lsn, at,
                        r == RECORD_NEWER ? "of a newer version" : "malformed");
            return INSPECT_DAMAGED;
        }
        describe_record(printing, lsn, &record, before.len - rest.len, &line);
        inspect_say(printing->output, "%s", buf_string(&line));
        buf_fini(&line);
    }
    return 0;
}

static int print_batch(void *data, const struct journal_file *file, uint64_t offset,
                       const struct batch *batch)
{
    static const char *const kinds[] = {"?", "batch", "seal", "stop"};
    const struct printing *printing = data;
    char time[INSPECT_TIME_BYTES];
    struct buf line = {0};

    buf_append_format(&line, "  %10" PRIu64 "  %s", offset, kinds[batch->kind]);
    if (batch->record_count > 0)
        buf_append_format(&line, "  records %u from %" PRIu64 " (%zu bytes)", batch->record_count,
                          batch->first_lsn, batch->records.len);
    else
        buf_append_format(&line, "  next %" PRIu64, batch->first_lsn);
    buf_append_format(&line, "  needed %" PRIu64 "  %s  crc %08" PRIx32 " ok", batch->needed_lsn,
                      inspect_time(batch->written_ms, time), batch->crc);
    inspect_say(printing->output, "%s", buf_string(&line));
    buf_fini(&line);
    return print_records(printing, file, offset, batch);
}

/* ---- files ---- */

static void print_end(const struct printing *printing, const struct journal_file *file)
{
    if (file->later != JOURNAL_NOWHERE)
        inspect_say(printing->output,
                    "  %10" PRIu64 "  damaged up to offset %" PRIu64 ", where a later batch stands",
                    file->end, file->later);
    else if (file->ending != JOURNAL_END_SEAL)
        inspect_say(printing->output, "  %10" PRIu64 "  the end", file->end);
}

static int print_file(struct printing *printing, struct journal_reader *journal,
                      const struct journal_file *file)
{
    int r = 0;

    if (file->role == JOURNAL_FILE_PART || file->role == JOURNAL_FILE_TORN) {
        inspect_say(printing->output, "%s  segment %" PRIu64 "  %" PRIu64 " bytes%s", file->path,
                    file->number, file->size,
                    file->role == JOURNAL_FILE_TORN
                        ? "  was being reused: the journal does not go on from it"
                        : "");
        r = journal_file_walk(journal, file, print_batch, printing);
        if (r == 0)
            print_end(printing, file);
    } else if (file->role == JOURNAL_FILE_FOREIGN) {
        inspect_say(printing->output, "%s  of another data directory (journal %016" PRIx64 ")",
                    file->path, file->journal_id);
    } else if (file->later != JOURNAL_NOWHERE) {
        inspect_say(printing->output, "%s  its beginning is damaged", file->path);
        print_end(printing, file);
    } else if (file->number == 0) {
        inspect_say(printing->output, "%s  free, never used", file->path);
    } else {
        inspect_say(printing->output, "%s  free, was segment %" PRIu64, file->path, file->number);
    }
    return r < 0 ? err_pass(r) : r;
}

static void print_head(const struct printing *printing, const struct journal_reader *journal)
{
    if (journal->journal_id == 0)
        inspect_say(printing->output, "no record was ever written");
    else if (journal->stopped)
        inspect_say(printing->output,
                    "journal %016" PRIx64 ": stopped cleanly, no record is needed, the next is "
                    "%" PRIu64,
                    journal->journal_id, journal->next_lsn);
    else if (journal->needed_lsn >= journal->next_lsn)
        inspect_say(printing->output,
                    "journal %016" PRIx64 ": no record is needed, the next is %" PRIu64,
                    journal->journal_id, journal->next_lsn);
    else
        inspect_say(printing->output,
                    "journal %016" PRIx64 ": records %" PRIu64 " to %" PRIu64 " are needed",
                    journal->journal_id, journal->needed_lsn, journal->next_lsn - 1);
}

static int print_all(struct printing *printing, struct journal_reader *journal)
{
    int r = 0;

    print_head(printing, journal);
    for (size_t i = 0; r == 0 && i < journal->count; i++)
        r = print_file(printing, journal, &journal->files[i]);
    if (r == 0 && journal->damaged) {
        inspect_say(printing->output, "%s", journal->damage.text);
        r = INSPECT_DAMAGED;
    }
    return r < 0 ? err_pass(r) : r;
}

int inspect_journal(struct inspection *inspection, const struct inspect_output *output)
{
    struct printing printing = {.inspection = inspection, .output = output};
    int r = print_all(&printing, inspection->journal);

    return r < 0 ? err_pass(r) : r;
}

int inspect_segment(struct os *os, const char *path, const struct inspect_output *output,
                    struct err_text *why)
{
    struct printing printing = {.output = output};
    struct journal_reader *journal = NULL;
    int r = journal_reader_open_file(&journal, os, path, why);

    if (r == 0) {
        r = print_file(&printing, journal, &journal->files[0]);
        if (r == 0 && journal->files[0].later != JOURNAL_NOWHERE)
            r = INSPECT_DAMAGED;
    }
    journal_reader_close(journal);
    return r < 0 ? err_pass(r) : r;
}
