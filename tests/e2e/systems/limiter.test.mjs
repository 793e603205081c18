/* examples/limiter: ten, then no more, until the window has moved on. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { IDLE_MS, sleep, until } from "../support/target.mjs";
import { again, hurry, Server, survives } from "./support.mjs";

const WINDOW_MS = 10_000;
const SHORT_MS = 1500;

let slow;
let quick;
before(async () => {
    slow = await Server.start("limiter");
    quick = await Server.start("limiter", { vars: { WINDOW_MS: SHORT_MS } });
});
after(async () => {
    await slow?.end();
    await quick?.end();
});

const take = (server, name) => server.post(`/api/limits/${name}`);

test("ten are let through, the eleventh is told when to come back", async () => {
    for (let remaining = 9; remaining >= 0; remaining--) {
        const { status, headers, json } = await take(slow, "ten");
        assert.equal(status, 200);
        assert.deepEqual([json.allowed, json.limit, json.remaining], [true, 10, remaining]);
        assert.equal(headers.get("ratelimit-remaining"), String(remaining));
    }
    const { status, headers, json } = await take(slow, "ten");
    assert.equal(status, 429);
    assert.equal(json.allowed, false);
    assert.ok(json.retryMs > 0 && json.retryMs <= WINDOW_MS, `${json.retryMs}`);
    assert.equal(headers.get("retry-after"), String(Math.ceil(json.retryMs / 1000)));
    assert.equal(headers.get("ratelimit-remaining"), "0");
    assert.equal(headers.get("cache-control"), "no-store");
});

test("one name does not pay for another", async () => {
    for (let i = 0; i < 11; i++) await take(slow, "greedy");
    assert.equal((await take(slow, "greedy")).status, 429);
    assert.equal((await take(slow, "modest")).status, 200);
});

test("of many at once, exactly ten get through", async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => take(slow, "burst")));
    assert.equal(all.filter(({ status }) => status === 200).length, 10);
    assert.equal(all.filter(({ status }) => status === 429).length, 30);
});

test("asking takes nothing", async () => {
    for (let i = 0; i < 20; i++) {
        const { status, json } = await slow.get("/api/limits/asked");
        assert.deepEqual([status, json.remaining], [200, 10]);
    }
    for (let i = 0; i < 10; i++) await take(slow, "asked");
    assert.equal((await slow.get("/api/limits/asked")).status, 429);
});

test("the window slides: at no moment were there more than ten in it", async () => {
    const times = [];
    const end = Date.now() + 3 * SHORT_MS;
    for (let asked = 0; asked < 60 || Date.now() < end; asked++) {
        const before = Date.now();
        const { status } = await take(quick, "slides");
        if (status === 200) times.push({ before, after: Date.now() });
        await sleep(25);
    }
    for (let i = 10; i < times.length; i++)
        assert.ok(times[i].after - times[i - 10].before >= SHORT_MS, `eleven within ${SHORT_MS} ms`);
    assert.ok(times.length > 20, `${times.length} in three windows`);
});

test("who waits as told is let through", async () => {
    for (let i = 0; i < 10; i++) await take(quick, "patient");
    const { json } = await take(quick, "patient");
    await sleep(json.retryMs + 20);
    assert.equal((await take(quick, "patient")).status, 200);
});

test("an unused name forgets itself, and can be used again", async () => {
    await again("forgotten", async (name) => {
        for (let i = 0; i < 10; i++) await take(quick, name);
        await sleep(SHORT_MS + 500);
        await hurry(SHORT_MS, async () => {
            for (let i = 0; i < 10; i++) assert.equal((await take(quick, name)).status, 200);
            assert.equal((await take(quick, name)).status, 429);
        });
    });
});

test("an idle object does not forget", async () => {
    if (IDLE_MS >= WINDOW_MS) return;
    for (let i = 0; i < 10; i++) await take(slow, "idle");
    await sleep(Math.min(IDLE_MS, 4000));
    assert.equal((await take(slow, "idle")).status, 429);
});

test("malformed names and other methods are refused", async () => {
    for (const name of ["", "a%20b", "a/b", "x".repeat(129)])
        assert.equal((await slow.post(`/api/limits/${name}`)).status, 404, name);
    const { status, headers } = await slow.call("DELETE", "/api/limits/a");
    assert.deepEqual([status, headers.get("allow")], [405, "GET, POST"]);
});

test("what was taken before kill -9 stays taken", async () => {
    const server = await Server.start("limiter", { vars: { WINDOW_MS: 3_600_000 } });
    let acknowledged = 0;
    let name = "";
    const work = async (stopped, round) => {
        name = `crash-${round}`;
        acknowledged = 0;
        while (!stopped()) if ((await take(server, name)).status === 200) acknowledged++;
    };
    const check = async () => {
        const { json } = await server.get(`/api/limits/${name}`);
        const taken = 10 - json.remaining;
        assert.ok(taken >= acknowledged && taken <= acknowledged + 1, `${acknowledged}, then ${taken}`);
    };
    await survives(server, { work, check, most: 60 });
    await server.end();
});

test("the alarm leaves nothing behind", async () => {
    await take(quick, "gone");
    await until(async () => (await quick.get("/api/limits/gone")).json.remaining === 10);
});
