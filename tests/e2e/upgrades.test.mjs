/*
 * Upgrades by fetch()
 *
 * A request with "Upgrade: websocket" may be answered with anything, and the socket that it is answered with may be passed on.
 * Answers to other requests have the shape that they have in workerd.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import WebSocket, { WebSocketServer } from "ws";

import { letOut } from "./support/outside.mjs";
import { connect } from "./support/sockets.mjs";
import { copyProject, onlyDormouse, sleep, start, TARGET, until } from "./support/target.mjs";

/* What the server says to an upgrade at some paths; at others it opens a WebSocket that echoes. */
const ANSWERS = {
    "/refused": "HTTP/1.1 403 No Way\r\nContent-Type: text/plain\r\nX-Own: yes\r\nContent-Length: 7\r\n\r\nrefused",
    "/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "/to-the-end": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
    "/empty": "HTTP/1.1 204 No Content\r\n\r\n",
    "/version": "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "/redirect": "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n",
    "/wrong-key": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    "/no-upgrade": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "/early": `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate`,
    "/long": `HTTP/1.1 500 Oops\r\nContent-Length: 3000000\r\n\r\n${"x".repeat(3_000_000)}`,
    "/garbage": "hello there\r\n\r\n",
    "/gone": "",
    "/cut": "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nabc",
};

const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1) ?? false });
/* What it says to other requests. */
const PLAIN = {
    "/none": (response) => response.writeHead(204).end(),
    "/unchanged": (response) => response.writeHead(304).end(),
    "/nothing": (response) => response.writeHead(200, { "Content-Length": 0 }).end(),
    "/cut": (response) => response.writeHead(200, { "Content-Length": 10 }).write("abc", () => response.destroy()),
    "/gone": (response) => response.destroy(),
    "/five": (response) => response.writeHead(200, { "Content-Length": 5 }).end("12345"),
};
const server = http.createServer(({ url }, response) => PLAIN[url](response));
/* The last WebSocket: what it heard, and how it ended. */
let upstream;

server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    if (request.url in ANSWERS) return socket.end(ANSWERS[request.url]);
    sockets.handleUpgrade(request, socket, head, (opened) => {
        const state = { socket: opened, headers: request.headers, messages: [], closed: null };
        upstream = state;
        opened.on("message", (data, isBinary) => {
            state.messages.push(isBinary ? data.length : data.toString());
            opened.send(isBinary ? data : `echo ${data}`);
        });
        opened.on("close", (code, reason) => (state.closed = { code, reason: reason.toString() }));
        opened.on("error", () => {});
        if (request.url === "/first") opened.send("first");
    });
    return undefined;
});

let target;
let home;
before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    home = copyProject("upgrades");
    const certificate = path.join(home, "trusted.pem");
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", `${certificate}.key`, "-out", certificate, "-days", "2", "-subj", "/CN=a"], { stdio: "ignore" });
    const workerdConfig = TARGET === "workerd" ? await letOut(home, { date: "2026-07-01", className: "Keeper", certificate }) : undefined;
    target = await start(null, { home, workerdConfig });
});
after(async () => {
    await target?.end();
    server.close();
    server.closeAllConnections();
    for (const socket of sockets.clients) socket.terminate();
    fs.rmSync(home, { recursive: true, force: true });
});

const at = (where, name, to) => `/${where}/${encodeURIComponent(name)}?to=${encodeURIComponent(`http://127.0.0.1:${server.address().port}${to}`)}`;

for (const where of ["worker", "object"]) {
    const look = (to, more = "") => target.ask(at(where, "look", to) + more);
    const open = (name, to, options) => connect(target, at(where, name, to), options);

    describe(`an upgrade by fetch() in ${where === "worker" ? "a Worker" : "an object"}`, () => {
        test("is answered with a socket", async () => {
            const expected = { status: 101, statusText: "Switching Protocols", redirected: false, socket: "[object WebSocket]", type: null, own: null, url: "/echo", text: null };
            assert.deepEqual(await look("/echo"), expected);
            assert.deepEqual(await target.ask(at(where, "shape", "/echo")), { readyState: 1, url: null, protocol: "", extensions: "", binaryType: "blob" });
            assert.equal(await target.ask(at(where, "talk", "/echo")), "echo hello");
        });

        test("that is refused is an answer like any other", async () => {
            const refused = { redirected: false, socket: null, type: null, own: null };
            assert.deepEqual(await look("/refused"), { ...refused, status: 403, statusText: "No Way", type: "text/plain", own: "yes", url: "/refused", text: "refused" });
            assert.deepEqual(await look("/chunked"), { ...refused, status: 200, statusText: "OK", url: "/chunked", text: "abcde" });
            assert.deepEqual(await look("/to-the-end"), { ...refused, status: 200, statusText: "OK", url: "/to-the-end", text: "to the end" });
            assert.deepEqual(await look("/empty"), { ...refused, status: 204, statusText: "No Content", url: "/empty", text: null });
            assert.deepEqual(await look("/version"), { ...refused, status: 426, statusText: "Upgrade Required", url: "/version", text: "" });
            assert.deepEqual(await look("/early"), { ...refused, status: 200, statusText: "OK", url: "/early", text: "late" });
            assert.equal((await look("/long")).text.length, 3_000_000);
        });

        test("is redirected", async () => {
            const followed = await look("/redirect");
            assert.deepEqual([followed.status, followed.redirected, followed.url], [101, true, "/echo"]);
            const kept = await look("/redirect", "&redirect=manual");
            assert.deepEqual([kept.status, kept.redirected, kept.url, kept.text], [302, false, "/redirect", ""]);
        });

        test("that is no handshake is a gateway's error", async () => {
            const [wrong, none] = [await look("/wrong-key"), await look("/no-upgrade")];
            assert.deepEqual([wrong.status, wrong.statusText, none.status], [502, "Bad Gateway", 502]);
            assert.match(wrong.text, /^Server failed WebSocket handshake: incorrect Sec-WebSocket-Accept header/);
            assert.equal(none.text, "Server failed WebSocket handshake: missing Upgrade header.");
        });

        test("that is not answered fails as any request does", async () => {
            for (const to of ["/garbage", "/gone", "/cut"]) assert.deepEqual(await look(to), { error: "Error: Network connection lost." }, to);
        });

        test("may be passed on with its socket", async () => {
            const client = await open("answer", "/first", { protocols: ["a", "b"], headers: { "x-client": "1" } });
            assert.equal(client.socket.protocol, "b");
            assert.equal(upstream.headers["x-client"], "1");
            assert.equal(await client.next(), "first");
            client.send("one");
            assert.equal(await client.next(), "echo one");
            const large = Buffer.alloc(300_000, 7);
            client.send(large);
            assert.deepEqual(await client.next(), large);
            client.close(4001, "bye");
            await client.whenClosed();
            await until(() => upstream.closed !== null, { what: "the server to hear it" });
            assert.deepEqual([client.closed, upstream.closed], [{ code: 4001, reason: "bye" }, { code: 4001, reason: "bye" }]);
            assert.deepEqual(upstream.messages, ["one", 300_000]);
        });

        test("that is refused may be passed on", async () => {
            const socket = new WebSocket(target.socketOrigin + at(where, "answer", "/refused"));
            socket.on("error", () => {});
            const [, response] = await once(socket, "unexpected-response");
            const text = await new Promise((resolve) => response.once("data", (data) => resolve(data.toString())));
            assert.deepEqual([response.statusCode, response.headers["x-own"], response.headers["content-length"], text], [403, "yes", "7", "refused"]);
        });

        test("gives a socket for an answer of one's own", async () => {
            for (const name of ["socket", "answer twice"]) {
                const client = await open(name, "/first");
                assert.equal(client.handshake.headers["x-own"], name === "socket" ? "mine" : undefined);
                assert.equal(await client.next(), "first");
                client.send("two");
                assert.equal(await client.next(), "echo two");
                upstream.socket.close(4002, "server's");
                await client.whenClosed();
                assert.deepEqual(client.closed, { code: 4002, reason: "server's" });
            }
        });

        test("the loss of one side is the loss of the other", async () => {
            const first = await open("socket", "/echo");
            const server = upstream;
            first.cut();
            await until(() => server.closed !== null, { what: "the server to lose it" });
            assert.equal(server.closed.code, 1006);
            const second = await open("socket", "/echo");
            upstream.socket.terminate();
            await second.whenClosed();
            assert.equal(second.closed.code, 1006);
        });

        test("a client that does not read holds the server up", { skip: onlyDormouse("its buffers are the kernel's") }, async () => {
            const client = await open("socket", "/echo");
            const { socket } = upstream;
            client.socket.pause();
            const piece = Buffer.alloc(1 << 20, 1);
            for (let i = 0; i < 64; i++) socket.send(piece);
            await sleep(500);
            assert.ok(socket.bufferedAmount > 16 << 20, `${socket.bufferedAmount} bytes wait at the server`);
            client.socket.resume();
            await until(() => client.messages.length === 64, { what: "all of it" });
            assert.ok(client.messages.every((message) => message.length === piece.length));
            client.close(1000);
            await client.whenClosed();
        });

        test("a Worker may stand between two sockets", async () => {
            const client = await open("between", "/echo");
            client.send("x");
            assert.equal(await client.next(), "[echo <x>]");
            client.close(4003, "over");
            await client.whenClosed();
            await until(() => upstream.closed !== null, { what: "the server to hear it" });
            assert.deepEqual([client.closed.code, upstream.closed], [4003, { code: 4003, reason: "over" }]);
        });

        test("what a socket is not for", async () => {
            assert.equal((await target.fetch(at(where, "without being asked", "/echo"))).status, 500);
            assert.deepEqual(await target.ask(at(where, "used twice", "/echo")), ["made", "TypeError: Cannot clone a response to a WebSocket handshake."]);
            assert.equal(
                await target.ask(at(where, "send before", "/echo")),
                "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.",
            );
        });

        test("an accept()ed socket cannot be passed on", async () => {
            for (const name of ["accepted", "accepted pair"]) {
                /* workerd has said 101 before it finds out. */
                const client = await open(name, "/echo").catch((fault) => fault.message);
                if (TARGET === "workerd") await client.whenClosed();
                assert.equal(TARGET === "workerd" ? client.closed.code : client, TARGET === "workerd" ? 1006 : "answered 500");
            }
            assert.match(await target.printed(/accept\(\)\./), /TypeError: Can't return WebSocket in a Response after calling accept\(\)\./);
        });
    });
}

describe("an answer to fetch()", () => {
    const ask = (to, more = "") => target.ask(at("worker", "ordinary", to) + more);

    test("has a body unless its status or the method says that there is none", async () => {
        assert.deepEqual(await ask("/none"), [204, true, null, ""]);
        assert.deepEqual(await ask("/unchanged"), [304, true, null, ""]);
        assert.deepEqual(await ask("/nothing"), [200, false, "0", ""]);
        assert.deepEqual(await ask("/five"), [200, false, "5", "12345"]);
        assert.deepEqual(await ask("/five", "&method=HEAD"), [200, true, "5", ""]);
    });

    test("that does not come is a lost connection, and worth another try", async () => {
        const lost = ["Error: Network connection lost.", true, null];
        assert.deepEqual(await ask("/gone"), lost);
        assert.deepEqual(await target.ask(`/worker/ordinary?to=${encodeURIComponent("http://127.0.0.1:1/")}`), lost);
        assert.equal((await ask("/cut"))[0], "Error: Network connection lost.");
    });

    test("keeps its length when it is passed on", async () => {
        for (const where of ["worker", "object"]) {
            const response = await target.fetch(at(where, "passed", "/five"));
            assert.deepEqual([response.headers.get("content-length"), await response.text()], ["5", "12345"]);
        }
    });

    test("is whole though its object was busy when it came", async () => {
        assert.equal(await (await target.fetch(at("object", "busy", "/five"))).text(), "12345");
    });
});

test("a server's socket does not hibernate", async () => {
    assert.equal(
        await target.ask(at("object", "hibernate", "/echo")),
        "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.",
    );
});
