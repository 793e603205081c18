/* Service bindings to the project's own entrypoints, and ctx.exports. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { onlyDormouse, start, TARGET } from "./support/target.mjs";

const skip = onlyDormouse("reads no services from wrangler.jsonc");

let target;
before(async () => TARGET === "dormouse" && (target = await start("services")));
after(() => target?.end());

test("a service binding to the Worker itself fetches", { skip }, async () => {
    assert.equal(await target.ask("/self-fetch"), "hello me true");
});

test("an entrypoint's class has its own fetch() and the binding's props", { skip }, async () => {
    assert.deepEqual(await target.ask("/entrypoint-fetch"), ["POST", "http://calc/x?y", { base: 10, deep: { a: [1] } }, true]);
    assert.deepEqual(await target.ask("/props"), {});
});

test("an exported object with fetch() is an entrypoint", { skip }, async () => {
    assert.deepEqual(await target.ask("/plain-fetch"), [201, "yes", "body object function"]);
    assert.equal(await target.ask("/stream-fetch"), "ab object function");
});

test("an entrypoint's methods are called", { skip }, async () => {
    assert.deepEqual(await target.ask("/calls"), [13, { value: "v", props: { base: 10, deep: { a: [1] } } }, "object", "function"]);
    assert.deepEqual(await target.ask("/functions"), [42, 2]);
});

test("ctx.exports has them, with props of one's choice", { skip }, async () => {
    assert.deepEqual(await target.ask("/exports"), [3, 1003, "hello null true", ["Calculator", "Room", "default", "plain"]]);
});

test("what an entrypoint throws reaches the caller", { skip }, async () => {
    const [failed, missing, relative] = await target.ask("/errors");
    assert.deepEqual(failed.error, { name: "RangeError", message: "the calculator failed", remote: true });
    assert.deepEqual(missing.error, { name: "TypeError", message: 'The RPC receiver does not implement the method "nothing".', remote: true });
    assert.equal(relative.error.message, "Invalid URL: /relative");
});

test("objects have the bindings, too", { skip }, async () => {
    assert.deepEqual(await target.ask("/from-object"), [13, "hello null true", 103]);
});
