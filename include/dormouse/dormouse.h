#ifndef DORMOUSE_H
#define DORMOUSE_H

/*
 * Dormouse: objects in C
 *
 * A class library is a shared object that exports dm_library_init(). Dormouse calls it once per
 * process with the table of everything a class can do; the library registers its classes and keeps
 * the pointer. From then on a class is a struct of functions that are called when something happens
 * to one of its objects. docs/native-api.md has a tutorial.
 *
 * Threads. An object lives on one thread and all calls about it come on that thread, one at a time.
 * Different objects of a class may run at the same time: a static variable of the library is shared
 * by all of them and needs a lock. No function of the table may be called from another thread, but
 * random(), uuid() and id_format(): it stops the process. What takes long is given to work().
 *
 * Turns. A handler or a callback is one turn: what it writes is one transaction, committed when it
 * returns, and nothing it says (answers, messages, calls, requests) leaves before that is durable.
 * While it runs nothing else of its shard does: do not block.
 *
 * Ownership. Nothing that you pass in is kept unless it says so: it is copied. What you get is
 * borrowed, valid until the handler or callback that got it returns, unless it says otherwise.
 * Handles are never freed by you.
 *
 * Errors. Functions return 0, or DM_NONE, or a negative number; then dm->why(object) has the words.
 * A handler that returns a negative number fails what it was called for with those words. A class
 * that crashes takes the whole process with it: what was acknowledged is on disk, every object of
 * the process is gone from memory.
 *
 * Text is UTF-8. Times are milliseconds, points in time since 1970 (UTC).
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with every function that is added at the end of struct dm_api; nothing is ever removed. */
#define DM_VERSION 5

#if defined(__GNUC__)
#    define DM_EXPORT       __attribute__((visibility("default")))
#    define DM_FORMAT(a, b) __attribute__((format(printf, a, b)))
#else
#    define DM_EXPORT
#    define DM_FORMAT(a, b)
#endif

struct dm_api;
struct dm_body;    /* a body that can be read: of a request, or of an answer */
struct dm_event;   /* a fetch, call or alarm that is to be answered once */
struct dm_front;   /* see below */
struct dm_hold;    /* keeps an object in memory */
struct dm_kv;      /* a Workers KV namespace */
struct dm_library; /* while it registers its classes */
struct dm_ns;      /* a namespace: the objects of one class */
struct dm_object;  /* an object while it is in memory; or a front */
struct dm_rows;    /* the result of a query */
struct dm_section; /* a critical section */
struct dm_socket;  /* one end of a WebSocket */
struct dm_stream;  /* a body that is being written */
struct dm_timer;

enum dm_result {
    DM_OK = 0,
    DM_NONE = 1,   /* nothing there: no such key, no more rows, the end of a body */
    DM_LATER = 2,  /* a handler's: the event will be answered in a later turn */
    DM_FULL = 3,   /* taken; wait before you write more */
    DM_ERROR = -1, /* refused; the object goes on */
    DM_RESET = -2, /* the object is being reset: return, nothing works any more */
};

/* ---- bytes, values, ids ---- */

struct dm_bytes {
    const void *data;
    size_t len;
};

enum dm_type {
    DM_UNDEFINED,
    DM_NULL,
    DM_BOOLEAN,
    DM_NUMBER, /* as in JavaScript: integers are exact up to 2^53 */
    DM_STRING,
    DM_BYTES, /* read: an ArrayBuffer or a view of one; written: a Uint8Array */
    DM_DATE,
    DM_ARRAY,
    DM_OBJECT,
};

/* What travels in calls, and what KV and attachments hold: of JavaScript's values those that JSON
 * has, with bytes and dates. Plain data that you build where you like; read trees are borrowed.
 * Nested at most 64 deep. Others (Map, BigInt, cycles …) cannot be read: DM_ERROR says which. */
struct dm_value;
struct dm_member;

struct dm_array {
    const struct dm_value *items;
    size_t count;
};

struct dm_record {
    const struct dm_member *members;
    size_t count;
};

struct dm_value {
    enum dm_type type;

    union {
        bool boolean;
        double number;           /* DM_NUMBER; DM_DATE: ms */
        struct dm_bytes bytes;   /* DM_STRING, DM_BYTES; a string read has a NUL behind it */
        struct dm_array array;   /* DM_ARRAY */
        struct dm_record record; /* DM_OBJECT, in order */
    };
};

struct dm_member {
    struct dm_bytes name;
    struct dm_value value;
};

struct dm_id {
    uint8_t bytes[32];
};

#define DM_ID_TEXT   65 /* 64 hex digits and a NUL */
#define DM_BOOKMARK  60
#define DM_UUID_TEXT 37 /* 32 hex digits, four hyphens and a NUL */

/* ---- SQL ---- */

enum dm_sql_type {
    DM_SQL_NULL,
    DM_SQL_INTEGER,
    DM_SQL_REAL,
    DM_SQL_TEXT,
    DM_SQL_BLOB
};

struct dm_sql_value {
    enum dm_sql_type type;

    union {
        int64_t integer;
        double real;
        struct dm_bytes bytes; /* text or blob */
    };
};

/* ---- HTTP ---- */

struct dm_header {
    const char *name;
    const char *value; /* Latin-1, as on the wire */
};

struct dm_request {
    const char *method; /* NULL: GET */
    const char *url;    /* absolute */
    const struct dm_header *headers;
    size_t header_count;
    struct dm_bytes content; /* to send: the whole body; received: what of it is there at once */
    struct dm_body *body;    /* received; NULL: none. Lives as long as the event. */
    int64_t body_length;     /* received; -1: not known */
    bool upgrade;            /* received: asks for a WebSocket */
    const char *cf;          /* received: request.cf as JSON, or NULL */
};

struct dm_response {
    unsigned status; /* 0: 200 */
    const struct dm_header *headers;
    size_t header_count;
    struct dm_bytes content;  /* to send: the whole body; received: what of it is there at once */
    struct dm_stream *stream; /* to send instead: from stream_open() */
    struct dm_body *body;     /* received; NULL: none */
    int64_t body_length;      /* received; -1: not known */
};

/* What came of a call or a request that you sent. Exactly one of the three is set. */
struct dm_reply {
    const char *error;                  /* why it failed */
    const struct dm_response *response; /* stub_fetch(), fetch() */
    const struct dm_value *value;       /* stub_call() */
    bool retryable;                     /* with error: the connection was lost, try again */
    bool overloaded;                    /* with error: do not try again at once */
};

/* A callback: a turn of its own, in the critical section it was asked for in. It does not come when
 * the instance is destroyed first: let `data` belong to the instance. */
typedef void dm_reply_fn(void *instance, struct dm_object *object, void *data,
                         const struct dm_reply *reply);
/* result: DM_OK with a piece, DM_NONE at the end, DM_ERROR with words in why(). */
typedef void dm_bytes_fn(void *instance, struct dm_object *object, void *data, int result,
                         struct dm_bytes bytes);
typedef void dm_fn(void *instance, struct dm_object *object, void *data);
/* On another thread: nothing of an object may be touched. */
typedef void dm_work_fn(void *data);
typedef void dm_section_fn(void *instance, struct dm_object *object, struct dm_section *section,
                           void *data);

/* A WebSocket of an object to somebody else. Functions that are NULL are not called. They are
 * callbacks like dm_reply_fn; the struct must live as long as the process. */
struct dm_peer {
    /* Once: it is open; or, with `socket` NULL, it is not, and `reply` says why. */
    void (*open)(void *instance, struct dm_object *object, void *data, struct dm_socket *socket,
                 const struct dm_reply *reply);
    void (*message)(void *instance, struct dm_object *object, void *data, struct dm_socket *socket,
                    struct dm_bytes bytes, bool text);
    /* One of them, at last; the socket is gone when it has returned. */
    void (*close)(void *instance, struct dm_object *object, void *data, struct dm_socket *socket,
                  uint16_t code, struct dm_bytes reason, bool clean);
    void (*error)(void *instance, struct dm_object *object, void *data, struct dm_socket *socket,
                  const char *message);
};

/* Anything but 0 ends the walk and is returned by it. */
typedef int dm_kv_fn(void *data, struct dm_bytes key, const struct dm_value *value);
typedef int dm_socket_fn(void *data, struct dm_socket *socket);
/* Anything but 0 undoes the transaction and is returned by it. */
typedef int dm_transaction_fn(struct dm_object *object, void *data);

/* ---- classes ---- */

/* A class. Functions that are NULL are not there, as methods of a JavaScript class that are not. */
struct dm_class {
    size_t size;      /* sizeof(struct dm_class) */
    const char *name; /* class_name of the binding */

    /* The object is needed: make an instance. Runs again after every hibernation: keep it light.
     * Negative: the object is reset and whoever asked gets the error. */
    int (*construct)(struct dm_object *object, void **instance);
    /* It goes: eviction, hibernation, reset, new code. Free it. No function of the table works. */
    void (*destroy)(void *instance);

    /* Answer with respond(), accept() or forward(), now or, after DM_LATER, in a later turn.
     * `request` and what it points to live until the event is answered. */
    int (*fetch)(void *instance, struct dm_object *object, struct dm_event *event,
                 const struct dm_request *request);
    /* A method was called: in JavaScript stub.method(…arguments). Answer with answer(), now or,
     * after DM_LATER, later. `arguments` live until then. Return unknown_method() if it is none. */
    int (*call)(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count);
    /* Negative, or fail(): tried again, six times, 2 s later and then twice as long each time.
     * Answer with done() after DM_LATER. */
    int (*alarm)(void *instance, struct dm_object *object, struct dm_event *event,
                 int64_t scheduled_ms, unsigned retry_count);

    /* Of accepted sockets. A socket is gone when close() or error() has returned. */
    int (*message)(void *instance, struct dm_object *object, struct dm_socket *socket,
                   struct dm_bytes data, bool text);
    int (*close)(void *instance, struct dm_object *object, struct dm_socket *socket, uint16_t code,
                 struct dm_bytes reason, bool clean);
    int (*error)(void *instance, struct dm_object *object, struct dm_socket *socket,
                 const char *message);
};

/* The front handler of a project without JavaScript: HTTP requests that nobody's object has seen.
 * Each shard has a front; it has no storage, sockets or sections: those functions refuse. */
struct dm_front {
    size_t size; /* sizeof(struct dm_front) */
    int (*construct)(struct dm_object *front, void **instance);
    void (*destroy)(void *instance);
    int (*fetch)(void *instance, struct dm_object *front, struct dm_event *event,
                 const struct dm_request *request);
};

struct dm_accept {
    const char *const *tags; /* at most 10, of at most 256 bytes each */
    size_t tag_count;
    const char *protocol; /* the subprotocol that was chosen, or NULL */
};

struct dm_range {
    struct dm_bytes start; /* from here on; data NULL: from the first */
    struct dm_bytes end;   /* up to but without; data NULL: to the last */
    struct dm_bytes prefix;
    bool reverse;
    uint64_t limit; /* 0: none */
};

/* How a key of a Workers KV namespace is written. */
struct dm_kv_options {
    int64_t expiration;              /* seconds since 1970, at least 60 from now; 0: none */
    int64_t ttl;                     /* seconds from now, at least 60; 0: none */
    const struct dm_value *metadata; /* at most 1,024 bytes of JSON; NULL: none */
};

/* Which keys of one are listed. */
struct dm_kv_page {
    struct dm_bytes prefix;
    struct dm_bytes cursor; /* what the page before had; data NULL: the first page */
    unsigned limit;         /* at most 1,000; 0: as many */
};

enum dm_log_level {
    DM_LOG_ERROR,
    DM_LOG_WARN,
    DM_LOG_INFO,
    DM_LOG_DEBUG
};

/* ---- what a class can do ---- */

struct dm_api {
    uint32_t version; /* DM_VERSION of the Dormouse that runs */

    /* In dm_library_init() only. `class` and what it points to must live as long as the process. */
    int (*register_class)(struct dm_library *library, const struct dm_class *class_);
    int (*register_front)(struct dm_library *library, const struct dm_front *front);

    /* Errors. The words of the last function of this object that failed; never NULL. */
    const char *(*why)(struct dm_object *object);
    /* Sets them; returns DM_ERROR: `return dm->error(object, "no room for %s", name);` */
    int (*error)(struct dm_object *object, const char *format, ...) DM_FORMAT(2, 3);
    /* ctx.abort(): undoes what this turn wrote, destroys the instance after it, fails everybody who
     * waits, disconnects all sockets. Returns DM_RESET. */
    int (*abort)(struct dm_object *object, const char *message);
    void (*log)(struct dm_object *object, enum dm_log_level level, const char *format, ...)
        DM_FORMAT(3, 4);

    /* Who and when. Of a front there is no id and no name. */
    int (*id)(struct dm_object *object, struct dm_id *id);
    const char *(*name)(struct dm_object *object); /* NULL: made without one, or not known */
    int64_t (*now_ms)(struct dm_object *object);

    /* Answers: once per event, in a turn. They return 0, so that a handler may return them. */
    int (*respond)(struct dm_event *event, const struct dm_response *response);
    int (*respond_text)(struct dm_event *event, unsigned status, const char *text);
    int (*answer)(struct dm_event *event, const struct dm_value *value); /* NULL: undefined */
    int (*done)(struct dm_event *event);                                 /* an alarm */
    int (*fail)(struct dm_event *event, const char *message);
    int (*unknown_method)(struct dm_event *event);
    /* Sends the request on as it came, with body and upgrade, and its answer back. `as` NULL, or
     * what to replace: url and headers that are not NULL. The event is gone. */
    int (*forward)(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id,
                   const char *name, const struct dm_request *as);
    /* The value of a header, case-insensitive; NULL if there is none. */
    const char *(*header)(const struct dm_request *request, const char *name);

    /* Bodies. A body lives as long as its event or reply, and while it is being read. */
    /* All of it, in one piece of at most max_bytes; then the callback, once. */
    int (*body_collect)(struct dm_body *body, size_t max_bytes, dm_bytes_fn *done, void *data);
    /* The next piece, then the callback, once. */
    int (*body_read)(struct dm_body *body, dm_bytes_fn *done, void *data);
    /* A body to respond with, before or after respond(); length -1 if it is not known. */
    int (*stream_open)(struct dm_object *object, int64_t length, struct dm_stream **stream);
    /* DM_FULL: wait with stream_room() before the next. DM_ERROR: the reader has left. */
    int (*stream_write)(struct dm_stream *stream, struct dm_bytes piece);
    int (*stream_room)(struct dm_stream *stream, dm_fn *room, void *data);
    /* The handle is dead. error: NULL, or cut it off. */
    int (*stream_end)(struct dm_stream *stream, const char *error);

    /* SQL. Several statements may stand in one text; values are bound to the last one. Statements
     * are kept prepared. Rows are closed at the end of the turn, if you do not. */
    int (*sql_exec)(struct dm_object *object, const char *sql, const struct dm_sql_value *values,
                    size_t count);
    int (*sql_query)(struct dm_object *object, struct dm_rows **rows, const char *sql,
                     const struct dm_sql_value *values, size_t count);
    /* On to the first or next row; DM_NONE: no more, and the handle is dead. */
    int (*sql_step)(struct dm_rows *rows);
    size_t (*sql_columns)(struct dm_rows *rows);
    const char *(*sql_column_name)(struct dm_rows *rows, size_t column);
    /* Valid until the next step. Convert as SQLite does; text has a NUL behind it. */
    struct dm_sql_value (*sql_value)(struct dm_rows *rows, size_t column);
    int64_t (*sql_integer)(struct dm_rows *rows, size_t column);
    double (*sql_real)(struct dm_rows *rows, size_t column);
    const char *(*sql_text)(struct dm_rows *rows, size_t column); /* NULL is "" */
    void (*sql_close)(struct dm_rows *rows);
    int (*sql_size)(struct dm_object *object, uint64_t *bytes);

    /* Key-value. DM_NONE if there is no such key. Keys have at most 2,048 bytes. */
    int (*kv_get)(struct dm_object *object, struct dm_bytes key, const struct dm_value **value);
    int (*kv_put)(struct dm_object *object, struct dm_bytes key, const struct dm_value *value);
    int (*kv_delete)(struct dm_object *object, struct dm_bytes key);
    int (*kv_list)(struct dm_object *object, const struct dm_range *range, dm_kv_fn *each,
                   void *data);

    /* All of storage. transaction() runs `body` at once; transactions nest. delete_all() removes
     * tables, keys and the alarm. sync() calls back when everything written so far is on disk. */
    int (*transaction)(struct dm_object *object, dm_transaction_fn *body, void *data);
    int (*delete_all)(struct dm_object *object);
    int (*sync)(struct dm_object *object, dm_fn *synced, void *data);
    /* A point in time to go back to, as text of at most DM_BOOKMARK bytes with its NUL: with all
     * that is durable, so ask when sync() has called back. */
    int (*bookmark)(struct dm_object *object, char *text, size_t size);
    int (*alarm)(struct dm_object *object, int64_t *time_ms); /* DM_NONE: none is set */
    int (*set_alarm)(struct dm_object *object, int64_t time_ms);
    int (*delete_alarm)(struct dm_object *object);

    /* Sockets. accept() answers an upgrade with 101 and gives the object's end, which hibernates. A
     * handle is valid until close() or error() of the class has returned, or the instance goes;
     * afterwards sockets() finds it again. options and socket may be NULL. */
    int (*accept)(struct dm_event *event, const struct dm_accept *options,
                  struct dm_socket **socket);
    /* DM_ERROR, without words: it is closed. */
    int (*send)(struct dm_socket *socket, struct dm_bytes data, bool text);
    /* To all, or all with `tag`, but `except` (may be NULL): one copy, one frame. How many. */
    int (*broadcast)(struct dm_object *object, const char *tag, struct dm_socket *except,
                     struct dm_bytes data, bool text);
    /* Code 0 is none; reason at most 123 bytes, may be NULL. DM_ERROR, without words: neither. */
    int (*close)(struct dm_socket *socket, uint16_t code, const char *reason);
    /* tag NULL: all, newest first. Do not accept or close inside; send is fine. */
    int (*sockets)(struct dm_object *object, const char *tag, dm_socket_fn *each, void *data);
    size_t (*tag_count)(struct dm_socket *socket);
    struct dm_bytes (*tag)(struct dm_socket *socket, size_t index);
    /* At most 16,384 bytes when written; outlives hibernation. DM_NONE: none was set. */
    int (*attachment)(struct dm_object *object, struct dm_socket *socket,
                      const struct dm_value **value);
    int (*set_attachment)(struct dm_object *object, struct dm_socket *socket,
                          const struct dm_value *value);
    /* A pointer of yours, NULL after hibernation. */
    void *(*socket_data)(struct dm_socket *socket);
    void (*set_socket_data)(struct dm_socket *socket, void *data);
    /* A text message that is just `request` is answered without waking the object. NULL: stop. */
    int (*set_auto_response)(struct dm_object *object, const char *request, const char *response);
    int64_t (*auto_response_ms)(struct dm_socket *socket); /* the last one; 0: never */

    /* Gates. block() runs `body` in a critical section: until section_end() nothing of the object
     * runs but what was started in it. An error, or 30 s without an end, resets the object. */
    int (*block)(struct dm_object *object, dm_section_fn *body, void *data);
    int (*section_end)(struct dm_section *section, const char *error);
    /* Keep the object in memory until release(). */
    struct dm_hold *(*hold)(struct dm_object *object);
    void (*release)(struct dm_hold *hold);
    /* NULL: too many. The handle is dead when it has fired. Does not survive the instance. */
    struct dm_timer *(*timer)(struct dm_object *object, int64_t after_ms, dm_fn *fire, void *data);
    void (*timer_cancel)(struct dm_timer *timer);

    /* Namespaces and ids. By the name of the class. Handles live as long as the process. */
    int (*ns)(struct dm_object *object, const char *name, struct dm_ns **ns);
    void (*id_from_name)(struct dm_ns *ns, const char *name, struct dm_id *id);
    /* 64 hex digits; DM_ERROR: they are not an id of this namespace. */
    int (*id_from_string)(struct dm_ns *ns, const char *hex, struct dm_id *id);
    void (*id_unique)(struct dm_ns *ns, struct dm_id *id);
    void (*id_format)(const struct dm_id *id, char text[DM_ID_TEXT]);

    /* Other objects and other servers. `name` is the one its id was made from, or NULL. */
    int (*stub_fetch)(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id,
                      const char *name, const struct dm_request *request, dm_reply_fn *reply,
                      void *data);
    int (*stub_call)(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id,
                     const char *name, const char *method, const struct dm_value *arguments,
                     size_t count, dm_reply_fn *reply, void *data);
    int (*fetch)(struct dm_object *object, const struct dm_request *request, dm_reply_fn *reply,
                 void *data);

    /* ---- since version 2 ---- */

    /* block(), and a transaction over all turns of the section: what they write is committed
     * together by section_end(), and what they say waits for it. transact_undo() ends the section
     * and leaves nothing of it; so does a reset. They nest; the inner one ends first. */
    int (*transact)(struct dm_object *object, dm_section_fn *body, void *data);
    int (*transact_undo)(struct dm_section *section);

    /* WebSockets to another server, or to an object of this project. send() and close() are for
     * them too; tags, attachments and sockets() are not. They do not hibernate: they keep the
     * object in memory, and are closed with 1001 when it goes. A Close of the other end is answered
     * when close() has returned. Of `request` url and headers count. */
    int (*connect)(struct dm_object *object, const struct dm_request *request,
                   const struct dm_peer *peer, void *data);
    int (*stub_connect)(struct dm_object *object, struct dm_ns *ns, const struct dm_id *id,
                        const char *name, const struct dm_request *request,
                        const struct dm_peer *peer, void *data);

    /* Zeroed memory that goes, as the event does, at the end of the turn that answers it. */
    void *(*alloc)(struct dm_event *event, size_t size);

    /* JSON. What they give is borrowed. Nested at most 64 deep. Written, undefined members are left
     * out and dates are strings; bytes are refused. */
    int (*json_read)(struct dm_object *object, struct dm_bytes text, const struct dm_value **value);
    int (*json_write)(struct dm_object *object, const struct dm_value *value,
                      struct dm_bytes *text);
    /* respond() with the value as content; status and headers are those of `head`, if any. */
    int (*respond_json)(struct dm_event *event, const struct dm_response *head,
                        const struct dm_value *value);
    /* A parameter of a URL's query, decoded; data NULL: it has none of that name. Borrowed. */
    struct dm_bytes (*query)(struct dm_object *object, const char *url, const char *name);
    /* A variable or secret of the configuration, or DM_NONE. It lives as long as the instance. */
    int (*var)(struct dm_object *object, const char *name, const struct dm_value **value);

    /* ---- since version 3 ---- */

    /* Workers KV, by the name of the binding; handles live as long as the process. What is written
     * here is read there, by JavaScript too, once the callback has come. Values are bytes. Keys
     * have 1 to 512 bytes, values at most 25 MiB. `reply` of kv_write() and kv_remove() may be
     * NULL. */
    int (*kv_namespace)(struct dm_object *object, const char *binding, struct dm_kv **kv);
    /* {value: bytes, metadata}, metadata null if there is none; or null: no such key. */
    int (*kv_read)(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key,
                   dm_reply_fn *reply, void *data);
    /* options may be NULL. */
    int (*kv_write)(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key,
                    struct dm_bytes value, const struct dm_kv_options *options, dm_reply_fn *reply,
                    void *data);
    int (*kv_remove)(struct dm_object *object, struct dm_kv *kv, struct dm_bytes key,
                     dm_reply_fn *reply, void *data);
    /* {keys: [{name, expiration, metadata}], cursor}, in the order of the names' bytes; what a key
     * has not is left out, and so is the cursor of the last page. page may be NULL. */
    int (*kv_keys)(struct dm_object *object, struct dm_kv *kv, const struct dm_kv_page *page,
                   dm_reply_fn *reply, void *data);

    /* Random bytes that nobody can guess; and a UUID of them (RFC 9562, version 4). */
    void (*random)(void *bytes, size_t size);
    void (*uuid)(char text[DM_UUID_TEXT]);

    /* forward(), but when that fails the callback comes with the error, and the event is yours
     * again: answer it, or, if its request had no body, send it on once more. */
    int (*try_forward)(struct dm_event *event, struct dm_ns *ns, const struct dm_id *id,
                       const char *name, const struct dm_request *as, dm_reply_fn *failed,
                       void *data);

    /* Point-in-time recovery. The bookmark of a time, at most 30 days back (--history-days). */
    int (*bookmark_at)(struct dm_object *object, int64_t time_ms, char *text, size_t size);
    /* From the object's next session on it is as it was then, with its alarm: abort() to have that
     * at once. `undo` (may be NULL) is the bookmark of what it will have been just before. */
    int (*restore)(struct dm_object *object, const char *bookmark, char *undo, size_t size);

    /* ---- since version 5 ---- */

    /* Runs `run` on another thread, of which there are as many as cores, at most 16; then `done`,
     * which is a callback like dm_reply_fn. Until then the object stays in memory and other events
     * of it may run. `data` is yours again with exactly one of `done` and `drop`: the latter, on
     * any thread, when the instance is gone first, and frees what nobody will fetch (may be NULL).
     * So `data` and what it points to belong to neither instance nor event: malloc() it. What has
     * begun runs to its end. DM_ERROR, and nothing is called: 128 works of the object are under
     * way, or 1,024 of all objects wait. */
    int (*work)(struct dm_object *object, dm_work_fn *run, dm_fn *done, dm_work_fn *drop,
                void *data);
};

/* Exported by the library. `version` is api->version: refuse (negative) if it is below the
 * DM_VERSION that you were compiled with. Called once per process, before any object is made. */
DM_EXPORT int dm_library_init(const struct dm_api *api, uint32_t version,
                              struct dm_library *library);

/* ---- small change ---- */

static inline struct dm_bytes dm_bytes(const void *data, size_t len)
{
    struct dm_bytes bytes;
    bytes.data = data;
    bytes.len = len;
    return bytes;
}

static inline struct dm_bytes dm_str(const char *text)
{
    return dm_bytes(text, strlen(text));
}

static inline bool dm_is(struct dm_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static inline struct dm_value dm_undefined(void)
{
    struct dm_value value;
    memset(&value, 0, sizeof value);
    return value;
}

static inline struct dm_value dm_null(void)
{
    struct dm_value value = dm_undefined();
    value.type = DM_NULL;
    return value;
}

static inline struct dm_value dm_boolean(bool boolean)
{
    struct dm_value value = dm_undefined();
    value.type = DM_BOOLEAN;
    value.boolean = boolean;
    return value;
}

static inline struct dm_value dm_number(double number)
{
    struct dm_value value = dm_undefined();
    value.type = DM_NUMBER;
    value.number = number;
    return value;
}

static inline struct dm_value dm_date(double ms)
{
    struct dm_value value = dm_number(ms);
    value.type = DM_DATE;
    return value;
}

static inline struct dm_value dm_string(const char *text)
{
    struct dm_value value = dm_undefined();
    value.type = DM_STRING;
    value.bytes = dm_str(text);
    return value;
}

static inline struct dm_value dm_blob(const void *data, size_t len)
{
    struct dm_value value = dm_undefined();
    value.type = DM_BYTES;
    value.bytes = dm_bytes(data, len);
    return value;
}

static inline struct dm_value dm_array(const struct dm_value *items, size_t count)
{
    struct dm_value value = dm_undefined();
    value.type = DM_ARRAY;
    value.array.items = items;
    value.array.count = count;
    return value;
}

static inline struct dm_value dm_record(const struct dm_member *members, size_t count)
{
    struct dm_value value = dm_undefined();
    value.type = DM_OBJECT;
    value.record.members = members;
    value.record.count = count;
    return value;
}

/* The path of an absolute URL, as it was sent: without query and fragment, not decoded. */
static inline struct dm_bytes dm_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? host + 3 + strcspn(host + 3, "/?#") : url;

    return dm_bytes(path, strcspn(path, "?#"));
}

/* A property of an object; NULL if it has none of that name, or is no object. */
static inline const struct dm_value *dm_get(const struct dm_value *value, const char *name)
{
    if (value != NULL && value->type == DM_OBJECT)
        for (size_t i = 0; i < value->record.count; i++)
            if (dm_is(value->record.members[i].name, name))
                return &value->record.members[i].value;
    return NULL;
}

static inline struct dm_sql_value dm_sql_null(void)
{
    struct dm_sql_value value;
    memset(&value, 0, sizeof value);
    return value;
}

static inline struct dm_sql_value dm_integer(int64_t integer)
{
    struct dm_sql_value value = dm_sql_null();
    value.type = DM_SQL_INTEGER;
    value.integer = integer;
    return value;
}

static inline struct dm_sql_value dm_real(double real)
{
    struct dm_sql_value value = dm_sql_null();
    value.type = DM_SQL_REAL;
    value.real = real;
    return value;
}

static inline struct dm_sql_value dm_text(struct dm_bytes text)
{
    struct dm_sql_value value = dm_sql_null();
    value.type = DM_SQL_TEXT;
    value.bytes = text;
    return value;
}

#ifndef __cplusplus
/* The values of a statement: dm->sql_exec(object, "…", DM_VALUES(dm_integer(1), dm_real(2))) */
#    define DM_VALUES(...)                                                                         \
        (const struct dm_sql_value[]){__VA_ARGS__},                                                \
            sizeof((const struct dm_sql_value[]){__VA_ARGS__}) / sizeof(struct dm_sql_value)
#endif

#ifdef __cplusplus
}
#endif

#endif
