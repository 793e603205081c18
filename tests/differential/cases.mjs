/* Programs that differed once, and that the fixed seeds need not meet again. */

const call = (on, name, ...args) => ({ do: "call", on, name, args });
const exec = (text, ...args) => ({ do: "call", on: "sql", name: "exec", args: [text, ...args], take: "toArray" });
const keep = (slot, text, take = "nothing") => ({ do: "call", on: "sql", name: "exec", args: [text], keep: slot, take });
const next = (slot) => ({ do: "move", from: slot, name: "next" });
const object = (...pairs) => ({ t: "object", v: pairs });
const turn = { do: "turn" };
const abort = [{ do: "abort" }, turn];

function one(title, ...steps) {
    return { title, binding: "SUBJECT", steps: steps.flat() };
}

export const cases = [
    one("a key without characters", call("kv", "put", "k", object(["", 1], ["0", 2])), call("kv", "get", "k"), exec('SELECT 1 AS ""')),
    one("halves of surrogate pairs as keys", call("storage", "put", "\ud800", 1), call("storage", "put", "\ud801", 2), call("storage", "list"), exec("SELECT ? AS v", "x\udfff")),
    one(
        "sync() within a transaction",
        call("storage", "put", "a", 1),
        { do: "transaction", steps: [call("storage", "sync"), call("txn", "put", "b", 1), call("storage", "sync")], end: "value" },
    ),
    one("a transaction stands when an abort follows", { do: "transaction", steps: [call("txn", "put", "a", 1)], end: "value" }, call("storage", "put", "b", 1), abort, call("storage", "list")),
    one("what was written before a transaction stands, too", call("storage", "put", "a", 1), { do: "transaction", steps: [call("txn", "put", "b", 1)], end: "throw" }, abort, call("storage", "list")),
    one("deleteAll() cannot be taken back", call("storage", "put", "a", 1), turn, call("storage", "deleteAll"), abort, call("storage", "list")),
    one("a table cannot be renamed to a name that is ours", exec("CREATE TABLE a (x)"), exec("ALTER TABLE a RENAME TO _cf_a"), exec('ALTER TABLE a RENAME TO "_CF_a"'), exec("SELECT * FROM a")),
    one("a list is a statement that runs", call("kv", "put", "k", 1), { do: "call", on: "kv", name: "list", args: [], keep: 0, take: "nothing" }, exec("CREATE TABLE q (a)"), exec("DROP TABLE q"), next(0), next(0), exec("DROP TABLE q")),
    one("ANALYZE beside keys", call("kv", "put", "k", 1), exec("ANALYZE"), exec("REINDEX")),
    one("a rollback ends cursors", exec("CREATE TABLE q (a)"), exec("INSERT INTO q VALUES (1), (2), (3)"), keep(0, "SELECT * FROM q", "next"), { do: "transactionSync", steps: [exec("DELETE FROM q")], end: "throw" }, next(0), exec("SELECT * FROM q")),
    one("an alarm as late as can be", call("storage", "setAlarm", 9223372036854), call("storage", "setAlarm", 9223372036855), call("storage", "getAlarm")),
    one("booleans of PRAGMA", ["nosuch", "17", "2", "maybe", "ON"].map((text) => exec(`PRAGMA recursive_triggers = ${text}`))),
    one("what is no dictionary", [1, true, "x", { t: "symbol", v: "s" }].flatMap((odd) => [call("storage", "get", "k", odd), call("storage", "delete", "k", odd), call("storage", "list", odd), call("kv", "list", odd), call("storage", "deleteAll", odd)])),
];
