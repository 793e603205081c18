/* The Cache API. workerd by itself has no cache, so that only what it refuses can be seen there. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { onlyDormouse, start } from "./support/target.mjs";

let target;
before(async () => (target = await start("cache")));
after(() => target.end());

const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);
const skip = onlyDormouse("has no cache");

test("what cannot be kept, or asked for, is refused in the platform's words", async () => {
    const wrong = (method, n, type) => `TypeError: Failed to execute '${method}' on 'Cache': parameter ${n} is not of type '${type}'.`;
    const missing = (name, owner) => `Error: Failed to execute '${name}' on '${owner}': the method is not implemented.`;
    assert.deepEqual((await target.ask("/refusals")).map(text), [
        wrong("match", 1, "Request or string"),
        wrong("put", 1, "Request or string"),
        wrong("put", 2, "Response"),
        wrong("put", 2, "Response"),
        wrong("delete", 1, "Request or string"),
        "TypeError: Invalid URL: /relative",
        "TypeError: Invalid URL: nowhere",
        "TypeError: Cannot cache response to non-GET request.",
        "TypeError: Cannot cache response to a range request (206 Partial Content).",
        "TypeError: Cannot cache response with 'Vary: *' header.",
        "TypeError: Cache is unable to store an error response",
        'TypeError: Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".',
        undefined,
        "TypeError: Failed to execute 'open' on 'CacheStorage': parameter 1 is not of type 'string'.",
        "TypeError: Cannot convert a Symbol value to a string",
        "TypeError: Illegal constructor",
        ...["add", "addAll", "matchAll", "keys"].map((name) => missing(name, "Cache")),
        ...["match", "has", "delete", "keys"].map((name) => missing(name, "CacheStorage")),
    ]);
    assert.deepEqual((await target.ask("/otherMethods")).map(text), [undefined, false]);
    assert.deepEqual(await target.ask("/shape"), ["[object CacheStorage]", "[object Cache]", ["default"], false]);
    assert.match(text(await target.ask("/early")), /^Error: Disallowed operation called within global scope\./);
});

test("headers and status say how long a response is kept", { skip }, async () => {
    assert.deepEqual(await target.ask("/lifetimes"), {
        nothing: true,
        "max-age=60": true,
        "max-age=0": false,
        "s-maxage goes before": true,
        "no-store": false,
        "no-cache": false,
        private: false,
        "expires later": true,
        expired: false,
        "Set-Cookie": false,
        301: true,
        302: true,
        403: false,
        404: true,
        500: false,
        "500 with max-age": true,
    });
    assert.deepEqual(await target.ask("/expires"), [200, null, false]);
    const { headers } = await target.ask("/cookie");
    assert.deepEqual([headers["set-cookie"], headers["cache-control"]], [undefined, "max-age=60"]);
});

test("conditional requests and ranges are answered from the cache", { skip }, async () => {
    const [fresh, whole] = [[304, "", null], [200, "abcdef", null]];
    assert.deepEqual(await target.ask("/conditional"), {
        'If-None-Match: "e"': fresh,
        'If-None-Match: W/"e"': fresh,
        'If-None-Match: "x", "e"': fresh,
        "If-None-Match: *": fresh,
        'If-None-Match: "x"': whole,
        "If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT": fresh,
        "If-Modified-Since: Wed, 21 Oct 2010 07:28:00 GMT": whole,
        "Range: bytes=0-1": [206, "ab", "bytes 0-1/6"],
        "Range: bytes=2-": [206, "cdef", "bytes 2-5/6"],
        "Range: bytes=-2": [206, "ef", "bytes 4-5/6"],
        "Range: bytes=0-99": [206, "abcdef", "bytes 0-5/6"],
        "Range: bytes=9-": [416, "", "bytes */6"],
        "Range: bytes=3-1": whole,
        "Range: bytes=0-1,3-4": whole,
    });
});

for (const [who, query] of [["a Worker", ""], ["an object", "?object"]])
    test(`${who} puts, finds and deletes`, { skip }, async () => {
        assert.deepEqual(await target.ask(`/uses${query}`), {
            used: true,
            twice: ["body", "body"],
            status: "HIT",
            named: null,
            post: [null, 200],
            delete: [false, true, false],
        });
    });
