/* `dormouse export`: workerd opens what it writes, and reads what Dormouse kept. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { rowsOf, runWorkerd, workerdState } from "./support/oracle.mjs";
import { copyProject, DORMOUSE, onlyDormouse, sleep, start, until } from "./support/target.mjs";

const only = { skip: onlyDormouse("it has no such tool") };
const run = promisify(execFile);
const PILES = 5;

const exporting = (home, to, ...more) => run(DORMOUSE, ["export", to, "--data", path.join(home, "data"), ...more]);

const value = async (target, where) => {
    const { value, error } = await target.ask(where);
    assert.equal(error, undefined, where);
    return value;
};

function project(t) {
    const home = copyProject("values");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    return home;
}

function digests(folder) {
    const all = {};
    for (const entry of fs.readdirSync(folder, { recursive: true }).sort()) {
        const file = path.join(folder, entry);
        const info = fs.statSync(file);
        if (info.isFile()) all[entry] = `${crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex")} ${info.mtimeMs}`;
    }
    return all;
}

async function fill(target) {
    await value(target, "/SHELVES/one/fill");
    const seen = { "/SHELVES/one/read": await value(target, "/SHELVES/one/read") };
    for (let i = 0; i < PILES; i++) seen[`/PILES/pile-${i}/read`] = await value(target, `/PILES/pile-${i}/add/${200 * i}`);
    return seen;
}

async function check(target, seen) {
    for (const [where, before] of Object.entries(seen)) assert.deepEqual(await value(target, where), before, where);
}

for (const end of ["a clean stop", "a crash", "running"])
    test(`workerd reads what was exported after ${end}`, only, async (t) => {
        const home = project(t);
        const target = await start(null, { home });
        const seen = await fill(target);
        if (end === "a clean stop") await target.stop();
        if (end === "a crash") await target.kill9();
        const data = digests(path.join(home, "data"));
        const { stdout, stderr } = await exporting(home, path.join(home, "out")).catch((fault) => fault);
        assert.match(stdout ?? "", /^exported 6 objects to .*out, 1 with an alarm\n$/, stderr);
        if (end === "running") await target.stop();
        else assert.deepEqual(digests(path.join(home, "data")), data);
        fs.mkdirSync(path.dirname(workerdState(home)), { recursive: true });
        fs.renameSync(path.join(home, "out"), workerdState(home));

        const workerd = await runWorkerd(home);
        await check(workerd, seen);
        await value(workerd, "/SHELVES/one/change");
        assert.equal((await value(workerd, "/PILES/pile-1/add/5")).count, 205);
        await workerd.end();
    });

test("the keys are in the bytes that they had", only, async (t) => {
    const home = project(t);
    const target = await start(null, { home });
    const seen = await fill(target);
    await target.stop();
    await exporting(home, path.join(home, "out"));
    const name = `values-Shelf/${seen["/SHELVES/one/read"].id}.sqlite`;
    assert.deepEqual(await rowsOf(path.join(home, "out", name)), await rowsOf(path.join(home, "data/do", name)));
    assert.deepEqual(fs.readdirSync(path.join(home, "out")).sort(), ["values-Pile", "values-Shelf"]);
    const files = fs.readdirSync(path.join(home, "out/values-Shelf"));
    assert.deepEqual(files.sort(), [path.basename(name), "metadata.sqlite"]);
});

test("an alarm rings under workerd", only, async (t) => {
    for (const more of [[], ["--names"]]) {
        const home = project(t);
        const target = await start(null, { home });
        await value(target, "/PILES/soon/ring/3000");
        const late = await value(target, "/PILES/late/ring/100000000").then(() => value(target, "/PILES/late/look"));
        await target.stop();
        fs.mkdirSync(path.dirname(workerdState(home)), { recursive: true });
        assert.match((await exporting(home, workerdState(home), ...more)).stdout, /2 with an alarm/);
        const workerd = await runWorkerd(home);
        assert.deepEqual(await value(workerd, "/PILES/late/look"), late);
        await until(async () => (await value(workerd, "/PILES/soon/rang")) !== null, { ms: 8000, every: 200, what: "the alarm" });
        if (more.length > 0) assert.equal(await value(workerd, "/PILES/soon/rang"), "soon");
        await workerd.end();
    }
});

test("what was exported is imported again as it was", only, async (t) => {
    const home = project(t);
    let target = await start(null, { home });
    const seen = await fill(target);
    await target.stop();
    await exporting(home, path.join(home, "out"), "--names");
    fs.rmSync(path.join(home, "data"), { recursive: true });
    await run(DORMOUSE, ["import", path.join(home, "out"), "--project", path.join(home, "project"), "--data", path.join(home, "data")]);
    target = await start(null, { home });
    await check(target, seen);
    await target.stop();
});

test("an export while clients write has all that was acknowledged before it", only, async (t) => {
    const home = project(t);
    const target = await start(null, { home });
    let acknowledged = 0;
    let stop = false;
    const writer = (async () => {
        while (!stop) acknowledged = (await value(target, "/PILES/busy/add/3")).count;
    })();
    while (acknowledged < 300) await sleep(5);
    const before = acknowledged;
    await exporting(home, path.join(home, "out"));
    stop = true;
    await writer;
    await target.stop();
    fs.mkdirSync(path.dirname(workerdState(home)), { recursive: true });
    fs.renameSync(path.join(home, "out"), workerdState(home));
    const workerd = await runWorkerd(home);
    const { count } = await value(workerd, "/PILES/busy/read");
    assert.ok(count >= before && count <= acknowledged && count % 3 === 0, `${before} ${count} ${acknowledged}`);
    await workerd.end();
});

test("what is there already, and what is no data directory, is refused", only, async (t) => {
    const home = project(t);
    const refused = (to, pattern) => assert.rejects(exporting(home, to), { code: 1, stderr: pattern });
    await refused(path.join(home, "out"), /is no data directory of Dormouse|No such file/);
    assert.ok(!fs.existsSync(path.join(home, "out.partial")));
    const target = await start(null, { home });
    await value(target, "/PILES/one/add/1");
    await target.stop();
    await refused(path.join(home, "project"), /project is there already/);
    fs.mkdirSync(path.join(home, "out.partial"));
    await refused(path.join(home, "out"), /out\.partial is there already/);
    fs.rmdirSync(path.join(home, "out.partial"));
    await refused(path.join(home, "no/where"), /cannot be made: No such file/);
    await exporting(home, path.join(home, "out/"));
    assert.ok(!fs.existsSync(path.join(home, "out.partial")));
});
