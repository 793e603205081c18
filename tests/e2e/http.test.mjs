/* The HTTP/1.1 front: what a client sends and receives, byte by byte where that matters. */

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";

import { exchange, RawConnection } from "./support/raw.mjs";
import { onlyDormouse, sleep, start, until } from "./support/target.mjs";

let target;
before(async () => (target = await start("http")));
after(() => target.end());

const get = (where, headers = "") => `GET ${where} HTTP/1.1\r\nHost: example.test\r\n${headers}\r\n`;
const post = (where, headers, body = "") => `POST ${where} HTTP/1.1\r\nHost: example.test\r\n${headers}\r\n${body}`;

test("a connection is kept for the next request", async () => {
    const connection = await RawConnection.open(target.port);
    for (let i = 0; i < 20; i++) {
        const response = await connection.write(get("/hello")).response();
        assert.equal(response.status, 200);
        assert.equal(response.body, "hello");
    }
    assert.equal(connection.closed, false);
    connection.destroy();
});

test("Connection: close is obeyed and said back", async () => {
    const response = await exchange(target.port, get("/hello", "Connection: close\r\n"));
    assert.equal(response.body, "hello");
    assert.equal(response.get("connection"), "close");
    assert.equal(response.closed, true);
});

test("an HTTP/1.0 connection closes unless it asks to stay", async () => {
    const closes = await RawConnection.open(target.port);
    assert.equal((await closes.write("GET /hello HTTP/1.0\r\nHost: a\r\n\r\n").response()).body, "hello");
    assert.equal(await closes.isClosed(), true);

    const stays = await RawConnection.open(target.port);
    const asking = "GET /hello HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    assert.equal((await stays.write(asking).response()).body, "hello");
    assert.equal((await stays.write(asking).response()).body, "hello");
    stays.destroy();
});

test("pipelined requests are answered in order", async () => {
    const connection = await RawConnection.open(target.port);
    const body = "slow first";
    connection.write(
        get("/slowly?count=2") + post("/upper", `Content-Length: ${body.length}\r\n`, body) + get("/nowhere") + get("/hello"),
    );
    assert.equal((await connection.response()).body, "chunk 0\nchunk 1\n");
    assert.equal((await connection.response()).body, "SLOW FIRST");
    assert.equal((await connection.response()).status, 404);
    assert.equal((await connection.response()).body, "hello");
    connection.destroy();
});

test("a request may arrive byte by byte", async () => {
    const connection = await RawConnection.open(target.port);
    connection.socket.setNoDelay(true);
    for (const byte of post("/upper", "Content-Length: 3\r\n", "abc")) {
        connection.write(byte);
        await sleep(1);
    }
    assert.equal((await connection.response()).body, "ABC");
    connection.destroy();
});

test("empty lines before a request are skipped", async () => {
    assert.equal((await exchange(target.port, "\r\n\r\n" + get("/hello"))).body, "hello");
});

test("the URL has the client's Host, path and query as they were sent", async () => {
    const response = await exchange(target.port, get("/seen/../seen/%E2%82%AC%2f?a=%20b&c=d+e"));
    assert.equal(response.status, 200);
    assert.equal(JSON.parse(response.body).url, "http://example.test/seen/../seen/%E2%82%AC%2f?a=%20b&c=d+e");

    const port = await exchange(target.port, "GET /seen HTTP/1.1\r\nHost: example.test:8080\r\n\r\n");
    assert.equal(JSON.parse(port.body).url, "http://example.test:8080/seen");
});

test("a request in absolute form keeps the Host header", async () => {
    const response = await exchange(target.port, "GET http://other.test/seen HTTP/1.1\r\nHost: example.test\r\n\r\n");
    assert.equal(JSON.parse(response.body).url, "http://example.test/seen");
});

test("header names are lower case, sorted, and repeated values are joined", async () => {
    const sent = "X-B: 1\r\nx-a:  spaced \r\nX-b: 2\r\nX-Empty:\r\nCookie: c=1\r\n";
    const { headers } = JSON.parse((await exchange(target.port, get("/seen", sent))).body);
    assert.deepEqual(headers.filter(([name]) => !["host", "cf-connecting-ip"].includes(name)), [
        ["cookie", "c=1"],
        ["x-a", "spaced"],
        ["x-b", "1, 2"],
        ["x-empty", ""],
    ]);
});

/* What the Worker takes for the client's address, and the URL it is given. */
async function seenFrom(port, headers) {
    const seen = JSON.parse((await exchange(port, get("/seen", headers))).body);
    return [Object.fromEntries(seen.headers)["cf-connecting-ip"], seen.url];
}

const ours = onlyDormouse("leaves the client's address to what is in front of it");

test("CF-Connecting-IP is the client's address, whatever the client says", { skip: ours }, async () => {
    const claims = "CF-Connecting-IP: 9.9.9.9\r\ncf-connecting-ip: 8.8.8.8\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n";
    assert.deepEqual(await seenFrom(target.port, claims), ["127.0.0.1", "http://example.test/seen"]);
});

test("behind a trusted proxy the client is whom the proxy saw", { skip: ours }, async () => {
    const proxied = await start("http", { args: ["--trust-proxy"] });
    const address = async (headers) => (await seenFrom(proxied.port, headers))[0];

    assert.equal(await address(""), "127.0.0.1");
    assert.equal(await address("X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n"), "192.0.2.7");
    assert.equal(await address("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For:  2001:db8::1 \r\n"), "2001:db8::1");
    assert.equal(await address("X-Forwarded-For: 192.0.2.7\r\nCF-Connecting-IP: 192.0.2.8\r\n"), "192.0.2.8");
    assert.equal(await address("X-Forwarded-For: nonsense\r\n"), "127.0.0.1");
    assert.equal((await seenFrom(proxied.port, "X-Forwarded-Proto: https\r\n"))[1], "https://example.test/seen");
    await proxied.end();
});

test("every method reaches the Worker", async () => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        const response = await exchange(target.port, `${method} /seen HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal(JSON.parse(response.body).method, method);
    }
});

test("an unknown method is answered 501", async () => {
    assert.equal((await exchange(target.port, "BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n")).status, 501);
});

test("HEAD has the headers of GET and no body", async () => {
    const connection = await RawConnection.open(target.port);
    const head = await connection.write("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n").response({ bodyless: true });
    assert.equal(head.status, 200);
    assert.equal(head.get("content-length"), "5");
    assert.equal(head.get("content-type"), "text/plain;charset=UTF-8");
    assert.equal((await connection.write(get("/hello")).response()).body, "hello");
    connection.destroy();
});

test("a chunked request body is put together", async () => {
    const body = "5\r\nhello\r\n7;ext=\"v\"\r\n, world\r\n0\r\nTrailer: x\r\n\r\n";
    const connection = await RawConnection.open(target.port);
    connection.write(post("/upper", "Transfer-Encoding: chunked\r\n", body) + get("/hello"));
    assert.equal((await connection.response()).body, "HELLO, WORLD");
    assert.equal((await connection.response()).body, "hello");
    connection.destroy();
});

test("a body goes in and out while it is still being sent", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\none\r\n"));
    const head = await connection.head();
    assert.equal(head.get("transfer-encoding"), "chunked");
    assert.equal(await connection.takeLine(), "3");
    assert.equal((await connection.take(5)).toString(), "one\r\n");
    connection.write("3\r\ntwo\r\n0\r\n\r\n");
    assert.equal(await connection.takeLine(), "3");
    assert.equal((await connection.take(5)).toString(), "two\r\n");
    assert.equal((await connection.take(5)).toString(), "0\r\n\r\n");
    connection.destroy();
});

test("a request without a body has a null body", async () => {
    assert.equal(await target.ask("/body-is-null"), true);
    assert.equal(await target.ask("/body-is-null", { method: "POST", body: "x" }), false);
});

test("a body that the Worker does not read does not disturb the next request", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(post("/ignore", "Content-Length: 5\r\n", "GET /") + get("/hello"));
    assert.equal((await connection.response()).body, "did not look");
    assert.equal((await connection.response()).body, "hello");
    connection.destroy();
});

test("Expect: 100-continue is answered when the Worker reads the body", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(post("/upper", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
    assert.equal((await connection.response()).status, 100);
    assert.equal((await connection.write("abc").response()).body, "ABC");
    connection.destroy();
});

test("a body of 32 MiB arrives whole, as one buffer and by chunks", async () => {
    const body = Buffer.alloc(32 << 20, "x");
    for (const where of ["/size", "/size-by-chunks"])
        assert.equal(await target.ask(where, { method: "POST", body }), body.length);
});

test("a response of 32 MiB arrives whole", async () => {
    const text = await (await target.fetch(`/big?size=${32 << 20}`)).text();
    assert.equal(text.length, 32 << 20);
});

test("a streamed response arrives chunk by chunk", async () => {
    /* A client that is held up may find them all at once. */
    for (let attempt = 1; ; attempt++) {
        const response = await target.fetch("/slowly?count=3");
        const arrived = [];
        for await (const chunk of response.body) arrived.push([Buffer.from(chunk).toString(), Date.now()]);
        if (arrived.length < 3 && attempt < 5) continue;
        assert.deepEqual(arrived.map(([text]) => text), ["chunk 0\n", "chunk 1\n", "chunk 2\n"]);
        if (arrived[2][1] - arrived[0][1] >= 200) break;
        assert.ok(attempt < 5, "the chunks came at the same time");
    }
});

test("a client that does not read stops the Worker from producing", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(get("/endless"));
    await connection.head();
    connection.socket.pause();
    /* Each shard counts for itself, so ask anew until it is the one that produces. */
    const counts = () =>
        until(
            async () => {
                const counted = JSON.parse((await exchange(target.port, get("/produced"))).body);
                return counted.produced > 0 && counted;
            },
            { what: "the shard that produces to answer" },
        );
    let produced = 0;
    const stands = async () => {
        const before = produced;
        await sleep(700);
        produced = (await counts()).produced;
        assert.ok(produced * 65536 < 64 << 20, `${produced} chunks are somewhere in between`);
        return produced === before;
    };
    await until(stands, { ms: 15_000, what: "it to stop producing" });

    connection.destroy();
    await until(async () => (await counts()).cancelled !== null, { what: "the stream to be cancelled" });
});

test("a stream that breaks cuts the connection before the last chunk", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(get("/breaks"));
    await connection.head();
    assert.equal(await connection.isClosed(), true);
    assert.equal(connection.received.toString(), "5\r\nbegun\r\n");
});

test("a client that goes away in the middle of its body harms nobody", async () => {
    const connection = await RawConnection.open(target.port);
    connection.write(post("/size", "Content-Length: 1000000\r\n", "only this"));
    await sleep(50);
    connection.destroy();
    assert.equal((await exchange(target.port, get("/hello"))).body, "hello");
});

test("bodies have their type and length", async () => {
    const expected = {
        "type-text": ["text/plain;charset=UTF-8", "4"],
        "type-json": ["application/json", "14"],
        "type-bytes": [null, "3"],
        "type-null": [null, "0"],
        "type-empty": ["text/plain;charset=UTF-8", "0"],
        "type-form": ["application/x-www-form-urlencoded;charset=UTF-8", "14"],
        "type-blob": ["text/x-blob", "4"],
    };
    for (const [where, [type, length]] of Object.entries(expected)) {
        const response = await exchange(target.port, get(`/${where}`));
        assert.equal(response.get("content-type"), type, where);
        assert.equal(response.get("content-length"), length, where);
    }
});

test("status and reason are the Worker's", async () => {
    for (const [query, status, reason] of [
        ["code=201", 201, "Created"],
        ["code=418&text=Short+And+Stout", 418, "Short And Stout"],
        ["code=599&text=", 599, null],
    ]) {
        const response = await exchange(target.port, get(`/status?${query}`));
        assert.equal(response.status, status);
        if (reason !== null) assert.equal(response.reason, reason);
        assert.equal(response.body, "body");
    }
});

test("204 and 304 have neither body nor length", async () => {
    for (const status of [204, 304]) {
        const connection = await RawConnection.open(target.port);
        const response = await connection.write(get(`/status?code=${status}`)).response();
        assert.equal(response.status, status);
        assert.equal(response.get("etag"), '"v1"');
        assert.equal(response.get("content-length"), null);
        assert.equal(response.get("transfer-encoding"), null);
        assert.equal((await connection.write(get("/hello")).response()).body, "hello");
        connection.destroy();
    }
});

test("repeated response headers, cookies above all, stay apart", async () => {
    const response = await exchange(target.port, get("/headers"));
    assert.deepEqual(response.all("set-cookie"), ["a=1; Path=/", "b=2"]);
    assert.deepEqual(response.all("x-many"), ["1", "2"]);
    assert.equal(response.get("content-type"), "text/x-own");
    assert.deepEqual(response.headers.find(([name]) => /mixed/i.test(name)), ["X-Mixed-Case", "kept"]);
});

test("a redirect goes to the client, not after its target", async () => {
    const response = await exchange(target.port, get("/redirect"));
    assert.equal(response.status, 303);
    assert.equal(response.get("location"), "http://example.test/hello");
});

test("Node's own client and its agent are content", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const one = (i) =>
        new Promise((resolve, reject) => {
            const request = http.request(`${target.origin}/upper`, { agent, method: "POST" }, (response) => {
                let text = "";
                response.on("data", (data) => (text += data)).on("end", () => resolve(text));
            });
            request.on("error", reject).end(`body ${i}`);
        });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => one(i)));
    assert.deepEqual(answers, Array.from({ length: 100 }, (_, i) => `BODY ${i}`));
    agent.destroy();
});

/* ---- what must be refused: each of these has been a way to smuggle a request past a proxy ---- */

async function refused(text, statuses = [400]) {
    const response = await exchange(target.port, text);
    assert.ok(statuses.includes(response.status), `answered ${response.status}`);
    assert.equal(response.closed, true, "the connection stayed open");
}

const lax = "takes it, as RFC 9112 allows a lenient server to";

test("an unreadable request is refused and the connection closed", async () => {
    await refused("hello\r\n\r\n");
    await refused("GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", [400, 505]);
    await refused("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
    await refused("GET /hello\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n");
});

test("a header with space before the colon, folded, or with control characters is refused", async () => {
    await refused("GET /hello HTTP/1.1\r\nHost : a\r\n\r\n");
    await refused(get("/hello", "X-Fold: a\r\n b\r\n"));
    await refused(get("/hello", "X-Cr: a\rb\r\n"));
    await refused(get("/hello", "X-Nul: a\0b\r\n"));
    await refused(get("/hello", ": no name\r\n"));
    await refused(get("/hello", "no colon\r\n"));
});

test("a Content-Length that is not one plain number is refused", async () => {
    for (const value of ["+3", "-3", "3, 3", "3,4", "0x3", "3 3", "", "99999999999999999999"])
        await refused(post("/size", `Content-Length: ${value}\r\n`, "abc"), [400, 413]);
});

test("a Transfer-Encoding other than chunked is refused", async () => {
    await refused(post("/size", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), [400, 501]);
    await refused(post("/size", "Transfer-Encoding: identity\r\n", "abc"), [400, 501]);
});

test("two lengths are refused", { skip: onlyDormouse(lax) }, async () => {
    await refused(post("/size", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"));
    await refused(post("/size", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"));
    await refused(post("/size", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"));
    await refused(post("/size", "Content-Length: 3\r\nContent-Length: 4\r\n", "abc"));
    await refused(post("/size", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), [400, 501]);
    await refused(post("/size", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), [400, 501]);
});

test("a line that ends without CR is refused", { skip: onlyDormouse(lax) }, async () => {
    await refused("GET /hello HTTP/1.1\nHost: a\n\n");
    await refused("GET /hello HTTP/1.1\r\nHost: a\n\r\n");
});

test("a request without exactly one Host is refused", { skip: onlyDormouse("keeps the connection, or answers 500") }, async () => {
    await refused("GET /hello HTTP/1.1\r\n\r\n");
    await refused("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
});

test("a bad chunk ends the request and the connection", async () => {
    for (const chunk of ["zz\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n"]) {
        const connection = await RawConnection.open(target.port);
        connection.write(post("/size", "Transfer-Encoding: chunked\r\n", chunk) + get("/hello"));
        assert.equal(await connection.isClosed(), true, chunk);
        assert.doesNotMatch(connection.received.toString(), /hello/, "what followed was taken for a request");
    }
});

test("too many or too long headers are answered 431", { skip: onlyDormouse("has no such limit below 200 KB") }, async () => {
    await refused(get("/hello", `X-Long: ${"a".repeat(200_000)}\r\n`), [431]);
    await refused(get("/hello", Array.from({ length: 2000 }, (_, i) => `X-${i}: v\r\n`).join("")), [431]);
});

test("a target that is too long is answered 414", { skip: onlyDormouse("has no such limit") }, async () => {
    await refused(get(`/hello?${"a".repeat(200_000)}`), [414, 431]);
});
