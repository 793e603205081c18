/*
 * examples/session and examples/session-c side by side: one Worker has both classes and one Workers
 * KV, so what one of them makes of a snapshot or a message the other must make of it, too.
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect } from "../support/sockets.mjs";
import { TARGET, start } from "../support/target.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const skip = TARGET === "dormouse" && process.env.DORMOUSE_SYSTEM === "c" ? false : "needs both languages";

const WORKER = `
    import { Session as Script } from ${JSON.stringify(path.join(ROOT, "examples/session/src/session.ts"))};
    export { Script };

    export default {
        async fetch(request, env) {
            const [, language, id, action] = new URL(request.url).pathname.split("/");
            const namespace = { c: env.NATIVE, ts: env.SCRIPT }[language];
            const stub = namespace.get(namespace.idFromName(id));
            if (action === "ws") return stub.fetch(request);
            if (action === "put") await env.SNAPSHOTS.put(id, await request.text());
            return Response.json({ read: await stub.read(), debug: await stub.debug() });
        },
    };`;

const CONFIGURATION = {
    name: "twins",
    main: "index.ts",
    compatibility_date: "2026-04-07",
    vars: { SAVE_MS: 60_000 },
    kv_namespaces: [{ binding: "SNAPSHOTS", id: "snapshots" }],
    durable_objects: {
        bindings: [{ name: "NATIVE", class_name: "Session" }, { name: "SCRIPT", class_name: "Script" }],
    },
    migrations: [{ tag: "v1", new_sqlite_classes: ["Session", "Script"] }],
    dormouse: { native: [{ library: "session.so", classes: ["Session"] }] },
};

let dir, target;
before(async () => {
    if (skip) return;
    const { systemProject } = await import("./support.mjs");
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "dormouse-twins-"));
    fs.copyFileSync(path.join(systemProject("session"), "build/session.so"), path.join(dir, "session.so"));
    fs.writeFileSync(path.join(dir, "index.ts"), WORKER);
    fs.writeFileSync(path.join(dir, "wrangler.jsonc"), JSON.stringify(CONFIGURATION));
    target = await start(dir);
});
after(async () => {
    await target?.end();
    if (dir) fs.rmSync(dir, { recursive: true });
});

const steps = "0".repeat(16);
const track = (more) => ({ id: "a", name: "a", sound: "kick", steps, volume: 0.8, muted: false, ...more });
const good = { version: 3, tempo: 120, swing: 0, tracks: [track({})] };
const many = (count, make) => ({ ...good, tracks: Array.from({ length: count }, (_, i) => make(i)) });

const STATES = [
    good, null, 5, "x", [], {}, { tracks: 5 }, { ...good, tracks: [null, 5, [], track({})] },
    { ...good, tempo: null }, { ...good, tempo: "120" }, { ...good, tempo: 29.999 }, { ...good, tempo: 300 }, { ...good, tempo: 99.95 },
    { ...good, swing: -1 }, { ...good, swing: 1e-7 }, { ...good, swing: 100.5 }, { ...good, swing: 0.1 + 0.2 },
    { ...good, version: 1.5 }, { ...good, version: -1 }, { ...good, version: 2 ** 53 - 1 }, { ...good, version: 2 ** 53 }, { ...good, version: "1" },
    many(20, (i) => track({ id: `t${i}` })), many(2, () => track({})), many(3, (i) => track({ id: `t${i % 2}`, name: `${i}` })),
    many(17, () => 5), many(18, (i) => (i % 2 ? null : track({ id: `t${i}`, volume: i / 16 }))),
    ...[
        { steps: "01x".repeat(90) }, { steps: "" }, { steps: 5 }, { steps: "1é😀1" }, { steps: "1".repeat(128) }, { steps: "1".repeat(129) }, { steps: "1".repeat(127) + "😀" },
        { volume: 7 }, { volume: -0 }, { volume: null }, { volume: "1" }, { muted: "no" }, { muted: null }, { sound: "gong" }, { sound: 5 }, { sound: "bell" },
        { name: "" }, { name: "  " }, { name: " a" }, { name: "a\u00a0\ufeff\u2028" }, { name: "\u200ba" }, { name: 5 }, { name: "n".repeat(40) }, { name: "n".repeat(41) },
        { name: "日".repeat(41) }, { name: "😀".repeat(20) }, { name: "😀".repeat(21) }, { name: `${"n".repeat(39)} b` }, { name: "\u0000\"\\\n" }, { name: "", sound: "gong" },
        { name: "\u2028é\u007f" }, { extra: 5 }, { id: "x".repeat(64) }, { id: "A_-9" },
    ].map((more) => ({ ...good, tracks: [track(more)] })),
];

/* What both make of it must be the same, the numbers of random ids apart. */
const ask = async (language, id, action = "", body) =>
    (await target.ask(`/${language}/${id}/${action}`, body === undefined ? {} : { method: "POST", body }));
const seen = ({ read, debug: { players, alarm, ...debug } }) => ({ read, debug });

test("a snapshot is put right in the same way", { skip }, async () => {
    for (const state of STATES) {
        const id = randomUUID();
        const snapshot = { id, state, serverSeq: 7, published: false, createdAt: 1, updatedAt: 2, remixedFrom: null };
        const [ts, c] = [await ask("ts", id, "put", JSON.stringify(snapshot)), await ask("c", id, "put", JSON.stringify(snapshot))];
        assert.deepEqual(seen(c), seen(ts), JSON.stringify(state));
    }
});

test("an id that is none is replaced", { skip }, async () => {
    for (const bad of ["", "x".repeat(65), "a b", "é", 5, null]) {
        const id = randomUUID();
        const state = { ...good, tracks: [track({ id: bad })] };
        const snapshot = { id, state, serverSeq: 7, published: false, createdAt: 1, updatedAt: 2, remixedFrom: null };
        const { read, debug } = await ask("c", id, "put", JSON.stringify(snapshot));
        assert.match(read.state.tracks[0].id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.deepEqual(debug.repairs, ["a track has an id"]);
    }
});

/* ---- messages ---- */

const change = (type, more) => JSON.stringify({ type, ...more });
const MESSAGES = [
    "garbage", "null", "5", "[]", "{}", '"x"', '{"type":5}', change("dance"), change("tempo"), change("tempo", { value: 90 }),
    ...[30, 300, 29, 301, 99.5, "90", null, true].map((value, i) => change("tempo", { value, clientSeq: 100 + i })),
    ...[0, 100, -1, 101, 0.1].map((value, i) => change("swing", { value, clientSeq: 200 + i })),
    ...[0, -1, 1.5, "1", 2 ** 53, null].map((clientSeq) => change("tempo", { value: 50, clientSeq })),
    change("step", { track: "a", step: 0, on: true, clientSeq: 300 }), change("step", { track: "a", step: 16, on: true, clientSeq: 301 }),
    change("step", { track: "a", step: 1.5, on: true, clientSeq: 302 }), change("step", { track: "a", step: 1, on: 1, clientSeq: 303 }),
    change("step", { track: "b", step: 1, on: true, clientSeq: 304 }), change("step", { track: 5, step: 1, on: true, clientSeq: 305 }),
    change("track", { track: track({ id: "b", name: "é😀" }), clientSeq: 400 }), change("track", { track: track({ name: " x" }), clientSeq: 401 }),
    change("track", { track: 5, clientSeq: 402 }), change("track", { clientSeq: 403 }), change("track", { track: track({ id: "b", volume: 1 / 3 }), clientSeq: 404 }),
    change("track", { track: track({ id: "b", extra: 1 }), clientSeq: 405 }), change("remove", { track: "b", clientSeq: 406 }), change("remove", { track: "b", clientSeq: 407 }),
    change("tempo", { value: 100, clientSeq: 5 }),
];
const MENTIONS = [
    change("cursor", { x: 0, y: 1 }), change("cursor", { x: 0.1, y: 0.7 }), change("playing", { playing: true }), change("playing", { playing: "yes" }),
    change("rename", { name: "  Ada\u00a0" }), change("rename", { name: "😀".repeat(30) }), change("resync"),
];
const REFUSED = [
    change("cursor", { x: 2, y: 0 }), change("cursor", { x: 0 }), change("rename", { name: " " }), change("rename", {}),
    change("tempo", { value: 90, clientSeq: 500, fill: "x".repeat(9000) }), JSON.stringify({ clientSeq: 501 }),
];

const plain = (text) => JSON.parse(text, (key, value) => (key === "joined" ? 0 : value));

async function talk(language, messages) {
    const id = randomUUID();
    const snapshot = { id, state: good, serverSeq: 7, published: false, createdAt: 1, updatedAt: 2, remixedFrom: null };
    await ask(language, id, "put", JSON.stringify(snapshot));
    const ada = await connect(target, `/${language}/${id}/ws?player=ada&name=Ada`);
    const grace = await connect(target, `/${language}/${id}/ws?player=grace`);
    const heard = [];
    const hear = async (client, name) => heard.push([name, plain(await client.next())]);
    await hear(ada, "ada");
    await hear(grace, "grace");
    await hear(ada, "ada");
    for (const message of messages) {
        ada.send(message);
        /* Everything that it led to has been heard when the answer to this has come. */
        ada.send(change("resync"));
        do await hear(ada, "ada");
        while (heard.at(-1)[1].type !== "snapshot");
    }
    const { read, debug } = await ask(language, id);
    ada.cut();
    for (;;) {
        await hear(grace, "grace");
        if (heard.at(-1)[1].type === "left") break;
    }
    grace.cut();
    delete read.id;
    delete read.updatedAt;
    return { heard, state: read, hash: debug.hash, badMessages: debug.players.map((player) => player.badMessages) };
}

for (const [name, messages] of Object.entries({ "changes, good and bad": MESSAGES.slice(0, 18), "more changes": MESSAGES.slice(18), mentions: MENTIONS, refusals: REFUSED }))
    test(`${name}: both answer the same`, { skip }, async () => {
        assert.deepEqual(await talk("c", messages), await talk("ts", messages));
    });

/* ---- the fronts ---- */

const json = (value) => JSON.stringify(value);
const NOBODY = randomUUID();
const REQUESTS = [
    ["GET", "/"], ["HEAD", "/"], ["POST", "/"], ["GET", "/x"], ["GET", "/s/"], ["GET", `/s/${NOBODY}`], ["GET", `/s/${NOBODY}x`], ["GET", `/s/${NOBODY.toUpperCase()}`],
    ["GET", "/?a"], ["GET", "/api"], ["GET", "/api/"], ["GET", "/api/x"], ["PUT", "/api/sessions"], ["DELETE", "/api/sessions"], ["GET", "/api/sessions/"],
    ...["x", "a/b", `${NOBODY}/`, `${NOBODY}/x`, `${NOBODY}/ws/x`, `${NOBODY} `, NOBODY.slice(1), `${NOBODY}/remix`, NOBODY].map((id) => ["GET", `/api/sessions/${id}`]),
    ...["ID", "ID/ws", "ID/remix", "ID/publish", "ID/x"].flatMap((where) => ["GET", "PATCH"].map((method) => [method, `/api/sessions/${where}`])),
    ...["", "null", "5", "{}", "[]", "no", '"x"', json({ state: null }), json({ state: 5 }), json({ state: [] }), json({ state: {} }), json({ other: 1 }),
        json({ state: good }), json({ state: { ...good, version: undefined } }), json({ state: { ...good, version: -1 } }), json({ state: { ...good, tempo: 1 } }),
        json({ state: { ...good, extra: 1 } }), json({ state: good, pad: "x".repeat(65_400) }), json({ state: good, pad: "x".repeat(65_600) }), json({ state: good, pad: "é".repeat(50_000) }),
    ].flatMap((body) => [["PUT", "/api/sessions/ID", body], ["POST", "/api/sessions", body]]),
    ["POST", "/api/sessions/ID/remix"], ["POST", "/api/sessions/ID/publish"], ["POST", "/api/sessions/ID/publish"], ["PUT", "/api/sessions/ID", json({ state: good })],
    ["GET", "/api/sessions/ID"], ["POST", "/api/sessions/ID/remix"], ["GET", "/api/sessions/ID/debug"],
];
const HEADERS = ["content-type", "allow", "upgrade", "retry-after", "cache-control", "content-security-policy", "x-content-type-options", "referrer-policy", "location"];

async function answers(project) {
    const { startSystem } = await import("./support.mjs");
    const server = await startSystem(project, { vars: { SAVE_MS: 60_000 } });
    const heard = [];
    const made = await server.fetch("/api/sessions", { method: "POST" });
    const { id } = await made.json();
    for (const [method, where, body] of REQUESTS) {
        const response = await server.fetch(where.replace("ID", id), { method, body: body || undefined });
        const text = (await response.text()).replaceAll(id, "ID").replace(/"(id|remixedFrom)":"[0-9a-f-]{36}"/g, '"$1":""').replace(/"(createdAt|updatedAt|alarm)":\d+/g, '"$1":0');
        heard.push([method, where, body?.slice(0, 60), response.status, HEADERS.map((name) => response.headers.get(name)), text]);
    }
    await server.end();
    return heard;
}

test("requests: both fronts answer the same", { skip }, async () => {
    const [c, ts] = [await answers(path.join(ROOT, "examples/session-c")), await answers(path.join(ROOT, "examples/session"))];
    for (const [i, answer] of c.entries()) assert.deepEqual(answer, ts[i]);
});
