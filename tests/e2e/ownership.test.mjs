/* What an object, or a request of the Worker, has opened is of no use to another one (platform rule 1.12.4). */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { onlyInMemory, start } from "./support/target.mjs";

let target;
before(async () => (target = await start("ownership", { args: ["--shards", "1"] })));
after(() => target.end());

const ROLES = {
    "Durable Object": ["Durable Object", "Durable Object in the same isolate"],
    request: ["request handler", "request's handler"],
};

function refusal(role, type) {
    const [owner, other] = ROLES[role];
    return (
        `Error: Cannot perform I/O on behalf of a different ${role}. I/O objects (such as streams, request/response bodies, and others) ` +
        `created in the context of one ${owner} cannot be accessed from a different ${other}. This is a limitation of Cloudflare ` +
        `Workers which allows us to improve overall performance. (I/O type: ${type})`
    );
}

const REFUSED = {
    Native: ["send", "readyState", "acceptAgain", "closeWrongly", "close", "accept", "hibernatableSend", "hibernatableTags", "acceptWebSocket"],
    OutgoingFactory: ["fetch", "call", "method", "stubAsArgument"],
    Client: ["counter"],
    "ReadableStreamSource>": ["fromText", "fromBytes", "clone", "text", "stream", "request"],
    ActorCacheInterface: ["storage", "storageSync"],
};

const ALLOWED = {
    attachment: "kept",
    url: null,
    id: true,
    ownStub: "hello",
    fromScript: "script",
    status: 200,
    header: "text/plain;charset=UTF-8",
    url2: "http://room/",
    hibernatableAttachment: "hibernates",
};

async function isForeign(role, from, to) {
    await target.ask(`/leave${from}`);
    const result = await target.ask(`/use${to}`);
    const expected = {};
    for (const [type, names] of Object.entries(REFUSED)) for (const name of names) expected[name] = { error: refusal(role, type) };
    for (const [name, value] of Object.entries(ALLOWED)) expected[name] = { value };
    assert.deepEqual(result, Object.fromEntries(Object.keys(result).map((name) => [name, expected[name]])));
}

test("an object cannot use what another one has opened", () => isForeign("Durable Object", "?object=a", "?object=b"));

test("nor can the Worker", () => isForeign("request", "?object=a", ""));

test("an object cannot use what a request has opened", () => isForeign("Durable Object", "", "?object=b"));

test("one request cannot use what another has opened", () => isForeign("request", "", ""));

test("all events of an object share what it has opened", { skip: onlyInMemory("each event has a fresh instance") }, async () => {
    await target.ask("/leave?object=a");
    const { closeWrongly, acceptWebSocket, ...result } = await target.ask("/use?object=a");
    assert.match(closeWrongly.error, /Invalid WebSocket close code: 1\./);
    assert.match(acceptWebSocket.error, /Cannot call `acceptWebSocket\(\)`/);
    for (const [name, { error }] of Object.entries(result)) assert.equal(error, undefined, name);
});
