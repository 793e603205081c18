/* Values of every kind, as workerd and as Dormouse keep them: the same bytes, and the same when they are read again. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { rowsOf, runWorkerd, workerdState } from "./support/oracle.mjs";
import { copyProject, onlyDormouse, start } from "./support/target.mjs";

const only = { skip: onlyDormouse("it is what the values are compared with") };

async function fill(target) {
    assert.equal((await target.ask("/SHELVES/one/fill")).error, undefined);
    const read = (await target.ask("/SHELVES/one/read")).value;
    return { read, places: (await target.ask("/SHELVES/one/places")).value };
}

/* What both kept of the same values, under a compatibility date. */
async function keep(home, date) {
    const all = { workerd: {}, dormouse: {} };
    const config = path.join(home, "project/wrangler.jsonc");
    fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/(?<="compatibility_date": ")[^"]*/, date));
    const workerd = await runWorkerd(home);
    Object.assign(all.workerd, await fill(workerd));
    await workerd.end();
    const target = await start(null, { home });
    Object.assign(all.dormouse, await fill(target));
    await target.stop();
    const { id } = all.workerd.read;
    all.workerd.rows = await rowsOf(path.join(workerdState(home), "values-Shelf", `${id}.sqlite`));
    all.dormouse.rows = await rowsOf(path.join(home, "data/do/values-Shelf", `${id}.sqlite`));
    return all;
}

/* Today's form, and that of before 2025-12-03: parts that say nothing are left out, and errors have no properties. */
for (const date of ["2026-07-01", "2025-11-20"])
    describe(`values of ${date}`, only, () => {
        const home = copyProject("values");
        let all;
        before(async () => (all = await keep(home, date)));
        after(() => fs.rmSync(home, { recursive: true, force: true }));

        test("each value is kept in the bytes that workerd writes", () => {
            const keys = Object.keys(all.workerd.rows);
            assert.ok(keys.length > 100);
            for (const key of keys) assert.equal(all.dormouse.rows[key], all.workerd.rows[key], key);
            assert.equal(Object.keys(all.dormouse.rows).length, keys.length);
        });

        test("each value is read as workerd reads it", () => {
            for (const [key, words] of Object.entries(all.workerd.read.keys)) assert.equal(all.dormouse.read.keys[key], words, key);
        });

        test("storage, attachments, structuredClone() and RPC take what they take in workerd", () => {
            assert.ok(Object.keys(all.workerd.places).length > 300);
            assert.deepEqual(all.dormouse.places, all.workerd.places);
        });

        test("rows, schema, id and alarm are the same", () => {
            const { keys: theirs, ...workerd } = all.workerd.read;
            const { keys: ours, ...dormouse } = all.dormouse.read;
            assert.deepEqual(Object.keys(ours), Object.keys(theirs));
            assert.deepEqual(dormouse, workerd);
        });
    });
