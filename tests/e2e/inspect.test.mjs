/* What `dormouse inspect` says of a data directory, without changing a byte of it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { copyProject, DORMOUSE, onlyDormouse, start } from "./support/target.mjs";

const only = { skip: onlyDormouse("it has no such tool") };
const run = promisify(execFile);
const SECTOR = 512;

async function inspect(data, ...args) {
    const { stdout, stderr } = await run(DORMOUSE, ["inspect", ...args, "--data", data]);
    assert.equal(stderr, "");
    return stdout;
}

/* Every file below, with a digest of what is in it and the time of its last change. */
function fingerprint(folder) {
    const all = {};
    for (const entry of fs.readdirSync(folder, { recursive: true }).sort()) {
        const file = path.join(folder, entry);
        const info = fs.statSync(file);
        const digest = info.isFile() ? crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex") : "folder";
        all[entry] = `${digest} ${info.mtimeMs}`;
    }
    return all;
}

async function fill(t, { clean }) {
    const home = copyProject("disk");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const target = await start(null, { home });
    for (let number = 1; number <= 5; number++) await target.ask(`/box-1/put/${number}/2000`);
    await target.ask("/box-2/put/1/10");
    if (clean) await target.stop();
    else await target.kill9();
    return { home, data: path.join(home, "data") };
}

test("after a crash, what is in the journal only is shown as if it were in the file", only, async (t) => {
    const { data } = await fill(t, { clean: false });
    const before = fingerprint(data);

    const journal = await inspect(data, "journal");
    assert.match(journal, /^journal [0-9a-f]{16}: records 1 to \d+ are needed$/m);
    assert.match(journal, /segment-0000 {2}segment 1 {2}16777216 bytes$/m);
    assert.match(journal, /^ +\d+ {2}batch {2}records \d+ from \d+ \(\d+ bytes\) {2}needed 1 .* crc [0-9a-f]{8} ok$/m);
    assert.match(journal, /^ +\d+ {2}commit {2}disk-Box [0-9a-f]{64} {2}size \d+ {2}pages \d+: 1-\d+ \(\d+ bytes\)/m);
    assert.match(journal, /^ +\d+ {2}the end$/m);

    const list = await inspect(data, "object");
    assert.equal(list.match(/^disk-Box [0-9a-f]{64} {2}no file yet {2}journal records \d+, from \d+ to \d+$/gm).length, 2);

    const object = await inspect(data, "object", "--class", "Box", "--name", "box-1");
    assert.match(object, /not there yet/);
    assert.match(object, /table {5}things {2}5 rows\n +CREATE TABLE things/);
    assert.match(object, /check {5}ok/);
    const id = /^disk-Box ([0-9a-f]{64})$/m.exec(object)[1];
    assert.equal(await inspect(data, "object", "--class", "disk-Box", "--id", id), object);
    assert.deepEqual(fingerprint(data), before);
});

test("after a clean stop the files have everything", only, async (t) => {
    const { data } = await fill(t, { clean: true });
    const before = fingerprint(data);
    assert.match(await inspect(data, "journal"), /^journal .*: stopped cleanly, no record is needed, the next is \d+$/m);
    const object = await inspect(data, "object", "--class", "Box", "--name", "box-1");
    assert.match(object, /file .*\.sqlite {2}\d+ bytes/);
    assert.match(object, /journal {3}nothing: the file has everything/);
    assert.match(object, /things {2}5 rows/);
    assert.match(await inspect(data, "object"), /^(disk-Box [0-9a-f]{64} {2}file \d+ bytes\n){2}$/);
    assert.deepEqual(fingerprint(data), before);
});

test("damage is named with file and offset, and the rest is shown all the same", only, async (t) => {
    const { data } = await fill(t, { clean: false });
    const segment = path.join(data, "journal/segment-0000");
    const whole = await inspect(data, "journal", segment);
    const offsets = [...whole.matchAll(/^ +(\d+) {2}batch/gm)].map((match) => Number(match[1]));
    const broken = offsets[2];
    const file = fs.openSync(segment, "r+");
    fs.writeSync(file, Buffer.from([0x55]), 0, 1, broken + 100);
    fs.closeSync(file);
    const before = fingerprint(data);

    for (const args of [["journal"], ["journal", segment]]) {
        const fault = await inspect(data, ...args).then(assert.fail, (fault) => fault);
        assert.equal(fault.code, 1);
        assert.match(fault.stdout, new RegExp(`^ +${offsets[1]} {2}batch .* ok$`, "m"));
        assert.match(fault.stdout, new RegExp(`^ +${broken} {2}damaged up to offset ${offsets[3]}, where a later batch stands$`, "m"));
    }
    const fault = await inspect(data, "object", "--class", "Box", "--name", "box-1").then(assert.fail, (fault) => fault);
    assert.match(fault.stdout, new RegExp(`segment-0000 is damaged at offset ${broken}: record \\d+ and later ones`));
    assert.deepEqual(fingerprint(data), before);
});

test("a torn end is no damage", only, async (t) => {
    const { data } = await fill(t, { clean: false });
    const segment = path.join(data, "journal/segment-0000");
    const whole = await inspect(data, "journal");
    const last = [...whole.matchAll(/^ +(\d+) {2}batch/gm)].map((match) => Number(match[1])).at(-1);
    const file = fs.openSync(segment, "r+");
    fs.writeSync(file, Buffer.alloc(SECTOR, 0), 0, SECTOR, last);
    fs.closeSync(file);
    const torn = await inspect(data, "journal");
    assert.match(torn, new RegExp(`^ +${last} {2}the end$`, "m"));
});

test("what is in use, missing or meant by nobody is refused with words", only, async (t) => {
    const { home, data } = await fill(t, { clean: true });
    const refused = (pattern, ...args) => assert.rejects(inspect(data, ...args), { code: 1, stderr: pattern });
    await refused(/has no class Room; its classes are: disk-Box/, "object", "--class", "Room", "--name", "x");
    await refused(/has no such object/, "object", "--class", "Box", "--name", "box-3");
    await refused(/an id has 64 hex digits/, "object", "--class", "Box", "--id", "12");
    await refused(/is no id of disk-Box/, "object", "--class", "Box", "--id", "a".repeat(64));
    await refused(/segment-9: No such file/, "journal", path.join(data, "segment-9"));
    await assert.rejects(inspect(home, "journal"), { code: 1, stderr: /is no data directory of Dormouse/ });
    await assert.rejects(inspect(data, "objects"), { code: 2, stderr: /"journal" or "object" is needed/ });
    const target = await start(null, { home });
    await refused(/is in use by another process \(pid \d+\)/, "journal");
    await target.stop();
});
