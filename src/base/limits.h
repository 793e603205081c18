#pragma once

/*
 * Limits
 *
 * Every queue, buffer and loop over what somebody else can size has its bound here, with where
 * the number comes from: "CF" is a documented or observable limit of Cloudflare, which scripts
 * can tell; "ours" is a guess that keeps one client from hurting the others.
 */

#include <stdint.h>

/* clang-format off */
/* Loops and streams */
#define LIMIT_LOOP_READ_BYTES         (64 * 1024)        /* ours: all sockets of a loop share it */
#define LIMIT_LOOP_TASK_ROUNDS        64                 /* ours: tasks deferring tasks, per turn */
#define LIMIT_LOOP_SPARE_CHUNKS       32                 /* ours: of 2 KB, sent, for next answers */
#define LIMIT_LOOP_SPARE_REFERENCES   4096               /* ours: of 64 bytes, the same */
#define LIMIT_LOOP_FLUSHES            64                 /* ours: streams, then sockets are served */
#define LIMIT_STREAM_HIGH_BYTES       (256 * 1024)       /* ours: unsent, then writers wait */
#define LIMIT_STREAM_LOW_BYTES        (64 * 1024)        /* ours: unsent, then they may go on */
#define LIMIT_STREAM_LINGER_MS        5000               /* ours: closing, and the peer is silent */
#define LIMIT_DIAL_ATTEMPT_MS         3000               /* ours: an address, if there are more */
#define LIMIT_LISTENER_BACKLOG        4096               /* ours: clients waiting in the kernel */
#define LIMIT_LISTENER_BATCH          64                 /* ours: clients accepted per turn */
#define LIMIT_LISTENER_RETRY_MS       100                /* ours: out of descriptors, try again */
#define LIMIT_DESCRIPTORS_KEPT        8192               /* ours: not for clients; 1/8 if fewer */
#define LIMIT_INFLATE_BYTES           (128 * 1024 * 1024) /* CF: an isolate's memory; of one chunk */

/* HTTP/1.1 */
#define LIMIT_HTTP_LINE_BYTES         (16 * 1024)        /* CF: 16 KB of URL */
#define LIMIT_HTTP_HEAD_BYTES         (128 * 1024)       /* CF: 128 KB of header, in sum */
#define LIMIT_HTTP_HEADERS            256                /* ours */
#define LIMIT_HTTP_EMPTY_LINES        8                  /* ours: skipped before a request */
#define LIMIT_HTTP_METHOD_BYTES       32                 /* ours: the longest in use has 17 */
#define LIMIT_HTTP_CHUNK_DIGITS       15                 /* ours: of a chunk's size, no overflow */
#define LIMIT_HTTP_CHUNK_EXTRA_BYTES  (16 * 1024)        /* ours: extensions, trailers of a body */
#define LIMIT_HTTP_BODY_CHUNK_BYTES   (64 * 1024)        /* ours: one read, one piece of a stream */
#define LIMIT_HTTP_BODY_QUEUE_BYTES   (256 * 1024)       /* ours: unread body kept, then no reads */
#define LIMIT_HTTP_HEAD_TIMEOUT_MS    60000              /* ours: first byte to end of header */
#define LIMIT_HTTP_IDLE_TIMEOUT_MS    75000              /* ours: kept alive between requests */
#define LIMIT_HTTP_STALL_TIMEOUT_MS   120000             /* ours: client neither takes nor gives */
#define LIMIT_HTTP_BODY_DRAIN_BYTES   (256 * 1024)       /* ours: rest skipped to keep alive */
#define LIMIT_HTTP_CONNECT_TIMEOUT_MS 30000              /* ours: outgoing name, TCP and TLS */
#define LIMIT_HTTP_FETCHES            1024               /* ours: outgoing connections, per loop */

/* WebSocket */
#define LIMIT_WS_MESSAGE_BYTES        (32 * 1024 * 1024) /* CF: a message received */
#define LIMIT_WS_CONTROL_BYTES        125                /* RFC 6455 §5.5 */
#define LIMIT_WS_CLOSE_REASON_BYTES   123                /* RFC 6455 §5.5.1: two go to the code */
#define LIMIT_WS_FRAGMENTS            65536              /* ours: frames in one message */
#define LIMIT_WS_IN_QUEUE_BYTES       (64 * 1024)        /* ours: unread if paused, then no reads */
#define LIMIT_WS_OUT_QUEUE_BYTES      (64 * 1024 * 1024) /* ours: unsent, then it is dropped */
#define LIMIT_WS_PER_OBJECT           32768              /* CF: hibernatable ones */
#define LIMIT_WS_TAGS                 10                 /* CF */
#define LIMIT_WS_TAG_BYTES            256                /* CF, in UTF-8 */
#define LIMIT_WS_ATTACHMENT_BYTES     16384              /* CF, serialised */
#define LIMIT_WS_AUTO_RESPONSE_BYTES  2048               /* CF: request and response each */
#define LIMIT_WS_EVENT_TIMEOUT_MS     604800000          /* CF: seven days */
#define LIMIT_WS_CLOSE_TIMEOUT_MS     5000               /* ours: waiting for the peer's Close */

/* Objects */
#define LIMIT_MAILBOX_EVENTS          10000              /* ours: per object, then "overloaded" */
#define LIMIT_MAILBOX_BYTES           (64 * 1024 * 1024) /* ours: their sizes, in sum */
#define LIMIT_SHARD_QUEUE             65536              /* ours: messages from other shards */
#define LIMIT_SHARDS                  128                /* ours: threads that run objects */
#define LIMIT_OBJECT_NAME_BYTES       1024               /* CF: longer names are not kept */
#define LIMIT_CALL_BYTES              (32 * 1024 * 1024) /* CF: arguments or a result of RPC */
#define LIMIT_RPC_STUBS               100000             /* ours: of one context, each way */
#define LIMIT_CALL_DEPTH              32                 /* CF: Workers in one chain */
#define LIMIT_FETCH_WAITING           6                  /* CF: outgoing, without headers yet */
#define LIMIT_ALARM_RETRIES           6                  /* CF */
#define LIMIT_ALARM_TIMEOUT_MS        (15 * 60 * 1000)   /* CF: wall clock of one run */
#define LIMIT_BLOCK_CONCURRENCY_MS    30000              /* CF: blockConcurrencyWhile() */
#define LIMIT_CPU_MS                  30000              /* CF: per event, by default */
#define LIMIT_TIMERS_PER_SHARD        1000000            /* ours: pending in all contexts */
#define LIMIT_COUNTS_WAIT_S           3                  /* ours: for a shard to be counted */
#define LIMIT_PIPE_BYTES              (256 * 1024)       /* ours: in a body between two parties */
#define LIMIT_TIMERS                  10000              /* workerd: pending per request context */
#define LIMIT_WORK_THREADS            16                 /* ours: of dm->work(); the cores, if fewer */
#define LIMIT_WORK_QUEUE              1024               /* ours: works that wait for one of them */
#define LIMIT_WORKS                   128                /* ours: one object's, under way */

/* Actor core */
#define LIMIT_OUTPUT_GATE_MS          30000              /* CF: a write on its way to the disk */
#define LIMIT_CODE_UPDATE_MS          300000             /* CF: old code runs on for so long */
#define LIMIT_HOLD_MS                 (15 * 60 * 1000)   /* CF: pending work without any event */
#define LIMIT_ALARM_RETRY_MS          2000               /* CF: the first; each doubles */
#define LIMIT_ALARM_RETRY_MAX_MS      1024000            /* workerd: 2 s doubled nine times */
#define LIMIT_ALARMS_PER_TURN         64                 /* ours: taken from the index at a time */
#define LIMIT_ALARMS_STRANDED         1024               /* ours: due, waiting for their class */
#define LIMIT_OUTBOX_BYTES            (256 * 1024 * 1024) /* ours: said and not yet durable */
#define LIMIT_OUTBOX_SPARE_LETTERS    4096               /* ours: kept for the next turn */
#define LIMIT_SHARD_STEPS_PER_TURN    256                /* ours: turns of objects, then the loop */
#define LIMIT_SHARD_TIMERS_PER_TURN   1024               /* ours */
#define LIMIT_SHARD_MESSAGES_PER_TURN 4096               /* ours */
#define LIMIT_SOCKET_PENDING          64                 /* ours: events of one, then no reads */
#define LIMIT_SOCKET_WAITING_BYTES    (32 * 1024 * 1024) /* ours: until somebody listens */
#define LIMIT_MAILBOX_PAUSE           1024               /* ours: events, then sockets hold on */
#define LIMIT_DATABASE_IDLE_MS        60000              /* ours: unused, then it is closed */

/* Journal */
#define LIMIT_JOURNAL_SEGMENT_BYTES   (16 * 1024 * 1024) /* ours: recovery time against recycling */
#define LIMIT_JOURNAL_SEGMENTS        8                  /* ours: more only when none comes free */
#define LIMIT_HISTORY_DAYS            30                 /* CF: of point-in-time recovery */
#define LIMIT_HISTORY_BYTES           (64 * 1024 * 1024) /* ours: of one object, and an image */
#define LIMIT_HISTORY_IMAGE_BYTES     (INT64_C(1) << 30) /* ours: a restore is made in memory */
#define LIMIT_JOURNAL_BATCH_BYTES     (4 * 1024 * 1024)  /* ours: then writers wait */

/* Storage */
#define LIMIT_KV_KEY_BYTES            2048               /* CF, key-value classes */
#define LIMIT_KV_VALUE_BYTES          131072             /* CF, key-value classes */
#define LIMIT_KV_LIST                 1000               /* CF, Workers KV: keys of one list */
#define LIMIT_KV_NAME_BYTES           512                /* CF, Workers KV: of a key */
#define LIMIT_KV_METADATA_BYTES       1024               /* CF, Workers KV: of JSON */
#define LIMIT_KV_CONTENT_BYTES        (25 * 1024 * 1024) /* CF, Workers KV: of a value */
#define LIMIT_KV_PAIRS                128                /* CF: in one call */
#define LIMIT_STORAGE_BYTES           (INT64_C(10) * 1024 * 1024 * 1024) /* CF: one object */
#define LIMIT_DATABASES_OPEN          1024               /* ours: handles of one shard */
#define LIMIT_PAGE_CACHE_KB           (128 * 1024)       /* ours: shared out by a shard's handles */
#define LIMIT_PAGE_CACHE_KB_EACH      2000               /* SQLite: what one handle has at most */
#define LIMIT_PAGE_CACHE_KB_LEAST     128                /* ours: and at least */
#define LIMIT_WAL_BYTES               (64 * 1024 * 1024) /* ours: commits in memory, per shard */

/* SQL: workerd's sqlite3_limit() values */
#define LIMIT_SQL_VALUE_BYTES         (8 * 1024 * 1024 + 34) /* value or row; documented: 2 MB */
#define LIMIT_SQL_TEXT_BYTES          100000
#define LIMIT_SQL_COLUMNS             100
#define LIMIT_SQL_EXPR_DEPTH          100
#define LIMIT_SQL_COMPOUND_SELECT     5
#define LIMIT_SQL_VDBE_OPS            25000
#define LIMIT_SQL_FUNCTION_ARGS       127                /* documented: 32 */
#define LIMIT_SQL_ATTACHED            0
#define LIMIT_SQL_LIKE_PATTERN_BYTES  50
#define LIMIT_SQL_VARIABLES           100
#define LIMIT_SQL_TRIGGER_DEPTH       10
#define LIMIT_SQL_WORKER_THREADS      0
#define LIMIT_SQL_CACHE_BYTES         (1024 * 1024)      /* statements kept prepared */

/* clang-format on */
