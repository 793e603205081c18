/* Point-in-time recovery (platform.md §3.8), which workerd does not have. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";

import { DORMOUSE, onlyDormouse, sleep, start } from "./support/target.mjs";

const only = { skip: onlyDormouse("workerd has no point-in-time recovery") };
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;
const DAY_MS = 24 * 3600 * 1000;

let target;
before(async () => (target = await start("bookmarks")));
after(() => target.end());

function notes(name) {
    const call = (method) => async (...args) => {
        const { value, error } = await target.ask(`/${name}/${method}`, { method: "POST", body: JSON.stringify(args) });
        if (error !== undefined) throw new Error(error);
        return value;
    };
    return new Proxy({}, { get: (_, method) => (method === "then" ? undefined : call(method)) });
}

/* The object is reset, as whoever restores is told to do. */
async function restore(object, bookmark) {
    const undo = await object.goBack(bookmark);
    await assert.rejects(object.restart(), /restart/);
    return undo;
}

const texts = async (object) => (await object.all()).texts;

test("a bookmark is text in the order of time", only, async () => {
    const object = notes("order");
    const before = Date.now() - 1000;
    const marks = [];
    for (const text of ["a", "b", "c"]) {
        marks.push(await object.addAndMark(text));
        await sleep(5);
    }
    for (const mark of marks) assert.match(mark, BOOKMARK);
    assert.deepEqual([...marks].sort(), marks);
    assert.match(await object.markAt(before), BOOKMARK);
    assert.ok((await object.markAtDate(before)) < marks[0]);
});

test("a restore takes rows, keys and the alarm back, and can be undone", only, async () => {
    const object = notes("whole");
    const at = Date.now() + DAY_MS;
    await object.setAlarm(at);
    await object.add("one");
    const mark = await object.addAndMark("two");
    await object.clear();
    await object.restart().catch(() => {});
    await object.add("three");
    assert.deepEqual(await object.all(), { texts: ["three"], last: "three", alarm: null });

    const undo = await restore(object, mark);
    assert.match(undo, BOOKMARK);
    assert.deepEqual(await object.all(), { texts: ["one", "two"], last: "two", alarm: at });
    await object.add("four");

    const redo = await restore(object, undo);
    assert.deepEqual(await object.all(), { texts: ["three"], last: "three", alarm: null });
    await restore(object, redo);
    assert.deepEqual(await texts(object), ["one", "two", "four"]);
});

test("nothing changes before the next session", only, async () => {
    const object = notes("later");
    const mark = await object.addAndMark("one");
    await object.add("two");
    await object.goBack(mark);
    if (!(process.env.DORMOUSE_FLAGS ?? "").includes("--evict=always")) {
        await object.add("three");
        assert.deepEqual(await texts(object), ["one", "two", "three"]);
    }
    await object.restart().catch(() => {});
    assert.deepEqual(await texts(object), ["one"]);
    await object.restart().catch(() => {});
    await object.add("four");
    assert.deepEqual(await texts(object), ["one", "four"]);
});

test("a time will do for a bookmark", only, async () => {
    const object = notes("time");
    await object.add("one");
    await sleep(30);
    const between = Date.now();
    await sleep(30);
    await object.add("two");
    await restore(object, await object.markAt(between));
    assert.deepEqual(await texts(object), ["one"]);
    await restore(object, await object.markAt(Date.now() - 60_000));
    assert.deepEqual(await object.all(), { texts: [], last: null, alarm: null }, "before it was made it was empty");
});

test("what is no bookmark, or no time to go back to, is refused", only, async () => {
    const object = notes("refused");
    const mark = await object.addAndMark("one");
    for (const bad of ["", "x", mark.slice(1), mark.replace("-", "_"), mark.toUpperCase().replace(/.$/, "G")])
        await assert.rejects(object.goBack(bad), /not one of this Durable Object's/);
    const future = mark.replace(/^.{26}/, (head) => `${head.slice(0, 18)}ffffffff`);
    await assert.rejects(object.goBack(future), /not one of this Durable Object's/);
    await assert.rejects(object.markAt(Date.now() - 31 * DAY_MS), /at most 30 days/);
    await assert.rejects(object.markAt(Date.now() + DAY_MS), /in the future/);
    await assert.rejects(object.markAt("noon"), /TypeError/);
    assert.deepEqual(await texts(object), ["one"]);
});

test("a bookmark outlives restarts, kill -9 among them", only, async () => {
    const object = notes("restarts");
    const mark = await object.addAndMark("one");
    await object.add("two");
    await target.stop();
    target = await target.again();
    await object.add("three");
    const undo = await object.goBack(mark);
    await target.kill9();
    target = await target.again();
    assert.deepEqual(await texts(object), ["one"]);
    await object.add("four");
    await target.kill9();
    target = await target.again();
    assert.deepEqual(await texts(object), ["one", "four"]);
    await restore(object, undo);
    assert.deepEqual(await texts(object), ["one", "two", "three"]);
});

test("history goes on when the journal has been used many times over", { ...only, timeout: 300_000 }, async () => {
    const object = notes("long");
    const marks = [];
    const big = "x".repeat(1_000_000);
    for (let i = 0; i < 60; i++) {
        await notes(`filler-${i % 3}`).add(big);
        marks.push(await object.addAndMark(`note ${i}`));
    }
    for (const i of [40, 3, 20]) {
        await restore(object, marks[i]);
        assert.deepEqual(await texts(object), Array.from({ length: i + 1 }, (_, n) => `note ${n}`));
    }
    const filler = notes("filler-1");
    assert.equal((await texts(filler)).length, 20);
});

/* ---- dormouse restore ---- */

const command = (...args) =>
    new Promise((resolve) => {
        const all = ["restore", "--data", path.join(target.home, "data"), ...args];
        execFile(DORMOUSE, all, (fault, stdout, stderr) => resolve({ status: fault?.code ?? 0, stdout, stderr }));
    });

test("an operator takes an object back, and makes another one of it, while it runs and while it does not", only, async () => {
    const object = notes("operated");
    await object.add("one");
    await sleep(30);
    const between = Date.now();
    await sleep(30);
    await object.add("two");
    const at = ["--class", "Notes", "--name", "operated", "--at", new Date(between).toISOString()];

    const forked = await command(...at, "--as", "forked");
    assert.deepEqual([forked.status, forked.stderr], [0, ""]);
    assert.match(forked.stdout, /^restored/);
    assert.deepEqual(await texts(notes("forked")), ["one"]);
    assert.deepEqual(await texts(object), ["one", "two"]);
    assert.equal((await command(...at)).status, 0);
    assert.deepEqual(await texts(object), ["one"]);
    await object.add("three");

    await target.stop();
    assert.equal((await command("--class", "bookmarks-Notes", "--name", "operated", "--at", String(between))).status, 0);
    assert.equal((await command(...at, "--as", "forked again")).status, 0);
    target = await target.again();
    assert.deepEqual(await texts(object), ["one"]);
    assert.deepEqual(await texts(notes("forked again")), ["one"]);
});

test("what an operator cannot have is said", only, async () => {
    const says = async (pattern, status, ...args) => {
        const result = await command(...args);
        assert.match(result.stderr, pattern);
        assert.equal(result.status, status);
    };
    await says(/are needed/, 2, "--class", "Notes");
    await says(/--at is a time/, 2, "--class", "Notes", "--name", "x", "--at", "noon");
    await says(/has no class Nothing; its classes are: /, 1, "--class", "Nothing", "--name", "x", "--at", "2026-11-20");
    await says(/is no id of/, 1, "--class", "Notes", "--id", "12", "--at", "2026-11-20");
    await says(/at most 30 days/, 1, "--class", "Notes", "--name", "x", "--at", "1999-01-01T00:00Z");
    await says(/in the future/, 1, "--class", "Notes", "--name", "x", "--at", "2999-01-01 00:00:00");
});

test("without history there is no point in time to go back to", only, async () => {
    await target.stop();
    target = await target.again({ args: ["--history-days", "0"] });
    await assert.rejects(notes("none").mark(), /does not implement point-in-time recovery/);
    await assert.rejects(notes("none").markAt(Date.now()), /does not implement point-in-time recovery/);
    await notes("none").add("one");
    await target.stop();
    target = await target.again({ args: [] });
    const object = notes("none");
    await object.add("two");
    const mark = await object.addAndMark("three");
    await object.add("four");
    await restore(object, mark);
    assert.deepEqual(await texts(object), ["one", "two", "three"]);
});
