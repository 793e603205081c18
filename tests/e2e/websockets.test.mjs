/* WebSockets of objects: the hibernation API, the sockets with listeners, and the protocol itself. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { WebSocketServer } from "ws";

import { exchange } from "./support/raw.mjs";
import { BINARY, CLOSE, closePayload, connect, connectRaw, frame, PING, PONG, TEXT } from "./support/sockets.mjs";
import { EVICTS_ALWAYS, IDLE_ARGS, IDLE_MS, onlyDormouse, onlyInMemory, once, sleep, start, until } from "./support/target.mjs";

let target;
before(async () => {
    target = await start("websockets", { args: IDLE_ARGS });
    await fallAsleep();
});
after(() => target.end());

const sleeper = (name, what) => target.ask(`/at/SLEEPERS/${name}/${what}`);
const open = (name, query = "", options) => connect(target, `/at/SLEEPERS/${name}/socket?name=${name}&${query}`, options);
const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);
const wrongType = (method, on, n, type) => `TypeError: Failed to execute '${method}' on '${on}': parameter ${n} is not of type '${type}'.`;

async function events(name, count = 1) {
    await until(async () => (await sleeper(name, "events")).length >= count, { what: `event ${count} of ${name}` });
    return sleeper(name, "events");
}

const noReply = onlyDormouse("does not answer the Close of a hibernatable socket, although the documentation says it is answered");

/* ---- hibernatable sockets ---- */

test("messages go both ways, as text and as ArrayBuffer", async () => {
    const client = await open("both-ways");
    client.send("héllo");
    assert.equal(await client.next(), "echo héllo");
    client.send(Buffer.from([9, 8, 7, 6, 5]));
    assert.deepEqual(await client.nextJson(), ["ArrayBuffer", 5, [9, 8, 7, 6]]);
    client.send("");
    assert.equal(await client.next(), "echo ");
    client.cut();
});

test("the handshake is the standard's, with the object's own headers and protocol", async () => {
    const client = await open("handshake", "protocol=chat", { protocols: ["chat", "other"] });
    assert.equal(client.handshake.statusCode, 101);
    assert.equal(client.handshake.statusMessage, "Switching Protocols");
    assert.equal(client.handshake.headers["x-own"], "yes");
    assert.equal(client.handshake.headers["content-length"], undefined);
    assert.equal(client.socket.protocol, "chat");
    client.cut();

    const raw = await connectRaw(target, "/at/SLEEPERS/handshake/socket?name=raw");
    assert.equal(raw.handshake.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(raw.handshake.get("sec-websocket-extensions"), null);
    raw.destroy();
});

test("what is sent before the 101 is returned arrives", async () => {
    const client = await open("early", "greet");
    assert.equal(await client.next(), "before the answer");
    assert.deepEqual([...(await client.next())], [1, 2, 3]);
    client.cut();
});

test("a Worker may forward the upgrade in a request of its own", async () => {
    const client = await connect(target, "/forwarded");
    client.send("x");
    assert.equal(await client.next(), "echo x");
    client.cut();
});

test("two hundred messages keep their order, both ways", async () => {
    const client = await open("ordered");
    for (let i = 0; i < 200; i++) client.send(`${i}`);
    for (let i = 0; i < 200; i++) assert.equal(await client.next(), `echo ${i}`);
    client.cut();
});

test("a message reaches every socket of the object", async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open("broadcast")));
    assert.equal(await sleeper("broadcast", "broadcast?text=to+all"), 20);
    for (const client of clients) assert.equal(await client.next(), "to all");
    for (const client of clients) client.cut();
});

test("getWebSockets lists newest first, with a tag oldest first", async () => {
    const clients = [];
    for (const name of ["a", "b", "c"])
        clients.push(await connect(target, `/at/SLEEPERS/listed/socket?name=${name}&tag=every&tag=${name}`));
    assert.deepEqual(await sleeper("listed", "sockets?tag=every"), { all: ["c", "b", "a"], tagged: ["a", "b", "c"] });
    assert.deepEqual((await sleeper("listed", "sockets?tag=b")).tagged, ["b"]);
    assert.deepEqual((await sleeper("listed", "sockets?tag=nobody")).tagged, []);
    assert.equal(await sleeper("listed", "identity"), true);

    clients[1].cut();
    await events("listed");
    assert.deepEqual((await sleeper("listed", "sockets")).all, ["c", "a"]);
    for (const client of clients) client.cut();
});

test("a socket knows its tags and attachment, and a fresh pair end is open", async () => {
    const client = await open("state", "tag=one&tag=two&tag=one");
    client.send("state");
    const { state, tags, attachment } = await client.nextJson();
    assert.deepEqual(state, [1, null, "", ""]);
    assert.deepEqual(tags, ["one", "two"]);
    assert.deepEqual(attachment, { name: "state", reply: null });
    client.cut();
});

test("while the object is awake a socket is one object", { skip: onlyInMemory("each event has a fresh one") }, async () => {
    const client = await open("properties");
    client.send("properties");
    client.send("properties");
    assert.deepEqual([await client.next(), await client.next()], ["1", "2"]);
    client.cut();
});

test("auto-responses answer exactly their text, and note the time", async () => {
    const client = await open("auto");
    assert.deepEqual(await sleeper("auto", "auto-response-times"), [null]);
    assert.deepEqual(await sleeper("auto", "auto-response"), ["are you there?", "yes"]);
    const before = Date.now();
    client.send("are you there?");
    assert.equal(await client.next(), "yes");
    client.send("are you there");
    assert.equal(await client.next(), "echo are you there");
    client.send(Buffer.from("are you there?"));
    assert.equal((await client.nextJson())[0], "ArrayBuffer");
    const [[isDate, time]] = await sleeper("auto", "auto-response-times");
    assert.equal(isDate, true);
    assert.ok(time >= before - 1 && time <= Date.now());

    assert.equal(await sleeper("auto", "no-auto-response"), null);
    client.send("are you there?");
    assert.equal(await client.next(), "echo are you there?");
    client.cut();
});

test("an auto-response's question after the object's Close is nobody's", async () => {
    const raw = await connectRaw(target, "/at/SLEEPERS/auto-closing/socket?name=auto-closing");
    await sleeper("auto-closing", "auto-response");
    await sleeper("auto-closing", "close-all");
    assert.equal((await raw.frame()).opcode, CLOSE);
    raw.write(frame(TEXT, "are you there?")).write(frame(CLOSE, closePayload(4001)));
    assert.equal((await events("auto-closing"))[0][0], "close");
    assert.equal(raw.received.length, 0);
    raw.destroy();
});

test("protocol pings are answered", async () => {
    const client = await open("pings");
    client.socket.ping("are you there?");
    await until(() => client.pongs.length > 0, { what: "a pong" });
    assert.deepEqual(client.pongs, ["are you there?"]);
    client.cut();
});

test("a client's Close is an event with code and reason", async () => {
    const client = await open("closes");
    client.close(3001, "good bye");
    // An object that the Close itself has woken does not list the closing socket any more.
    const listed = !EVICTS_ALWAYS;
    assert.deepEqual(await events("closes"), [["close", 3001, "good bye", true, listed, true]]);
    assert.deepEqual((await sleeper("closes", "sockets")).all, []);
    client.cut();
});

test("a closed socket leaves the list when its handler first waits", async () => {
    const client = await open("looks-again", "reply=look again");
    client.close(3001, "x");
    assert.deepEqual((await events("looks-again", 2))[0], ["among after a wait", false]);
    client.cut();
});

test("a Close without a code is 1005", async () => {
    const client = await open("closes-plainly");
    client.close();
    assert.deepEqual((await events("closes-plainly"))[0].slice(0, 4), ["close", 1005, "", true]);
    client.cut();
});

test("the handler's own Close is what the client sees", async () => {
    const client = await open("replies", "reply=close");
    client.close(3001, "good bye");
    assert.deepEqual(await client.whenClosed(), { code: 3001, reason: "reply to good bye" });
});

test("a Close that the handler does not answer is answered for it", { skip: noReply }, async () => {
    const client = await open("unanswered");
    client.close(3002, "good bye");
    assert.deepEqual(await client.whenClosed(), { code: 3002, reason: "good bye" });
});

test("a lost connection is an event with 1006", async () => {
    const client = await open("lost");
    client.cut();
    const reason = "WebSocket disconnected without sending Close frame.";
    assert.deepEqual((await events("lost"))[0].slice(0, 4), ["close", 1006, reason, false]);
    assert.deepEqual((await sleeper("lost", "sockets")).all, []);
});

test("a Close from the object reaches the client, and the client's answer the object", async () => {
    const client = await open("told");
    client.send("close");
    assert.deepEqual(await client.whenClosed(), { code: 4002, reason: "as asked" });
    assert.deepEqual((await events("told"))[0].slice(0, 4), ["close", 4002, "as asked", true]);

    const plainly = await open("told-plainly");
    plainly.send("close plainly");
    assert.deepEqual(await plainly.whenClosed(), { code: 1005, reason: "" });
});

test("a closing socket is still listed and refuses to send", async () => {
    const raw = await connectRaw(target, "/at/SLEEPERS/closing/socket?name=closing");
    const [[state, send]] = await sleeper("closing", "close-all");
    assert.equal(state, 2);
    assert.equal(text(send), "TypeError: Can't call WebSocket send() after close().");
    const close = await raw.frame();
    assert.equal(close.opcode, CLOSE);
    assert.deepEqual(close.payload, closePayload(4001, "the server says so"));
    assert.deepEqual((await sleeper("closing", "sockets")).all, ["closing"]);
    raw.write(frame(CLOSE, closePayload(4001)));
    await events("closing");
    assert.deepEqual((await sleeper("closing", "sockets")).all, []);
    raw.destroy();
});

test("an error in a handler leaves the socket open", async () => {
    const client = await open("throws");
    client.send("throw");
    client.send("still there");
    assert.equal(await client.next(), "echo still there");
    client.cut();

    const closing = await open("throws-in-close", "reply=throw");
    closing.close(3000, "x");
    await events("throws-in-close");
    assert.deepEqual((await sleeper("throws-in-close", "sockets")).all, []);
    closing.cut();
});

test("an abort cuts all sockets of the object", async () => {
    const [one, two] = [await open("aborts"), await open("aborts")];
    assert.equal((await target.fetch("/at/SLEEPERS/aborts/abort")).status, 500);
    assert.equal((await one.whenClosed()).code, 1006);
    assert.equal((await two.whenClosed()).code, 1006);
    assert.deepEqual((await sleeper("aborts", "sockets")).all, []);

    const client = await open("aborts");
    client.send("abort");
    assert.equal((await client.whenClosed()).code, 1006);
});

test("what was sent after a write that was never made is never seen", async () => {
    const client = await open("gated");
    await target.fetch("/at/SLEEPERS/gated/send-and-abort");
    assert.equal((await client.whenClosed()).code, 1006);
    assert.deepEqual(client.messages, []);
});

test("what an object says after a write is true after kill -9", async () => {
    const other = await start("websockets");
    const client = await connect(other, "/at/SLEEPERS/durable/socket?name=durable");
    client.send("write");
    assert.equal(await client.next(), "written");
    await other.kill9();
    const again = await other.again();
    assert.ok((await again.ask("/at/SLEEPERS/durable/constructed")) >= 2);
    await again.end();
});

test("an object without handlers drops the events", async () => {
    const client = await connect(target, "/at/MUTE/m/");
    client.send("nobody listens");
    await sleep(50);
    assert.equal(await target.ask("/at/MUTE/m/"), 1);
    client.close(1000);
    await until(async () => (await target.ask("/at/MUTE/m/")) === 0, { what: "the socket to leave" });
    client.cut();
});

test("misuse of acceptWebSocket is refused with the platform's words", async () => {
    const results = await sleeper("misused", "misused-accept");
    const accept = "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
    const used = "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.";
    const already = "Error: Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`";
    const { fits, tags, ...refused } = results;
    assert.deepEqual(fits, {});
    assert.deepEqual(tags.value, [128, 1, 0]);
    assert.deepEqual(Object.fromEntries(Object.entries(refused).map(([key, result]) => [key, text(result)])), {
        sendBefore: accept,
        closeBefore: accept,
        tagsBefore: "Error: you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.",
        tooManyTags: "Error: a Hibernatable WebSocket cannot have more than 10 tags",
        longTag: `Error: "${"é".repeat(129)}" is longer than the max tag length (256 characters).`,
        noArray: wrongType("acceptWebSocket", "DurableObjectState", 2, "Array"),
        twice: already,
        acceptAfter: "TypeError: Can't accept() WebSocket after enabling hibernation.",
        other: used,
        afterAccept: already,
        tagsOfAccepted: "Error: only hibernatable websockets can have tags.",
        peerAccepted: used,
        nothing: wrongType("acceptWebSocket", "DurableObjectState", 1, "WebSocket"),
        object: wrongType("acceptWebSocket", "DurableObjectState", 1, "WebSocket"),
    });
});

test("arguments are converted as the platform converts them", async () => {
    const result = await sleeper("converts", "conversions");
    assert.equal(text(result.elevenWithTwins), "Error: a Hibernatable WebSocket cannot have more than 10 tags");
    assert.deepEqual(result.elevenTwins, { value: ["same"] });
    assert.match(text(result.longBeforeMany), /^Error: "x+" is longer than the max tag length/);
    const symbol = "TypeError: Cannot convert a Symbol value to a string";
    assert.deepEqual([text(result.symbolTag), text(result.listedWithSymbol)], [symbol, symbol]);
    assert.deepEqual([result.nullTag.value, result.listedWithNull], [["null"], 1]);
    assert.equal(text(result.nullPair), wrongType("setWebSocketAutoResponse", "DurableObjectState", 1, "WebSocketRequestResponsePair"));
    assert.equal(result.keptPair, "2");
    const noInteger = "TypeError: The value cannot be converted because it is not an integer.";
    assert.deepEqual(result.timeouts.map(text), [
        noInteger,
        noInteger,
        noInteger,
        "TypeError: Value out of range. Must be less than or equal to 4294967295.",
        "TypeError: Cannot convert a BigInt value to a number",
        "TypeError: The value cannot be converted because it is negative and this API expects a positive number.",
        undefined,
        undefined,
        undefined,
    ]);
});

test("an object has 32,768 sockets and not one more", async () => {
    const [made, count, last] = await target.ask("/at/MUTE/many/many");
    assert.deepEqual([made, count], [32_769, 32_768]);
    assert.equal(text(last), "Error: only 32768 websockets can be accepted on a single Durable Object instance");
});

test("misuse of auto-responses and event timeouts is refused", async () => {
    assert.deepEqual((await sleeper("misused", "misused-auto-response")).map(text), [
        "RangeError: Request cannot be larger than 2048 bytes. A request of size 2049 was provided.",
        "RangeError: Response cannot be larger than 2048 bytes. A response of size 2049 was provided.",
        "TypeError: Failed to construct 'WebSocketRequestResponsePair': constructor parameter 2 is not of type 'string'.",
        wrongType("setWebSocketAutoResponse", "DurableObjectState", 1, "WebSocketRequestResponsePair"),
    ]);
    const [none, tooLong, , set, , cleared] = await sleeper("misused", "event-timeout");
    assert.deepEqual([none, set, cleared], [null, 5000, null]);
    assert.equal(text(tooLong), "Error: Event timeout should not exceed 604800000 ms.");
});

/* ---- sockets with listeners ---- */

const listen = (name, query = "") => connect(target, `/at/LISTENERS/${name}/socket?${query}`);
const heard = (name) => target.ask(`/at/LISTENERS/${name}/events`);

test("an accepted socket talks through listeners", async () => {
    const client = await listen("talks", "greet");
    assert.equal(await client.next(), "hello");
    client.send("x");
    assert.equal(await client.next(), "echo x");
    client.send(Buffer.from([1, 2]));
    assert.equal(await client.next(), "Blob 2");
    client.close(3003, "bye");
    assert.deepEqual(await client.whenClosed(), { code: 3003, reason: "bye" });
    assert.deepEqual((await heard("talks")).slice(0, 3), [
        ["message", "message", "x"],
        ["message", "message", "Blob"],
        ["close", 3003, "bye", true, "CloseEvent", 3],
    ]);
});

test("binaryType chooses ArrayBuffer", async () => {
    const client = await listen("buffers", "array-buffer");
    client.send(Buffer.from([1, 2]));
    assert.equal(await client.next(), "ArrayBuffer 2");
    client.cut();
});

test("a half-open socket leaves the answer to the application", async () => {
    const client = await listen("half-open", "half-open");
    client.close(3003, "bye");
    await until(async () => (await heard("half-open")).length > 0, { what: "the close event" });
    assert.deepEqual(await heard("half-open"), [["close", 3003, "bye", true, "CloseEvent", 2]]);
    assert.equal(client.closed, null);
    client.cut();
});

test("an accepted socket closes with the object's code", async () => {
    const client = await listen("closes");
    client.send("close");
    assert.deepEqual(await client.whenClosed(), { code: 4003, reason: "as asked" });
    await until(async () => (await heard("closes")).length === 2, { what: "the close event" });
    assert.deepEqual((await heard("closes"))[1], ["close", 4003, "as asked", true, "CloseEvent", 3]);
});

test("a lost accepted socket has a close event with 1006", async () => {
    const client = await listen("lost");
    client.cut();
    await until(async () => (await heard("lost")).length > 0, { what: "the close event" });
    const reason = "WebSocket disconnected without sending Close frame.";
    assert.deepEqual((await heard("lost"))[0].slice(0, 5), ["close", 1006, reason, false, "CloseEvent"]);
});

test("a listener that throws ends the socket, one that rejects does not", async () => {
    const client = await listen("throws");
    client.send("reject");
    client.send("x");
    assert.equal(await client.next(), "echo x");
    client.send("throw");
    client.send("unheard");
    assert.equal((await client.whenClosed()).code, 1006);
    assert.deepEqual((await heard("throws")).slice(2), [["error", "Uncaught RangeError: in a listener", "RangeError", 3]]);
});

test("an end's readyState follows what its listeners have been told", async () => {
    const steps = [
        ["new", 1, 1],
        ["accepted", 1, 1],
        ["a has closed", 2, 1],
        ["b hears one", 2, 1],
        ["b hears the Close", 2, 2],
        ["b has closed", 2, 3],
        ["a hears last", 2, 3],
        ["a hears the Close", 3, 3],
    ];
    assert.deepEqual(await target.ask("/at/LISTENERS/steps/steps"), steps);
});

test("both ends of a pair may stay inside", async () => {
    assert.deepEqual(await target.ask("/at/LISTENERS/inside/in-memory"), { got: ["one", "two"], closed: [3000, "done"], first: "one" });
});

test("a Worker may talk without an object", async () => {
    const client = await connect(target, "/worker-socket");
    client.send("x");
    assert.equal(await client.next(), "worker says x");
    client.close(1000);
    assert.equal((await client.whenClosed()).code, 1000);
});

test("a stub gives a socket only to a request that asks for one", async () => {
    const refused = 'TypeError: Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".';
    assert.deepEqual((await target.ask("/without-upgrade")).map(text), [refused, refused, 101]);
});

test("an upgrade that is refused or fails is an ordinary answer", async () => {
    await assert.rejects(connect(target, "/refuses"), /403/);
    await assert.rejects(connect(target, "/throws"), /500/);
    const plain = await exchange(target.port, "GET /at/SLEEPERS/plain/socket HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.equal(plain.status, 500);
});

test("a handshake of another version or without a key is refused by name", async () => {
    const ask = (fields) =>
        exchange(target.port, `GET /at/SLEEPERS/plain/socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n`);
    const old = await ask("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    assert.equal(old.status, 426);
    assert.equal(old.get("sec-websocket-version"), "13");
    assert.equal(old.body, "ERROR: The requested WebSocket version is not supported.");
    const keyless = await ask("Sec-WebSocket-Version: 13\r\n");
    assert.equal(keyless.status, 400);
    assert.equal(keyless.body, "ERROR: Missing Sec-WebSocket-Key");
});

/* ---- sleep: three objects fall asleep, or do not, while the tests above run ---- */

let sleeping;

async function fallAsleep() {
    sleeping = { hibernating: await open("hibernating", "tag=kept"), undisturbed: await open("undisturbed"), awake: await listen("awake") };
    sleeping.hibernating.send("state");
    sleeping.before = await sleeping.hibernating.nextJson();
    await sleeper("undisturbed", "auto-response");
    sleeping.constructed = await sleeper("undisturbed", "constructed");
    sleeping.awake.send("x");
    await sleeping.awake.next();
    sleeping.untilDone = sleep(IDLE_MS);
}

test("an object sleeps while its sockets stay open, and a message constructs it again", async () => {
    await sleeping.untilDone;
    const { before, hibernating: client } = sleeping;
    let after = before;
    for (let i = 0; i < 3 && after.constructed === before.constructed; i++) {
        if (i > 0) await sleep(IDLE_MS);
        client.send("state");
        after = await client.nextJson();
    }
    assert.ok(after.constructed > before.constructed, "it was still awake");
    assert.equal(after.among, true, "the socket of the event is none of getWebSockets()");
    assert.deepEqual(after.tags, ["kept"]);
    assert.deepEqual(after.attachment, { name: "hibernating", reply: null });
    assert.equal(client.closed, null);

    client.close(3000, "after sleep");
    assert.deepEqual((await events("hibernating"))[0].slice(0, 4), ["close", 3000, "after sleep", true]);
    client.cut();
});

test("auto-responses do not wake the object", async () => {
    await sleeping.untilDone;
    const client = sleeping.undisturbed;
    let { constructed } = sleeping;
    for (let i = 0; i < 3 && constructed === sleeping.constructed; i++) {
        if (i > 0) await sleep(IDLE_MS); /* it had not been asleep yet */
        for (let j = 0; j < 3; j++) {
            client.send("are you there?");
            assert.equal(await client.next(), "yes");
        }
        constructed = await sleeper("undisturbed", "constructed");
    }
    const question = 1;
    assert.equal(constructed, sleeping.constructed + question);
    client.cut();
});

test("an accepted socket keeps its object in memory", async () => {
    await sleeping.untilDone;
    assert.deepEqual(await heard("awake"), [["message", "message", "x"]]);
    sleeping.awake.send("still the same");
    assert.equal(await sleeping.awake.next(), "echo still the same");
    sleeping.awake.cut();
});

/* ---- shapes and errors ---- */

test("pairs and sockets have the platform's shapes", async () => {
    const { pair, socket, constants, call } = await target.ask("/shapes");
    assert.deepEqual(pair, [["0", "1"], 2, "[object WebSocketPair]"]);
    assert.deepEqual(socket, [1, null, "", "", "blob", true, []]);
    assert.deepEqual(constants, [0, 1, 2, 3, 1, 3]);
    assert.equal(call.error.name, "TypeError");
});

test("close codes and reasons are checked", async () => {
    const { reasonOnly, longReason, fits, twice, sendAfter, state, ...codes } = await target.ask("/misused-close");
    for (const [code, error] of Object.entries(codes)) {
        if (["1000", "1007", "1016", "2999", "3000", "4999"].includes(code)) assert.equal(error, null, code);
        else assert.deepEqual([error.name, error.message], ["InvalidAccessError", `Invalid WebSocket close code: ${code}.`]);
    }
    assert.equal(text(reasonOnly), "InvalidAccessError: If you specify a WebSocket close reason, you must also specify a code.");
    assert.equal(text(longReason), "SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.");
    assert.deepEqual([fits, twice], [{}, {}]);
    assert.equal(text(sendAfter), "TypeError: Can't call WebSocket send() after close().");
    assert.equal(state, 2);
});

test("a close code is a 32-bit integer, a reason a string", async () => {
    const invalid = (code) => `InvalidAccessError: Invalid WebSocket close code: ${code}.`;
    assert.deepEqual((await target.ask("/close-conversions")).map(([result, state]) => [text(result) ?? null, state]), [
        [invalid(66_536), 1],
        [invalid(-1), 1],
        ["TypeError: Cannot convert a BigInt value to a number", 1],
        ["TypeError: Value out of range. Must be between -2147483648 and 2147483647 (inclusive).", 1],
        ["TypeError: Cannot convert a Symbol value to a number", 1],
        ["TypeError: Cannot convert a Symbol value to a string", 1],
        ["SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", 1],
        [null, 2],
        [null, 2],
        [null, 2],
    ]);
});

test("a socket's other arguments are checked in the platform's words", async () => {
    const { constructed, ...result } = await target.ask("/conversions");
    assert.deepEqual(Object.values(result).map((value) => (typeof value === "object" ? (text(value) ?? null) : value)), [
        "arraybuffer",
        wrongType("accept", "WebSocket", 1, "AcceptOptions"),
        null,
        "TypeError: Cannot convert a Symbol value to a string",
        101,
    ]);
    const refused = (words) => `SyntaxError: WebSocket Constructor: ${words}`;
    const url = "ws://127.0.0.1:1/a b";
    assert.deepEqual(constructed.map(text), [
        "TypeError: Failed to construct 'WebSocket': constructor parameter 1 is not of type 'string'.",
        "TypeError: Cannot convert a Symbol value to a string",
        refused("The url scheme must be ws or wss."),
        refused("The url is invalid."),
        refused("The url fragment must be empty."),
        url,
        refused("The protocols header cannot have repeating values."),
        url,
        refused("One of the protocol header tokens is invalid."),
        refused("The protocol header token is invalid."),
    ]);
});

test("a socket to elsewhere talks, with the protocol that was chosen", { skip: onlyDormouse("calls no address of this machine") }, async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: (offered) => (offered.has("chat") ? "chat" : false) });
    await once(server, "listening");
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(`${data} back`)));
    const { port } = server.address();
    const talk = (to, ...protocols) => target.ask(`/outbound-talk?${new URLSearchParams([["to", to], ...protocols.map((one) => ["protocol", one])])}`);
    const rest = [["message", "hello back"], ["close", 3000, "done", true, 3]];
    const to = `ws://127.0.0.1:${port}/a`;
    try {
        assert.deepEqual(await talk(to, "talk", "chat"), [["new", 0, ""], ["open", 1, "chat", null, true], ...rest]);
        assert.deepEqual(await talk(to), [["new", 0, ""], ["open", 1, null, null, true], ...rest]);
        const [, [name, words, state], close] = await talk(`${target.socketOrigin}/refuses`);
        assert.deepEqual([name, state, close], ["error", 3, ["close", 1006, "Failed to establish websocket connection", false, 3]]);
        assert.match(words, /expected server to reply with HTTP status code 101 \(switching protocols\), but received 403 instead\.$/);
        const [status, statusText, url, protocol, before, message] = await target.ask(`/outbound-fetch?to=http://127.0.0.1:${port}/`);
        assert.deepEqual([status, statusText, url, protocol, message], [101, "Switching Protocols", null, "", "hello back"]);
        assert.match(text(before), /^TypeError: You must call one of accept\(\)/);
    } finally {
        server.close();
    }
});

test("a socket that is closed before it is connected says so in its own time", async () => {
    const [state, send, accept, close, heard, events, ...later] = await target.ask("/outbound-early");
    assert.deepEqual([state, heard], [0, 0]);
    assert.equal(text(send), "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.");
    assert.equal(text(accept), "TypeError: Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    assert.deepEqual([close, ...later], [{}, {}, {}]);
    assert.deepEqual(events, [["error", null, null, 3], ["close", 1006, "Failed to establish websocket connection", 3]]);
});

test("a Response has a socket exactly when it is a 101", async () => {
    assert.deepEqual((await target.ask("/misused-response")).map(text), [
        "RangeError: Responses with a WebSocket must have status code 101.",
        "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
        "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body.",
    ]);
});

test("an attachment is a copy of at most 16 KiB", async () => {
    const result = await target.ask("/attachments");
    assert.equal(result.none, null);
    assert.deepEqual(result.copy, [true, true, 1, 5]);
    assert.deepEqual(result.fits, {});
    assert.equal(text(result.tooLarge), "Error: A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was 16390 bytes.");
    assert.equal(text(result.function), "DataCloneError: () => 1 could not be cloned.");
    assert.equal(result.kept, 16_370);
    assert.equal(result.null, null);
});

test("a socket to elsewhere needs a WebSocket URL", async () => {
    assert.deepEqual((await target.ask("/outbound")).map(text), [
        "SyntaxError: WebSocket Constructor: The url scheme must be ws or wss.",
        "SyntaxError: WebSocket Constructor: The url is invalid.",
    ]);
});

/* ---- the protocol, frame by frame ---- */

let raws = 0;
const openRaw = () => connectRaw(target, `/at/SLEEPERS/raw-${++raws}/socket?name=raw`);

async function failsWith(code, ...frames) {
    const raw = await openRaw();
    for (const bytes of frames) raw.write(bytes);
    const close = await raw.frame();
    assert.equal(close.opcode, CLOSE);
    assert.equal(close.payload.readUInt16BE(), code, close.payload.subarray(2).toString());
    if (!onlyDormouse("leaves the connection open")) assert.equal(await raw.isClosed(), true, "the connection stayed open");
    raw.destroy();
    return `raw-${raws}`;
}

test("a message may come in fragments, with a ping between them", async () => {
    const raw = await openRaw();
    raw.write(frame(TEXT, "hel", { fin: false })).write(frame(PING, "now")).write(frame(0, "", { fin: false })).write(frame(0, "lo"));
    assert.deepEqual((({ opcode, payload }) => [opcode, payload.toString()])(await raw.frame()), [PONG, "now"]);
    const { opcode, fin, masked, payload } = await raw.frame();
    assert.deepEqual([opcode, fin, masked, payload.toString()], [TEXT, true, false, "echo hello"]);
    raw.destroy();
});

test("a character may be cut by fragments", async () => {
    const raw = await openRaw();
    const euro = Buffer.from("€");
    raw.write(frame(TEXT, euro.subarray(0, 1), { fin: false })).write(frame(0, euro.subarray(1)));
    assert.equal((await raw.frame()).payload.toString(), "echo €");
    raw.destroy();
});

test("frames may arrive byte by byte", async () => {
    const raw = await openRaw();
    raw.socket.setNoDelay(true);
    for (const byte of frame(BINARY, [1, 2, 3])) {
        raw.write(Buffer.from([byte]));
        await sleep(1);
    }
    assert.equal((await raw.frame()).payload.toString(), '["ArrayBuffer",3,[1,2,3]]');
    raw.destroy();
});

test("messages longer than a frame header's short forms arrive", async () => {
    const client = await open("long");
    for (const length of [125, 126, 65_535, 65_536, 1 << 20]) {
        client.send("x".repeat(length));
        assert.equal(await client.next(), length > 1000 ? `long ${length}` : `echo ${"x".repeat(length)}`);
    }
    client.cut();
});

test("a message may have 32 MiB and no byte more", async () => {
    const limit = 32 << 20;
    const fault = `WebSocket protocol error; protocolError.statusCode = 1009; protocolError.description = Message is too large: ${limit + 1} > ${limit}`;
    const client = await open("large");
    client.send("x".repeat(limit));
    assert.equal(await client.next(), `long ${limit}`);
    client.send("x".repeat(limit + 1));
    assert.deepEqual(await events("large"), [["error", fault]]);
    client.cut();

    const listener = await listen("large");
    listener.send(Buffer.alloc(limit));
    assert.equal(await listener.next(), `Blob ${limit}`);
    listener.send(Buffer.alloc(limit + 1));
    await until(async () => (await heard("large")).length === 2, { what: "the error" });
    assert.deepEqual((await heard("large"))[1], ["error", `Uncaught Error: ${fault}`, "Error", 3]);
    listener.cut();
});

test("a pong that nobody asked for is ignored", async () => {
    const raw = await openRaw();
    raw.write(frame(PONG, "x")).write(frame(TEXT, "y"));
    assert.equal((await raw.frame()).payload.toString(), "echo y");
    raw.destroy();
});

test("what breaks the protocol closes with 1002 and is an error event", async () => {
    for (const bytes of [
        [frame(3, "unknown opcode")],
        [frame(TEXT, "reserved bit", { reserved: 4 })],
        [frame(0, "continues nothing")],
        [frame(TEXT, "a", { fin: false }), frame(TEXT, "b")],
        [frame(PING, "fragmented", { fin: false })],
    ]) {
        const name = await failsWith(1002, ...bytes);
        assert.match((await events(name))[0][1], /^WebSocket protocol error/);
    }
});

const strict = onlyDormouse("is lenient here, where RFC 6455 is not");

test("a frame without mask and an overlong control frame close with 1002", { skip: strict }, async () => {
    await failsWith(1002, frame(TEXT, "unmasked", { mask: false }));
    await failsWith(1002, frame(PING, Buffer.alloc(126)));
    await failsWith(1002, frame(CLOSE, [3]));
    await failsWith(1002, frame(CLOSE, closePayload(1005)));
    await failsWith(1002, frame(CLOSE, closePayload(999)));
});

test("text that is not UTF-8 closes with 1007", { skip: strict }, async () => {
    await failsWith(1007, frame(TEXT, [0xff, 0xfe]));
    await failsWith(1007, frame(TEXT, [0xe2, 0x82]));
    await failsWith(1007, frame(CLOSE, Buffer.concat([closePayload(1000), Buffer.from([0xff])])));
});

test("compression is negotiated when it is offered, and works", async () => {
    const client = await open("compressed", "", { compress: true });
    assert.match(client.socket.extensions, /permessage-deflate/);
    client.send("z".repeat(100_000));
    assert.equal(await client.next(), "long 100000");
    client.send("short");
    assert.equal(await client.next(), "echo short");
    client.cut();
});
