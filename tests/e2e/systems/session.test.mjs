/* examples/session: ten players, one state, and numbers that never go back. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { build } from "esbuild";

import { connect } from "../support/sockets.mjs";
import { IDLE_MS, sleep, TARGET, until } from "../support/target.mjs";
import { launch, noBrowser, open } from "./browser.mjs";
import { again, hurry, KILLS_MS_MAX, Server, survives, systemProject } from "./support.mjs";

const SAVE_MS = 800;

let server;
let browser;
before(async () => {
    server = await Server.start("session", { vars: { SAVE_MS }, workerdArgs: ["--experimental"] });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

const where = (id, action) => `/api/sessions/${id}${action ? `/${action}` : ""}`;
async function create(body) {
    const { status, json, text } = await server.post("/api/sessions", body);
    assert.equal(status, 201, text);
    return json;
}
const read = async (id) => (await server.get(where(id))).json;
const debug = async (id) => (await server.get(where(id, "debug"))).json;
const refused = async (call, status, text) => {
    const answer = await call;
    assert.deepEqual([answer.status, answer.text], [status, text]);
};

/* What any right client does: apply patches, compare hashes, remember the last number. */
async function join(id, { player = randomUUID(), after, name } = {}) {
    const query = new URLSearchParams({ player, ...(after !== undefined && { after }), ...(name && { name }) });
    const client = await connect(server.target, `${where(id, "ws")}?${query}`);
    client.player = player;
    client.clientSeq = 0;
    client.welcome = await client.nextJson();
    client.change = (message) => client.send(JSON.stringify({ ...message, clientSeq: ++client.clientSeq }));
    client.mention = (message) => client.send(JSON.stringify(message));
    client.hear = async (...types) => {
        for (;;) {
            const message = await client.nextJson();
            if (types.includes(message.type)) return message;
        }
    };
    return client;
}

test("a session is made, read, replaced", async () => {
    const made = await create();
    assert.match(made.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual([made.state.tempo, made.state.swing, made.published], [120, 0, false]);
    assert.deepEqual((await read(made.id)).state, made.state);
    const state = { ...made.state, tempo: 99 };
    const replaced = await server.call("PUT", where(made.id), { state });
    assert.deepEqual([replaced.status, replaced.json.state.tempo], [200, 99]);
    assert.equal((await read(made.id)).state.tempo, 99);
    assert.ok((await server.get("/api/sessions")).json.sessions.some(({ id }) => id === made.id));
});

test("malformed and unknown ids wake nobody", async () => {
    for (const id of ["x", "..%2f", "123", randomUUID().toUpperCase()])
        for (const action of ["", "ws", "debug"])
            await refused(server.get(where(id, action)), 400, "Invalid session ID format");
    const unknown = randomUUID();
    await refused(server.get(where(unknown)), 404, "Session not found");
    await refused(server.post(where(unknown, "publish")), 404, "Session not found");
    await refused(server.post(where(unknown, "remix")), 404, "Session not found");
    await refused(server.get(where(unknown, "ws")), 404, "Session not found");
    const { id } = await create();
    assert.equal((await server.get(where(id, "ws"))).status, 426);
    assert.equal((await server.call("DELETE", where(id))).status, 405);
    for (const body of ["no json", "null", { state: 5 }, { state: { tempo: 9999, swing: 0, tracks: [] } }, {}])
        assert.equal((await server.call("PUT", where(id), body)).status, 400, JSON.stringify(body));
});

test("a remix is a copy of its own", async () => {
    const { id, state } = await create();
    const remix = (await server.post(where(id, "remix"))).json;
    assert.notEqual(remix.id, id);
    assert.equal(remix.remixedFrom, id);
    await server.call("PUT", where(remix.id), { state: { ...state, tempo: 60 } });
    assert.deepEqual([(await read(id)).state.tempo, (await read(remix.id)).state.tempo], [120, 60]);
});

test("a published session is immutable for ever", async () => {
    const { id, state } = await create();
    const ada = await join(id);
    assert.equal((await server.post(where(id, "publish"))).json.published, true);
    await ada.hear("published");
    const changes = [
        { type: "tempo", value: 90 }, { type: "swing", value: 10 }, { type: "step", track: "kick", step: 0, on: true },
        { type: "track", track: { ...state.tracks[0], muted: true } }, { type: "remove", track: "kick" },
    ];
    for (const change of changes) {
        ada.change(change);
        assert.match((await ada.hear("error", "changed")).error, /published/);
    }
    await refused(server.call("PUT", where(id), { state }), 403, "Session is published");
    await server.crash();
    const back = await join(id);
    assert.equal(back.welcome.published, true);
    back.change({ type: "tempo", value: 90 });
    assert.equal((await back.hear("error", "changed")).type, "error");
    assert.deepEqual((await read(id)).state, state);
    assert.equal((await server.post(where(id, "publish"))).status, 200);
    const remix = (await server.post(where(id, "remix"))).json;
    assert.deepEqual([remix.published, (await server.call("PUT", where(remix.id), { state })).status], [false, 200]);
    back.cut();
});

test("the eleventh player is refused, and let in when one has left", async () => {
    const { id } = await create();
    const players = [];
    for (let i = 0; i < 10; i++) players.push(await join(id));
    const headers = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
    const { RawConnection } = await import("../support/raw.mjs");
    const raw = await RawConnection.open(server.target.port);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const answer = await raw.write(`GET ${where(id, "ws")} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`).response();
    assert.deepEqual([answer.status, answer.body], [503, "Session full (max 10 players)"]);
    raw.destroy();
    assert.equal(new Set((await debug(id)).players.map(({ colour }) => colour)).size, 10);

    const again = await join(id, { player: players[0].player });
    /* workerd does not end the old connection within the time of a test. */
    if (TARGET === "dormouse") assert.equal((await players[0].whenClosed()).code, 4001);
    again.close(1000);
    await until(async () => (await debug(id)).players.length === 9);
    (await join(id)).cut();
    players.forEach((player) => player.cut());
});

test("changes reach everybody in the same order, with hashes", async () => {
    const { id } = await create();
    const [ada, grace] = [await join(id, { name: "Ada" }), await join(id, { name: "Grace" })];
    const joined = await ada.hear("joined");
    assert.equal(joined.player.name, "Grace");
    for (let step = 0; step < 8; step++) {
        ada.change({ type: "step", track: "kick", step, on: true });
        grace.change({ type: "step", track: "snare", step, on: true });
    }
    const heard = [[], []];
    for (let i = 0; i < 16; i++) {
        heard[0].push(await ada.hear("changed"));
        heard[1].push(await grace.hear("changed"));
    }
    assert.deepEqual(heard[0], heard[1]);
    const seqs = heard[0].map(({ serverSeq }) => serverSeq);
    assert.ok(seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]));
    assert.ok(seqs[0] > joined.serverSeq);
    assert.equal((await debug(id)).hash, heard[0].at(-1).hash);
    const { state } = await read(id);
    assert.equal(state.tracks.find((track) => track.id === "kick").steps, "1111111100000000");

    grace.mention({ type: "cursor", x: 0.5, y: 0.25 });
    const cursor = await ada.hear("cursor");
    assert.deepEqual([cursor.x, cursor.y, cursor.player], [0.5, 0.25, grace.player]);
    grace.mention({ type: "playing", playing: true });
    assert.equal((await ada.hear("playing")).playing, true);
    grace.mention({ type: "rename", name: "Hopper" });
    assert.equal((await ada.hear("renamed")).player.name, "Hopper");
    grace.close(1000);
    const left = await ada.hear("left");
    assert.ok(left.serverSeq > cursor.serverSeq);
    ada.send("ping");
    assert.equal(await ada.next(), "pong");
    ada.cut();
});

test("what is refused changes nothing", async () => {
    const { id, state } = await create();
    const ada = await join(id);
    const bad = [
        { type: "tempo", value: 29 }, { type: "tempo", value: "120" }, { type: "swing", value: 101 }, { type: "dance" },
        { type: "step", track: "nobody", step: 0, on: true }, { type: "step", track: "kick", step: 16, on: true },
        { type: "step", track: "kick", step: 0, on: 1 }, { type: "track", track: { id: "x" } }, { type: "remove", track: 5 },
        { type: "track", track: { ...state.tracks[0], steps: "0".repeat(129) } }, { type: "cursor", x: 2, y: 0 },
    ];
    for (const message of bad) {
        ada.change(message);
        const { type, clientSeq } = await ada.hear("error", "changed");
        assert.deepEqual([type, clientSeq], ["error", ada.clientSeq], JSON.stringify(message));
    }
    ada.send(JSON.stringify({ type: "tempo", value: 100 }));
    assert.match((await ada.hear("error", "changed")).error, /clientSeq/);
    assert.deepEqual((await read(id)).state, state);
    for (let i = 0; i < 20; i++) ada.send("garbage");
    assert.equal((await ada.whenClosed()).code, 1008);

    const grace = await join(id);
    for (let i = 0; i < 13; i++) grace.change({ type: "track", track: { ...state.tracks[0], id: `extra-${i}` } });
    assert.match((await grace.hear("error")).error, /16 tracks/);
    grace.cut();
});

test("who comes back gets what was missed, or a snapshot", async () => {
    const { id } = await create();
    const [ada, grace] = [await join(id), await join(id)];
    ada.change({ type: "tempo", value: 100 });
    const seen = await ada.hear("changed");
    ada.cut();
    for (const value of [101, 102, 103]) grace.change({ type: "tempo", value });
    for (let i = 0; i < 4; i++) await grace.hear("changed");
    const back = await join(id, { player: ada.player, after: seen.serverSeq });
    assert.equal(back.welcome.type, "missed");
    assert.deepEqual(back.welcome.changes.map(({ patch }) => patch.tempo), [101, 102, 103]);
    assert.equal(back.welcome.lastClientSeq, 1);
    back.send(JSON.stringify({ type: "tempo", value: 100, clientSeq: 1 }));
    assert.deepEqual(await back.hear("ack", "changed"), { type: "ack", clientSeq: 1 });

    for (const after of [999_999, "x"]) {
        const client = await join(id, { after });
        assert.deepEqual([client.welcome.type, client.welcome.state.tempo], ["snapshot", 103]);
        client.mention({ type: "resync" });
        assert.equal((await client.hear("snapshot")).hash, client.welcome.hash);
        client.cut();
    }
    grace.cut();
    back.cut();
});

test("a snapshot is sent when the log does not reach back far enough", async () => {
    const { id } = await create();
    const ada = await join(id);
    for (let i = 0; i < 260; i++) ada.change({ type: "tempo", value: 30 + i });
    for (let i = 0; i < 260; i++) await ada.hear("changed");
    await until(async () => !(await debug(id)).needsSaving);
    const back = await join(id, { after: 3 });
    assert.deepEqual([back.welcome.type, back.welcome.state.tempo], ["snapshot", 289]);
    ada.cut();
    back.cut();
});

test("saving waits for the alarm, or for the last to leave", async () => {
    const stored = async (id) => (await server.get("/api/sessions")).json.sessions.find((session) => session.id === id);
    const { id } = await create();
    const [ada, grace] = [await join(id), await join(id)];
    let tempo = 70;
    await again("saving", () =>
        hurry(SAVE_MS, async () => {
            ada.change({ type: "tempo", value: ++tempo });
            await ada.hear("changed");
            assert.notEqual((await debug(id)).alarm, null);
        }),
    );
    await until(async () => !(await debug(id)).needsSaving, { ms: SAVE_MS + 5000 });
    const lists = async () => (await stored(id))?.tempo === tempo;
    if ((await server.get("/api/sessions")).json.sessions.length < 50) await until(lists);

    ada.change({ type: "tempo", value: 90 });
    await ada.hear("changed");
    ada.close(1000);
    await ada.whenClosed();
    grace.close(1000);
    await grace.whenClosed();
    await until(async () => !(await debug(id)).needsSaving, { ms: 3000 });
    assert.equal((await read(id)).state.tempo, 90);
});

test("players outlive the sleep of the object, and numbers go on", { timeout: 60_000 }, async () => {
    const { id } = await create();
    const [ada, grace] = [await join(id, { name: "Ada" }), await join(id, { name: "Grace" })];
    ada.change({ type: "tempo", value: 70 });
    const before = await grace.hear("changed");
    await sleep(IDLE_MS);
    grace.change({ type: "tempo", value: 71 });
    const now = await ada.hear("changed").then(() => ada.hear("changed"));
    assert.ok(now.serverSeq > before.serverSeq);
    const { players, loads } = await debug(id);
    assert.deepEqual(players.map(({ name }) => name), ["Ada", "Grace"]);
    assert.equal(loads, 1);
    ada.cut();
    grace.cut();
});

test("kill -9: no acknowledged change is lost, no number comes twice", { timeout: KILLS_MS_MAX }, async () => {
    const { id } = await create();
    const players = [randomUUID(), randomUUID()];
    const steps = new Map();
    const seqs = new Set();
    let highest = 0;
    const take = ({ serverSeq }) => {
        assert.ok(!seqs.has(serverSeq), `${serverSeq} came twice`);
        assert.ok(serverSeq > highest, `${serverSeq} after ${highest}`);
        seqs.add(serverSeq);
        highest = serverSeq;
    };
    let after;
    let acknowledged = null;
    const work = async (stopped, round, begun) => {
        if (round % 2 === 0) begun(); /* it may die before the first change */
        const ada = await join(id, { player: players[0], after });
        if (ada.welcome.type === "missed") assert.equal(ada.welcome.changes.some((c) => c.serverSeq <= after), false);
        assert.ok(ada.welcome.serverSeq >= highest, `${ada.welcome.serverSeq} after ${highest}`);
        highest = ada.welcome.serverSeq;
        ada.clientSeq = ada.welcome.lastClientSeq;
        for (let i = 0; !stopped(); i++) {
            const value = 30 + ((round * 37 + i) % 270);
            steps.set(ada.clientSeq + 1, value);
            ada.change({ type: "tempo", value });
            if (i % 3 === 0) ada.mention({ type: "rename", name: `Ada ${i}` });
            const message = await ada.hear("changed");
            take(message);
            after = message.serverSeq;
            begun();
            acknowledged = { clientSeq: message.clientSeq, value };
        }
    };
    const check = async () => {
        const client = await join(id, { player: players[0] });
        const { welcome } = client;
        assert.ok(welcome.serverSeq >= highest, `${welcome.serverSeq} after ${highest}`);
        highest = welcome.serverSeq;
        if (acknowledged !== null) {
            assert.ok(welcome.lastClientSeq >= acknowledged.clientSeq);
            assert.equal(welcome.state.tempo, steps.get(welcome.lastClientSeq));
        }
        client.cut();
    };
    const kills = Number(process.env.SYSTEM_KILLS ?? 24);
    await survives(server, { work, check, kills });
    assert.ok(seqs.size >= kills / 2, `${seqs.size} changes, ${kills} kills`); /* or hardly anything was tested */
});

/* ---- the parts that need no server ---- */

async function load(file) {
    const home = fs.mkdtempSync(path.join(path.dirname(server.target.home), "dormouse-e2e-module-"));
    const outfile = path.join(home, "module.mjs");
    await build({ entryPoints: [path.join(systemProject("session"), "src", file)], bundle: true, format: "esm", outfile });
    const module = await import(outfile);
    fs.rmSync(home, { recursive: true });
    return module;
}
const noSource = process.env.DORMOUSE_SYSTEM ? "there is no TypeScript" : false;

test("whatever is found in KV becomes a state in which every invariant holds", { skip: noSource }, async () => {
    const { newState, repair } = await load("state.ts");
    const good = newState();
    assert.deepEqual(repair(good), { state: good, repairs: [] });
    const track = good.tracks[0];
    const broken = [
        null, 5, [], {}, { tracks: 5 }, { ...good, tracks: [null, 5, track] }, { ...good, tempo: NaN }, { ...good, tempo: "120" },
        { ...good, swing: -1 }, { ...good, version: 1.5 }, { ...good, tracks: Array.from({ length: 20 }, (_, i) => ({ ...track, id: `t${i}` })) },
        { ...good, tracks: [track, track] }, { ...good, tracks: [{ ...track, steps: "01x".repeat(90) }] }, { ...good, tracks: [{ ...track, steps: "" }] },
        { ...good, tracks: [{ ...track, volume: 7, muted: "no", sound: "gong", name: "", id: "" }] },
    ];
    for (const found of broken) {
        const { state, repairs } = repair(found);
        assert.ok(repairs.length > 0, JSON.stringify(found));
        assert.deepEqual(repair(state), { state, repairs: [] }, JSON.stringify(found));
        assert.ok(state.tracks.length <= 16 && state.tracks.every(({ steps }) => /^[01]{1,128}$/.test(steps)));
    }
    assert.deepEqual([repair(null).state.tempo, repair(null).state.swing], [120, 0]);
});

test("overloaded is never tried again, retryable once and on a fresh stub", { skip: noSource }, async () => {
    const { callObject, Overloaded } = await load("calls.ts");
    const attempt = async (...faults) => {
        const stubs = [];
        const call = async (stub) => {
            const fault = faults[stubs.indexOf(stub)];
            if (fault) throw Object.assign(new Error("no"), fault);
            return "yes";
        };
        const result = await callObject(() => (stubs.push({}), stubs.at(-1)), call).catch((error) => error);
        return [result instanceof Overloaded ? "overloaded" : result instanceof Error ? "failed" : result, stubs.length];
    };
    assert.deepEqual(await attempt(null), ["yes", 1]);
    assert.deepEqual(await attempt({ overloaded: true, retryable: true }), ["overloaded", 1]);
    assert.deepEqual(await attempt({ retryable: true }, null), ["yes", 2]);
    assert.deepEqual(await attempt({ retryable: true }, { retryable: true }), ["failed", 2]);
    assert.deepEqual(await attempt({ retryable: true }, { overloaded: true }), ["overloaded", 2]);
    assert.deepEqual(await attempt({}), ["failed", 1]);
});

/* ---- the page ---- */

/* Counts what begins to sound, before the page's own code runs. */
const LISTEN = () => {
    window.sounds = 0;
    for (const kind of [OscillatorNode, AudioBufferSourceNode]) {
        const { start } = kind.prototype;
        kind.prototype.start = function (...args) {
            window.sounds++;
            return start.apply(this, args);
        };
    }
};

async function player(url) {
    const person = await open(browser, "about:blank");
    await person.page.addInitScript(LISTEN);
    await person.page.goto(url);
    await person.page.getByText("Connected").waitFor();
    const { page } = person;
    return {
        ...person,
        step: (track, number) => page.getByRole("button", { name: `${track}, step ${number}`, exact: true }),
        pattern: () => page.locator(".step").evaluateAll((all) => all.map((node) => (node.getAttribute("aria-pressed") === "true" ? 1 : 0)).join("")),
        hash: () => page.locator("body").getAttribute("data-hash"),
    };
}

test("two players see and hear the same pattern", { skip: noBrowser, timeout: 90_000 }, async () => {
    const ada = await player(`${server.origin}/`);
    const grace = await player(ada.page.url());
    for (const number of [1, 5, 9, 13]) await ada.step("kick", number).click();
    for (const number of [5, 13]) await grace.step("snare", number).click();
    for (let number = 1; number <= 16; number += 2) await grace.step("hat", number).click();
    await until(async () => (await ada.hash()) === (await grace.hash()) && (await ada.pattern()) === (await grace.pattern()) &&
        [...(await ada.pattern())].filter((c) => c === "1").length === 14, { ms: 10_000, what: "the same pattern" });
    assert.equal(await ada.page.locator("#players li").count(), 2);

    for (const { page } of [ada, grace]) await page.getByRole("button", { name: "Play" }).click();
    for (const { page } of [ada, grace])
        await until(async () => (await page.evaluate(() => window.sounds)) > 10, { ms: 15_000, what: "sound" });
    await ada.page.getByText("♪").first().waitFor();
    if (process.env.SCREENSHOTS) await ada.page.screenshot({ path: `${process.env.SCREENSHOTS}/session.png` });
    await ada.page.getByRole("button", { name: "Stop" }).click();

    const { target } = server;
    await target.kill9();
    await ada.page.getByText("Connection lost").waitFor();
    await ada.step("bass", 1).click();
    server.target = await target.again({ port: target.port });
    for (const { page } of [ada, grace]) await page.getByText("Connected").waitFor({ timeout: 30_000 });
    await until(async () => (await grace.step("bass", 1).getAttribute("aria-pressed")) === "true", { ms: 10_000 });
    await until(async () => (await ada.hash()) === (await grace.hash()));

    await ada.page.getByRole("button", { name: "Publish" }).click();
    await grace.page.getByRole("button", { name: "Published" }).waitFor();
    assert.equal(await grace.step("kick", 2).isDisabled(), true);
    assert.deepEqual([ada.errors, grace.errors], [[], []]);
    await ada.leave();
    await grace.leave();
});
