/* `dormouse import`: what workerd has kept is there afterwards, and nothing is there by halves. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { runWorkerd, workerdState } from "./support/oracle.mjs";
import { copyProject, DORMOUSE, once, onlyDormouse, sleep, start, until } from "./support/target.mjs";

const only = { skip: onlyDormouse("it has no such tool") };
const run = promisify(execFile);
const STONES = 6000; /* some 25 MB: several commits */
const PILES = 12;
/* Milliseconds after which an import is killed: while it makes ready, while it imports. */
const KILLS = (process.env.IMPORT_KILLS ?? "60 200 350").split(" ").map(Number);

/* What workerd has made, for all tests; each works on copies. */
let origin;
let shelf;
const piles = [];

function fresh(t) {
    const home = copyProject("values");
    fs.cpSync(workerdState(origin), path.join(home, "theirs"), { recursive: true });
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    return home;
}

const place = (home) => ["--project", path.join(home, "project"), "--data", path.join(home, "data")];
/* JavaScriptCore has a line about the variable that it is told its signal with under ThreadSanitizer. */
const withoutEngine = ({ stdout, stderr }) => ({ stdout, stderr: stderr.replace(/^ERROR: invalid option: JSC_\w+=.*\n/, "") });
const importing = (home, ...more) => run(DORMOUSE, ["import", path.join(home, "theirs"), ...place(home), ...more]).then(withoutEngine);

function refused(home, pattern, ...more) {
    return assert.rejects(importing(home, ...more), (fault) => {
        assert.equal(fault.code, 1);
        assert.match(fault.stderr, pattern);
        assert.match(fault.stderr, /Nothing was imported\./);
        return true;
    });
}

function digests(folder) {
    const all = {};
    for (const entry of fs.readdirSync(folder, { recursive: true }).sort()) {
        const file = path.join(folder, entry);
        if (fs.statSync(file).isFile()) all[entry] = crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex");
    }
    return all;
}

const value = async (target, where) => {
    const { value, error } = await target.ask(where);
    assert.equal(error, undefined, where);
    return value;
};

async function checkAll(home) {
    const target = await start(null, { home });
    assert.deepEqual(await value(target, "/SHELVES/one/read"), shelf);
    for (let i = 0; i < PILES; i++) assert.deepEqual(await value(target, `/PILES/pile-${i}/read`), piles[i]);
    return target;
}

before(async () => {
    if (only.skip) return;
    origin = copyProject("values");
    const workerd = await runWorkerd(origin);
    await value(workerd, "/SHELVES/one/fill");
    shelf = await value(workerd, "/SHELVES/one/read");
    for (let i = 0; i < PILES; i++) piles.push(await value(workerd, `/PILES/pile-${i}/add/${i === 0 ? STONES : 10 * i}`));
    await value(workerd, "/PILES/never-wrote/look");
    await workerd.end();
});

after(() => origin && fs.rmSync(origin, { recursive: true, force: true }));

test("everything that workerd kept is there, its own files are not touched, and life goes on", only, async (t) => {
    const home = fresh(t);
    const theirs = digests(path.join(home, "theirs"));
    const { stdout, stderr } = await importing(home);
    assert.equal(stderr, "");
    assert.match(stdout, /^imported 13 objects into .*data, 1 with an alarm; 1 with nothing in them were left out\n$/);
    assert.deepEqual(digests(path.join(home, "theirs")), theirs);
    assert.ok(!fs.existsSync(path.join(home, "data/import")));

    const target = await checkAll(home);
    const changed = await value(target, "/SHELVES/one/change");
    assert.equal(changed.kinds.length, shelf.kinds.length + 1);
    assert.equal((await value(target, "/PILES/pile-1/add/5")).count, 15);
    await target.kill9();
    const again = await target.again();
    assert.deepEqual(await value(again, "/SHELVES/one/read"), changed);
    await again.stop();
});

test("an import may be repeated; what has changed since is replaced only when told so", only, async (t) => {
    const home = fresh(t);
    await importing(home);
    assert.match((await importing(home)).stdout, /^imported 0 objects .* 13 were there already, the same/);
    let target = await start(null, { home });
    await value(target, "/SHELVES/one/change");
    await value(target, "/SHELVES/one/ring/100000000");
    await value(target, "/PILES/pile-0/add/1");
    await refused(home, /is in use by another process/);
    await target.stop();

    const ours = digests(path.join(home, "data/do"));
    await refused(home, /has 2 of these objects already, with other content: .* --replace\n {2}values-Pile [0-9a-f]{64}\n {2}values-Shelf/s);
    assert.deepEqual(digests(path.join(home, "data/do")), ours);
    assert.match((await importing(home, "--replace")).stdout, /^imported 2 objects .* 11 were there already, the same/);
    target = await checkAll(home);
    await target.stop();
});

test("an object that was replaced can go back to what it was", only, async (t) => {
    const home = fresh(t);
    let target = await start(null, { home });
    await value(target, "/PILES/pile-2/add/7");
    const bookmark = await value(target, "/PILES/pile-2/bookmark");
    await target.stop();
    await importing(home, "--replace");
    target = await start(null, { home });
    assert.deepEqual(await value(target, "/PILES/pile-2/read"), piles[2]);
    await target.ask(`/PILES/pile-2/back/${bookmark}`);
    assert.equal((await value(target, "/PILES/pile-2/read")).count, 7);
    await target.stop();
});

test("alarms ring, the overdue ones at once, and tell the name that workerd has noted", only, async (t) => {
    const home = copyProject("values");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const workerd = await runWorkerd(home);
    await value(workerd, "/PILES/soon/ring/1500");
    await value(workerd, "/PILES/later/ring/100000000");
    const later = await value(workerd, "/PILES/later/look");
    await workerd.end();
    await run(DORMOUSE, ["import", workerdState(home), ...place(home)]);
    await sleep(1500);
    const target = await start(null, { home });
    await until(async () => (await value(target, "/PILES/soon/rang")) !== null, { what: "the alarm" });
    assert.equal(await value(target, "/PILES/soon/rang"), "soon");
    assert.deepEqual(await value(target, "/PILES/later/look"), later);
    await target.stop();
});

test("an import that is killed leaves whole objects or none, and is repeated", only, async (t) => {
    for (const wait of KILLS) {
        const home = fresh(t);
        const child = spawn(DORMOUSE, ["import", path.join(home, "theirs"), ...place(home)]);
        const timer = setTimeout(() => child.kill("SIGKILL"), wait);
        await once(child, "close");
        clearTimeout(timer);
        const half = await start(null, { home });
        for (let i = 0; i < PILES; i++) {
            const { count } = await value(half, `/PILES/pile-${i}/read`);
            assert.ok(count === 0 || count === piles[i].count, `${count} stones of ${piles[i].count} after ${wait} ms`);
        }
        await half.stop();
        await importing(home);
        const target = await checkAll(home);
        await target.stop();
        fs.rmSync(home, { recursive: true, force: true });
    }
});

test("what runs on the files is named", only, async (t) => {
    const home = copyProject("values");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const workerd = await runWorkerd(home);
    await value(workerd, "/PILES/a/add/1");
    const where = [workerdState(home), ...place(home)];
    await assert.rejects(run(DORMOUSE, ["import", ...where]), { code: 1, stderr: /is in use by another process \(pid \d+\)/ });
    await workerd.end();
    await run(DORMOUSE, ["import", ...where]);
});

test("one bad file, and nothing is imported", only, async (t) => {
    const home = fresh(t);
    const folder = path.join(home, "theirs/values-Pile");
    const file = path.join(folder, `${piles[0].id}.sqlite`);
    const good = fs.readFileSync(file);
    const wal = fs.readFileSync(`${file}-wal`);

    fs.rmSync(`${file}-wal`);
    fs.writeFileSync(file, "this is no database".repeat(1000));
    await refused(home, /values-Pile\/[0-9a-f]{64}\.sqlite: file is not a database/);
    fs.writeFileSync(file, good);
    fs.writeFileSync(`${file}-wal`, wal);
    const other = path.join(folder, `${piles[11].id}.sqlite`);
    await run("python3", ["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)')", other]);
    const bytes = fs.readFileSync(other);
    assert.ok(bytes.length > 3 * 4096);
    bytes.fill(0x5a, 4096, 2 * 4096);
    fs.writeFileSync(other, bytes);
    await refused(home, /\.sqlite(: database disk image is malformed| is damaged: )/);
    assert.deepEqual(fs.existsSync(path.join(home, "data/do/values-Pile")) ? fs.readdirSync(path.join(home, "data/do/values-Pile")) : [], []);
    assert.ok(!fs.existsSync(path.join(home, "data/import")));
});

test("what belongs to no class of the project is refused, or left out when told so", only, async (t) => {
    const home = fresh(t);
    const theirs = path.join(home, "theirs");
    fs.renameSync(path.join(theirs, "values-Pile"), path.join(theirs, "other-Pile"));
    await refused(home, /other-Pile is no class of .*wrangler\.jsonc, whose classes are: values-Shelf, values-Pile/);
    const { stdout, stderr } = await importing(home, "--skip-unknown");
    assert.match(stderr, /^left out: .*other-Pile: no class of the project\n$/);
    assert.match(stdout, /^imported 1 objects/);

    fs.rmSync(path.join(theirs, "values-Shelf"), { recursive: true });
    fs.renameSync(path.join(theirs, "other-Pile"), path.join(theirs, "values-Shelf"));
    await refused(home, /is no object of values-Shelf: its id was made for another worker or class/);
    fs.rmSync(path.join(theirs, "values-Shelf"), { recursive: true });
    await refused(home, /has no objects of the project's classes \(values-Shelf, values-Pile\)/);
    fs.rmSync(theirs, { recursive: true });
    await refused(home, /theirs: there is no such folder/);
});

test("the folder may be the one that wrangler's is in", only, async (t) => {
    const home = fresh(t);
    const project = path.join(home, "project");
    fs.mkdirSync(path.join(project, ".wrangler/state/v3"), { recursive: true });
    fs.renameSync(path.join(home, "theirs"), path.join(project, ".wrangler/state/v3/do"));
    fs.writeFileSync(path.join(project, ".wrangler/state/v3/do/values-Pile/notes.txt"), "mine");
    const { stdout, stderr } = withoutEngine(await run(DORMOUSE, ["import", "project"], { cwd: home }));
    assert.match(stdout, /^imported 13 objects/);
    assert.match(stderr, /^left out: .*notes\.txt: not a file of an object\n$/);
    assert.ok(fs.existsSync(path.join(project, ".dormouse/data/version")));
});
