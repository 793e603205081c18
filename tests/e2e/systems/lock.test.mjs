/* examples/lock: one holder at a time, tokens that only rise, a fair queue. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { IDLE_MS, sleep, until } from "../support/target.mjs";
import { again, hurry, Server, survives } from "./support.mjs";

let server;
before(async () => {
    server = await Server.start("lock");
});
after(() => server?.end());

const where = (name) => `/api/locks/${name}`;
const acquire = (name, owner, { leaseMs = 10_000, waitMs = 0 } = {}) =>
    server.post(where(name), { owner, leaseMs, waitMs });
const renew = (name, token, leaseMs = 10_000) => server.call("PUT", where(name), { token, leaseMs });
const release = (name, token) => server.call("DELETE", where(name), { token });
const waiting = async (name) => (await server.get(where(name))).json.waiting;
const waitersAre = (name, owners) =>
    until(async () => String(await waiting(name)) === String(owners), { what: `the queue ${owners}` });

test("one has it, the other does not, and then the other way round", async () => {
    const first = await acquire("one", "ada");
    assert.equal(first.status, 200);
    assert.equal(first.json.token, 1);

    const refused = await acquire("one", "grace");
    assert.equal(refused.status, 409);
    assert.deepEqual(refused.json, { ok: false, error: "The lock is held", expiresAt: first.json.expiresAt });

    assert.equal((await release("one", first.json.token)).status, 200);
    const second = await acquire("one", "grace");
    assert.deepEqual([second.status, second.json.token], [200, 2]);
});

test("asking again under the same name gets the lease one has", async () => {
    const first = await acquire("again", "ada");
    const again = await acquire("again", "ada");
    assert.deepEqual(again.json, first.json);
});

test("of many at once, one gets it", async () => {
    const all = await Promise.all(Array.from({ length: 30 }, (_, i) => acquire("many", `owner-${i}`)));
    assert.equal(all.filter(({ status }) => status === 200).length, 1);
});

test("a lease that is not renewed ends, and its token is worth nothing then", async () => {
    const first = await acquire("ends", "ada", { leaseMs: 300 });
    await sleep(400);
    assert.equal((await server.get(where("ends"))).json.holder, null);
    assert.equal((await renew("ends", first.json.token)).status, 409);
    assert.equal((await release("ends", first.json.token)).status, 409);
    assert.equal((await acquire("ends", "grace")).json.token, 2);
});

test("a lease that is renewed does not end", async () => {
    const leaseMs = 2000;
    await again("renewed", async (name) => {
        let since = Date.now();
        const { json } = await acquire(name, "ada", { leaseMs });
        for (let i = 0; i < 5; i++) {
            await sleep(600);
            const now = Date.now();
            await hurry(leaseMs, async () => assert.equal((await renew(name, json.token, leaseMs)).status, 200), since);
            since = now;
        }
        await hurry(leaseMs, async () => assert.equal((await acquire(name, "grace")).status, 409), since);
    });
});

test("those who wait get it in the order in which they came", async () => {
    const holder = await acquire("queue", "holder");
    const order = [];
    const all = [];
    for (const owner of ["a", "b", "c", "d"]) {
        const turn = async () => {
            const { status, json } = await acquire("queue", owner, { waitMs: 20_000 });
            assert.equal(status, 200);
            order.push(`${owner}${json.token}`);
            await release("queue", json.token);
        };
        all.push(turn());
        await until(async () => (await waiting("queue")).includes(owner));
    }
    assert.deepEqual(await waiting("queue"), ["a", "b", "c", "d"]);
    await release("queue", holder.json.token);
    await Promise.all(all);
    assert.deepEqual(order, ["a2", "b3", "c4", "d5"]);
});

test("a holder that died is succeeded by the alarm, without anybody asking", async () => {
    await acquire("died", "ada", { leaseMs: 500 });
    const begin = Date.now();
    const { status, json } = await acquire("died", "grace", { waitMs: 15_000 });
    assert.deepEqual([status, json.token], [200, 2]);
    assert.ok(Date.now() - begin < 10_000);
});

test("who waits in vain is told so, and leaves the queue", async () => {
    await acquire("vain", "ada");
    const { status } = await acquire("vain", "grace", { waitMs: 300 });
    assert.equal(status, 409);
    assert.deepEqual(await waiting("vain"), []);
});

test("a sleeper with an old token is fenced off", async () => {
    let seen = 0;
    const write = (token) => {
        if (token < seen) return false;
        seen = token;
        return true;
    };
    const sleeper = await acquire("fence", "sleeper", { leaseMs: 200 });
    await sleep(300);
    const next = await acquire("fence", "next");
    assert.equal(write(next.json.token), true);
    assert.equal(write(sleeper.json.token), false);
});

test("an idle object keeps lease and token", { timeout: 60_000 }, async () => {
    const first = await acquire("idle", "ada", { leaseMs: 60_000 });
    await sleep(IDLE_MS);
    assert.equal((await acquire("idle", "grace")).status, 409);
    await release("idle", first.json.token);
    assert.equal((await acquire("idle", "grace")).json.token, 2);
});

test("nonsense is refused before an object wakes", async () => {
    const bad = [
        {}, { owner: 5 }, { owner: "" }, { owner: "a b" }, { owner: "x".repeat(129) }, [], "no json",
        { owner: "a", leaseMs: 99 }, { owner: "a", leaseMs: 600_001 }, { owner: "a", leaseMs: "1" },
        { owner: "a", leaseMs: 1000.5 }, { owner: "a", waitMs: -1 }, { owner: "a", waitMs: 60_001 },
    ];
    for (const body of bad)
        assert.equal((await server.post(where("bad"), body)).status, 400, JSON.stringify(body));
    for (const body of [{}, { token: 0 }, { token: "1" }, { token: 1e300 }])
        assert.equal((await server.call("DELETE", where("bad"), body)).status, 400);
    assert.equal((await server.get("/api/locks/a%20b")).status, 404);
    assert.equal((await server.call("PATCH", where("bad"))).status, 405);
});

test("kill -9: whoever was granted the lock has it, and no token comes twice", async () => {
    const granted = new Map();
    let holder = null;
    let highest = 0;
    const work = async (stopped, round) => {
        for (let i = 0; !stopped(); i++) {
            if (holder === null) {
                const owner = `${round}-${i}`;
                const { json } = await acquire("crash", owner, { leaseMs: 600_000, waitMs: 0 });
                /* An answer that was lost may have been a grant; then its owner asks again. */
                if (!json.ok) return;
                assert.ok(!granted.has(json.token), `token ${json.token} came twice`);
                assert.ok(json.token > highest, `token ${json.token} after ${highest}`);
                granted.set(json.token, owner);
                highest = json.token;
                holder = json;
            } else {
                const { token } = holder;
                holder = null;
                await release("crash", token);
            }
        }
    };
    const check = async () => {
        const { json } = await server.get(where("crash"));
        if (holder !== null) assert.deepEqual(json.holder?.token, holder.token);
        if (json.holder !== null) {
            assert.ok(json.holder.token >= highest, `${json.holder.token} after ${highest}`);
            highest = Math.max(highest, json.holder.token);
            granted.set(json.holder.token, json.holder.owner);
            await release("crash", json.holder.token);
        }
        holder = null;
    };
    await survives(server, { work, check });
    assert.ok(granted.size > 0);
});

test("kill -9: the queue keeps its order for those who ask again", async () => {
    const { json } = await acquire("places", "holder", { leaseMs: 60_000 });
    const lost = [];
    for (const owner of ["a", "b"]) {
        lost.push(acquire("places", owner, { waitMs: 30_000 }).catch(() => null));
        await until(async () => (await waiting("places")).includes(owner));
    }
    await server.crash();
    await Promise.all(lost);
    const order = [];
    const again = (owner) =>
        acquire("places", owner, { waitMs: 20_000 }).then(async ({ json }) => {
            order.push(owner);
            await release("places", json.token);
        });
    const late = again("b");
    await waitersAre("places", ["a", "b"]);
    const early = again("a");
    await sleep(100);
    await release("places", json.token);
    await Promise.all([late, early]);
    assert.deepEqual(order, ["a", "b"]);
});
