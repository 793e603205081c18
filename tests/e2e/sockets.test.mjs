/* Connections of a Worker's or an object's own: connect() of cloudflare:sockets, node:net and node:tls. The servers are here. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";

import { letOut } from "./support/outside.mjs";
import { copyProject, IDLE_ARGS, onlyDormouse, sleep, start, TARGET, until } from "./support/target.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dormouse-sockets-"));
const CERTIFICATE = path.join(folder, "trusted.pem");
const KEY = path.join(folder, "trusted.key");

let target;
before(async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    for (const name of ["trusted", "stranger"]) {
        const files = ["-keyout", path.join(folder, `${name}.key`), "-out", path.join(folder, `${name}.pem`)];
        execFileSync("openssl", ["req", "-x509", ...kind, ...files, ...subject], { stdio: "ignore" });
    }
    const home = copyProject("sockets");
    const workerdConfig = TARGET === "workerd" ? await letOut(home, { date: "2026-11-01", className: "Keeper", certificate: CERTIFICATE }) : undefined;
    target = await start(null, { home, args: IDLE_ARGS, workerdConfig, workerdArgs: ["--experimental"], env: { SSL_CERT_FILE: CERTIFICATE } });
});
after(async () => {
    await target.end();
    fs.rmSync(folder, { recursive: true, force: true });
});

/* ---- servers ---- */

/* Listens while `run` does; `serve` gets each connection and a record of what became of it. */
async function serving(serve, run, listen = (options, accept) => net.createServer(options, accept)) {
    const seen = [];
    const server = listen({ allowHalfOpen: true }, (socket) => {
        const record = { text: "" };
        seen.push(record);
        socket.on("error", (error) => (record.error = error.code));
        socket.on("end", () => (record.ended = true));
        socket.on("close", () => (record.closed = true));
        socket.on("data", (data) => (record.text += data.toString("latin1")));
        serve(socket, record);
    });
    const raw = new Set();
    server.on("connection", (socket) => raw.add(socket.on("error", () => {})));
    server.on("tlsClientError", () => {});
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        return await run(server.address().port, seen);
    } finally {
        for (const socket of raw) socket.destroy();
        server.close();
    }
}

const echo = (socket) => {
    socket.on("data", (data) => socket.write(data));
    socket.on("end", () => socket.end());
};
const hold = () => {};
const server = (name) => (options, accept) =>
    tls.createServer({ ...options, key: fs.readFileSync(path.join(folder, `${name}.key`)), cert: fs.readFileSync(path.join(folder, `${name}.pem`)) }, accept);
const secure = server("trusted");
const stranger = server("stranger"); /* whom nobody vouches for */

/* The case `name` of the project against such a server. */
const ask = (name, serve, { query = "", listen, check } = {}) =>
    serving(
        serve,
        async (port, seen) => {
            const result = await target.ask(`/${name}?port=${port}${query}`);
            await check?.(seen, result);
            return result;
        },
        listen,
    );

const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);

/* ---- cloudflare:sockets ---- */

test("nothing is connected while the Worker is loaded", async () => {
    assert.match(text(await target.ask("/top")), /^Error: Disallowed operation called within global scope\. Asynchronous I\/O \(ex: fetch\(\) or connect\(\)\)/);
});

test("a socket is two streams, and what became of it", async () => {
    const { members, opened, ...shape } = await ask("shape", echo);
    assert.deepEqual(members, ["close", "closed", "constructor", "opened", "readable", "secureTransport", "startTls", "upgraded", "writable"]);
    assert.match(opened.remoteAddress, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(shape, {
        tag: "[object Socket]",
        name: "Socket",
        own: [],
        readable: true,
        writable: true,
        same: true,
        secureTransport: "off",
        upgraded: false,
        construct: "TypeError",
    });
});

test("bytes go both ways, and close() ends both", async () => {
    const check = (seen) => until(() => seen[0]?.ended && seen[0]?.text === "hello\n", { what: "the server to see the end" });
    assert.deepEqual(await ask("echo", echo, { check }), { text: "hello\n", close: {}, closed: { value: null } });
    assert.equal(await ask("byText", echo), true);
    assert.deepEqual(await ask("byob", echo), ["hel", "lo\n"]);
});

test("reading to the end closes the socket", async () => {
    assert.deepEqual(await ask("all", (socket) => socket.end("x".repeat(1_000_000))), { length: 1_000_000, closed: { value: null } });
    const passed = await serving(
        (socket) => socket.end("y".repeat(500_000)),
        async (port) => (await target.fetch(`/passed?port=${port}`)).text(),
    );
    assert.equal(passed.length, 500_000);
});

test("thirteen megabytes go out and come back, in order", async () => {
    assert.deepEqual(await ask("big", (socket) => socket.pipe(socket)), { length: 200 * 65536, good: true });
});

test("a server that does not read holds the writer up", { skip: onlyDormouse("its buffers are the kernel's") }, async () => {
    const slow = (socket) => {
        socket.pause();
        setTimeout(() => socket.pipe(socket), 300);
    };
    assert.deepEqual(await ask("big", slow), { length: 200 * 65536, good: true });
});

test("a request's body can be pumped through", async () => {
    await serving(echo, async (port) => {
        const response = await target.fetch(`/pumped?port=${port}`, { method: "POST", body: "z".repeat(300_000) });
        assert.equal(await response.text(), "300000");
    });
});

test("addresses and options that are none are refused at once", async () => {
    const unreadable = "TypeError: Specified address could not be parsed.";
    const portless = "TypeError: Specified address is missing port.";
    const odd = "TypeError: Specified address is empty string, contains unsupported characters or is too long.";
    const none = "TypeError: Cannot initialize N7workerd3api13SocketAddressE with required members from an undefined or null value.";
    assert.deepEqual((await target.ask("/addresses")).map(text), [
        none,
        none,
        "TypeError: Specified address is missing hostname.",
        portless,
        unreadable,
        unreadable,
        portless,
        unreadable,
        odd,
        "TypeError: The value cannot be converted because it is not an integer.",
        "object",
        "TypeError: Value out of range. Must be less than or equal to 65535.",
        "TypeError: The value cannot be converted because it is negative and this API expects a positive number.",
        odd,
        "TypeError: Unsupported value in secureTransport socket option: yes",
        "TypeError: Failed to execute 'connect' on 'SocketsModule': parameter 2 is not of type 'SocketOptions'.",
        "TypeError: The value cannot be converted because it is negative and this API expects a positive bigint.",
    ]);
});

test("buffers, views and strings may be written, nothing else", async () => {
    assert.deepEqual(await ask("writes", echo), [{}, {}, {}]);
    const wrong =
        "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.";
    assert.deepEqual((await ask("badWrites", echo)).map(text), [null, wrong, wrong, wrong]);
});

test("a socket that is closing takes and gives no more", async () => {
    const results = await ask("afterClose", hold, { check: (seen) => until(() => seen[0]?.text === "last" && seen[0]?.ended, { what: "the last word" }) });
    assert.deepEqual(results.during.map(text), [
        "TypeError: This WritableStream belongs to an object that is closing.",
        "TypeError: This ReadableStream belongs to an object that is closing.",
    ]);
    assert.deepEqual([results.closing, results.closed, results.again], [{ value: null }, { value: null }, { value: null }]);
    assert.equal(results.write.error.name, "TypeError");
    assert.equal(text(results.read), "TypeError: This ReadableStream belongs to an object that is closing.");
});

test("a connection that is lost fails reads and writes, and is closed", async () => {
    const results = await ask("reset", (socket) => socket.once("data", () => socket.resetAndDestroy()));
    const lost = { name: "Error", message: "Network connection lost.", retryable: true };
    assert.deepEqual(results, { read: { error: lost }, closed: { value: null }, write: { error: lost } });
});

test("a stream that is given up leaves the other one", async () => {
    const check = (seen) => until(() => seen[0]?.ended, { what: "the end" });
    assert.deepEqual(await ask("abort", hold, { check }), { aborted: { value: null }, closed: { value: "not settled" } });
    assert.deepEqual(await ask("cancel", hold, { check }), {
        cancelled: { value: null },
        written: { value: null },
        closed: { value: "not settled" },
        close: { value: null },
    });
});

test("nobody behind a stub takes connections", async () => {
    const refused = "Error: proxy request failed, cannot connect to the specified address";
    assert.deepEqual((await target.ask("/stubs")).map(text), [refused, refused, "TypeError: Specified address is missing port."]);
});

test("where nobody listens the connection is refused", async () => {
    const refused = "Error: proxy request failed, cannot connect to the specified address";
    const free = await serving(hold, (port) => port);
    const results = await target.ask(`/refused?port=${free}`);
    assert.equal(text(results.opened), refused);
    assert.equal(text(results.closed), refused);
    assert.equal(text(results.written), `Error: jsg.${refused}`);
    assert.equal(text(results.read), "Error: Stream was cancelled.");
    const web = await target.ask("/refused?to=80");
    if (web.opened.error)
        assert.equal(text(web.opened), `${refused}. It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead`);
    assert.equal(text(await target.ask("/unknown")), refused);
});

test("one side may end before the other", async () => {
    const answer = (socket, record) => socket.on("end", () => setTimeout(() => socket.end(`answer to ${record.text}`), 50));
    const ended = await ask("weEnd", answer);
    assert.deepEqual(ended, { between: { value: "not settled" }, text: "answer to question", closed: { value: null } });

    const half = await ask("peerEnds", (socket) => socket.end("bye"), {
        query: "&half=yes",
        check: (seen) => until(() => seen[0]?.text === "after the end" && seen[0]?.ended, { what: "the server to get what came after its end" }),
    });
    assert.deepEqual([half.written, half.writerClosed], [{ value: null }, { value: null }]);
    const whole = await ask("peerEnds", (socket) => socket.end("bye"), { check: (seen) => until(() => seen[0]?.ended, { what: "the end" }) });
    assert.deepEqual(whole.closed, { value: null });
    assert.equal(whole.written.error.name, "TypeError");
});

test("a request's connection ends with it, unless somebody waits", async () => {
    await ask("left", hold, { check: (seen) => until(() => seen[0]?.ended, { what: "the end" }) });
    const later = await ask("waited", hold, { check: (seen) => until(() => seen[0]?.text === "later\n" && seen[0]?.ended, { what: "what was written later" }) });
    assert.equal(later, "answered");
});

test("a connection is of no use to another request", async () => {
    await serving(echo, async (port) => {
        await target.ask(`/keep?port=${port}`);
        const results = await until(() => target.ask("/useKept"), { what: "a request on the thread of the first one" });
        for (const [i, type] of ["Writable", "ReadableStreamSource>"].entries()) {
            assert.match(text(results[i]), /^Error: Cannot perform I\/O on behalf of a different request\./);
            assert.ok(results[i].error.message.endsWith(`(I/O type: ${type})`));
        }
        await until(() => target.ask("/letGo"), { what: "a request on that thread again" });
    });
});

/* ---- in an object ---- */

const keeper = (name, what, query = "") => target.ask(`/at/KEEPERS/${name}/${what}?${query}`);

test("a connection is there for later events, and keeps its object in memory", { skip: onlyDormouse("objects leave after ten seconds") }, async () => {
    await serving(echo, async (port, seen) => {
        const born = await keeper("kept", "open", `port=${port}`);
        assert.equal(await keeper("kept", "say", "text=one"), "one\n");
        await sleep(3500);
        assert.equal(await keeper("kept", "say", "text=two"), "two\n");
        assert.equal(await keeper("kept", "born"), born);
        await keeper("kept", "close");
        await until(() => seen[0]?.ended, { what: "the end" });
    });
});

test("what an object writes to a connection waits for what it has stored", async () => {
    await serving(echo, async (port) => {
        await keeper("gated", "open", `port=${port}`);
        for (let i = 1; i <= 20; i++) assert.equal(await keeper("gated", "gated"), `count ${i}\n`);
        await keeper("gated", "close");
    });
});

test("what arrives while an object lets nothing in is there afterwards", async () => {
    const slowly = (socket) => {
        setTimeout(() => socket.write("a"), 50);
        setTimeout(() => socket.end(), 200);
    };
    await serving(slowly, async (port) => assert.deepEqual(await keeper("gate", "behindTheGate", `port=${port}`), ["a", true]));
});

test("an object that is reset loses its connections", async () => {
    await serving(echo, async (port, seen) => {
        await keeper("reset", "open", `port=${port}`);
        const response = await target.fetch("/at/KEEPERS/reset/abort");
        await response.text();
        await until(() => seen[0]?.ended || seen[0]?.error, { what: "the end" });
    });
});

/* ---- TLS ---- */

test("TLS from the start", async () => {
    assert.deepEqual(await ask("secure", echo, { listen: secure }), { text: "hello\n", info: "localhost", mode: "on" });
    assert.equal(await ask("bigSecure", (socket) => socket.pipe(socket), { listen: secure }), 5_000_000);
});

test("startTls() is for sockets that were opened for it, once", async () => {
    const { off, on, starttls } = await ask("startTlsRefusals", hold);
    assert.equal(text(off[1]), "TypeError: The `secureTransport` socket option must be set to 'starttls' for startTls to be used.");
    assert.equal(text(on[1]), "TypeError: Cannot startTls on a TLS socket.");
    assert.deepEqual(starttls.slice(0, 5), ["starttls", "on", false, { value: null }, true]);
    assert.equal(text(starttls[5]), "TypeError: Cannot startTls on a TLS socket.");
    assert.equal(text(starttls[6]), "TypeError: The connection was closed before startTls could be started.");
    assert.deepEqual(await ask("lockedStart", hold), { value: "on" });
});

/* A server that takes up TLS when it is asked to. */
const startsTls = (socket) =>
    socket.once("data", () => {
        socket.removeAllListeners("data");
        socket.removeAllListeners("end");
        socket.write("GO\n");
        const inner = new tls.TLSSocket(socket, { isServer: true, key: fs.readFileSync(KEY), cert: fs.readFileSync(CERTIFICATE) });
        inner.on("error", () => {});
        echo(inner);
    });

test("TLS later", async () => {
    assert.deepEqual(await ask("upgrade", startsTls), {
        go: "GO\n",
        text: "hello\n",
        plain: [true, { value: null }],
        remoteAddress: "127.0.0.1",
    });
});

test("a certificate must be good, and the host's", async () => {
    /* workerd says "internal error" where startTls() fails */
    const words = (why) => (TARGET === "workerd" ? /^Error: internal error; reference = / : new RegExp(`^Error: TLS peer's certificate is not trusted; reason = ${why}$`));
    const wrong = await ask("wrongName", hold, { listen: secure });
    for (const result of [wrong.opened, wrong.closed, wrong.write]) assert.match(text(result), words("hostname mismatch"));
    const later = await ask("untrustedLater", hold, { listen: stranger });
    for (const result of [later.opened, later.closed, later.read]) assert.match(text(result), words("self-signed certificate"));

    const refused = "Error: proxy request failed, cannot connect to the specified address";
    const { opened, closed, read } = await ask("untrusted", hold, { listen: stranger });
    assert.deepEqual([text(opened), text(closed), read], [refused, refused, { value: { done: true } }]);
});

/* ---- node:net ---- */

test("node:net talks", async () => {
    const { counts, ...rest } = await ask("netEcho", echo);
    assert.deepEqual(rest, {
        events: [["connect"], ["ready"], ["data", "hello\n"], ["finish"], ["data", "bye\n"], ["end"], ["close", false]],
        before: [true, true, "opening"],
        open: [false, false, "open", "127.0.0.1", true, "IPv4"],
        after: [true, "closed"],
    });
    assert.deepEqual(counts.slice(0, 2), [6, 6]);
});

test("node:net reports refusals, and is destroyed with an error or by a timeout", async () => {
    const free = await serving(hold, (port) => port);
    assert.deepEqual(await target.ask(`/netRefused?port=${free}`), [["error", `connect ECONNREFUSED 127.0.0.1:${free}`, "ECONNREFUSED"], ["close", true]]);
    assert.deepEqual(await ask("netDestroy", hold), [["connect"], ["ready"], ["error", "mine", null], ["close", true]]);
    assert.deepEqual(await ask("netTimeout", hold), [["connect"], ["ready"], ["timeout"], ["close", false]]);
});

test("node:net pauses, and holds a fast writer up", async () => {
    assert.deepEqual(await ask("netPause", (socket) => socket.end("x".repeat(1_000_000))), { length: 1_000_000, pauses: 3 });
    assert.deepEqual(await ask("netPipe", (socket) => socket.pipe(socket)), { length: 2_000_000, full: true });
});

test("node:net knows addresses and refuses what it must", async () => {
    const { isIP, refusals, list, addresses } = await target.ask("/netAsk");
    assert.deepEqual(isIP, [4, 6, 0, 6, 6, 0, 0, 6, 0, 0, 6]);
    assert.deepEqual(refusals, [
        ["Error", "ERR_SOCKET_BAD_PORT", "Port should be >= 0 and < 65536. Received number."],
        ["TypeError", "ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified'],
        ["TypeError", "ERR_INVALID_ARG_VALUE", "The argument 'path' is not supported. Received '/tmp/socket'"],
        ["Error", "ERR_OPTION_NOT_IMPLEMENTED", "The options.fd option is not implemented"],
        ["RangeError", "ERR_OUT_OF_RANGE", 'The value of "msecs" is out of range. It must be a non-negative finite number. Received -1'],
        ["TypeError", "ERR_INVALID_ARG_TYPE", 'The "msecs" argument must be of type number. Received type string (\'x\')'],
        ["TypeError", "ERR_INVALID_ARG_VALUE", "The property 'options.objectMode' is not supported. Received true"],
    ]);
    assert.deepEqual(list, {
        checks: [true, true, false, true, true, true, false],
        rules: ["Address: IPv4 1.2.3.4", "Range: IPv4 10.0.0.1-10.0.0.9", "Subnet: IPv4 192.168.0.0/16", "Subnet: IPv6 fe80::/10"],
    });
    assert.deepEqual(addresses, [
        { address: "127.0.0.1", port: 0, family: "ipv4", flowlabel: 0 },
        { address: "::1", port: 5, family: "ipv6", flowlabel: 7 },
    ]);
});

/* ---- node:tls ---- */

test("node:tls talks", async () => {
    const { events, ...rest } = await ask("tlsEcho", echo, { listen: secure });
    assert.deepEqual(rest, { before: [false, true], open: [true, true, null] });
    /* workerd says "secureConnect" first, Node.js last */
    assert.deepEqual(events.slice(0, 3).flat().sort(), ["connect", "ready", "secureConnect"]);
    assert.deepEqual(events.slice(3), [["data", "hello\n"], ["finish"], ["end"], ["close", false]]);
});

test("node:tls takes over a connection of node:net", { skip: onlyDormouse("it cannot while the connection is read") }, async () => {
    const { go, events } = await ask("tlsUpgrade", startsTls);
    assert.equal(go, "GO\n");
    assert.deepEqual(events.filter(([name]) => name !== "connect" && name !== "ready"), [["secureConnect"], ["data", "hello\n"], ["finish"], ["end"], ["close", false]]);
});

test("node:tls refuses strangers", async () => {
    const events = await ask("tlsUntrusted", hold, { listen: stranger });
    const [name, message] = events.find(([event]) => event === "error");
    assert.deepEqual([name, events.at(-1)], ["error", ["close", true]]);
    if (TARGET === "dormouse") assert.equal(message, "TLS peer's certificate is not trusted; reason = self-signed certificate");
});

test("node:tls refuses what it must", async () => {
    const absent = (option) => ["Error", "ERR_OPTION_NOT_IMPLEMENTED", `The options.${option} option is not implemented`];
    assert.deepEqual(await target.ask("/tlsAsk"), [
        ["Error", null, "Not implemented"],
        {},
        "SecureContext",
        absent("rejectUnauthorized"),
        absent("ALPNProtocols"),
        ["Error", null, "Not implemented"],
        absent("isServer"),
        "good",
        "good",
        "good",
    ]);
});
