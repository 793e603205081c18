/* The Web APIs as a bundle of TypeScript sees them: what programs use every day, with workerd's words where it refuses. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { start } from "./support/target.mjs";

let target;
before(async () => (target = await start("web")));
after(() => target.end());

const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);

test("TypeScript, JSON and text modules are bundled", async () => {
    assert.deepEqual(await target.ask("/modules"), {
        data: { imported: [1, 2, 3] },
        note: "a text file\nof two lines\n",
        greeting: "good morning, Dormouse",
    });
});

test("Request", async () => {
    const { again, relative, getBody, ...rest } = await target.ask("/request");
    assert.deepEqual(rest, {
        url: "http://example.test/a?b=c",
        method: "POST",
        type: "application/json",
        json: { k: [1] },
        used: true,
        clone: '{"k":[1]}',
        copy: null,
    });
    assert.equal(text(again), "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.");
    assert.equal(text(relative), "TypeError: Invalid URL: /relative");
    assert.equal(text(getBody), "TypeError: Request with a GET or HEAD method cannot have a body.");
});

test("Response", async () => {
    const { status, nullBody, invalidJson, locked, ...rest } = await target.ask("/response");
    assert.deepEqual(rest, {
        plain: [200, true, ""],
        fields: [404, false, "Gone Fishing", "1, 2"],
        json: { a: 1 },
        buffer: 2,
        bytes: [97, 98],
        form: [["a", "1"], ["b", "é"]],
        blob: [4, "text/x-own", "text"],
        redirect: [302, "http://a.test/b"],
        error: "error",
    });
    assert.equal(text(status), "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
    assert.equal(text(nullBody), "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body.");
    assert.equal(invalidJson.error.name, "SyntaxError");
    assert.equal(text(locked), "TypeError: This ReadableStream is currently locked to a reader.");
});

test("Headers", async () => {
    const { name, value, ...rest } = await target.ask("/headers");
    assert.deepEqual(rest, {
        all: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-a", "spaced"], ["x-b", "1, 2"]],
        get: ["1, 2", null, true],
        cookies: ["a=1", "b=2"],
        keys: ["set-cookie", "set-cookie", "x-a"],
    });
    assert.equal(text(name), "TypeError: Invalid header name.");
    assert.equal(text(value), "TypeError: Invalid header value.");
});

test("URL and URLSearchParams", async () => {
    const { invalid, ...rest } = await target.ask("/url");
    assert.deepEqual(rest, {
        href: "http://user:pw@example.test:8080/a/x/y?q=1&q=2&r=%C3%A9+%26#h",
        parts: ["http:", "example.test:8080", "example.test", "8080", "/a/x/y", "?q=1&q=2&r=%C3%A9+%26", "#h",
            "http://example.test:8080", "user"],
        all: ["1", "2"],
        params: "b=2&a=1+%2B",
        can: [false, true, null],
        idn: "http://xn--bcher-kva.test/%C3%BC?%C3%BC",
    });
    assert.equal(text(invalid), "TypeError: Invalid URL string.");
});

test("TextEncoder, TextDecoder, btoa and atob", async () => {
    const { fatal, wrong, ...rest } = await target.ask("/encoding");
    assert.deepEqual(rest, {
        encode: [97, 226, 130, 172, 240, 157, 132, 158, 239, 191, 189],
        into: { read: 1, written: 1 },
        decode: "a\uFFFD",
        latin: "€é",
        utf16: "a€",
        stream: "€",
        btoa: "/wBh",
        atob: 3,
    });
    assert.equal(text(fatal), "TypeError: Failed to decode input.");
    assert.deepEqual(wrong.map(({ error }) => error.name), ["InvalidCharacterError", "InvalidCharacterError"]);
});

test("crypto", async () => {
    const { uuid, tooMany, ...rest } = await target.ask("/crypto");
    assert.deepEqual(rest, {
        random: true,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        sha1: "a9993e364706816aba3e25717850c26c9cd0d89d",
        hmac: "6e9ef29b75fffc5b7abae527d58fdadb2fe42e7219011976917343065f58ed4a",
        verify: true,
    });
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(tooMany.error.name, "QuotaExceededError");
});

test("structuredClone", async () => {
    const { function: refused, ...rest } = await target.ask("/clone");
    assert.deepEqual(rest, { copy: [true, true, 5, true, [1, 2]], transfer: [0, 8], error: "cloned" });
    assert.equal(text(refused), "DataCloneError: () => 1 could not be cloned.");
});

test("EventTarget, CustomEvent, AbortController and AbortSignal", async () => {
    const { throws, ...rest } = await target.ask("/events");
    assert.deepEqual(rest, {
        seen: [["first", "x", 5], "object", ["first", "x", 6], ["aborted", "because"]],
        cancelled: true,
        aborted: true,
        timeout: [true, "TimeoutError"],
        any: true,
    });
    assert.equal(throws.error.name, "AbortError");
});

test("streams", async () => {
    assert.deepEqual(await target.ask("/streams"), {
        doubled: [2, 4, 6],
        tee: ["teed", "teed"],
        text: "through text",
        iterated: [1, 2],
        identity: "done",
        cancelled: { value: "enough" },
    });
});

test("FormData and File, as multipart and back", async () => {
    assert.deepEqual(await target.ask("/form-data"), ["value", "name.txt", "text/plain", "content", ["text", "file"]]);
});

test("Blob", async () => {
    assert.deepEqual(await target.ask("/blobs"), [7, "text/x", "one-two", "two", 7]);
});

test("the globals of a Worker, and none of a page", async () => {
    assert.deepEqual(await target.ask("/globals"), {
        types: ["function", "function", "object", "object", "object", "object", "function", "function"],
        absent: [],
        agent: "Cloudflare-Workers",
        self: true,
        now: true,
    });
});

test("DOMException", async () => {
    assert.deepEqual(await target.ask("/dom"), ["NotFoundError", 8, "text", true, 20]);
});

test("the same APIs work inside an object", async () => {
    assert.deepEqual(await target.ask("/in-object"), {
        body: { a: 1 },
        hash: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
});
