/*
 * Published packages
 *
 * What people build on: partyserver, the Agents SDK, Yjs, drizzle, hono, capnweb and more, at the versions of
 * packages/package-lock.json (tools/setup.sh test installs them), in a project as their users
 * write it. Clients are the packages' own.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import WebSocket from "ws";

import { copyProject, onlyDormouse, start, TARGET, until } from "./support/target.mjs";

const PACKAGES = path.join(path.dirname(fileURLToPath(import.meta.url)), "packages");
const there = fs.existsSync(path.join(PACKAGES, "node_modules"));

/* workerd alone lacks a module that they import (wrangler brings it). */
function leaveAgentsOut(project) {
    for (const [file, line] of [["src/index.ts", /^.*(agents|Agent|counter).*\n/gm], ["wrangler.jsonc", /^.*"class_name": "Counter".*\n|, "Counter"/gm]]) {
        const text = fs.readFileSync(path.join(project, file), "utf8");
        fs.writeFileSync(path.join(project, file), text.replace(line, ""));
    }
}

describe("published packages", { skip: there ? false : "not installed: tools/setup.sh test" }, () => {
    let target;

    before(async () => {
        const home = copyProject("packages");
        if (TARGET === "workerd") leaveAgentsOut(path.join(home, "project"));
        fs.symlinkSync(path.join(PACKAGES, "node_modules"), path.join(home, "node_modules"));
        target = await start(null, { home });
    });
    after(() => target?.end());

    /* A client and what it heard. */
    async function client(where) {
        const socket = new WebSocket(target.socketOrigin + where);
        const heard = [];
        socket.on("message", (data) => heard.push(String(data)));
        await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
        const hears = async (wanted) => {
            await until(() => heard.some(wanted), { what: `${wanted} among ${heard.join(" | ")}` });
            return heard.find(wanted);
        };
        return { socket, heard, hears };
    }

    test("hono: routes, parameters, CORS and its own 404", async () => {
        const preflight = await target.fetch("/users/newest", { method: "OPTIONS", headers: { origin: "https://example.com" } });
        assert.equal(preflight.status, 204);
        assert.equal(preflight.headers.get("access-control-allow-origin"), "https://example.com");
        const nothing = await target.fetch("/nothing");
        assert.equal(nothing.status, 404);
        assert.equal(await nothing.text(), "404 Not Found");
    });

    test("drizzle-orm: insert, select, a transaction that is rolled back", async () => {
        const added = await target.fetch("/users/ann", { method: "POST" });
        assert.equal(added.status, 201);
        assert.deepEqual(await added.json(), [{ id: 1, name: "ann", meta: { tags: ["a", 1] }, since: "2001-09-09T01:46:40.000Z" }]);
        await target.fetch("/users/bob", { method: "POST" });
        assert.deepEqual(await target.ask("/users/newest?limit=1"), [{ id: 2, name: "bob" }]);
        assert.deepEqual(await target.ask("/none/eve", { method: "POST" }), { message: "no", found: 0 });
        assert.equal((await target.ask("/users/newest")).length, 2);
    });

    test("capnweb: targets, callbacks and errors over an object's WebSocket", async () => {
        assert.deepEqual(await target.ask("/calls"), { greeting: "hello you", size: 42, twice: 8, applied: 41, failed: "RangeError: out of range" });
    });

    test("@cloudflare/actors: properties that are kept, and an alarm of several", async () => {
        assert.equal(await target.ask("/visits/ann", { method: "POST" }), 1);
        assert.equal(await target.ask("/visits/bob", { method: "POST" }), 2);
        /* A constructor runs what is due before it has loaded the properties: the package loses that. */
        if ((process.env.DORMOUSE_FLAGS ?? "").includes("--evict=always")) return;
        await target.ask("/visits/eve/later", { method: "POST" });
        await target.ask("/visits/joe/later", { method: "POST" });
        await until(async () => (await target.ask("/visits")).count === 4, { what: "the two that come later" });
        const { names } = await target.ask("/visits");
        assert.deepEqual(names.slice(0, 2), ["ann", "bob"]);
        assert.deepEqual(names.slice(2).sort(), ["eve", "joe"]);
    });

    test("jose: every kind of signature and of encryption", async () => {
        assert.deepEqual(await target.ask("/tokens"), {
            signed: ["RS256", "PS384", "ES256", "ES512", "Ed25519"],
            encrypted: ["dir", "A256KW", "RSA-OAEP-256", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"],
            refused: "JWS Protected Header is invalid",
        });
    });

    test("@orpc/server: typed answers, and one in pieces", async () => {
        const call = async (name) => (await target.fetch(`/planets/${name}`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } })).text();
        assert.deepEqual(JSON.parse(await call("find")).json, { seen: "1970-01-01T00:00:00.000Z", mass: "12", moons: ["Io"] });
        assert.deepEqual((await call("count")).match(/"json":\d/g), ['"json":1', '"json":2', '"json":3']);
    });

    test("partyserver: a room, its connections and their state", async () => {
        const ann = await client("/parties/chat/blue");
        await ann.hears((text) => text === "welcome to blue");
        const bob = await client("/parties/chat/blue");
        await bob.hears((text) => text === "welcome to blue");
        ann.socket.send("hello");
        assert.equal(await bob.hears((text) => text.includes("hello")), '{"message":"hello","state":{"joined":0}}');
        bob.socket.send("hi");
        await ann.hears((text) => text.includes('"hi"'));
        assert.ok(!ann.heard.some((text) => text.includes('"hello"')), "one does not hear oneself");
        assert.deepEqual(await target.ask("/parties/chat/blue"), { room: "blue", lines: 2, method: "GET" });
        assert.deepEqual(await target.ask("/parties/chat/red"), { room: "red", lines: 0, method: "GET" });
        ann.socket.close();
        bob.socket.close();
    });

    test("agents: state is followed, methods are called, a schedule comes due", { skip: onlyDormouse("no cloudflare:email") }, async () => {
        const ann = await client("/agents/counter/one");
        const bob = await client("/agents/counter/one");
        const call = (id, method, ...args) => ann.socket.send(JSON.stringify({ type: "rpc", id, method, args }));
        const result = async (id) => JSON.parse(await ann.hears((text) => text.includes(`"id":"${id}"`)));

        call("a", "add", 5);
        assert.deepEqual(await result("a"), { done: true, id: "a", result: 5, success: true, type: "rpc" });
        await bob.hears((text) => text.includes('"count":5'));
        call("b", "tick", { by: 1 });
        const refused = await result("b");
        assert.equal(refused.success, false);
        assert.match(refused.error, /not callable/);
        call("c", "later", 1);
        assert.deepEqual((await result("c")).result, { type: "delayed", waiting: 1 });
        await bob.hears((text) => text.includes('"ticks":1'));
        assert.deepEqual(await target.ask("/agents/counter/one"), { count: 5, ticks: 1 });
        ann.socket.close();
        bob.socket.close();
    });

    test("y-partyserver: two write in one document, and it is kept", async () => {
        const { Doc, DocumentClient } = await import("./packages/clients.mjs");
        const options = { WebSocketPolyfill: WebSocket, party: "page", disableBc: true };
        const documents = [new Doc(), new Doc()];
        const clients = documents.map((document) => new DocumentClient(`127.0.0.1:${target.port}`, "draft", document, options));
        const [one, two] = documents.map((document) => document.getText("text"));

        await until(() => clients.every((client) => client.synced), { what: "both to be in step" });
        one.insert(0, "hello ");
        await until(() => two.toString() === "hello ", { what: "the first half" });
        two.insert(6, "world");
        await until(() => one.toString() === "hello world", { what: "the other half" });
        for (const client of clients) client.destroy();

        await until(async () => (await target.ask("/parties/page/draft")).text === "hello world", { what: "the document" });
        await new Promise((resolve) => setTimeout(resolve, 300)); /* saved at most 100 ms later */
        await target.stop();
        target = await target.again();
        assert.deepEqual(await target.ask("/parties/page/draft"), { text: "hello world" });
    });
});
