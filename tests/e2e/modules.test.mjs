/* How a project's modules come together: what wrangler bundles is bundled here. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { start } from "./support/target.mjs";

let target;
before(async () => (target = await start("modules")));
after(() => target.end());

test("a module may await at its top", async () => {
    assert.equal(await target.ask("/loaded"), "awaited at the top");
    assert.deepEqual(await target.ask("/at/COUNTERS/c/"), ["awaited at the top", 1]);
});

test("imports are live, circular, dynamic, from CommonJS too", async () => {
    assert.deepEqual(await target.ask("/imports"), {
        names: ["counter", "increment", "later", "original"],
        live: [1, 2, 2],
        cjs: 42,
        dynamic: 2,
        missing: true,
        environment: "function",
    });
});

test("text, bytes and WebAssembly are modules", async () => {
    assert.deepEqual(await target.ask("/files"), {
        page: "<p>page</p>",
        schema: "CREATE TABLE t (a);",
        bytes: [0, 1, 254, 255],
        wasm: 5,
    });
});
