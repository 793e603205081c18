/*
 * examples/counter-room, and how not to write it
 *
 * Each pitfall is one check. The room of the example passes it, and the naive version in
 * naive-counter/ fails it: so the check checks something.
 */

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect } from "../support/sockets.mjs";
import { IDLE_MS, onlyInMemory, sleep, until } from "../support/target.mjs";
import { again, hurry, KILLS_MS_MAX, Server, survives } from "./support.mjs";

const NAIVE = path.join(path.dirname(fileURLToPath(import.meta.url)), "naive-counter");
const PURGE_MS = 1500;
const SAMPLE_MS = 400;
const vars = { INACTIVITY_MS: PURGE_MS, SAMPLE_MS };

let good;
let naive;
/* The same, where nothing is purged while a busy machine takes its time. */
let lasting;
before(async () => {
    good = await Server.start("counter-room", { vars });
    naive = await Server.start(NAIVE, { vars });
    lasting = {
        good: await Server.start("counter-room", { vars: { ...vars, INACTIVITY_MS: 3_600_000 } }),
        naive: await Server.start(NAIVE, { vars: { ...vars, INACTIVITY_MS: 3_600_000 } }),
    };
});
after(async () => {
    for (const server of [good, naive, lasting?.good, lasting?.naive]) await server?.end();
});

const where = (room) => `/api/rooms/${room}`;
async function count(server, room) {
    const { status, json, text } = await server.post(where(room));
    assert.equal(status, 200, text);
    return json.count;
}
async function look(server, room) {
    const { status, json, text } = await server.get(where(room));
    assert.equal(status, 200, text);
    return json;
}
const isEmpty = (server, room) =>
    until(async () => (await look(server, room)).count === 0, { ms: PURGE_MS + 2500, what: `${room} to be purged` });

/* The example passes, the naive version does not. */
function pitfall(number, title, room, check, { skip = false, isPurged = true } = {}) {
    test(`${number}. ${title}`, { skip, timeout: 60_000 }, () => check(isPurged ? good : lasting.good, room));
    test(`${number}. naive: ${title}`, { skip, timeout: 60_000 }, async () => {
        await assert.rejects(check(isPurged ? naive : lasting.naive, room), (fault) => {
            assert.match(fault.message, /PITFALL|purged/, fault.stack);
            return true;
        });
    });
}

const checkMemory = async (server, room) => {
    for (const expected of [1, 2, 3]) {
        await sleep(1);
        await count(server, room).then((value) => assert.equal(value, expected, "PITFALL"));
    }
    await server.crash();
    assert.equal(await count(server, room), 4, "PITFALL");
};
pitfall(1, "the count outlives the process", "memory-1", checkMemory, { isPurged: false });

pitfall(2, "the clean-up outlives the process", "timeout-1", async (server, room) => {
    await count(server, room);
    await server.crash();
    await isEmpty(server, room);
});

pitfall(3, "waking up is quick", "constructor-1", async (server, room) => {
    const times = [];
    for (let i = 1; i <= 3 && !(times.at(-1) < 2000); i++) {
        const begin = Date.now();
        await count(server, `${room}-${i}`);
        times.push(Date.now() - begin);
    }
    assert.ok(times.at(-1) < 2000, `PITFALL: the first message waited, ${times} ms`);
});

const checkTogether = async (server, room) => {
    const counts = await Promise.all(Array.from({ length: 25 }, () => count(server, room)));
    assert.equal(new Set(counts).size, 25, "PITFALL: a number came twice");
    assert.equal((await look(server, room)).count, 25, "PITFALL");
};
pitfall(4, "messages at the same time are all counted", "modify-1", checkTogether, { isPurged: false });

pitfall(
    5,
    "a client that returns after the purge finds a room",
    "schema-1",
    async (server, room) => {
        await count(server, room);
        const isThere = async () => {
            const { status, json } = await server.get(where(room));
            assert.equal(status, 200, "PITFALL: the table is gone");
            return json;
        };
        await until(async () => (await isThere()).count === 0, { ms: PURGE_MS + 2500, every: 20, what: `${room} to be purged` });
        for (let i = 0; i < 20; i++, await sleep(20)) await isThere();
        assert.equal(await count(server, room), 1, "PITFALL");
    },
    { skip: onlyInMemory("the constructor runs again at once") },
);

pitfall(6, "sampling does not put off the purge", "alarm-1", async (server, room) => {
    await count(server, room);
    await isEmpty(server, room);
});

test("samples are taken, and do not outlive the room", async () => {
    await again("samples", async (room) => {
        const since = Date.now();
        await hurry(SAMPLE_MS, () => Promise.all([1, 2, 3].map(() => count(good, room))));
        const taken = () => until(async () => ((now) => (now.samples.length >= 2 || now.count === 0) && now)(await look(good, room)));
        const { samples } = await hurry(PURGE_MS, taken, since);
        assert.ok(samples[1].at - samples[0].at >= SAMPLE_MS);
        assert.equal(samples[0].count, 3);
        await isEmpty(good, room);
        assert.deepEqual((await look(good, room)).samples, []);
    });
});

test("who goes on talking is not purged", async () => {
    await again("talks", async (room) => {
        const begin = Date.now();
        let since = begin;
        for (let i = 1; Date.now() - begin < 2 * PURGE_MS; i++) {
            const now = Date.now();
            await hurry(PURGE_MS, async () => assert.equal(await count(good, room), i), since);
            since = now;
            await sleep(150);
        }
        await isEmpty(good, room);
    });
});

test("clients return while the purge runs, again and again", { timeout: 60_000 }, async () => {
    const quick = await Server.start("counter-room", { vars: { INACTIVITY_MS: 60, SAMPLE_MS: 20 } });
    let restarts = 0;
    let last = 0;
    for (let i = 0; i < 60; i++) {
        const value = await count(quick, "race");
        if (value === 1 && last > 0) restarts++;
        else assert.equal(value, last + 1, "a message was lost between two purges");
        last = value;
        await sleep(50 + Math.random() * 25);
    }
    assert.ok(restarts > 0, "no purge fell between two messages");
    await quick.end();
});

test("a socket counts and is told, also after the room has slept", { timeout: 60_000 }, async () => {
    const patient = await Server.start("counter-room");
    const [ada, grace] = [await connect(patient.target, `${where("ws")}/ws`), await connect(patient.target, `${where("ws")}/ws`)];
    assert.deepEqual([await ada.nextJson(), await grace.nextJson()], [{ count: 0 }, { count: 0 }]);
    ada.send("one");
    assert.deepEqual([await ada.nextJson(), await grace.nextJson()], [{ count: 1 }, { count: 1 }]);
    await sleep(IDLE_MS);
    grace.send("two");
    assert.deepEqual([await ada.nextJson(), await grace.nextJson()], [{ count: 2 }, { count: 2 }]);
    ada.close(1000);
    assert.equal((await ada.whenClosed()).code, 1000);
    grace.cut();
    await patient.end();
});

test("other paths and methods are refused", async () => {
    assert.equal((await good.get("/api/rooms/No")).status, 404);
    assert.equal((await good.get(`${where("a")}/ws`)).status, 426);
    assert.equal((await good.call("DELETE", where("a"))).status, 405);
});

test("kill -9: no acknowledged message is uncounted", { timeout: KILLS_MS_MAX }, async () => {
    const patient = await Server.start("counter-room");
    let acknowledged = 0;
    let sent = 0;
    const work = async (stopped) => {
        const client = async () => {
            while (!stopped()) {
                sent++;
                acknowledged = Math.max(acknowledged, await count(patient, "crash"));
            }
        };
        await Promise.all([client(), client(), client()]);
    };
    const check = async () => {
        const now = (await look(patient, "crash")).count;
        assert.ok(now >= acknowledged && now <= sent, `${acknowledged} acknowledged, ${sent} sent, ${now} counted`);
        acknowledged = now;
    };
    await survives(patient, { work, check });
    await patient.end();
});
