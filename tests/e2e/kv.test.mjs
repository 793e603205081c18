/*
 * Workers KV. fixtures/kv/answers.json is what workerd 2026-11-17 answered to the cases of the fixture, asked in this
 * order in one run; its own words and values are the expectation.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";

import { start } from "./support/target.mjs";

const answers = JSON.parse(fs.readFileSync(new URL("fixtures/kv/answers.json", import.meta.url), "utf8"));
const workerdArgs = ["--experimental"];

let target;
before(async () => (target = await start("kv", { workerdArgs })));
after(() => target.end());

for (const [name, expected] of Object.entries(answers))
    test(`${name} as the platform answers`, async () => {
        assert.deepEqual(await target.ask(`/${name}`), expected);
    });

test("a namespace cannot be used while the module is loaded", async () => {
    assert.match((await target.ask("/early")).error, /^Error: Disallowed operation called within global scope\./);
});

test("a value may have 25 MiB and no byte more, streamed or whole", async () => {
    assert.deepEqual(await target.ask("/large"), {
        put: { value: "undefined" },
        same: true,
        over: { error: "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400." },
        streamed: { error: "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400." },
        small: "small",
    });
});

test("what env holds looks like the platform's", async () => {
    const { bound, ...rest } = await target.ask("/shape");
    assert.deepEqual(rest, {
        text: "[object KvNamespace]",
        keys: [],
        name: "KvNamespace",
        methods: ["constructor", "delete", "get", "getWithMetadata", "list", "put"],
        construct: { error: "TypeError: Illegal constructor" },
    });
    assert.match(bound.error, /^TypeError: Illegal invocation/);
});

test("namespaces do not see each other's keys", async () => {
    assert.deepEqual(await target.ask("/separate"), ["first", "second"]);
});

test("an object writes and reads keys as a Worker does", async () => {
    assert.deepEqual(await target.ask("/object"), ["an object", "an object"]);
});

test("a request body streams into a value and out again", async () => {
    const body = "0123456789".repeat(300_000);
    assert.equal(await (await target.fetch("/value?key=body", { method: "PUT", body })).text(), "saved");
    assert.equal(await (await target.fetch("/value?key=body")).text(), body);
});

test("a saved value is there after the plug was pulled", async () => {
    const saved = await start("kv", { workerdArgs });
    let again = saved;
    try {
        for (let round = 0; round < 3; round++) {
            const body = `round ${round} `.repeat(200_000);
            await Promise.all(["a", "b"].map((key) => again.fetch(`/value?key=${key}`, { method: "PUT", body })));
            await again.kill9();
            again = await again.again();
            for (const key of ["a", "b"]) assert.equal(await (await again.fetch(`/value?key=${key}`)).text(), body);
        }
    } finally {
        await again.end();
    }
});
