/* The life of an object: how it is made, what runs beside what, and how it ends. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { EVICTS_ALWAYS, onlyInMemory, sleep, start, until } from "./support/target.mjs";

let target;
before(async () => (target = await start("objects")));
after(() => target.end());

const standard = (name, what) => target.ask(`/at/STANDARD/${name}/${what}`);
const together = (binding, name, ...what) =>
    target.ask(`/call-together?${new URLSearchParams([["binding", binding], ["name", name], ...what.map((w) => ["what", w])])}`);

/* ---- class forms and constructors ---- */

test("a class that extends DurableObject has ctx and env", async () => {
    const members = await standard("members", "members");
    assert.deepEqual(members.ctx, ["DurableObjectState", true, true, true]);
    assert.deepEqual([members.storage, members.sql, members.kv], ["DurableObjectStorage", "SqlStorage", "SyncKvStorage"]);
    assert.deepEqual(members.methods, []);
    assert.equal(members.passThrough, "undefined");
});

test("a class needs no constructor of its own", async () => {
    assert.deepEqual(await target.ask("/at/BARE/x/"), ["DurableObjectState", true]);
});

test("a class of the old form gets state and env, and no ctx", async () => {
    assert.deepEqual(await target.ask("/at/LEGACY/x/"), [true, true, "legacy value"]);
});

test("a handler may be inherited, or set in the constructor", async () => {
    assert.equal(await (await target.fetch("/at/INHERITED/x/")).text(), "inherited by Inherited");
    assert.equal(await (await target.fetch("/at/OWN_FETCH/x/")).text(), "set in the constructor");
});

test("an object is constructed by its first event, once", { skip: onlyInMemory("it is constructed for each") }, async () => {
    assert.deepEqual([await standard("once", "counter"), await standard("once", "counter")], [1, 2]);
    assert.deepEqual(await standard("once", "diary"), ["constructed"]);
});

test("each object has an instance of its own", async () => {
    assert.deepEqual([await standard("one", "counter"), await standard("two", "counter")], [1, 1]);
    assert.deepEqual(await standard("one", "id"), ["one", 64]);
});

test("a constructor that throws fails the call, resets the object and runs again for the next", async () => {
    const [first, second] = [await together("BROKEN", "b", ""), await together("BROKEN", "b", "")];
    for (const [n, [{ error }]] of [first, second].entries()) {
        assert.equal(error.name, "RangeError");
        assert.equal(error.message, `cannot be made, try ${n + 1}`);
        assert.equal(error.durableObjectReset, true);
        assert.equal(error.remote, true);
    }
});

test("every call that waited for a failed constructor fails with its error", async () => {
    const results = await together("BROKEN", "many", "", "", "");
    for (const { error } of results) {
        assert.match(error.message, /^cannot be made/);
        assert.equal(error.durableObjectReset, true);
    }
});

test("an object whose constructor failed once is well the next time", async () => {
    assert.equal((await together("FLAKY", "f", ""))[0].error.message, "the first time fails");
    assert.deepEqual(await target.ask("/at/FLAKY/f/"), ["constructed", "constructed"]);
});

/* ---- request.cf ---- */

test("request.cf tells the client's address, and goes where the request goes", async () => {
    const seen = await target.ask("/cf");
    assert.match(seen.own.clientIp, /^127\.0\.0\.1(:\d+)?$/);
    assert.deepEqual(Object.keys(seen.own), ["clientIp"]);
    assert.equal(seen.frozen, true);
    for (const way of ["clone", "copy", "likeIt", "passed"]) assert.deepEqual(seen[way], seen.own, way);
    assert.match((await standard("cf", "cf")).clientIp, /^127\.0\.0\.1/);
});

test("request.cf is whatever object it was given", async () => {
    const { replaced, none, list, wrong, given, unlookedAt, without } = await target.ask("/cf");
    assert.deepEqual([replaced, none, list], [{ a: 1 }, "none", [1]]);
    assert.deepEqual([given, unlookedAt, without], [{ b: [1, { c: 2 }] }, { z: 1 }, null]);
    for (const { name, message } of wrong)
        assert.equal(
            `${name}: ${message}`,
            "TypeError: Incorrect type for the 'cf' field on 'RequestInitializerDict': the provided value is not of type 'Object'.",
        );
});

/* ---- blockConcurrencyWhile ---- */

test("asynchronous set-up in the constructor ends before the first event", async () => {
    assert.deepEqual(await target.ask("/at/CAREFUL/c/"), [
        "constructor begins",
        "constructor goes on",
        "constructor ends",
        "microtask of the constructor",
        "section begins",
        "section ends",
        "section gave ready",
        "fetch",
    ]);
});

test("set-up that fails is a constructor that fails", async () => {
    for (let i = 0; i < 2; i++) {
        const [{ error }] = await together("FAILS_LATER", "f", "");
        assert.deepEqual([error.name, error.message, error.durableObjectReset], ["SyntaxError", "set-up failed", true]);
    }
});

test("a section begins after the code that asked for it, and gives its value", async () => {
    assert.deepEqual(await standard("block", "block-order"), [
        "before",
        "after the call",
        "microtask",
        "callback",
        "callback goes on",
        "value",
    ]);
    assert.equal(await standard("block", "block-plain"), "not a promise");
});

test("a section is a function", async () => {
    for (const { error } of await standard("block", "block-misused"))
        assert.equal(
            `${error.name}: ${error.message}`,
            "TypeError: Failed to execute 'blockConcurrencyWhile' on 'DurableObjectState': parameter 1 is not of type 'function'.",
        );
});

test("nothing comes into a section from outside, even while it waits", async () => {
    await standard("sections", "forget-diary");
    const who = ["a", "b", "c"];
    await Promise.all(who.map((name) => standard("sections", `wait-inside?who=${name}`)));
    const diary = (await standard("sections", "diary")).filter((line) => line !== "constructed");
    assert.equal(diary.length, 6);
    for (let i = 0; i < 6; i += 2) assert.equal(diary[i].replace(" in", ""), diary[i + 1].replace(" out", ""));
});

test("sections nest 64 deep and no deeper", async () => {
    assert.equal(await standard("nested", "block-nested?depth=64"), "bottom");
    const [{ error }] = await together("STANDARD", "nested", "block-nested?depth=65");
    assert.equal(error.message, "blockConcurrencyWhile() calls are nested too deeply.");
    assert.equal(error.durableObjectReset, true);
});

test("a section that fails resets the object, and the code behind it never goes on", async () => {
    for (const [name, how] of [["fails-at-once", "block-fails"], ["fails-later", "block-fails?later"]]) {
        const [failed, beside] = await together("STANDARD", name, how, "block-plain");
        assert.deepEqual([failed.error.name, failed.error.message], ["TypeError", "the section failed"]);
        assert.equal(failed.error.durableObjectReset, true);
        /* A section that fails at once may be over before the second call arrives. */
        if (name === "fails-later" || beside.error)
            assert.equal(beside.error?.message, "the section failed", "what waited behind it fails too");
        assert.deepEqual(await standard(name, "diary"), ["constructed", "begun", "constructed"]);
    }
});

/* ---- gates ---- */

test("events come in between while an object waits for something outside", async () => {
    await standard("open", "forget-diary");
    await Promise.all(["a", "b"].map((who) => standard("open", `wait-outside?who=${who}`)));
    const diary = (await standard("open", "diary")).filter((line) => line !== "constructed");
    assert.deepEqual(diary.map((line) => line.slice(2)), ["in", "in", "out", "out"]);
});

test("nothing comes in between a read and the write that follows it", async () => {
    const results = await Promise.all(Array.from({ length: 50 }, () => standard("increments", "increment")));
    assert.deepEqual(results.sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i + 1));
});

/* ---- the background, and the end ---- */

test("waitUntil keeps working after the answer", async () => {
    assert.equal(await standard("background", "wait-until"), "answered");
    await until(async () => (await standard("background", "stored?key=background")) === "done", { what: "the background" });
    assert.ok((await standard("background", "diary")).includes("the background ended"));
});

test("a rejection in waitUntil harms nobody", async () => {
    assert.equal(await standard("rejecting", "wait-until-rejects"), "answered");
    assert.equal(await standard("rejecting", "counter"), 1);
});

test("waitUntil wants an argument, a promise or not", async () => {
    const [nothing, ...taken] = await standard("wait-until-misused", "wait-until-nothing");
    assert.equal(nothing.error.message, "Failed to execute 'waitUntil' on 'DurableObjectState': parameter 1 is not of type 'Promise'.");
    assert.deepEqual(taken, [{}, {}]);
});

test("an ordinary error does not reset the object", { skip: onlyInMemory("its fields are gone anyway") }, async () => {
    await standard("robust", "counter");
    const [{ error }] = await together("STANDARD", "robust", "throw");
    assert.deepEqual([error.message, error.remote, error.durableObjectReset], ["just an error", true, undefined]);
    assert.equal(await standard("robust", "counter"), 2);
});

test("what was written before an error stays written", async () => {
    const [{ error }] = await together("STANDARD", "writes", "write-and-throw");
    assert.equal(error.message, "after writing");
    assert.equal(await standard("writes", "stored?key=before+the+error"), 1);
});

test("abort ends the object on the spot: no line after it runs, and what was not committed is gone", async () => {
    const [{ error }] = await together("STANDARD", "aborting", "write-and-abort");
    assert.deepEqual([error.message, error.durableObjectReset], ["after writing", true]);
    assert.deepEqual(await standard("aborting", "diary"), ["constructed", "constructed"]);
    assert.equal(await standard("aborting", "stored?key=early"), 1);
    assert.equal(await standard("aborting", "stored?key=late"), null);
});

test("abort without a reason has a text of its own", async () => {
    const [{ error }] = await together("STANDARD", "aborting plainly", "abort-plainly");
    assert.equal(error.message, "Application called abort() to reset Durable Object.");
});

test("an idle object leaves memory after ten seconds", async () => {
    await standard("idle", "counter");
    await sleep(EVICTS_ALWAYS ? 100 : 12_000);
    assert.equal(await standard("idle", "counter"), 1);
    assert.deepEqual((await standard("idle", "diary")).slice(0, 2), ["constructed", "constructed"]);
});
