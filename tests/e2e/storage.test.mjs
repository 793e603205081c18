/* What an object stores: SQL, keys and values, transactions, and that it is still there afterwards. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { onlyDormouse, start } from "./support/target.mjs";

let target;
before(async () => (target = await start("storage")));
after(() => target.end());

/* A fresh object for each question. */
let objects = 0;
const store = (what, name = `object ${++objects}`) => target.ask(`/at/STORE/${encodeURIComponent(name)}/${what}`);
const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);
const wrongType = (method, on, n, type) => `TypeError: Failed to execute '${method}' on '${on}': parameter ${n} is not of type '${type}'.`;

/* ---- SQL ---- */

test("SQL values keep their types", async () => {
    assert.deepEqual(await store("sql-types"), {
        i: 5,
        r: 1.5,
        x: "té€𝄞xt",
        b: ["ArrayBuffer", [1, 2, 3]],
        n: null,
        any: 7,
        ti: "integer",
        ta: "real",
    });
});

test("bindings are converted as the platform does", async () => {
    const { bigint, tooFew, tooMany, ...rest } = await store("sql-bindings");
    assert.deepEqual(rest, {
        undefined: null,
        boolean: { v: "true", t: "text" },
        object: "[object Object]",
        buffer: [2, 0],
        numbered: { b: "second", a: "first" },
        named: { a: 1, b: 2 },
        large: 9007199254740992,
        infinite: "Infinity",
        nul: 1,
    });
    assert.equal(bigint.error.name, "TypeError");
    assert.equal(text(tooFew), "Error: Wrong number of parameter bindings for SQL query.");
    assert.equal(text(tooMany), "Error: Wrong number of parameter bindings for SQL query.");
});

test("more than a hundred bindings are refused in SQLite's words, if it has some", async () => {
    assert.deepEqual((await store("sql-too-many-bindings")).map((result) => text(result)), [
        [{ v: 1 }],
        "Error: too many SQL variables at offset 213: SQLITE_ERROR",
        "Error: variable number must be between ?1 and ?100 at offset 7: SQLITE_ERROR",
        "Error: Wrong number of parameter bindings for SQL query.",
        "Error: Wrong number of parameter bindings for SQL query.",
        [{ n: 0 }],
    ]);
});

test("a cursor whose database was deleted says so each time", async () => {
    const canceled = "Error: SQLite query was canceled because the database was deleted.";
    assert.deepEqual((await store("sql-canceled")).map(text), [canceled, canceled, canceled, canceled, ["v"]]);
});

test("a cursor's names are one array, and its rows as arrays a RawIterator", async () => {
    assert.deepEqual(await store("sql-names"), [true, "RawIterator", "[object RawIterator]"]);
});

test("a cursor is read row by row, as objects or arrays, once", async () => {
    assert.deepEqual(await store("sql-cursor"), {
        constructor: "Cursor",
        columns: ["a", "b"],
        first: { done: false, value: { a: 1, b: "one" } },
        rest: [{ a: 2, b: "two" }, { a: 3, b: "three" }],
        end: { done: true },
        columnsAfter: ["a", "b"],
        loop: ["one", "two", "three"],
        raw: [[1, "one"], [2, "two"], [3, "three"]],
        rawArray: [[1, "one"], [2, "two"], [3, "three"]],
        rawThenRows: null,
        same: { x: 2 },
        sameColumns: ["x", "x"],
        sameRaw: [[1, 2]],
    });
});

test("one() wants exactly one row", async () => {
    const { one, none, many } = await store("sql-one");
    assert.deepEqual(one, { v: 1 });
    assert.equal(text(none), "Error: Expected exactly one result from SQL query, but got no results.");
    assert.equal(text(many), "Error: Expected exactly one result from SQL query, but got multiple results.");
});

test("of several statements the last has the parameters and the rows", async () => {
    assert.deepEqual(await store("sql-several"), { last: [{ v: 1 }] });
    const { ok, wrong, semicolon } = await store("sql-several-bound");
    assert.deepEqual([ok, semicolon], [[{ v: 2 }], [{ v: 1 }]]);
    assert.equal(
        text(wrong),
        "Error: When executing multiple SQL statements in a single call, only the last statement can have parameters.",
    );
});

test("SQL mistakes are errors with SQLite's words and codes", async () => {
    const mistakes = await store("sql-mistakes");
    const constraint = (what, code) => `Error: ${what}: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_${code})`;
    assert.deepEqual(Object.fromEntries(Object.entries(mistakes).map(([sql, result]) => [sql, text(result)])), {
        "": "Error: SQL code did not contain a statement.",
        "  -- only a comment": "Error: SQL code did not contain a statement.",
        "SELEC 1": 'Error: near "SELEC": syntax error at offset 0: SQLITE_ERROR',
        "SELECT * FROM missing": "Error: no such table: missing: SQLITE_ERROR",
        "SELECT nosuch FROM m": "Error: no such column: nosuch at offset 7: SQLITE_ERROR",
        "INSERT INTO m VALUES (1, 'y', 'n')": constraint("UNIQUE constraint failed: m.id", "PRIMARYKEY"),
        "INSERT INTO m VALUES (2, 'x', 'n')": constraint("UNIQUE constraint failed: m.u", "UNIQUE"),
        "INSERT INTO m VALUES (2, 'y', NULL)": constraint("NOT NULL constraint failed: m.n", "NOTNULL"),
        "INSERT INTO m VALUES (2, 'y', 'bad')": constraint("CHECK constraint failed: n <> 'bad'", "CHECK"),
        "INSERT INTO child VALUES (99)": constraint("FOREIGN KEY constraint failed", "FOREIGNKEY"),
        "SELECT json('{')": "Error: malformed JSON: SQLITE_ERROR",
        "SELECT abs(-9223372036854775808)": "Error: integer overflow: SQLITE_ERROR",
    });
});

test("transactions by SQL are refused with advice", async () => {
    const forbidden = await store("sql-forbidden");
    const advice = "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs " +
        "instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically " +
        "roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.";
    for (const sql of ["BEGIN", "BEGIN TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s"])
        assert.equal(forbidden[sql].error?.message, advice, sql);
});

test("SQL that would leave the object's own database is refused", async () => {
    const forbidden = await store("sql-forbidden");
    for (const [sql, result] of Object.entries(forbidden)) assert.ok(result.error, `${sql} was allowed`);
    for (const sql of ["ATTACH ':memory:' AS a", "DETACH main", "CREATE TEMP TABLE t (a)", "CREATE TABLE _cf_mine (a)",
        "CREATE TABLE _CF_mine (a)", "PRAGMA user_version", "PRAGMA journal_mode", "PRAGMA page_size = 8192", "PRAGMA integrity_check"])
        assert.equal(forbidden[sql].error.message, "not authorized: SQLITE_AUTH", sql);
    assert.match(forbidden["SELECT * FROM _cf_KV"].error.message, /^access to _cf_KV\.key is prohibited/);
    assert.match(forbidden["SELECT sqlite_version()"].error.message, /^not authorized to use function: sqlite_version/);
    assert.match(forbidden["SELECT power(2, 3)"].error.message, /^not authorized to use function: power/);
});

test("full text search, JSON, window functions, upserts and the allowed pragmas work", async () => {
    assert.deepEqual(await store("sql-allowed"), {
        search: [{ body: "the dormouse sleeps" }],
        json: 2,
        arrow: 1,
        math: 1.414,
        window: [{ value: 3, n: 1 }, { value: 2, n: 2 }, { value: 1, n: 3 }],
        tableInfo: ["a", "b"],
        pageSize: 4096,
        foreignKeys: 1,
        upsert: [{ a: 1, b: "a" }],
        master: [{ name: "allowed" }],
        recursive: 5050,
        deleteLimit: [{ a: 1 }],
    });
});

test("a statement has its effect when it is executed, not when it is read", async () => {
    assert.deepEqual(await store("sql-writes-at-once"), [3, [1, 2, 3]]);
});

test("rows that nobody reads do not matter", { skip: onlyDormouse("fails the commit with SQLITE_BUSY") }, async () => {
    assert.equal(await store("sql-unread"), 3);
});

test("rows read and written and the size are counted", async () => {
    const { written, read, readWrites, size } = await store("sql-counters");
    assert.deepEqual([written, read, readWrites], [2, 2, 0]);
    assert.ok(size >= 8192 && size % 4096 === 0, `${size}`);
});

test("statements before a failing one keep their effect", async () => {
    const { failed, rows } = await store("sql-partly");
    assert.equal(text(failed), "Error: no such table: nowhere: SQLITE_ERROR");
    assert.deepEqual(rows, [{ v: 1 }]);
});

test("values of two million bytes fit; too many columns or too long a statement do not", async () => {
    const { almost, long, huge } = await store("sql-value-limits");
    assert.equal(almost, 2_000_000);
    assert.equal(text(long), "Error: too many columns in result set: SQLITE_ERROR");
    assert.equal(text(huge), "Error: statement too long: SQLITE_TOOBIG");
});

test("a cursor is live", async () => {
    assert.deepEqual(await store("sql-changes-while-reading"), [1, 2]);
});

/* ---- keys and values ---- */

test("everything that can be cloned can be stored", async () => {
    assert.deepEqual(await store("kv-values"), {
        text: "té€𝄞xt",
        number: -0.5,
        boolean: false,
        null: null,
        bigint: "123456789012345678901234567890",
        date: [true, 1e12],
        regexp: "/a+b/gi",
        map: [true, 1],
        set: [1, "two"],
        bytes: ["Uint8Array", [1, 2, 3]],
        buffer: ["ArrayBuffer", [4, 5]],
        floats: ["Float64Array", 1.5],
        error: { name: "RangeError", message: "stored" },
        array: [3, false],
        cycle: true,
        nested: true,
    });
});

test("what cannot be cloned is refused, and an instance becomes a plain object", async () => {
    const result = await store("kv-not-storable");
    assert.equal(text(result.function), "DataCloneError: () => 1 could not be cloned.");
    assert.equal(text(result.symbol), "DataCloneError: Symbol(s) could not be cloned.");
    assert.equal(text(result.undefined), "TypeError: put() called with undefined value.");
    assert.equal(text(result.missing), "TypeError: put() called with undefined value.");
    assert.deepEqual(result.instance, ["Object", ["x"]]);
});

test("put, get and delete, one by one and many at a time", async () => {
    const one = await store("kv-get-put-delete");
    assert.deepEqual(one, { put: { value: true }, get: 1, missing: true, deleted: [true, false], gone: true });
    assert.deepEqual(await store("kv-many"), {
        get: ["Map", [["a", 1], ["b", 2]]],
        all: ["Map", [["a", 1], ["b", 2], ["c", 3]]],
        deleted: 2,
        left: ["Map", [["c", 3]]],
    });
    assert.equal(await store("kv-many-limit"), 128);
});

test("keys are in the order of their UTF-8 bytes", async () => {
    assert.deepEqual(await store("kv-order"), ["10", "9", "B", "a", "aa", "b", "z", "é", "\uFFFD", "\u{1F600}"]);
});

test("list has ranges, prefixes, limits and directions", async () => {
    const { noLimit, both, ...lists } = await store("kv-list");
    assert.deepEqual(lists, {
        start: "b,ba,bb,c",
        startAfter: "ba,bb,c",
        end: "a,b,ba",
        prefix: "b,ba,bb",
        limit: "a,b",
        reverse: "c,bb,ba,b,a",
        reverseLimit: "c,bb",
        range: "b,ba,bb",
        reverseRange: "bb,ba,b",
        prefixStart: "ba,bb",
        empty: "",
    });
    assert.equal(text(noLimit), "TypeError: List limit must be positive.");
    assert.equal(text(both), "TypeError: list() cannot be called with both start and startAfter values.");
});

test("misuse of keys and values is refused", async () => {
    const mix = "TypeError: put() may only be called with a single key-value pair and optional options as put(key, value, options) " +
        "or with multiple key-value pairs and optional options as put(entries, options)";
    assert.deepEqual((await store("kv-misused")).map(text), [
        wrongType("get", "DurableObjectStorage", 1, "string or Array"),
        wrongType("put", "DurableObjectStorage", 1, "string or object"),
        "TypeError: put() called with undefined value.",
        wrongType("delete", "DurableObjectStorage", 1, "string or Array"),
        mix,
    ]);
});

test("options are taken, and sync resolves", async () => {
    assert.deepEqual(await store("kv-options"), [1, {}]);
});

test("every option is read, and a failing one fails the call before it has an effect", async () => {
    const names = ["noCache", "allowConcurrency", "allowConcurrency", "allowUnconfirmed", "noCache", "allowConcurrency", "allowUnconfirmed", "allowUnconfirmed", "noCache"];
    const results = await store("kv-options-read");
    assert.deepEqual(results.slice(0, -2).map(text), names.map((name) => `TypeError: ${name}`));
    assert.deepEqual(results.slice(-2), [{ value: null }, {}]);
});

test("what is no time is refused by alarms and bookmarks", async () => {
    const refusals = (method) => [
        "TypeError: The value cannot be converted because it is not a valid Date.",
        "TypeError: The value cannot be converted because it is not a valid Date.",
        "TypeError: The value cannot be converted because it is not a valid Date.",
        wrongType(method, "DurableObjectStorage", 1, "date"),
        wrongType(method, "DurableObjectStorage", 1, "date"),
        "TypeError: This API doesn't support dates after 2189.",
    ];
    assert.deepEqual((await store("kv-times")).map(text), [
        "TypeError: setAlarm() cannot be called with an alarm time <= 0",
        ...refusals("setAlarm"),
        ...refusals("getBookmarkForTime"),
        wrongType("getBookmarkForTime", "DurableObjectStorage", 1, "date"),
        wrongType("onNextSessionRestoreBookmark", "DurableObjectStorage", 1, "string"),
        null,
    ]);
});

test("what is stored is a copy, and so is what is read", async () => {
    assert.deepEqual(await store("kv-copies"), [1, false]);
});

test("the synchronous keys and values", async () => {
    const { misused, ...rest } = await store("sync-kv");
    assert.deepEqual(rest, {
        returns: true,
        get: [1, true, 2],
        list: ["a", "b", "c", "d"],
        range: ["c", "b"],
        limit: [["a", "text"]],
        iterator: ["function", "function"],
        deleted: [true, false],
        undefined: { value: true },
    });
    assert.deepEqual(misused.map(text), [
        wrongType("get", "SyncKvStorage", 1, "string"),
        wrongType("put", "SyncKvStorage", 2, "Value"),
        "TypeError: List limit must be positive.",
    ]);
});

test("a list that a loop has left goes on where it was", async () => {
    assert.deepEqual(await store("sync-kv-iterator"), ["[object ListIterator]", "undefined", ["k2", 2], [["k3", 3]]]);
});

test("a second list() ends the first", async () => {
    assert.equal(
        text(await store("sync-kv-two-lists")),
        "Error: kv.list() iterator was invalidated because a new call to kv.list() was started. " +
            "Only one kv.list() iterator can exist at a time.",
    );
});

test("synchronous and asynchronous keys are the same keys", async () => {
    assert.deepEqual(await store("kv-shared"), [1, 2]);
});

/* ---- transactions ---- */

test("transactionSync keeps everything or nothing, nested too", async () => {
    const { value, failed, rows, kv } = await store("sync-transaction");
    assert.equal(value, "value");
    assert.equal(text(failed), "Error: changed my mind");
    assert.deepEqual(rows, ["kept", "outer", "outer again"]);
    assert.equal(kv, null);
});

test("transaction spans awaits, covers SQL, and rolls back on an error or on demand", async () => {
    const result = await store("transaction");
    assert.equal(result.value, 2);
    assert.equal(text(result.failed), "Error: no");
    assert.equal(text(result.rolledBack.value), "Error: Cannot get() on rolled back transaction");
    assert.equal(
        text(result.late),
        "Error: Cannot call get() on transaction that has already committed: did you move `txn` outside of the closure?",
    );
    assert.equal(result.k, 1);
    assert.deepEqual(result.rows, ["inside"]);
    assert.equal(text(result.deleteAll), "Error: Cannot call deleteAll() within a transaction");
});

test("deleteAll removes tables, keys and the alarm, ends cursors, and leaves a usable store", async () => {
    const result = await store("delete-all");
    assert.deepEqual(result.tables, []);
    assert.equal(result.k, null);
    assert.equal(result.alarm, null);
    assert.equal(result.smaller, true);
    assert.equal(text(result.cursor), "Error: SQLite query was canceled because the database was deleted.");
    assert.deepEqual(result.usable, { value: [{ v: 2 }] });
});

test("a constraint violated at the commit resets the object, and the answer never leaves", async () => {
    const outcome = await target.ask("/outcome-of?name=constrained&what=deferred-constraint");
    assert.equal(
        outcome.error?.message,
        "Durable Object was reset and rolled back to its last known good state because the application left the database in a " +
            "state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT " +
            "(extended: SQLITE_CONSTRAINT_FOREIGNKEY)",
    );
    assert.equal(await store("count-kids", "constrained"), 0);
});

test("a class that was declared without SQLite has neither sql nor kv, but has keys and values", async () => {
    const [value, sql, kv] = await target.ask("/at/OLD/o/x");
    assert.equal(value, 1);
    assert.match(text(sql), /^Error: SQL is not enabled for this Durable Object class\. To enable it, change `new_classes` to `new_sqlite_classes`/);
    assert.match(text(kv), /^Error: The storage\.kv \(synchronous KV\) API is only available for SQLite-backed Durable Objects/);
});

test("its limits hold for all of a call or for none of it", { skip: onlyDormouse("knows no such limits") }, async () => {
    const [deleted, put, large, got, left] = await target.ask("/at/OLD/halves/halves");
    const long = "RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.";
    assert.deepEqual([deleted, put, got].map(text), [long, long, long]);
    assert.match(text(large), /^RangeError: Values cannot be larger than 131072 bytes\. A value of size \d+ was provided\.$/);
    assert.deepEqual(left, [["a", 1]]);
});

test("a statement that never ends is stopped with its object, and the others go on", { skip: onlyDormouse("hangs for good") }, async () => {
    const limited = await start("storage", { args: ["--cpu-limit", "1000", "--shards", "1"] });
    try {
        for (const what of ["reads", "writes", "skips"]) {
            const outcome = await limited.ask(`/outcome-of?name=${what}&what=${encodeURIComponent(`sql-endless?what=${what}`)}`);
            assert.equal(outcome.error?.message, "Durable Object exceeded its CPU time limit and was reset.", what);
            assert.equal(outcome.error.durableObjectReset, true);
            assert.equal(await limited.ask(`/at/STORE/${what}/sql-endless-left`), 0, "nothing of its turn is left");
        }
    } finally {
        await limited.end();
    }
});

/* ---- what stays ---- */

const everything = (count) => {
    const numbers = Array.from({ length: count }, (_, i) => i + 1);
    return { rows: numbers.map((n) => [n, `text ${n}`, n]), keys: numbers, last: count };
};

async function writeAll(names, first, last) {
    for (let n = first; n <= last; n++) for (const name of names) await store(`write-all?n=${n}`, name);
}

async function readsAll(names, count) {
    for (const name of names) assert.deepEqual(await store("read-all", name), everything(count));
}

test("everything is there after a stop and a start", async () => {
    const names = ["a", "b", "c"];
    await writeAll(names, 1, 5);
    await target.stop();
    target = await target.again();
    await readsAll(names, 5);
    await writeAll(names, 6, 7);
    await target.stop();
    target = await target.again();
    await readsAll(names, 7);
});

test("everything acknowledged is there after kill -9", async () => {
    const names = ["p", "q", "r"];
    await writeAll(names, 1, 7);
    await target.kill9();
    target = await target.again();
    await readsAll(names, 7);

    await writeAll(names, 8, 10);
    await target.kill9();
    target = await target.again();
    await target.kill9();
    target = await target.again();
    await readsAll(names, 10);
});
