/* examples/scheduler: many jobs on one alarm, each at least once. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { IDLE_MS, sleep, until } from "../support/target.mjs";
import { again, hurry, KILLS_MS_MAX, Server, survives } from "./support.mjs";

let server;
before(async () => {
    server = await Server.start("scheduler", { vars: { BACKOFF_MS: 100, HISTORY_MAX: 50 } });
});
after(() => server?.end());

const put = (schedule, job, plan) => server.call("PUT", `/api/schedules/${schedule}/jobs/${job}`, { inbox: schedule, ...plan });
const job = async (schedule, name) => (await server.get(`/api/schedules/${schedule}/jobs/${name}`)).json;
const history = async (schedule, name) =>
    (await server.get(`/api/schedules/${schedule}/history${name ? `?job=${name}` : ""}`)).json.runs;
const deliveries = async (inbox) => (await server.get(`/api/inboxes/${inbox}`)).json.deliveries;
const delivered = (inbox, count, ms = 10_000) =>
    until(async () => ((found) => found.length >= count && found)(await deliveries(inbox)), { ms, every: 40, what: `${count} deliveries to ${inbox}` });
const cron = async (expression, after, count = 3) => {
    const query = new URLSearchParams({ expression, after: Date.parse(after), count });
    return server.get(`/api/cron?${query}`);
};

test("one-shot jobs run once, at their time and not before", async () => {
    const begin = Date.now();
    const plans = { late: 900, early: 300, middle: 600 };
    for (const [name, delayMs] of Object.entries(plans)) {
        const { status, json } = await put("shots", name, { delayMs, payload: { name } });
        assert.deepEqual([status, json.state], [200, "waiting"]);
    }
    const found = await delivered("shots", 3);
    /* On a busy machine two may have become due before the alarm came. */
    assert.deepEqual(found.map(({ job }) => job).sort(), ["early", "late", "middle"]);
    for (const { job, at, payload, copies } of found) {
        assert.ok(at >= begin + plans[job], `${job} was early`);
        assert.deepEqual([payload, copies], [{ name: job }, 1]);
    }
    await until(async () => (await job("shots", "late")).state === "done");
    assert.equal((await history("shots")).length, 3);
});

test("a later plan does not put off an earlier one, nor an earlier one a later", async () => {
    await put("order", "soon", { delayMs: 300 });
    await put("order", "never", { delayMs: 3_600_000 });
    await delivered("order", 1);
    await put("order", "sooner", { delayMs: 100 });
    await delivered("order", 2);
    assert.equal((await job("order", "never")).state, "waiting");
});

test("a job is replaced and cancelled", async () => {
    await again("cancel", async (schedule) => {
        await hurry(400, async () => {
            await put(schedule, "a", { delayMs: 400 });
            await put(schedule, "a", { delayMs: 3_600_000 });
            await put(schedule, "b", { delayMs: 400 });
            assert.equal((await server.call("DELETE", `/api/schedules/${schedule}/jobs/b`)).status, 204);
            assert.equal((await server.call("DELETE", `/api/schedules/${schedule}/jobs/b`)).status, 404);
        });
        await sleep(800);
        assert.deepEqual(await deliveries(schedule), []);
        const { json } = await server.get(`/api/schedules/${schedule}`);
        assert.deepEqual(json.jobs.map(({ name }) => name), ["a"]);
    });
});

test("what fails is tried again, later each time", async () => {
    await server.post("/api/inboxes/retry/fail", { times: 3 });
    await put("retry", "stubborn", { delayMs: 0 });
    const [delivery] = await delivered("retry", 1);
    assert.equal(delivery.attempt, 4);
    const runs = (await until(async () => ((r) => r.length === 4 && r)(await history("retry", "stubborn")))).reverse();
    assert.deepEqual(runs.map(({ attempt, ok }) => [attempt, ok]), [[1, false], [2, false], [3, false], [4, true]]);
    assert.equal(runs[0].error, "The inbox refuses");
    assert.equal(new Set(runs.map(({ runId }) => runId)).size, 1);
    for (const i of [1, 2, 3]) assert.ok(runs[i].at - runs[i - 1].at >= 100 * 2 ** (i - 1), `attempt ${i + 1} was early`);
});

test("what fails too often is given up, and said to be", async () => {
    await server.post("/api/inboxes/hopeless/fail", { times: 100 });
    await put("hopeless", "job", { delayMs: 0, attemptsMax: 3 });
    await until(async () => (await job("hopeless", "job")).state === "failed");
    const { attempts, error, dueAt } = await job("hopeless", "job");
    assert.deepEqual([attempts, error, dueAt], [3, "The inbox refuses", null]);
    assert.equal((await history("hopeless")).length, 3);
});

test("one job that fails holds up no other", async () => {
    await server.post("/api/inboxes/broken/fail", { times: 100 });
    await put("holdup", "bad", { delayMs: 0, inbox: "broken" });
    await put("holdup", "good", { delayMs: 200 });
    await delivered("holdup", 1);
});

test("a cron job comes again and again, also when the object has slept", { timeout: 60_000 }, async () => {
    await put("cron", "tick", { cron: "* * * * * *" });
    const found = await delivered("cron", 3);
    for (const { runId } of found) assert.match(runId, /^tick\/1\/\d+000$/);
    assert.equal(new Set(found.map(({ runId }) => runId)).size, found.length);
    await server.call("DELETE", "/api/schedules/cron/jobs/tick");
    await put("cron", "later", { delayMs: IDLE_MS });
    await until(async () => (await job("cron", "later")).state === "done", { ms: IDLE_MS + 8000 });
});

test("a hundred jobs at the same time are all run", { timeout: 60_000 }, async () => {
    const at = Date.now() + 1500;
    await Promise.all(Array.from({ length: 100 }, (_, i) => put("hundred", `job-${i}`, { at })));
    const found = await delivered("hundred", 100, 30_000);
    assert.ok(found.every(({ copies, at: when }) => copies === 1 && when >= at));
    await until(async () => (await server.get("/api/schedules/hundred")).json.jobs.every(({ state }) => state === "done"));
    assert.equal((await history("hundred")).length, 50);
});

test("cron expressions", async () => {
    const cases = [
        ["*/15 * * * *", "2026-01-01T00:07:30Z", ["2026-01-01T00:15", "2026-01-01T00:30", "2026-01-01T00:45"]],
        ["0 9 * * mon-fri", "2026-01-02T09:00:00Z", ["2026-01-05T09:00", "2026-01-06T09:00", "2026-01-07T09:00"]],
        ["30 23 31 * *", "2026-01-31T23:30:00Z", ["2026-03-31T23:30", "2026-05-31T23:30", "2026-07-31T23:30"]],
        ["0 0 29 feb *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"].slice(0, 3)],
        ["0 0 13 * 5", "2026-02-01T00:00:00Z", ["2026-02-06T00:00", "2026-02-13T00:00", "2026-02-20T00:00"]],
        ["0 0 * * 7", "2026-01-01T00:00:00Z", ["2026-01-04T00:00", "2026-01-11T00:00", "2026-01-18T00:00"]],
        ["5,10-12/2 0 1 1 *", "2026-01-01T00:00:00Z", ["2026-01-01T00:05", "2026-01-01T00:10", "2026-01-01T00:12"]],
        ["@monthly", "2026-11-15T00:00:00Z", ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]],
    ];
    for (const [expression, after, expected] of cases) {
        const { json } = await cron(expression, after);
        assert.deepEqual(json.times, expected.map((time) => `${time}:00.000Z`), expression);
    }
    const seconds = await cron("*/20 59 23 31 12 *", "2026-12-31T23:59:10Z", 2);
    assert.deepEqual(seconds.json.times, ["2026-12-31T23:59:20.000Z", "2026-12-31T23:59:40.000Z"]);
    const bad = ["", "* * * *", "* * * * * * *", "60 * * * *", "a * * * *", "5-1 * * * *", "*/0 * * * *", "1- * * * *", "*-5 * * * *", "* * 0 * *", "* * * foo *"];
    for (const expression of bad) assert.equal((await cron(expression, "2026-01-01T00:00:00Z")).status, 400, expression);
    assert.deepEqual((await cron("0 0 30 2 *", "2026-01-01T00:00:00Z")).json.times, []);
});

test("nonsense is refused", async () => {
    const bad = [
        {}, { delayMs: 1, at: 5 }, { delayMs: -1 }, { delayMs: "1" }, { at: 0 }, { at: 1e300 }, { cron: 5 }, { cron: "nope" },
        { cron: "0 0 30 2 *" }, { delayMs: 1, attemptsMax: 0 }, { delayMs: 1, inbox: "a/b" }, { delayMs: 1, payload: "x".repeat(70_000) },
    ];
    for (const plan of bad) assert.equal((await put("bad", "job", plan)).status, 400, JSON.stringify(plan).slice(0, 60));
    assert.equal((await server.get("/api/schedules/bad/jobs/a%20b")).status, 404);
    assert.equal((await server.get("/api/schedules/bad/jobs/none")).status, 404);
    assert.equal((await server.call("PATCH", "/api/schedules/bad/jobs/none")).status, 405);
});

test("kill -9: every planned job is run, at least once, and taken once", { timeout: KILLS_MS_MAX }, async () => {
    const planned = new Set();
    const work = async (stopped, round) => {
        for (let i = 0; !stopped(); i++) {
            const name = `${round}-${i}`;
            const { status } = await put("crash", name, { delayMs: Math.floor(Math.random() * 300) });
            if (status === 200) planned.add(name);
        }
    };
    await survives(server, { work, check: async () => {}, most: 200 });
    const seen = await until(
        async () => {
            const found = new Set((await deliveries("crash")).map(({ job }) => job));
            return [...planned].every((name) => found.has(name)) && found;
        },
        { ms: 60_000, every: 300, what: `${planned.size} jobs` },
    );
    assert.ok(planned.size > 0 && seen.size >= planned.size);
    const runIds = (await deliveries("crash")).map(({ runId }) => runId);
    assert.equal(new Set(runIds).size, runIds.length);
});
