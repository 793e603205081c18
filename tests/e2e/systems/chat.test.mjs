/* examples/chat: who may speak, what is kept, and a page that comes back. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { connect } from "../support/sockets.mjs";
import { IDLE_MS, sleep, until } from "../support/target.mjs";
import { launch, noBrowser, open } from "./browser.mjs";
import { KILLS_MS_MAX, Server, survives } from "./support.mjs";

const PASSWORD = "correct horse";
const KEY = /^m:\d{20}:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let server;
let browser;
before(async () => {
    server = await Server.start("chat", { vars: { ALLOWED_ORIGINS: "https://friend.example", PRUNE_MS: 400, HISTORY_MAX: 150 } });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

const cookies = new Map();

/* The cookie of an account, which is made when it is first asked for. */
async function cookieOf(name) {
    if (!cookies.has(name)) {
        const { status, headers, text } = await server.post("/api/auth/register", { name, password: PASSWORD });
        assert.equal(status, 200, text);
        cookies.set(name, headers.get("set-cookie").split(";")[0]);
    }
    return cookies.get(name);
}

async function join(room, name, { after, headers = {} } = {}) {
    const query = new URLSearchParams({ room, ...(after && { after }) });
    const client = await connect(server.target, `/api/chat?${query}`, { headers: { Cookie: await cookieOf(name), ...headers } });
    client.welcome = await client.nextJson();
    client.say = (text, id = randomUUID()) => (client.send(JSON.stringify({ type: "say", id, text })), id);
    /* The next of these types; others are skipped. */
    client.hear = async (...types) => {
        for (;;) {
            const message = await client.nextJson();
            if (types.includes(message.type)) return message;
        }
    };
    return client;
}

const history = async (room, query = {}) =>
    server.get(`/api/chat/messages?${new URLSearchParams({ room, ...query })}`, { Cookie: await cookieOf("Reader") });

test("what is not an upgrade is answered 426, a stranger 401", async () => {
    assert.equal((await server.get("/api/chat")).status, 426);
    await assert.rejects(connect(server.target, "/api/chat"), /answered 401/);
    assert.equal((await server.get("/api/chat/messages")).status, 401);
    assert.equal((await server.get("/api/chat/messages?room=No%20Room")).status, 400);
    assert.equal((await server.post("/api/chat", {})).status, 405);
    assert.equal((await server.get("/api/nothing")).status, 404);
});

test("accounts: made once, entered with the password, left", async () => {
    const { status, headers } = await server.post("/api/auth/register", { name: "Once", password: PASSWORD });
    assert.equal(status, 200);
    assert.match(headers.get("set-cookie"), /^chat_session=Once\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
    assert.equal((await server.post("/api/auth/register", { name: "once", password: PASSWORD })).status, 409);
    assert.equal((await server.post("/api/auth/login", { name: "Once", password: "not the one" })).status, 401);
    assert.equal((await server.post("/api/auth/login", { name: "Nobody", password: PASSWORD })).status, 401);
    for (const body of [{}, [], "x", { name: "a", password: PASSWORD }, { name: "Bad name", password: PASSWORD }, { name: "Short", password: "1234567" }])
        assert.equal((await server.post("/api/auth/register", body)).status, 400);

    const login = await server.post("/api/auth/login", { name: "ONCE", password: PASSWORD });
    assert.deepEqual([login.status, login.json], [200, { name: "Once" }]);
    const Cookie = login.headers.get("set-cookie").split(";")[0];
    assert.deepEqual((await server.get("/api/auth/me", { Cookie })).json, { name: "Once" });
    assert.equal((await server.call("POST", "/api/auth/logout", undefined, { Cookie })).status, 200);
    assert.equal((await server.get("/api/auth/me", { Cookie })).status, 401);
});

test("of many who want the same name, one gets it", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => server.post("/api/auth/register", { name: "Wanted", password: PASSWORD })));
    assert.equal(all.filter(({ status }) => status === 200).length, 1);
    assert.equal(all.filter(({ status }) => status === 409).length, 5);
});

test("guessing a password is slowed down", async () => {
    await cookieOf("Guessed");
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await server.post("/api/auth/login", { name: "Guessed", password: `guess ${i} ...` })).status);
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
});

test("a client's own X-User-* headers are worth nothing", async () => {
    const headers = { "X-User-Name": "Admin", "x-user-id": "admin", "X-USER-Role": "root" };
    const mallory = await join("strip", "Mallory", { headers });
    assert.equal(mallory.welcome.name, "Mallory");
    mallory.say("I am the admin");
    assert.equal((await mallory.hear("message")).name, "Mallory");
    mallory.cut();
    const forged = await server.get("/api/chat/messages", headers);
    assert.equal(forged.status, 401);
    await assert.rejects(connect(server.target, "/api/chat", { headers }), /answered 401/);
});

test("CORS: friends may, with cookies; others may not, on sockets neither", async () => {
    const Cookie = await cookieOf("Reader");
    const friend = await server.get("/api/auth/me", { Cookie, Origin: "https://friend.example" });
    assert.equal(friend.headers.get("access-control-allow-origin"), "https://friend.example");
    assert.equal(friend.headers.get("access-control-allow-credentials"), "true");
    assert.match(friend.headers.get("vary"), /Origin/);
    const preflight = await server.call("OPTIONS", "/api/auth/login", undefined, { Origin: "https://friend.example" });
    assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-headers")], [204, "Content-Type"]);

    assert.equal((await server.get("/api/auth/me", { Cookie, Origin: "https://evil.example" })).status, 403);
    const headers = { Cookie, Origin: "https://evil.example" };
    await assert.rejects(connect(server.target, "/api/chat", { headers }), /answered 403/);
    assert.equal((await server.get("/api/auth/me", { Cookie, Origin: server.origin })).status, 200);
});

test("joined and left are said, kept, and change userCount", async () => {
    const ada = await join("presence", "Ada");
    assert.deepEqual([ada.welcome.userCount, ada.welcome.people], [1, ["Ada"]]);
    const [grace, second] = [await join("presence", "Grace"), await join("presence", "Grace")];
    assert.deepEqual(second.welcome.people, ["Ada", "Grace"]);
    const joined = await ada.hear("system");
    assert.deepEqual([joined.name, joined.event], ["Grace", "joined"]);
    assert.equal((await ada.hear("userCount")).userCount, 2);

    grace.close(1000);
    await grace.whenClosed();
    second.close(1000);
    const left = await ada.hear("system");
    assert.deepEqual([left.name, left.event], ["Grace", "left"]);
    assert.equal((await ada.hear("userCount")).userCount, 1);
    const { json } = await history("presence");
    assert.deepEqual(
        json.messages.map(({ name, event }) => `${name} ${event}`),
        ["Ada joined", "Grace joined", "Grace left"],
    );
    ada.cut();
});

test("keys sort as things were said, and history is paged by them", async () => {
    const ada = await join("paging", "Ada");
    for (let i = 0; i < 19; i++) ada.say(`message ${i}`);
    for (let i = 0; i < 19; i++) assert.equal((await ada.hear("message")).text, `message ${i}`);

    const pages = [];
    let before;
    for (;;) {
        const { status, json } = await history("paging", { limit: 7, ...(before && { before }) });
        assert.equal(status, 200);
        pages.unshift(...json.messages);
        before = json.messages[0].key;
        if (json.isComplete) break;
        assert.equal(json.messages.length, 7);
    }
    assert.deepEqual(pages.filter(({ type }) => type === "message").map(({ text }) => text), Array.from({ length: 19 }, (_, i) => `message ${i}`));
    const keys = pages.map(({ key }) => key);
    for (const key of keys) assert.match(key, KEY);
    assert.deepEqual(keys, [...keys].sort());
    assert.equal(new Set(keys).size, 20);
    for (const query of [{ limit: 0 }, { limit: 101 }, { limit: "x" }, { before: "m:1" }])
        assert.equal((await history("paging", query)).status, 400);
    ada.cut();
});

test("who comes back gets what was missed, and what is said twice is said once", async () => {
    const ada = await join("missed", "Ada");
    const ids = ["one", "two", "three"].map((text) => ada.say(text));
    const said = [await ada.hear("message"), await ada.hear("message"), await ada.hear("message")];
    ada.say("two", ids[1]);
    assert.deepEqual(await ada.hear("message"), said[1]);

    const back = await join("missed", "Ada", { after: said[0].key });
    assert.equal(back.welcome.isComplete, true);
    assert.deepEqual(back.welcome.messages.map(({ text }) => text), ["two", "three"]);
    ada.cut();
    back.cut();
});

test("the same id of two people is two messages", async () => {
    const [ada, grace] = [await join("same-id", "Ada"), await join("same-id", "Grace")];
    const id = ada.say("hers");
    assert.equal((await ada.hear("message")).text, "hers");
    grace.say("mine", id);
    assert.equal((await ada.hear("message")).text, "mine");
    ada.cut();
    grace.cut();
});

test("what a person does wrong is an error, what breaks the protocol ends the connection", async () => {
    const ada = await join("wrong", "Ada");
    for (const [text, error] of [[5, /string/], ["", /empty/], [" \n ", /empty/], ["x".repeat(2001), /2000/]]) {
        const id = ada.say(text);
        const heard = await ada.hear("error");
        assert.equal(heard.id, id);
        assert.match(heard.text, error);
    }
    ada.say(` ${"x".repeat(2000)} `);
    assert.equal((await ada.hear("message")).text, "x".repeat(2000));
    ada.cut();

    const id = randomUUID();
    const cases = [
        ["no json", 1007], ["5", 1007], ["null", 1007], ["[]", 1007], [Buffer.from("{}"), 1007],
        ["{}", 1008], [JSON.stringify({ type: "dance" }), 1008], [JSON.stringify({ type: "say", id: "1", text: "a" }), 1008],
        [JSON.stringify({ type: "say", id, text: "x".repeat(20_000) }), 1009],
    ];
    for (const [data, code] of cases) {
        const client = await join("wrong", "Grace");
        client.send(data);
        assert.equal((await client.whenClosed()).code, code, String(data).slice(0, 40));
    }
});

test("twenty messages in five seconds, also when the object has slept", { timeout: 60_000 }, async () => {
    const ada = await join("rate", "Ada");
    for (let i = 0; i < 20; i++) ada.say(`message ${i}`);
    for (let i = 0; i < 20; i++) await ada.hear("message");
    const id = ada.say("one too many");
    const refused = await ada.hear("error");
    assert.deepEqual([refused.code, refused.id], ["rate", id]);
    assert.ok(refused.retryMs > 0 && refused.retryMs <= 5000);

    if (IDLE_MS < 5000) {
        await sleep(Math.min(refused.retryMs / 2, IDLE_MS));
        ada.say("still too many");
        assert.equal((await ada.hear("error", "message")).type, "error");
    }
    await sleep(refused.retryMs + 50);
    ada.say("again", id);
    assert.equal((await ada.hear("message")).text, "again");
    ada.cut();
});

test("who floods is cut off with 1008", async () => {
    const client = await join("flood", "Flood");
    for (let i = 0; i < 60; i++) client.say(`message ${i}`);
    assert.equal((await client.whenClosed()).code, 1008);
});

test("heartbeats are answered exactly", async () => {
    const client = await join("pings", "Ada");
    client.send("ping");
    assert.equal(await client.next(), "pong");
    client.send("ping ");
    assert.equal((await client.whenClosed()).code, 1007);
});

test("the alarm prunes, and keeps the newest", { timeout: 90_000 }, async () => {
    const speakers = await Promise.all(Array.from({ length: 9 }, (_, i) => join("prune", `Speaker${i}`)));
    for (let i = 0; i < 20; i++) speakers.forEach((client, n) => client.say(`${n} ${i}`));
    const all = async () => {
        const found = [];
        for (let before; ; before = found[0].key) {
            const { json } = await history("prune", { limit: 100, ...(before && { before }) });
            found.unshift(...json.messages);
            if (json.isComplete) return found;
        }
    };
    await until(async () => (await all()).some(({ text }) => text === "8 19"), { ms: 20_000 });
    const left = await until(async () => ((found) => found.length <= 150 && found)(await all()), { ms: 20_000, what: "pruning" });
    assert.equal(left.length, 150);
    assert.ok(left.some(({ text }) => text === "8 19") && !left.some(({ event }) => event === "joined"));
    speakers.forEach((client) => client.cut());
});

test("who was cut off with the server is said goodbye by the alarm", { timeout: 60_000 }, async () => {
    const [ada, grace] = [await join("cut", "Ada"), await join("cut", "Grace")];
    await server.crash();
    ada.cut();
    grace.cut();
    const back = await join("cut", "Ada");
    await until(async () => (await history("cut")).json.messages.some(({ event }) => event === "left"), { ms: 10_000 });
    const { json } = await history("cut");
    const events = json.messages.map(({ name, event }) => `${name} ${event}`);
    assert.equal(events.filter((text) => text === "Grace left").length, 1);
    assert.deepEqual(back.welcome.people, ["Ada"]);
    back.cut();
});

test("kill -9: every message that was heard is there, in order and once", { timeout: KILLS_MS_MAX }, async () => {
    const heard = [];
    const names = ["Ada", "Grace", "Mallory"];
    for (const name of names) await cookieOf(name);
    let room = "";
    const work = async (stopped, round) => {
        room = `crash-${round}`;
        heard.length = 0;
        const speak = async (name) => {
            const client = await join(room, name);
            for (let i = 0; i < 20 && !stopped(); i++) {
                client.say(`${name} ${i}`);
                for (let own = false; !own; ) {
                    const message = await client.hear("message");
                    own = message.text === `${name} ${i}`;
                    if (own) heard.push(message.key);
                }
            }
            client.cut();
        };
        await Promise.allSettled(names.map(speak));
    };
    const check = async () => {
        const { json } = await history(room, { limit: 100 });
        const keys = json.messages.map(({ key }) => key);
        for (const key of heard) assert.ok(keys.includes(key), `${key} was heard and is not there`);
        for (const name of names) {
            const texts = json.messages.filter((m) => m.type === "message" && m.name === name).map(({ text }) => text);
            assert.deepEqual(texts, texts.map((_, i) => `${name} ${i}`));
        }
    };
    await survives(server, { work, check, most: 400 });
});

/* ---- the page ---- */

async function visitor(name, where = "/") {
    const person = await open(browser, server.origin + where);
    const { page } = person;
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: cookies.has(name) ? "Sign in" : "Create account" }).click();
    cookies.set(name, cookies.get(name) ?? null);
    await page.getByText("Connected").waitFor();
    return {
        ...person,
        say: async (text) => {
            await page.getByLabel("Message", { exact: true }).fill(text);
            await page.getByRole("button", { name: "Send" }).click();
        },
        sees: (text) => page.getByRole("log").getByText(text, { exact: true }).waitFor({ timeout: 10_000 }),
        messages: () => page.locator(".message .text").allTextContents(),
        people: () => page.locator("#people li").allTextContents(),
    };
}

test("two people talk, both ways", { skip: noBrowser }, async () => {
    const [ada, grace] = [await visitor("PageAda"), await visitor("PageGrace")];
    await ada.sees("PageGrace joined");
    await ada.say("Is the dormouse awake?");
    await grace.sees("Is the dormouse awake?");
    await grace.say("<b>It is now.</b>");
    await ada.sees("<b>It is now.</b>");
    assert.deepEqual(await ada.messages(), ["Is the dormouse awake?", "<b>It is now.</b>"]);
    assert.equal((await ada.people()).length, 2);
    if (process.env.SCREENSHOTS) await ada.page.screenshot({ path: `${process.env.SCREENSHOTS}/chat.png` });

    await ada.page.reload();
    await ada.page.getByText("Connected").waitFor();
    await ada.sees("<b>It is now.</b>");
    await grace.leave();
    await ada.sees("PageGrace left");
    assert.deepEqual(ada.errors, []);
    await ada.page.getByRole("button", { name: "Sign out" }).click();
    await ada.page.getByLabel("Password").waitFor();
    await ada.leave();
});

test("a page survives kill -9, loses nothing and shows nothing twice", { skip: noBrowser, timeout: 60_000 }, async () => {
    const ada = await visitor("PageAda", "/restart");
    await ada.say("before");
    await ada.sees("before");
    const { target } = server;
    await target.kill9();
    await ada.page.getByText("Connection lost").waitFor();
    await ada.say("during");
    server.target = await target.again({ port: target.port });
    await ada.page.getByText("Connected").waitFor({ timeout: 30_000 });
    await until(async () => (await ada.page.locator(".pending").count()) === 0, { what: "the message to be taken" });
    assert.deepEqual(await ada.messages(), ["before", "during"]);
    await ada.leave();
});
