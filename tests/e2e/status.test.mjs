/* `dormouse status`: what an operator and a monitor see of a running process. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { connect } from "./support/sockets.mjs";
import { copyProject, DORMOUSE, onlyDormouse, start, until } from "./support/target.mjs";

const only = { skip: onlyDormouse("it has no such command") };
const run = promisify(execFile);
const REQUESTS = 5;

const status = async (target, ...more) => (await run(DORMOUSE, ["status", ...more, "--data", path.join(target.home, "data")])).stdout;

/* The sum over all shards. */
async function metric(target, name) {
    const lines = (await status(target, "--metrics")).split("\n").filter((line) => line.startsWith(`dormouse_${name}{`) || line.startsWith(`dormouse_${name} `));
    assert.ok(lines.length > 0, name);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

test("what was asked, what is in memory, and who is connected", only, async (t) => {
    const target = await start("dev");
    t.after(() => target.end());
    assert.equal(await metric(target, "events_total"), 0);
    for (let i = 0; i < REQUESTS; i++) await target.ask("/");
    assert.equal(await metric(target, "events_total"), REQUESTS);
    assert.ok((await metric(target, "journal_records_total")) >= REQUESTS);
    assert.equal(await metric(target, "versions_total"), 1);

    const client = await connect(target, "/");
    assert.equal(await metric(target, "sockets"), 1);
    client.cut();
    await until(async () => (await metric(target, "sockets")) === 0, { what: "the socket to be gone" });

    const text = await status(target);
    assert.match(text, /^dormouse \d+\.\d+\.\d+, process \d+, running for \d+ s$/m);
    assert.ok(text.includes(`listening on http://127.0.0.1:${target.port}\n`));
    assert.match(text, /^shard +objects +awake +sockets /m);
    assert.match(text, /^0 +\d+ +\d+ +0 /m);
});

test("every line of the metrics is one that a monitor reads", only, async (t) => {
    const target = await start("dev");
    t.after(() => target.end());
    const known = new Set();
    for (const line of (await status(target, "--metrics")).trimEnd().split("\n")) {
        const head = line.match(/^# (HELP|TYPE) (dormouse_[a-z_]+) \S/);
        if (head) known.add(head[2]);
        else assert.ok(known.has(line.match(/^(dormouse_[a-z_]+)(\{shard="\d+"\})? [0-9.e+]+$/)?.[1]), line);
    }
});

test("a shard that runs code without end is named, the others are counted", only, async (t) => {
    const home = copyProject("dev");
    const source = path.join(home, "project/src/index.ts");
    fs.writeFileSync(source, fs.readFileSync(source, "utf8").replace('if (new URL(request.url).pathname === "/slow")', 'if (new URL(request.url).pathname === "/busy") for (;;);\n        if (new URL(request.url).pathname === "/slow")'));
    const target = await start(null, { home, args: ["--cpu-limit", "6000"] });
    t.after(() => target.end());
    const busy = target.fetch("/busy").catch(() => null);
    await until(async () => /^\d+ +does not answer: code is running that does not give way$/m.test(await status(target)), { what: "a shard to be busy" });
    await busy;
    assert.doesNotMatch(await status(target), /does not answer/);
});
