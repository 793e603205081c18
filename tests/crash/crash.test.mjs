/*
 * Pulling the plug
 *
 * 64 HTTP clients and 64 WebSockets write numbered messages to 16 objects. At a random moment the server is killed with
 * SIGKILL and started again on the same data. Then every acknowledged message must be there, each client's in order and once,
 * and nothing by halves: the counter that is written with each message must agree with the table. 32 more clients set
 * alarms: each that was acknowledged rings, at once or after the restart, and what was seen to have rung stays so, once. Every
 * third time a first start is killed, too.
 *
 * In the end an object is made anew as it was between some of the rounds.
 *
 * CRASH_ROUNDS says how often (30); after CRASH_SECONDS (120) it stops earlier.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { DORMOUSE, Target, sleep, start, until } from "../e2e/support/target.mjs";
import { AlarmClient, HttpClient, SocketClient } from "./clients.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 30);
const SECONDS = Number(process.env.CRASH_SECONDS ?? (process.env.CRASH_ROUNDS ? Infinity : 120));
const CLIENTS_OF_EACH_KIND = 64;
const OBJECTS = 16;
const CLOCKS = 32;
const KILL_AFTER_MS = [0, 500];
const FIRST_MS_MAX = 20_000;
const KILL_START_AFTER_MS = [5, 120];
const RING_AGAIN_MS = 10_000;
const PASTS = 6;

function makeClients() {
    const clients = [];
    for (let i = 0; i < CLIENTS_OF_EACH_KIND; i++) {
        clients.push(new HttpClient(`http-${i}`, `object-${i % OBJECTS}`));
        clients.push(new SocketClient(`socket-${i}`, `object-${i % OBJECTS}`));
    }
    return clients;
}

/* Everything the object has, checked against what its clients know. */
async function check(target, object, clients) {
    const { rows, count } = await target.ask(`/${object}/all`);
    assert.equal(count, rows.length, `${object}: a message was written by halves`);

    const last = new Map(clients.map((client) => [client.name, 0]));
    for (const [name, number] of rows) {
        assert.equal(number, last.get(name) + 1, `${object}: ${name} is out of order`);
        last.set(name, number);
    }
    for (const client of clients) {
        const stored = last.get(client.name);
        assert.ok(stored >= client.acknowledged, `${client.name}: ${client.acknowledged} was acknowledged, ${stored} is the last there`);
        assert.ok(stored <= client.sent, `${client.name}: ${stored} is there, ${client.sent} was the last sent`);
        client.goOnFrom(stored);
    }
    return rows.length;
}

/* What rang is what was asked for, each number once and in order; none that was acknowledged is missing. */
async function checkClock(target, client) {
    let state;
    await until(
        async () => {
            state = await target.ask(`/${client.object}/look`);
            return state.alarm === null && state.rung.at(-1) === (state.next || undefined);
        },
        { ms: RING_AGAIN_MS, what: `the alarm of ${client.name}` },
    ).catch((fault) => {
        throw new Error(`${fault.message}: ${JSON.stringify(state)}, acknowledged ${client.acknowledged}, seen ${client.seen}`);
    });
    assert.deepEqual(state.rung, Array.from({ length: state.next }, (_, i) => i + 1), `${client.name}: it did not ring once for each`);
    assert.ok(state.next >= client.acknowledged, `${client.name}: ${client.acknowledged} was acknowledged, ${state.next} is the last there`);
    assert.ok(state.next <= client.sent, `${client.name}: ${state.next} is there, ${client.sent} was the last sent`);
    client.goOnFrom(state.next);
    client.seen = state.next;
    return state.next;
}

/* A moment in which nobody writes, and what the object has then. */
async function remember(object, rows) {
    await sleep(3);
    const at = Date.now();
    await sleep(3);
    return { object, rows, at };
}

async function checkPast(target, { object, rows, at }) {
    const copy = `${object}-at-${at}`;
    const data = path.join(target.home, "data");
    await promisify(execFile)(DORMOUSE, ["restore", "--data", data, "--class", "Log", "--name", object, "--at", `${at}`, "--as", copy]);
    const past = await target.ask(`/${copy}/all`);
    assert.equal(past.rows.length, rows, `${object} at ${at}: it is not what it was`);
    assert.equal(past.count, rows);
}

/* However slow the machine is, something has been acknowledged. */
function killLater(target, clients, delay) {
    const before = clients.map((client) => client.acknowledged);
    const giveUp = Date.now() + FIRST_MS_MAX;
    const look = setInterval(() => {
        const isGone = target.ended;
        if (!isGone && Date.now() < giveUp && clients.every((client, i) => client.acknowledged === before[i])) return;
        clearInterval(look);
        if (!isGone) setTimeout(() => target.process.kill("SIGKILL"), delay);
    }, 1);
}

/* A start that does not get to its end either: what it has put in order must be found in order. */
async function killStart(target) {
    const [least, most] = KILL_START_AFTER_MS;
    const start = new Target(target.home, target.options);
    await sleep(least + Math.random() * (most - least));
    await start.kill9();
    assert.equal(start.process.signalCode, "SIGKILL", `a start ended by itself\n${start.output}`);
}

test("every acknowledged message survives kill -9, in order, once and whole", async (t) => {
    const clients = makeClients();
    const clocks = Array.from({ length: CLOCKS }, (_, i) => new AlarmClient(`clock-${i}`));
    const objects = [...new Set(clients.map((client) => client.object))];
    const moments = [];
    const end = Date.now() + SECONDS * 1000;
    let target = await start(path.join(HERE, "project"));
    t.after(() => target.kill9()); /* whatever has failed */
    let round = 0;
    let messages = 0;
    let alarms = 0;

    while (round < ROUNDS && Date.now() < end) {
        round++;
        const [least, most] = KILL_AFTER_MS;
        const delay = least + Math.random() * (most - least);
        killLater(target, clients, delay);
        /* Node's fetch() may wait for ever for an answer that was cut off. */
        const gone = target.exited.then(() => sleep(1000));
        await Promise.all([...clients, ...clocks].map((client) => Promise.race([client.work(target.port), gone])));
        await target.exited;
        assert.equal(target.process.signalCode, "SIGKILL", `round ${round}: it ended by itself\n${target.output}`);

        if (round % 3 === 0) await killStart(target);
        target = await target.again();
        const explain = (fault) => {
            fault.message = `round ${round}, killed after ${delay.toFixed(0)} ms, data in ${target.home}: ${fault.message}`;
            throw fault;
        };
        messages = 0;
        for (const object of objects) {
            const its = clients.filter((client) => client.object === object);
            const rows = await check(target, object, its).catch(explain);
            messages += rows;
            if (object === objects[round % objects.length]) moments.push(await remember(object, rows));
        }
        alarms = 0;
        for (const clock of clocks) alarms += await checkClock(target, clock).catch(explain);
    }
    const step = Math.ceil(moments.length / PASTS);
    for (let i = 0; i < moments.length; i += step) await checkPast(target, moments[i]);
    t.diagnostic(`${round} rounds, ${messages} messages, ${alarms} alarms`);
    assert.ok(messages > round && alarms > round, "hardly anything was written, so hardly anything was tested");
    await target.stop();
    fs.rmSync(target.home, { recursive: true, force: true });
});
