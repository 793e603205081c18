/*
 * Runs steps on an object's storage.
 *
 * Each step appends what became of it: a text, or {said, inner} for a step with steps in it, or {said, counts} for a cursor
 * that has come to its end. A promise is awaited on the spot; one that cannot be (in transactionSync(), or a step with
 * wait: false) is awaited when the turn ends, and its text is put where the step stands.
 */

import { describe } from "./describe.js";
import { make } from "./values.js";

const isPromise = (value) => typeof value?.then === "function" && value instanceof Promise;

function on(at, where) {
    switch (where) {
        case "storage":
            return at.ctx.storage;
        case "kv":
            return at.ctx.storage.kv;
        case "sql":
            return at.ctx.storage.sql;
        case "txn":
            return at.txn ?? at.ctx.storage;
        case "old txn":
            return at.kept.get("txn") ?? at.ctx.storage;
        case "namespace":
            return at.env.SUBJECT;
        default:
            throw new Error(`no such place: ${where}`);
    }
}

/* What a cursor or an iterator is asked. */
const moves = {
    toArray: (it) => it.toArray(),
    one: (it) => it.one(),
    next: (it) => it.next(),
    raw: (it) => [...it.raw()],
    rawNext: (it) => it.raw().next(),
    rawArray: (it) => it.raw().toArray(),
    columnNames: (it) => it.columnNames,
    spread: (it) => [...it],
    return: (it) => it.return?.("given"),
    first: (it) => {
        for (const row of it) return row;
    },
    some: (it) => {
        const found = [];
        for (const row of it) if (found.push(row) === 2) break;
        return found;
    },
    nothing: () => undefined,
};

function call(at, step) {
    const target = on(at, step.on);
    const args = step.args.map((arg) => make(arg));
    const result = target[step.name](...args);
    if (step.keep !== undefined) at.kept.set(step.keep, result);
    if (step.take === undefined || isPromise(result)) return result;
    at.counted = result;
    return moves[step.take](result);
}

function move(at, step) {
    const it = at.kept.get(step.from);
    if (it === undefined) return "nothing is kept there";
    const isCursor = "columnNames" in it;
    if (typeof it.next !== "function" || (!isCursor && step.name !== "next")) return "it cannot do that";
    at.counted = it;
    try {
        return moves[step.name](it);
    } catch (error) {
        at.kept.delete(step.from); // on workerd a cursor that failed starts over (docs/compat.md)
        throw error;
    }
}

function ids(at, step) {
    const id = on(at, "namespace")[step.name](...step.args.map((arg) => make(arg)));
    return [String(id), id.name];
}

function transactionSync(at, step, entry) {
    entry.inner = [];
    return at.ctx.storage.transactionSync(() => {
        for (const inner of step.steps) runStep(at, inner, entry.inner, true);
        return ended(step);
    });
}

function transaction(at, step, entry) {
    entry.inner = [];
    return at.ctx.storage.transaction(async (txn) => {
        const outer = at.txn;
        at.txn = txn;
        at.kept.set("txn", txn);
        try {
            for (const inner of step.steps) await runStep(at, inner, entry.inner, false);
            if (step.end === "rollback") entry.inner.push({ said: describe(txn.rollback()) });
            return ended(step);
        } finally {
            at.txn = outer;
        }
    });
}

function ended(step) {
    if (step.end === "throw") throw new RangeError("out of the transaction");
    if (step.end === "throw value") throw "a string";
    return step.end === "value" ? { done: [1] } : undefined;
}

const doers = {
    call,
    move,
    ids,
    transaction,
    transactionSync,
    size: (at) => at.ctx.storage.sql.databaseSize,
    sleep: () => new Promise((resolve) => setTimeout(resolve, 1)),
    abort: (at) => at.ctx.abort("aborted by a step"),
};

function note(at, entry, said) {
    entry.said = said;
    const cursor = at.counted;
    at.counted = undefined;
    try {
        if (cursor?.rowsRead !== undefined) entry.counts = [cursor.rowsRead, cursor.rowsWritten];
    } catch {
        // on workerd, what deleteAll() has canceled does not count any more
    }
}

function settled(promise, entry) {
    return promise.then(
        (value) => void (entry.said = `resolves ${describe(value)}`),
        (error) => void (entry.said = `rejects ${describe(error)}`),
    );
}

/* `sync`: nothing can be awaited here. */
function runStep(at, step, said, sync) {
    const entry = {};
    said.push(entry);
    let value;
    try {
        value = doers[step.do](at, step, entry);
        if (!isPromise(value)) return note(at, entry, describe(value));
    } catch (error) {
        return note(at, entry, `throws ${describe(error)}`);
    }
    at.counted = undefined;
    const end = settled(value, entry);
    if (!sync && step.wait !== false) return end;
    at.pending.push(end);
}

export async function runTurn(its, steps, said) {
    const at = { ...its, pending: [] };
    for (const step of steps) await runStep(at, step, said, false);
    while (at.pending.length > 0) await Promise.all(at.pending.splice(0));
}
