/*
 * The scheduled handler. What a schedule means was compared with workerd's own reading of 10,000 expressions; on workerd
 * the handler runs on its schedule only, the URL is wrangler's.
 *
 * DORMOUSE_LONG=1 waits for a minute to begin and sees the triggers run by themselves.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { nextTime, parseCron } from "../../js/cron.js";
import { copyProject, onlyDormouse, sleep, start, startFails, until } from "./support/target.mjs";

const workerdArgs = ["--experimental"];
const after = Date.UTC(2026, 10, 21, 12, 34, 56); // a Saturday

const times = (text, count = 3) => {
    const cron = parseCron(text);
    const list = [];
    for (let time = after; list.length < count; list.push(new Date(time).toISOString().slice(0, 16))) time = nextTime(cron, time);
    return list;
};

test("schedules are read in Cloudflare's dialect", () => {
    assert.deepEqual(times("*/20 * * * *"), ["2026-11-21T12:40", "2026-11-21T13:00", "2026-11-21T13:20"]);
    assert.deepEqual(times("5 0 * * 1"), ["2026-11-22T00:05", "2026-11-29T00:05", "2026-12-06T00:05"], "1 is Sunday");
    assert.deepEqual(times("0 12-13 * * sat"), ["2026-11-21T13:00", "2026-11-28T12:00", "2026-11-28T13:00"]);
    assert.deepEqual(times("59 23 LW * *"), ["2026-11-30T23:59", "2026-12-31T23:59", "2027-01-29T23:59"]);
    assert.deepEqual(times("0 0 1W * *"), ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]);
    assert.deepEqual(times("0 0 15W aug *", 1), ["2027-08-16T00:00"], "the 15th is a Sunday");
    assert.deepEqual(times("0 18 * * friL"), ["2026-11-27T18:00", "2026-12-25T18:00", "2027-01-29T18:00"]);
    assert.deepEqual(times("0 9 * * MON#2"), ["2026-12-14T09:00", "2027-01-11T09:00", "2027-02-08T09:00"]);
    assert.deepEqual(times("0 0 29 2 *", 2), ["2028-02-29T00:00", "2032-02-29T00:00"]);
    assert.deepEqual(times("0 0 24 * MON"), ["2026-11-23T00:00", "2026-11-24T00:00", "2026-11-30T00:00"], "either day field");
});

test("what is no schedule is refused", () => {
    for (const text of ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 0", "* * * * 8", "* * * * sat-sun", "*,5 * * * *", "*/60 * * * *", "0 0 31 2 *", "* * * * mon#6", "* * L-31 * *"])
        assert.throws(() => parseCron(text), Error, text);
});

test("a project with a wrong schedule does not start", { skip: onlyDormouse("has words of its own") }, async () => {
    const home = copyProject("cron");
    const file = path.join(home, "project/wrangler.jsonc");
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace('"* * * * *"', '"* * * * 9"'));
    const { stderr } = await startFails(null, { home });
    assert.match(stderr, /"\* \* \* \* 9" is no schedule: the day of week cannot be "9"\./);
    fs.rmSync(home, { recursive: true });
});

test("wrangler's URL runs the handler", { skip: onlyDormouse("is not wrangler") }, async () => {
    const target = await start("cron", { command: "dev" });
    const run = async (query, where = "/cdn-cgi/handler/scheduled") => {
        const response = await target.fetch(`${where}?${new URLSearchParams(query)}`);
        return [response.status, await response.text()];
    };
    const begin = Date.now();
    assert.deepEqual(await run({ cron: "*/5 * * * *", time: "1745856238000" }), [200, "ok"]);
    assert.deepEqual(await run({}, "/cdn-cgi/local/scheduled"), [200, "ok"]);
    assert.deepEqual(await run({ cron: "waits" }), [200, "ok"]);
    const [first, second, third, fourth, ...more] = await target.ask("/entries");
    assert.deepEqual([first.cron, first.scheduledTime], ["*/5 * * * *", 1745856238000]);
    assert.deepEqual(first.shape, ["[object ScheduledController]", ["cron", "scheduledTime"], "[object ExecutionContext]"]);
    assert.equal(second.cron, "");
    assert.ok(second.scheduledTime >= begin && second.scheduledTime <= Date.now());
    assert.deepEqual([third.cron, fourth.cron, more], ["waits", "waited", []], "the answer comes after waitUntil()");

    assert.deepEqual(await run({ cron: "throws" }), [500, "exception"]);
    assert.deepEqual(await run({ cron: "throws", format: "json" }), [500, '{"outcome":"exception","noRetry":false}']);
    assert.deepEqual(await run({ cron: "throws once and for all", format: "json" }), [500, '{"outcome":"exception","noRetry":true}']);
    assert.deepEqual(await run({ cron: "waits in vain" }), [500, "exception"]);
    await target.printed(/Uncaught Error: a scheduled mistake/);
    assert.equal(await target.ask("/cdn-cgi/other"), "the Worker's /cdn-cgi/other");
    await target.end();
});

test("where it serves, that URL is the Worker's", async () => {
    const target = await start("cron", { workerdArgs });
    assert.equal(await target.ask("/cdn-cgi/handler/scheduled"), "the Worker's /cdn-cgi/handler/scheduled");
    await target.end();
});

const whenLong = process.env.DORMOUSE_LONG ? false : "takes a minute";

test("triggers run at their minute, fail, and are repeated", { skip: whenLong }, async () => {
    let target = await start("cron", { workerdArgs });
    const minute = (Math.floor(Date.now() / 60_000) + 1) * 60_000;
    await sleep(minute - Date.now());
    await until(async () => (await target.ask("/entries")).length >= 3, { ms: 10_000, what: "two runs and a repetition" });
    const [first, second, repeated] = await target.ask("/entries");
    assert.deepEqual([first, second].map(({ cron }) => cron).sort(), ["* * * * *", "*/1 * * * *"]);
    assert.equal(repeated.cron, "*/1 * * * *");
    for (const { scheduledTime, at } of [first, second, repeated]) {
        assert.equal(scheduledTime, minute);
        assert.ok(at >= minute);
    }
    assert.ok(repeated.at - second.at >= 1900 && repeated.at - second.at < 3500, `${repeated.at - second.at} ms`);

    // What came due while nothing ran is made up for once.
    await target.kill9();
    await sleep(minute + 60_000 - Date.now() + 500);
    target = await target.again();
    await until(async () => (await target.ask("/entries")).length >= 5, { ms: 5_000, what: "the missed minute" });
    assert.equal((await target.ask("/entries"))[3].scheduledTime, minute + 60_000);
    await target.end();
});
