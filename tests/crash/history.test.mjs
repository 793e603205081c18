/*
 * Going back while the plug is pulled
 *
 * Clients write numbers to an object each, take bookmarks, go back to them and undo that. At a random moment the server is
 * killed with SIGKILL and started again on the same data. Each object must be what its client knows it to be: with what was
 * acknowledged, restored if that was acknowledged, and only what was under way may be there or not. In the end every bookmark
 * that is left is gone back to.
 *
 * HISTORY_SECONDS says for how long (5).
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { onlyDormouse, sleep, start } from "../e2e/support/target.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SECONDS = Number(process.env.HISTORY_SECONDS ?? 5);
const CLIENTS = 6;
const MARKS = 12;
const UNDONE_MAX = 16; /* an object knows so many of its restores */
const KILL_AFTER_MS = [200, 1500];

/* The connection is gone, and with it the answer. */
class Broken extends Error {}

class Client {
    constructor(name) {
        this.name = name;
        this.sent = 0;
        this.state = { numbers: [], last: 0 };
        this.maybe = null; /* what it is instead if what was under way has happened */
        this.undo = null; /* a mark that counts when the restore has been seen */
        this.marks = [];
        this.orders = 0;
        this.restores = 0;
    }

    connect(port) {
        this.port = port;
        this.agent?.destroy();
        this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    }

    ask(where, status = 200) {
        return new Promise((resolve, reject) => {
            const broken = (fault) => reject(new Broken(fault?.message));
            const request = http.get({ host: "127.0.0.1", port: this.port, agent: this.agent, path: `/${this.name}/${where}` }, (response) => {
                let text = "";
                response.on("data", (data) => (text += data));
                response.on("error", broken);
                response.on("aborted", broken);
                response.on("end", () => {
                    if (response.statusCode === status) resolve(status === 200 ? JSON.parse(text) : undefined);
                    else reject(new Error(`${this.name}/${where} answered ${response.statusCode}: ${text}`));
                });
            });
            request.on("error", broken);
        });
    }

    async change(where, state) {
        this.maybe = state;
        await this.ask(where);
        this.state = state;
        this.maybe = null;
    }

    add() {
        const number = ++this.sent;
        return this.change(`add/${number}`, { numbers: [...this.state.numbers, number], last: number });
    }

    forget() {
        const { numbers, last } = this.state;
        return this.change("forget", { numbers: numbers.slice(Math.floor(numbers.length / 2)), last });
    }

    remember(mark) {
        this.marks[this.marks.length < MARKS ? this.marks.length : Math.floor(Math.random() * MARKS)] = mark;
    }

    async mark() {
        const byTime = Math.random() < 0.3;
        if (byTime) await sleep(3);
        this.remember({ bookmark: await this.ask(byTime ? "mark-now" : "mark"), state: this.state });
        if (byTime) await sleep(3);
    }

    async goBack({ bookmark, state }) {
        const before = this.state;
        const order = ++this.orders;
        this.maybe = state;
        const undo = await this.ask(`back/${bookmark}`);
        this.state = state;
        this.maybe = null;
        this.undo = { bookmark: undo, state: before, order };
        await this.ask("end", 500);
        await this.check();
    }

    async check() {
        const found = await this.ask("all");
        const same = (state) => state !== null && JSON.stringify(state) === JSON.stringify(found);
        const told = (state) => `${state?.numbers.length} numbers to ${state?.last}`;
        const either = `${told(this.state)}${this.maybe ? ` or ${told(this.maybe)}` : ""}`;
        assert.ok(same(this.state) || same(this.maybe), `${this.name} has ${told(found)}, and should have ${either}`);
        this.state = found;
        this.maybe = null;
        if (this.undo === null) return;
        this.remember(this.undo);
        this.undo = null;
        this.restores++;
    }

    get usable() {
        return this.marks.filter(({ order }) => order === undefined || this.orders - order < UNDONE_MAX);
    }

    step() {
        const luck = Math.random();
        const marks = this.usable;
        if (marks.length === 0 || luck < 0.1) return this.mark();
        if (luck < 0.15) return this.goBack(marks[Math.floor(Math.random() * marks.length)]);
        return luck < 0.18 ? this.forget() : this.add();
    }

    /* Until the server is gone. */
    async work() {
        try {
            for (;;) await this.step();
        } catch (fault) {
            if (!(fault instanceof Broken)) throw fault;
        }
    }
}

test("objects go back, and forth, whenever the server is killed", { skip: onlyDormouse("workerd has no point-in-time recovery") }, async (t) => {
    const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(`ledger-${i}`));
    const checkAll = async (target) => {
        for (const client of clients) {
            client.connect(target.port);
            await client.check();
        }
    };
    const end = Date.now() + SECONDS * 1000;
    let target = await start(path.join(HERE, "past"));
    let rounds = 0;

    await checkAll(target);
    for (; Date.now() < end; rounds++) {
        const [least, most] = KILL_AFTER_MS;
        const timer = setTimeout(() => target.process.kill("SIGKILL"), least + Math.random() * (most - least));
        try {
            await Promise.all(clients.map((client) => client.work()));
        } finally {
            clearTimeout(timer);
            await target.kill9();
        }
        assert.equal(target.process.signalCode, "SIGKILL", `it ended by itself\n${target.output}`);
        target = await target.again();
        await checkAll(target);
    }
    await target.stop();
    target = await target.again();
    await checkAll(target);
    for (const client of clients) {
        const marks = client.usable.sort((a, b) => (a.order ?? Infinity) - (b.order ?? Infinity));
        for (const mark of marks) if (client.usable.includes(mark)) await client.goBack(mark);
    }
    const sum = (of) => clients.reduce((total, client) => total + of(client), 0);
    t.diagnostic(`${rounds} kills, ${sum((client) => client.sent)} numbers, ${sum((client) => client.restores)} restores`);
    assert.ok(sum((client) => client.restores) > rounds, "hardly anything was restored, so hardly anything was tested");
    for (const client of clients) client.agent.destroy();
    await target.stop();
    fs.rmSync(target.home, { recursive: true, force: true });
});
