/* examples/chat in a browser: two people, a conversation, and a page that comes back. */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { exchange } from "./support/raw.mjs";
import { connect } from "./support/sockets.mjs";
import { start, until } from "./support/target.mjs";

const CHAT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/chat");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
];
const noBrowser = fs.existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}`;

let target;
let browser;
before(async () => {
    target = await start(CHAT);
    if (!noBrowser) browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
});
after(async () => {
    await browser?.close();
    await target.end();
});

/* A person with a browser of their own, in a room. */
async function visitor(name, where = "/") {
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(target.origin + where);
    await page.getByLabel("Your name").fill(name);
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByText("Connected").waitFor();
    return {
        page,
        errors,
        say: async (text) => {
            await page.getByLabel("Message", { exact: true }).fill(text);
            await page.getByRole("button", { name: "Send" }).click();
        },
        sees: (text) => page.getByRole("log").getByText(text, { exact: true }).waitFor({ timeout: 10_000 }),
        messages: () => page.locator(".message .text").allTextContents(),
        people: () => page.locator("#people li").allTextContents(),
        leave: () => context.close(),
    };
}

test("two people talk, both ways", { skip: noBrowser }, async () => {
    const [ada, grace] = [await visitor("Ada"), await visitor("Grace")];
    await ada.sees("Grace joined");
    await ada.say("Is the dormouse awake?");
    await grace.sees("Is the dormouse awake?");
    await grace.say("It is now.");
    await ada.sees("It is now.");
    assert.deepEqual(await ada.messages(), ["Is the dormouse awake?", "It is now."]);
    assert.equal((await ada.people()).length, 2);

    await grace.leave();
    await ada.sees("Grace left");
    assert.deepEqual((await ada.people()).map((text) => text.replace(/^A/, "")), ["Ada (you)"]);
    assert.deepEqual(ada.errors, []);
    await ada.leave();
});

test("a reload keeps the name and the history", { skip: noBrowser }, async () => {
    const ada = await visitor("Ada", "/reload");
    for (const text of ["one", "two", "<b>three</b>"]) {
        await ada.say(text);
        await ada.sees(text);
    }
    await ada.page.reload();
    await ada.page.getByText("Connected").waitFor();
    await ada.sees("<b>three</b>");
    assert.deepEqual(await ada.messages(), ["one", "two", "<b>three</b>"]);
    await ada.leave();
});

test("rooms are apart", { skip: noBrowser }, async () => {
    const [here, there] = [await visitor("Ada", "/kitchen"), await visitor("Grace", "/garden")];
    await here.say("only in the kitchen");
    await here.sees("only in the kitchen");
    assert.deepEqual(await there.messages(), []);
    assert.equal((await there.people()).length, 1);
    await here.leave();
    await there.leave();
});

test("a page survives a restart of the server, and loses nothing that was said", { skip: noBrowser }, async () => {
    const ada = await visitor("Ada", "/restart");
    await ada.say("before");
    await ada.sees("before");
    await target.kill9();
    await ada.page.getByText("Connection lost").waitFor();
    await ada.say("during");
    target = await target.again({ port: target.port });
    await ada.page.getByText("Connected").waitFor({ timeout: 30_000 });
    await until(async () => (await ada.page.locator(".pending").count()) === 0, { what: "the message to be taken" });
    assert.deepEqual(await ada.messages(), ["before", "during"]);

    const grace = await visitor("Grace", "/restart");
    await grace.sees("during");
    assert.deepEqual(await grace.messages(), ["before", "during"]);
    await ada.leave();
    await grace.leave();
});

test("a name that is already here neither joins nor leaves twice", async () => {
    const watcher = await join("twice", "Watcher");
    const [first, second] = [await join("twice", "Ada"), await join("twice", "Ada")];
    assert.deepEqual(second.welcome.people, ["Ada", "Watcher"]);
    first.close(1000);
    second.close(1000);
    const heard = [await watcher.nextJson(), await watcher.nextJson()];
    assert.deepEqual(heard.map(({ event, name }) => [event, name]), [["joined", "Ada"], ["left", "Ada"]]);
    watcher.cut();
});

async function join(room, name, after) {
    const client = await connect(target, `/${room}/socket`);
    client.send(JSON.stringify({ type: "join", name, after }));
    client.welcome = await client.nextJson();
    return client;
}

test("a reconnecting page gets what it missed, and a repeated message is said once", async () => {
    const ada = await join("missed", "Ada");
    for (const key of ["k1", "k2", "k2", "k3"]) ada.send(JSON.stringify({ type: "say", key, text: `text of ${key}` }));
    const said = [];
    for (let i = 0; i < 4; i++) said.push(await ada.nextJson());
    assert.deepEqual(said.map(({ key }) => key), ["k1", "k2", "k2", "k3"]);
    assert.equal(said[1].id, said[2].id);

    const back = await join("missed", "Ada", said[0].id);
    assert.deepEqual(back.welcome.history.map(({ text }) => text), ["text of k2", "text of k3"]);
    ada.cut();
    back.cut();
});

test("pings are answered without a word from the room", async () => {
    const client = await connect(target, "/pings/socket");
    client.send('{"type":"ping"}');
    assert.equal(await client.next(), '{"type":"pong"}');
    client.cut();
});

test("nonsense is answered with an error, and a stranger cannot speak", async () => {
    const client = await connect(target, "/nonsense/socket");
    for (const text of ["not json", "5", "null", '{"type":"join"}', '{"type":"join","name":"  "}', '{"type":"dance"}']) {
        client.send(text);
        assert.deepEqual(await client.nextJson(), { type: "error", text: "That was not understood." });
    }
    client.send('{"type":"say","key":"k","text":"hello"}');
    assert.deepEqual(await client.nextJson(), { type: "error", text: "Join with a name first." });
    client.cut();
});

test("the page is a page, other paths and methods are refused", async () => {
    const ask = (text) => exchange(target.port, `${text} HTTP/1.1\r\nHost: example.test\r\n\r\n`);
    const page = await ask("GET /");
    assert.equal(page.get("content-type"), "text/html; charset=utf-8");
    assert.match(page.body, /<title>Chat<\/title>/);
    assert.equal((await ask("GET /no/such/page")).status, 404);
    assert.equal((await ask("DELETE /")).status, 405);
    assert.equal((await ask("GET /lobby/socket")).status, 426);
});
