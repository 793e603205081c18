#!/usr/bin/env node
/*
 * The same storage calls on workerd and on Dormouse
 *
 *     node tests/differential/run.mjs                       the kept cases, three fixed seeds and one by chance, 7,000 calls each
 *     node tests/differential/run.mjs --seed 5 --program 12    one program again
 *     node tests/differential/run.mjs --file FILE           a program from a file, as a difference leaves it
 *
 * generate.mjs makes programs from a seed: lists of calls of the storage API, right and wrong. Both servers run the Worker in
 * project/, whose object runs the steps and answers a text for each: the value, described, or the error's class and message. The
 * texts must be equal, except for what differences.mjs names. A program that differs is made as small as it gets (shrink.mjs)
 * and printed with both answers and the command that runs it again.
 *
 * What rowsRead and rowsWritten say is counted, not compared (docs/storage.md, "How near the counts are").
 *
 *     DORMOUSE_BIN                 build/dormouse otherwise
 *     DORMOUSE_FLAGS               for it, as in tests/e2e
 *     DIFFERENTIAL_CALLS=200000    so many calls per seed
 *     DIFFERENTIAL_SEEDS=1,2,3     other seeds
 *     DIFFERENTIAL_SHOW=20         go on after a difference, and show so many
 *     DIFFERENTIAL_COUNTS=1        show every kind of statement whose counts differ
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { start } from "../e2e/support/target.mjs";
import { cases } from "./cases.mjs";
import { RowCounts } from "./counts.mjs";
import { differences, meant } from "./differences.mjs";
import { countCalls, makeProgram, turnsOf } from "./generate.mjs";
import { shrink } from "./shrink.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const COMPAT = path.resolve(HERE, "../../docs/compat.md");
const SEEDS_FIXED = [1, 2, 3];
const CALLS_PER_SEED = Number(process.env.DIFFERENTIAL_CALLS ?? 7000);
const STEPS_PER_PROGRAM = 60;
const SHOWN_MAX = Number(process.env.DIFFERENTIAL_SHOW ?? 1);
const TOGETHER = 4;

const counts = new RowCounts();
let objects = 0;

async function ask(target, request) {
    return target.ask("/", { method: "POST", body: JSON.stringify(request) });
}

/* [{path, step, workerd, dormouse}] of steps that said something else, flat and in order. */
function compareSteps(steps, workerd, dormouse, where, found) {
    for (let i = 0; i < Math.max(workerd.length, dormouse.length); i++) {
        const [step, a, b] = [steps[i], workerd[i] ?? {}, dormouse[i] ?? {}];
        const at = `${where}.${i}`;
        if (a.inner !== undefined || b.inner !== undefined) compareSteps(step?.steps ?? [], a.inner ?? [], b.inner ?? [], at, found);
        if (a.said !== b.said) found.push({ at, step, workerd: String(a.said), dormouse: String(b.said) });
        else if (a.counts !== undefined && b.counts !== undefined) counts.note(step, a.counts, b.counts);
    }
    return found;
}

function compareTurns(turns, workerd, dormouse) {
    const found = [];
    for (const [i, turn] of turns.entries()) {
        const [a, b] = [workerd[i], dormouse[i]];
        if (a.failed !== b.failed) found.push({ at: String(i), step: { do: "turn" }, workerd: String(a.failed), dormouse: String(b.failed) });
        if ((a.said === undefined) === (b.said === undefined)) compareSteps(turn.steps, a.said ?? [], b.said ?? [], String(i), found);
    }
    return found;
}

/* Differences that are not meant. */
async function differencesOf(both, { binding, steps }) {
    const turns = turnsOf(steps);
    const request = { binding, name: `object ${objects++}`, turns };
    const [workerd, dormouse] = await Promise.all(both.map((target) => ask(target, request)));
    const found = compareTurns(turns, workerd, dormouse);
    const unexpected = [];
    for (const difference of found) {
        const known = meant(difference.step, difference.workerd, difference.dormouse);
        if (known === undefined) unexpected.push(difference);
        else if (known.ends) break;
    }
    return unexpected;
}

async function report(both, program, what, first) {
    const fails = async (steps) => (await differencesOf(both, { ...program, steps })).length > 0;
    const smallest = { ...program, steps: await shrink(program.steps, fails) };
    const again = await differencesOf(both, smallest);
    const found = again.length > 0 ? again : first; // not every time
    const file = path.join(os.tmpdir(), `differential-${process.pid}-${objects}.json`);
    fs.writeFileSync(file, JSON.stringify(smallest));
    console.log(`\n${what} differs; as small as it gets:`);
    for (const step of smallest.steps) console.log(`    ${JSON.stringify(step)}`);
    for (const { at, step, workerd, dormouse } of found)
        console.log(`  step ${at} ${JSON.stringify(step)}\n    workerd   ${workerd}\n    dormouse  ${dormouse}`);
    console.log(`  again: node tests/differential/run.mjs --file ${file}`);
}

/* Runs programs until there are enough calls; how many calls there were, or null after too many differences. */
async function runSeed(both, seed) {
    let calls = 0;
    let next = 0;
    let shown = 0;
    const lane = async () => {
        while (calls < CALLS_PER_SEED && shown < SHOWN_MAX) {
            const number = next++;
            const program = makeProgram(seed, number, STEPS_PER_PROGRAM);
            calls += countCalls(program.steps);
            const found = await differencesOf(both, program);
            if (found.length === 0 || shown >= SHOWN_MAX) continue;
            shown++;
            await report(both, program, `seed ${seed}, program ${number} (--seed ${seed} --program ${number})`, found);
        }
    };
    await Promise.all(Array.from({ length: TOGETHER }, lane));
    return { calls, shown };
}

function checkTable() {
    const page = fs.readFileSync(COMPAT, "utf8").replaceAll(/\s+/g, " ");
    for (const { name, documented } of differences) assert.ok(page.includes(documented), `docs/compat.md does not say "${documented}" (${name})`);
}

async function runOne(both, program, what) {
    const found = await differencesOf(both, program);
    if (found.length === 0) return 0;
    await report(both, program, what, found);
    return 1;
}

async function runAll(both) {
    let failures = 0;
    let calls = 0;
    for (const { title, ...program } of cases) {
        failures += await runOne(both, program, `the case "${title}"`);
        calls += countCalls(program.steps);
    }
    const chance = Math.floor(Math.random() * 2 ** 31);
    const seeds = process.env.DIFFERENTIAL_SEEDS?.split(",").map(Number) ?? [...SEEDS_FIXED, chance];
    for (const seed of seeds) {
        const result = await runSeed(both, seed);
        calls += result.calls;
        failures += result.shown;
        console.log(`${result.shown === 0 ? "ok" : "not ok"} seed ${seed}: ${result.calls} calls`);
    }
    console.log(`${failures === 0 ? "ok" : "not ok"} ${calls} calls on both, ${failures} programs differ`);
    counts.print(process.env.DIFFERENTIAL_COUNTS !== undefined);
    return failures;
}

const { values: options } = parseArgs({ options: { seed: { type: "string" }, program: { type: "string" }, file: { type: "string" } } });
checkTable();
const both = await Promise.all(["workerd", "dormouse"].map((target) => start(path.join(HERE, "project"), { target })));
try {
    let failures;
    if (options.file !== undefined) failures = await runOne(both, JSON.parse(fs.readFileSync(options.file, "utf8")), options.file);
    else if (options.program !== undefined)
        failures = await runOne(both, makeProgram(Number(options.seed), Number(options.program), STEPS_PER_PROGRAM), "the program");
    else failures = await runAll(both);
    process.exitCode = failures === 0 ? 0 : 1;
} finally {
    for (const target of both) await target.end();
}
