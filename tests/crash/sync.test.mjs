/* What the kernel sees: the journal is on disk before an acknowledgement is handed to a socket. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect } from "../e2e/support/sockets.mjs";
import { copyProject, onlyDormouse, start, until } from "../e2e/support/target.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const CALLS = "fdatasync,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg";

function whyNot() {
    try {
        execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
    } catch {
        return "strace is not there or may not trace";
    }
    return onlyDormouse("syncs through SQLite, elsewhere");
}

const skip = whyNot();
let target;
let log;

before(async () => {
    if (skip) return;
    const home = copyProject(path.join(HERE, "project"));
    log = path.join(home, "strace");
    target = await start(null, { home, wrap: ["strace", "-D", "-f", "-s", "256", "-e", `trace=${CALLS}`, "-o", log] });
});
after(() => target?.end());

/* The traced calls between two lines, the second of which is looked for behind the first. */
async function between(from, to) {
    let found;
    await until(
        () => {
            const lines = fs.readFileSync(log, "utf8").split("\n");
            const begin = lines.findIndex((line) => from.test(line));
            const end = lines.findIndex((line, i) => i > begin && to.test(line));
            if (begin >= 0 && end >= 0) found = lines.slice(begin, end);
            return found;
        },
        { what: `${from} and then ${to} in the trace` },
    );
    return found;
}

const isSync = (line) => /fdatasync(\(\d+\)| resumed>\))\s+= 0/.test(line);

test("fdatasync ends between a request and its answer", { skip }, async () => {
    for (const number of [1, 2, 3]) {
        assert.equal(await (await target.fetch(`/traced/write/http/${number}`)).text(), `ack ${number}`);
        const calls = await between(new RegExp(`GET /traced/write/http/${number} `), new RegExp(`HTTP/1\\.1 200 OK.*ack ${number}`));
        assert.ok(calls.some(isSync), calls.join("\n"));
    }
});

test("fdatasync ends between two acknowledgements on a WebSocket", { skip }, async () => {
    const client = await connect(target, "/traced/socket/ws");
    for (let number = 101; number < 105; number++) {
        client.send(String(number));
        assert.equal(await client.next(), `ack ${number}`);
        if (number === 101) continue;
        const calls = await between(new RegExp(`"\\\\201\\\\7ack ${number - 1}`), new RegExp(`"\\\\201\\\\7ack ${number}`));
        assert.ok(calls.some(isSync), calls.join("\n"));
    }
    client.cut();
});

test("an answer that follows no write waits for no sync", { skip }, async () => {
    await (await target.fetch("/traced/all")).text();
    const calls = await between(/GET \/traced\/all /, /HTTP\/1\.1 200 OK.*rows/);
    assert.equal(calls.filter(isSync).length, 0, calls.join("\n"));
});
