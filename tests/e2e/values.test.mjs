/* Values of every kind, as workerd and as Dormouse keep them: the same bytes, and the same when they are read again. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { rowsOf, runWorkerd, workerdState } from "./support/oracle.mjs";
import { copyProject, onlyDormouse, start } from "./support/target.mjs";

const only = { skip: onlyDormouse("it is what the values are compared with") };
const home = copyProject("values");
const all = { workerd: {}, dormouse: {} };

after(() => fs.rmSync(home, { recursive: true, force: true }));

async function fill(target) {
    assert.equal((await target.ask("/SHELVES/one/fill")).error, undefined);
    const read = (await target.ask("/SHELVES/one/read")).value;
    return { read, places: (await target.ask("/SHELVES/one/places")).value };
}

before(async () => {
    if (only.skip) return;
    const workerd = await runWorkerd(home);
    Object.assign(all.workerd, await fill(workerd));
    await workerd.end();
    const target = await start(null, { home });
    Object.assign(all.dormouse, await fill(target));
    await target.stop();
    const { id } = all.workerd.read;
    all.workerd.rows = await rowsOf(path.join(workerdState(home), "values-Shelf", `${id}.sqlite`));
    all.dormouse.rows = await rowsOf(path.join(home, "data/do/values-Shelf", `${id}.sqlite`));
});

test("each value is kept in the bytes that workerd writes", only, () => {
    const keys = Object.keys(all.workerd.rows);
    assert.ok(keys.length > 100);
    for (const key of keys) assert.equal(all.dormouse.rows[key], all.workerd.rows[key], key);
    assert.equal(Object.keys(all.dormouse.rows).length, keys.length);
});

test("each value is read as workerd reads it", only, () => {
    for (const [key, words] of Object.entries(all.workerd.read.keys)) assert.equal(all.dormouse.read.keys[key], words, key);
});

test("storage, attachments, structuredClone() and RPC take what they take in workerd", only, () => {
    assert.ok(Object.keys(all.workerd.places).length > 300);
    assert.deepEqual(all.dormouse.places, all.workerd.places);
});

test("rows, schema, id and alarm are the same", only, () => {
    const { keys: theirs, ...workerd } = all.workerd.read;
    const { keys: ours, ...dormouse } = all.dormouse.read;
    assert.deepEqual(Object.keys(ours), Object.keys(theirs));
    assert.deepEqual(dormouse, workerd);
});
