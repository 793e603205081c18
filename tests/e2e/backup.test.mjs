/* A copy of the data directory while the process runs. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { copyProject, DORMOUSE, onlyDormouse, start } from "./support/target.mjs";

const BOXES = 4;
const WRITERS = 8;
const only = { skip: onlyDormouse("it has no backups") };
const run = promisify(execFile);

const backup = (home, to) => run(DORMOUSE, ["backup", to, "--data", path.join(home, "data")]);

async function everything(target) {
    const all = [];
    for (let i = 0; i < BOXES; i++) all.push(...(await target.ask(`/box-${i}/all`)).value);
    return new Set(all);
}

/* Puts things into all boxes until it is told to stop; `acknowledged` grows meanwhile. */
function write(target, acknowledged) {
    const state = { next: 1, stop: false };
    const one = async () => {
        while (!state.stop) {
            const number = state.next++;
            const { value, error } = await target.ask(`/box-${number % BOXES}/put/${number}/8000`);
            assert.equal(error, undefined);
            acknowledged.push(value.number);
        }
    };
    const all = Promise.all(Array.from({ length: WRITERS }, one));
    return { stop: () => ((state.stop = true), all) };
}

test("a backup made while clients write has all that was acknowledged before it", only, async (t) => {
    const home = copyProject("disk");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    let target = await start(null, { home });
    const acknowledged = [];
    const writing = write(target, acknowledged);
    const backups = [];
    for (let i = 0; i < 4; i++) {
        while (acknowledged.length < (i + 1) * 300) await new Promise((resolve) => setTimeout(resolve, 5));
        const before = acknowledged.slice();
        const to = path.join(home, `backup-${i}`);
        await backup(home, to);
        assert.ok(!fs.existsSync(`${to}.partial`));
        backups.push({ to, before });
    }
    await writing.stop();
    const all = await everything(target);
    for (const number of acknowledged) assert.ok(all.has(number));
    await target.stop();

    fs.rmSync(path.join(home, "data"), { recursive: true });
    for (const { to, before } of backups) {
        fs.renameSync(to, path.join(home, "data"));
        target = await start(null, { home });
        const there = await everything(target);
        for (const number of before) assert.ok(there.has(number), `${number} is missing in ${to}`);
        assert.equal((await target.ask("/box-0/put/1000000/10")).error, undefined);
        await target.stop();
        fs.rmSync(path.join(home, "data"), { recursive: true });
    }
});

test("the socket is the operator's alone, and goes with the process", only, async (t) => {
    const home = copyProject("disk");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const target = await start(null, { home });
    const socket = path.join(home, "data/control");
    assert.equal(fs.statSync(socket).mode & 0o777, 0o600);
    await target.stop();
    assert.ok(!fs.existsSync(socket));
    await assert.rejects(backup(home, path.join(home, "b")), { code: 1, stderr: /nothing runs on .*data/ });
});

test("what is there already is not overwritten", only, async (t) => {
    const home = copyProject("disk");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const target = await start(null, { home });
    await assert.rejects(backup(home, path.join(home, "project")), { code: 1, stderr: /project is there already/ });
    await backup(home, path.join(home, "b"));
    await assert.rejects(backup(home, path.join(home, "b")), { code: 1, stderr: /b is there already/ });
    await target.stop();
});

test("a process that was killed leaves a socket that the next one replaces", only, async (t) => {
    const home = copyProject("disk");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    let target = await start(null, { home });
    target.process.kill("SIGKILL");
    await target.exited;
    await assert.rejects(backup(home, path.join(home, "b")), { code: 1, stderr: /nothing runs on/ });
    target = await start(null, { home });
    await backup(home, path.join(home, "b"));
    await target.stop();
});
