/* request.signal: a client that goes before it has its answer. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { RawConnection } from "./support/raw.mjs";
import { copyProject, onlyDormouse, sleep, start, until } from "./support/target.mjs";

/* module state is on one shard */
const args = ["--shards", "1"];
let target;
before(async () => (target = await start("signal", { args })));
after(() => target.end());

const FRESH = [false, true, true, true];
const GONE = [true, "AbortError", "The client has disconnected"];

async function leave(where, { server = target, reset = true } = {}) {
    const connection = await RawConnection.open(server.port);
    connection.write(`GET ${where} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await until(async () => (await server.ask(`/seen/${path.basename(where)}`)).length > 0, { what: "the request to be there" });
    if (reset) connection.socket.resetAndDestroy();
    else connection.socket.destroy();
}

test("a client that leaves a streamed answer aborts the signal", async () => {
    await leave("/streams/streamed");
    await until(async () => (await target.ask("/seen/streamed")).length > 4, { what: "the signal" });
    assert.deepEqual(await target.ask("/seen/streamed"), [...FRESH, GONE]);
});

test("so does one that does not wait for the answer", { skip: onlyDormouse("sees it only when it writes") }, async () => {
    for (const reset of [true, false]) {
        await leave(`/waits/${reset}`, { reset });
        await until(async () => (await target.ask(`/seen/${reset}`)).length > 4, { what: "the signal" });
        assert.deepEqual(await target.ask(`/seen/${reset}`), [...FRESH, GONE]);
    }
});

test("a client that has its answer does not", async () => {
    for (const what of ["waits", "streams", "answers"]) {
        await (await target.fetch(`/${what}/has-${what}`)).text();
        await sleep(50);
        assert.deepEqual(await target.ask(`/seen/has-${what}`), FRESH);
    }
});

test("without the flag enable_request_signal nothing is aborted", async () => {
    const home = copyProject("signal");
    const file = path.join(home, "project/wrangler.jsonc");
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace('"enable_request_signal"', ""));
    const other = await start(null, { home, args });
    await leave("/streams/streamed", { server: other });
    await sleep(300);
    assert.equal((await other.ask("/seen/streamed")).length, 4);
    await other.end();
});
