/* What waits for something that can never come is ended; what only waits long is not. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { connect } from "./support/sockets.mjs";
import { ANSWER_MS_MAX, TARGET, sleep, start, until } from "./support/target.mjs";

const LOGGED = /had hung and would never generate a response\. Refer to: https:\/\/developers\.cloudflare\.com\/workers\/observability\/errors\//g;

let target;
before(async () => (target = await start("hung")));
after(() => target.end());

const logged = () => target.stderr.match(LOGGED)?.length ?? 0;
const post = (length) => ({ method: "POST", body: "x".repeat(length) });

async function answers(where, expected, init) {
    const before = logged();
    const response = await target.fetch(where, { signal: AbortSignal.timeout(ANSWER_MS_MAX), ...init });
    assert.equal(response.status, 200, where);
    assert.equal(await response.text(), expected, where);
    assert.equal(logged(), before, `${where} was said to hang`);
}

async function hangs(where, init) {
    const before = logged();
    const response = await target.fetch(where, { signal: AbortSignal.timeout(ANSWER_MS_MAX), ...init });
    assert.equal(response.status, 500, where);
    assert.equal(await response.text(), "Internal Server Error", where);
    await until(() => logged() > before, { what: `the log to tell of ${where}` });
    assert.equal(logged(), before + 1, where);
}

async function isCutOff(where, begun) {
    const response = await target.fetch(where, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    let text = "";
    assert.equal(response.status, 200, where);
    await assert.rejects(async () => {
        for await (const piece of response.body) text += Buffer.from(piece);
    }, { message: "terminated" }, where);
    assert.equal(text, begun, where);
}

/* Still without an answer after half a second. */
async function waits(where) {
    const controller = new AbortController();
    const answer = fetch(target.origin + where, { signal: controller.signal }).then(
        () => "an answer",
        (error) => error.name,
    );
    assert.equal(await Promise.race([answer, sleep(500).then(() => "nothing")]), "nothing", where);
    controller.abort();
    await answer;
}

test("a handler that waits for nothing that is under way fails at once", async () => {
    for (const where of ["/never", "/after-timer", "/after-cleared-timer", "/finally", "/pipe-unread"]) await hangs(where);
});

test("whether its request has a body does not matter", async () => {
    await hangs("/body-unread", post(300_000));
    await hangs("/body-read-then-never", post(100_000));
});

test("what it cannot wait for ends first", async () => {
    for (const where of ["/timer-beside", "/wait-until-timer"]) await hangs(where);
});

test("a promise given to waitUntil() is nothing that is under way", async () => {
    await hangs("/wait-until-never");
    await answers("/wait-until-never-answered", "answered");
});

test("a handler that waits for something is left alone", async () => {
    for (const where of ["timer-answers", "wait-until-answers", "queue", "next-tick", "signal", "microtasks", "blob", "socket-says", "cross-request-fetch"])
        await answers(`/${where}`, "answered");
    await answers("/digest", "32");
    await answers("/gunzip", "100000");
    await answers("/rewriter", "<p>answered</p>");
    await answers("/body-answers", "100000", post(100_000));
});

test("so is one beside an interval", () => waits("/interval-beside"));

test("an answer whose body can never go on is cut off", async () => {
    await isCutOff("/stream-never", "");
    await isCutOff("/stream-begun-never", "begun");
    await isCutOff("/stream-writer-never", "begun");
});

test("a body that is written now and then is left alone", async () => {
    await answers("/stream-timer", "aaa");
    await answers("/stream-kept", "aaaaa");
});

test("a body that its client reads slowly is left alone", async () => {
    const response = await target.fetch("/stream-long");
    let length = 0;
    for await (const piece of response.body) {
        if (length === 0) await sleep(1000);
        length += piece.byteLength;
    }
    assert.equal(length, 200 * 65_536);
});

test("a request body that comes slowly is waited for", async () => {
    const slow = new ReadableStream({
        async pull(controller) {
            await sleep(300);
            controller.enqueue(Buffer.from("slow"));
            controller.close();
        },
    });
    await answers("/body-answers", "4", { method: "POST", body: slow, duplex: "half" });
});

test("one request cannot answer another", async () => {
    await hangs("/leave-promise");
    await answers("/answer-promise", "answered");
});

test("events of an object may answer one another", async () => {
    for (const n of [1, 2, 3]) {
        const waiting = answers(`/object/await-other/pair${n}`, "from another");
        await until(async () => (await (await target.fetch(`/object/waiting/pair${n}`)).text()) === "1", { what: "the first to wait" });
        await answers(`/object/other/pair${n}`, "answered");
        await waiting;
    }
});

test("an object's handler waits for ever, and its caller with it", async () => {
    await waits("/object/never/alone");
    await waits("/call/alone");
    await answers("/object/slow/alone", "answered");
});

test("a Worker with an open socket is left alone", async () => {
    const client = await connect(target, "/socket-server");
    client.send("never");
    await sleep(300);
    client.send("again");
    assert.equal(await client.next(), "again");
    client.cut();
});

test("a WebAssembly module that is instantiated is waited for", async () => {
    await answers("/wasm-instantiate", "7");
});

test("a function that an object calls later is waited for", async () => {
    await answers("/callback", "called");
});

test("many that hang leave nothing behind", { skip: TARGET === "workerd" && "only Dormouse's own books" }, async () => {
    const before = logged();
    for (let i = 0; i < 200; i += 20)
        await Promise.all(Array.from({ length: 20 }, () => target.fetch("/never").then((response) => response.text())));
    await until(() => logged() === before + 200, { what: "the log to tell of all" });
    await Promise.all(Array.from({ length: 20 }, () => answers("/timer-answers", "answered")));
});
