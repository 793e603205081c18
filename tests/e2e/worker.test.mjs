/* The stateless Worker: its environment, its life around a request, and what becomes of its mistakes. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { exchange } from "./support/raw.mjs";
import { ANSWER_MS_MAX, onlyDormouse, start, until } from "./support/target.mjs";

let target;
before(async () => (target = await start("worker")));
after(() => target.end());

const noDevVars = onlyDormouse("does not read .dev.vars, that is wrangler's part");

test("vars are in env as they were written", async () => {
    const { values } = await target.ask("/env");
    assert.equal(values.TEXT, "from the configuration");
    assert.equal(values.NUMBER, 5);
    assert.deepEqual(values.NESTED, { list: [1, "two"] });
});

test(".dev.vars adds secrets and goes before vars", { skip: noDevVars }, async () => {
    const { values } = await target.ask("/env");
    assert.equal(values.SECRET, "of many words");
    assert.equal(values.OVERRIDDEN, "from .dev.vars");
});

test("env can be imported, at module level too", async () => {
    assert.equal(await target.ask("/imported-env"), true);
    assert.equal((await target.ask("/at-start")).text, "from the configuration");
});

test("no I/O, timers or random values at module level", async () => {
    const { fetch, timer, random } = await target.ask("/at-start");
    const message =
        "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and " +
        "generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. " +
        "https://developers.cloudflare.com/workers/runtime-apis/handlers/";
    for (const result of [fetch, timer, random]) assert.equal(result.error?.message, message);
});

test("an uncaught error is a 500 that tells the client nothing", async () => {
    for (const where of ["/throws", "/throws-text", "/rejects-later", "/deep-throw"]) {
        const response = await exchange(target.port, `GET ${where} HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal(response.status, 500);
        assert.equal(response.reason, "Internal Server Error");
        assert.equal(response.body, "Internal Server Error");
        assert.equal(response.get("content-type"), null);
        assert.equal(response.closed, true);
    }
});

test("an uncaught error is logged with its message", async () => {
    await target.fetch("/throws");
    await target.printed(/a worker's mistake/);
});

test("the stack of an uncaught error names the user's file and line", { skip: onlyDormouse("logs no stack") }, async () => {
    await target.fetch("/deep-throw");
    await target.printed(/inner.*index\.js:35/);
    await target.printed(/outer.*index\.js:38/);
});

test("an answer that is not a Response is a 500", async () => {
    assert.equal((await target.fetch("/returns-text")).status, 500);
});

test("an unhandled rejection is not fatal", async () => {
    assert.equal(await target.ask("/floating-rejection"), "answered");
    assert.equal(await target.ask("/floating-rejection"), "answered");
});

test("an unhandled rejection is logged", { skip: onlyDormouse("is silent about it") }, async () => {
    await target.ask("/floating-rejection");
    await target.printed(/nobody waits for this/);
});

test("waitUntil goes on after the answer", async () => {
    assert.deepEqual(await target.ask("/wait-until"), ["begun"]);
    if (!process.env.DORMOUSE_FLAGS?.includes("--shards"))
        await until(async () => (await target.ask("/events")).join() === "begun,ended", { what: "the background" });
});

test("a rejection in waitUntil does not disturb the answer", async () => {
    assert.equal(await target.ask("/wait-until-rejects"), "answered");
});

test("what console prints is seen, as Node would show it", async () => {
    await target.ask("/prints");
    const shown = [
        /to the log 1 true null undefined \{ a: \{ b: \{ c: \[Object\] \} \} \} \[ 1, 'two' \]$/m,
        /\binfo$/m,
        /\bdebug$/m,
        /a warning$/m,
        /an error RangeError: inside/,
        /seven is 7$/m,
    ];
    for (const pattern of shown) await target.printed(pattern, { stream: "output" });
});

test("timers run in the order of their times, with their arguments", async () => {
    const { order, elapsed } = await target.ask("/timers");
    assert.deepEqual(order, ["now", "microtask", "0 ms", "20 ms ab", "tick 1", "tick 2"]);
    assert.ok(elapsed >= 108, `${elapsed} ms`);
});

test("timers refuse what is not a function and forget unknown numbers", async () => {
    const { text, unknown } = await target.ask("/timers-misused");
    assert.equal(text.error.name, "TypeError");
    assert.deepEqual(unknown, {});
});

test("code from text is refused", async () => {
    const result = await target.ask("/evaluates");
    for (const how of ["eval", "function"]) {
        assert.equal(result[how].error.name, "EvalError");
        assert.equal(result[how].error.message, "Code generation from strings disallowed for this context");
    }
});

test("a URL that is not one is refused by fetch", async () => {
    const { error } = await target.ask("/fetches");
    assert.equal(error.name, "TypeError");
    assert.match(error.message, /Invalid URL|cannot load|not a url/i);
});

test("a handler that never ends is stopped, and the others go on", { skip: onlyDormouse("hangs for good") }, async () => {
    const limited = await start("worker", { args: ["--cpu-limit", "1000"] });
    const response = await limited.fetch("/loops", { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    assert.ok(response.status >= 500, `${response.status}`);
    assert.equal(await limited.ask("/imported-env"), true);
    await limited.end();
});

test("so is one that awaits for ever, never for long", { skip: onlyDormouse("hangs for good") }, async () => {
    const limited = await start("worker", { args: ["--cpu-limit", "1000"] });
    const response = await limited.fetch("/awaits", { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    assert.ok(response.status >= 500, `${response.status}`);
    assert.equal(await limited.ask("/imported-env"), true);
    await limited.end();
});
