/* Alarms: when they ring, what they are told, and what becomes of them when something fails. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { sleep, start, until } from "./support/target.mjs";

let target;
before(async () => (target = await start("alarms")));
after(() => target.end());

const clock = (name, what) => target.ask(`/at/CLOCKS/${name}/${what}`);
const text = ({ error, value }) => (error ? `${error.name}: ${error.message}` : value);

/*
 * It is never early. How late it is depends on what else the machine does: one of three is on time. `attempt` is given a name of
 * its own and returns what was late, or nothing.
 */
async function onTime(name, attempt) {
    const late = [];
    for (let i = 1; i <= 3; i++) {
        const text = await attempt(`${name}-${i}`);
        if (!text) return;
        late.push(text);
    }
    assert.fail(late.join(", "));
}

async function rung(name, count, ms = 8000) {
    await until(async () => (await clock(name, "runs")).runs.length >= count, { ms, every: 50, what: `run ${count} of ${name}` });
    return clock(name, "runs");
}

test("an alarm is set with a number or a date, read as a number, and deleted", async () => {
    assert.deepEqual(await clock("basic", "set-get-delete"), [null, true, true, null]);
});

test("times that are none are refused", async () => {
    const wrong = "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.";
    const past = "TypeError: setAlarm() cannot be called with an alarm time <= 0";
    const invalid = "TypeError: The value cannot be converted because it is not a valid Date.";
    const late = "TypeError: This API doesn't support dates after 2189.";
    assert.deepEqual((await clock("misused", "misused")).map(text), [past, past, wrong, wrong, invalid, invalid, late]);
});

test("a class without alarm() cannot set one", async () => {
    const [outcome, alarm] = await target.ask("/at/SILENT/s/");
    assert.equal(text(outcome), "TypeError: Your Durable Object class must have an alarm() handler in order to call setAlarm()");
    assert.equal(alarm, null);
});

test("an alarm set in a transaction that fails is as it was", async () => {
    assert.equal(await clock("rolled-back", "rolled-back"), 5e12);
});

test("an alarm rings at its time, never before, and is told when it was due", async () => {
    await onTime("rings", async (name) => {
        const time = await clock(name, "set?in=300");
        const { runs, alarm } = await rung(name, 1);
        assert.equal(runs.length, 1);
        assert.deepEqual(runs[0].info, { scheduledTime: time, retryCount: 0, isRetry: false });
        assert.equal(runs[0].arguments, 1);
        assert.equal(runs[0].alarm, null, "while it runs it is no longer set");
        assert.equal(runs[0].name, name);
        assert.equal(alarm, null);
        const late = runs[0].at - time;
        assert.ok(late >= 0, `${late} ms late`);
        return late >= 1000 && `${late} ms late`;
    });
});

test("an alarm in the past rings at once", async () => {
    await clock("past", "set?in=-100000");
    assert.equal((await rung("past", 1)).runs.length, 1);
});

test("a later setAlarm replaces an earlier one, and a deleted alarm does not ring", async () => {
    await clock("replaced", "set?in=1500");
    await clock("cancelled", "set?in=1500");
    const time = await clock("replaced", "set?in=2000");
    await clock("cancelled", "cancel");
    const { runs } = await rung("replaced", 1);
    assert.equal(runs[0].info.scheduledTime, time);
    assert.deepEqual(await clock("cancelled", "runs"), { runs: [], alarm: null });
});

test("an alarm may set the next one", async () => {
    await clock("repeats", "set?in=50&mode=set+again");
    const { runs } = await rung("repeats", 3);
    assert.deepEqual(runs.map(({ info }) => info.retryCount), [0, 0, 0]);
    await sleep(200);
    assert.equal((await clock("repeats", "runs")).runs.length, 3);
});

test("an alarm that fails is repeated after two seconds, then four, and keeps what it wrote", async () => {
    await onTime("fails", async (name) => {
        const time = await clock(name, "set?in=50&mode=fail+twice");
        await rung(name, 1);
        assert.equal((await clock(name, "runs")).alarm, time, "it is set until it has succeeded");
        const { runs, alarm } = await rung(name, 3, 12_000);
        assert.deepEqual(runs.map(({ info }) => [info.retryCount, info.isRetry]), [[0, false], [1, true], [2, true]]);
        assert.deepEqual(runs.map(({ info }) => info.scheduledTime), [time, time, time]);
        assert.equal(alarm, null);
        const [first, second] = [runs[1].at - runs[0].at, runs[2].at - runs[1].at];
        assert.ok(first >= 1900, `${first} ms to the first repetition`);
        assert.ok(second >= 3900, `${second} ms to the second repetition`);
        return (first >= 3500 || second >= 6500) && `${first} and ${second} ms to the repetitions`;
    });
});

test("a failing alarm that has set the next one is not repeated", async () => {
    await onTime("moves-on", async (name) => {
        await clock(name, "set?in=50&mode=set+again+and+fail");
        const { runs } = await rung(name, 2);
        assert.deepEqual([runs[1].info.retryCount, runs[1].info.isRetry], [0, false]);
        return runs[1].at - runs[0].at >= 1500 && `the next came ${runs[1].at - runs[0].at} ms later`;
    });
});

test("an alarm that aborts its object is repeated", async () => {
    await clock("aborts", "set?in=50&mode=abort");
    const { runs } = await rung("aborts", 2);
    assert.equal(runs[1].info.retryCount, 1);
});

test("what an alarm does to itself decides whether it rings again", async () => {
    const modes = {
        "abort for good": [0],
        "delete and fail": [0],
        "set the same time": [0, 0],
        "set and delete": [0],
        "roll back the next": [0],
        "reject in the background": [0],
    };
    const names = Object.keys(modes);
    await Promise.all(names.map((mode) => clock(mode.replaceAll(" ", "-"), `set?in=50&mode=${mode.replaceAll(" ", "+")}`)));
    await sleep(3500); // a repetition would come after two seconds
    const seen = await Promise.all(names.map((mode) => clock(mode.replaceAll(" ", "-"), "runs")));
    assert.deepEqual(Object.fromEntries(seen.map(({ runs }, i) => [names[i], runs.map(({ info }) => info.retryCount)])), modes);
    for (const { alarm } of seen) assert.equal(alarm, null);
});

test("an alarm may be set in a constructor, without the check for alarm()", async () => {
    assert.equal(await target.ask("/at/EARLY/e/"), null);
    await until(async () => await target.ask("/at/EARLY/e/"), { what: "the alarm of the constructor" });
});

test("a hundred alarms due together all ring", async () => {
    const names = Array.from({ length: 100 }, (_, i) => `crowd-${i}`);
    await Promise.all(names.map((name) => clock(name, "set?in=500")));
    for (const name of names) assert.equal((await rung(name, 1)).runs.length, 1);
});

test("alarms survive a restart; what was due meanwhile rings at once", async () => {
    const due = await clock("due", "set?in=1500");
    const later = await clock("later", "set?in=7000");
    await target.stop();
    await sleep(Math.max(0, due - Date.now() + 300));
    target = await target.again();

    const first = await rung("due", 1);
    assert.equal(first.runs[0].info.scheduledTime, due);
    const { alarm } = await clock("later", "runs");
    if (Date.now() < later) assert.equal(alarm, later);
    const second = await rung("later", 1);
    assert.ok(second.runs[0].at >= later);
});

test("alarms survive kill -9, and wake an object that nobody calls", async () => {
    await onTime("killed", async (name) => {
        const due = await clock(name, "set?in=1200");
        await target.kill9();
        target = await target.again();
        await sleep(Math.max(0, due - Date.now()) + 1500);
        const asked = Date.now();
        const { runs } = await rung(name, 1);
        assert.equal(runs.length, 1);
        return runs[0].at >= asked && "somebody had called";
    });
});
