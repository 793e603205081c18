/* Compatibility dates: the same project as of several days (platform rule 7.4). */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { copyProject, start } from "./support/target.mjs";

const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);

function asOf(date, tests) {
    describe(`as of ${date}`, () => {
        let target;
        before(async () => {
            const home = copyProject("dates");
            const file = path.join(home, "project/wrangler.jsonc");
            fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("2026-11-01", date));
            target = await start(null, { home });
        });
        after(() => target.end());
        tests({ ask: (where) => target.ask(where), object: (what) => target.ask(`/ask?what=${what}`) });
    });
}

const refusals = [
    "TypeError: put() called with undefined value.",
    "TypeError: List limit must be positive.",
    "TypeError: setAlarm() cannot be called with an alarm time <= 0",
];

asOf("2021-11-01", ({ ask, object }) => {
    test("a stub takes relative URLs", async () => {
        assert.deepEqual(await ask("/relative"), { value: ["GET", "https://fake-host/at/OBJECTS/x/seen?q", ""] });
    });

    test("a stub has get(), put() and delete(), and no remote methods", async () => {
        const helpers = await ask("/helpers");
        assert.deepEqual(Object.values(helpers).map(text), [
            ["GET", "http://object/at/OBJECTS/x/seen", ""],
            undefined,
            undefined,
            null,
            "Error: HTTP PUT request failed: 503 Service Unavailable",
            'TypeError: Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".',
            "TypeError: Failed to execute 'get' on 'Fetcher': parameter 1 is not of type 'string'.",
        ]);
        assert.deepEqual(await ask("/names"), { get: "function", unknown: "undefined", has: [true, false], exports: false });
    });

    test("storage refuses at once", async () => {
        assert.deepEqual((await object("misused")).map(text), refusals);
    });
});

asOf("2024-03-30", ({ ask, object }) => {
    test("a stub has neither helpers nor remote methods", async () => {
        assert.deepEqual(await ask("/names"), { get: "undefined", unknown: "undefined", has: [false, false], exports: false });
    });

    test("a relative URL is refused", async () => {
        assert.equal((await ask("/relative")).error.name, "TypeError");
    });

    test("storage refuses with a promise", async () => {
        assert.deepEqual((await object("misused")).map(text), ["a promise", "a promise", "a promise"]);
    });
});

asOf("2025-11-01", ({ ask, object }) => {
    test("a stub has remote methods, ctx no exports", async () => {
        assert.deepEqual(await ask("/names"), { get: "function", unknown: "function", has: [true, true], exports: false });
        assert.equal(await object("exports"), false);
    });

    test("deleteAll() leaves the alarm", async () => {
        assert.equal(await object("delete-all"), 5e12);
    });

    test("sockets: ArrayBuffer, long reasons, a Close to be answered by oneself", async () => {
        const { long, seen } = await object("socket");
        assert.deepEqual(long, {});
        assert.deepEqual(seen, ["ArrayBuffer", 3000, 2]);
    });
});

asOf("2026-11-01", ({ ask, object }) => {
    test("ctx has exports", async () => {
        assert.equal((await ask("/names")).exports, true);
        assert.equal(await object("exports"), true);
    });

    test("deleteAll() deletes the alarm", async () => {
        assert.equal(await object("delete-all"), null);
    });

    test("sockets: Blob, no long reasons, a Close is answered", async () => {
        const { long, seen } = await object("socket");
        assert.equal(text(long), "SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.");
        assert.deepEqual(seen, ["Blob", 3001, 3, 3001, true]);
    });
});
