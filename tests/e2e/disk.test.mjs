/* Disks that are full, fail or are damaged, and two processes on one. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { copyProject, onlyDormouse, start, startFails } from "./support/target.mjs";

const BOXES = 4;
const FULL = /^Error: database or disk is full: SQLITE_FULL$/;

function can(program, ...args) {
    try {
        execFileSync(program, args, { stdio: "ignore" });
        return true;
    } catch {
        return false;
    }
}

/* A data directory on a disk of its own, which is as large as one says. */
function makeDisk(t, home, size) {
    const data = path.join(home, "data");
    fs.mkdirSync(data);
    if (!can("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", data)) return null;
    t.after(() => {
        execFileSync("umount", ["-l", data]);
        fs.rmSync(home, { recursive: true, force: true });
    });
    return { resize: (size) => execFileSync("mount", ["-o", `remount,size=${size}`, data]) };
}

/* Puts things until `enough` says so; what was acknowledged and what was refused. */
async function put(target, from, size, enough) {
    const done = { acknowledged: [], refused: [], last: from };
    for (; !enough(done); done.last++) {
        const { value, error } = await target.ask(`/box-${done.last % BOXES}/put/${done.last}/${size}`);
        if (error === undefined) done.acknowledged.push(value);
        else done.refused.push(error);
    }
    return done;
}

async function everything(target) {
    const all = [];
    for (let i = 0; i < BOXES; i++) all.push(...(await target.ask(`/box-${i}/all`)).value);
    return all.sort((a, b) => a - b);
}

const numbers = (done) => done.acknowledged.map(({ number }) => number);

function files(home, pattern) {
    const data = path.join(home, "data");
    return fs
        .readdirSync(data, { recursive: true })
        .filter((name) => pattern.test(name))
        .sort()
        .map((name) => path.join(data, name));
}

function overwrite(file, offset, text) {
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, text, offset);
    fs.closeSync(fd);
}

const only = { skip: onlyDormouse("its own way with disks") };

test("a full disk refuses, keeps what it has said, and goes on when there is room", only, async (t) => {
    const home = copyProject("disk");
    const disk = makeDisk(t, home, "40m");
    if (disk === null) return t.skip("a tmpfs cannot be mounted here");
    let target = await start(null, { home });

    const before = await put(target, 1, 100_000, ({ refused }) => refused.length === 40);
    for (const error of before.refused) assert.match(error, FULL);
    assert.ok(before.acknowledged.length > 20, "it was full at once");
    assert.ok((await everything(target)).length >= before.acknowledged.length, "it can be read while it is full");

    disk.resize("400m");
    const soon = Date.now() + 30_000;
    const after = await put(target, 10_000, 1000, ({ acknowledged }) => acknowledged.length === 50 || Date.now() > soon);
    assert.equal(after.acknowledged.length, 50, `it did not go on: ${after.refused.at(-1)}`);
    assert.ok(after.acknowledged[0].inMemory < 10, "an object whose commit was refused has been reset");

    const expected = [...numbers(before), ...numbers(after)];
    assert.deepEqual(await everything(target), expected);
    await target.kill9();
    target = await target.again();
    assert.deepEqual(await everything(target), expected);
    await target.stop();
});

test("what a full disk kept in the journal survives a clean stop", only, async (t) => {
    const home = copyProject("disk");
    const disk = makeDisk(t, home, "40m");
    if (disk === null) return t.skip("a tmpfs cannot be mounted here");
    let target = await start(null, { home });

    const done = await put(target, 1, 100_000, ({ refused }) => refused.length === 40);
    await target.stop();
    disk.resize("400m");
    target = await target.again();
    assert.deepEqual(await everything(target), numbers(done));
    await target.stop();
});

test("a sync that fails ends the process, and nothing that was acknowledged is lost", only, async (t) => {
    if (!can("strace", "-o", "/dev/null", "true")) return t.skip("strace is not there or may not trace");
    const home = copyProject("disk");
    const inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=30+"];
    let target = await start(null, { home, wrap: ["strace", "-D", "-f", "-o", "/dev/null", ...inject] });
    const acknowledged = [];

    const end = Date.now() + 20_000;
    try {
        for (let i = 1; !target.ended && Date.now() < end; i++) {
            const { value, error } = await target.ask(`/box-${i % BOXES}/put/${i}/100`);
            if (error === undefined) acknowledged.push(value.number);
        }
    } catch {
        /* it has gone, which is what is asked for */
    }
    await target.exited;
    assert.notEqual(target.process.exitCode, 0);
    assert.match(target.output, /EIO|Input\/output error/);
    assert.ok(acknowledged.length > 5);

    target = await start(null, { home });
    const there = await everything(target);
    assert.deepEqual(acknowledged.filter((number) => !there.includes(number)), []);
    await target.end();
});

test("a damaged journal is refused, with file and offset", only, async () => {
    const home = copyProject("disk");
    const target = await start(null, { home });
    await put(target, 1, 3000, ({ last }) => last === 40);
    await target.kill9();

    const [segment] = files(home, /segment-\d+$/);
    overwrite(segment, 20_000, "this was not written by Dormouse");
    const { code, stderr } = await startFails(null, { home });
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(`${segment} is damaged at offset \\d+`));
    fs.rmSync(home, { recursive: true, force: true });
});

test("a damaged object fails alone", only, async () => {
    const home = copyProject("disk");
    let target = await start(null, { home });
    await put(target, 1, 3000, ({ last }) => last === 40);
    await target.stop();

    const [broken] = files(home, /[0-9a-f]{64}\.sqlite$/);
    overwrite(broken, 0, "x".repeat(8192));
    target = await target.again();
    const answers = [];
    for (let i = 0; i < BOXES; i++) answers.push(await target.ask(`/box-${i}/all`));
    assert.equal(answers.filter(({ error }) => error !== undefined).length, 1);
    assert.match(answers.find(({ error }) => error !== undefined).error, /SQLITE_NOTADB|SQLITE_CORRUPT|malformed/);
    for (const { value } of answers.filter(({ error }) => error === undefined)) assert.ok(value.length >= 9);
    await target.printed(new RegExp(`${path.basename(broken)} is damaged at offset 0: `), { stream: "output" });
    await target.end();
});

test("the log says where in its file an object is damaged", only, async () => {
    const home = copyProject("disk");
    let target = await start(null, { home });
    await put(target, 1, 3000, ({ last }) => last === 80);
    await target.stop();
    const [broken] = files(home, /[0-9a-f]{64}\.sqlite$/);
    const page = 4096 * 4;
    overwrite(broken, page, "z".repeat(2000));
    target = await target.again();
    for (let i = 0; i < BOXES; i++) await target.ask(`/box-${i}/all`);
    await target.printed(new RegExp(`${path.basename(broken)} is damaged at offset ${page}: .*malformed`));
    await target.end();
});

test("two processes do not share a data directory", only, async () => {
    const target = await start("disk");
    const { code, stderr } = await startFails(null, { home: target.home });
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(`is in use by another process \\(pid ${target.process.pid}\\)`));
    assert.deepEqual(await everything(target), []);
    await target.end();
});
