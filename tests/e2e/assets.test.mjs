/*
 * Static assets. fixtures/assets.json has configurations, requests and what workerd 2026-11-17 answered to each: status,
 * location, the start of the body and the headers.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";

import { copyProject, onlyDormouse, start } from "./support/target.mjs";

const { requests, configurations } = JSON.parse(fs.readFileSync(new URL("fixtures/assets.json", import.meta.url), "utf8"));
const workerdArgs = ["--experimental"];

/* A project with its own `assets`, and what else `change` does to it. */
async function serve({ assets = {}, worker = true, rules = false }, change = () => {}) {
    const home = copyProject("assets");
    const project = path.join(home, "project");
    const config = JSON.parse(fs.readFileSync(path.join(project, "wrangler.json"), "utf8"));
    Object.assign(config.assets, assets);
    if (!worker) {
        delete config.main;
        delete config.assets.binding;
    }
    if (!rules) for (const name of ["_headers", "_redirects"]) fs.rmSync(path.join(project, "public", name));
    fs.rmSync(path.join(project, "wrangler.json"));
    fs.writeFileSync(path.join(project, "wrangler.jsonc"), JSON.stringify(config));
    change(project);
    return start(null, { home, workerdArgs });
}

/* The path goes out as it is: fetch() would tidy it up. */
function ask(port, [method, where, headers]) {
    return new Promise((resolve, reject) => {
        const request = http.request({ port, host: "127.0.0.1", method, path: where, headers, agent: false }, (response) => {
            const chunks = [];
            response.on("data", (chunk) => chunks.push(chunk)).on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
        });
        request.on("error", reject).end();
    });
}

function summary({ status, headers, body }) {
    const text = body.toString().trim().slice(0, 60);
    const rest = Object.fromEntries(
        Object.entries(headers)
            .filter(([name]) => !["connection", "keep-alive", "date", "content-length", "transfer-encoding", "location"].includes(name))
            .map(([name, value]) => [name, name === "etag" ? "E" : value])
            .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    return [status, headers.location && `→${headers.location}`, text && JSON.stringify(text), JSON.stringify(rest)].filter(Boolean).join(" ");
}

for (const { name, answers, ...options } of configurations)
    test(`${name} as the platform answers`, async () => {
        const target = await serve(options);
        try {
            const got = {};
            for (const request of requests[options.requests]) got[request.filter((part) => part !== null).map((part) => (typeof part === "object" ? JSON.stringify(part) : part)).join(" ")] = summary(await ask(target.port, request));
            assert.deepEqual(got, answers);
        } finally {
            await target.end();
        }
    });

test("a client that has a file is told so by its entity tag", async () => {
    const target = await serve({});
    try {
        const { headers } = await ask(target.port, ["GET", "/plain.txt", null]);
        for (const known of [headers.etag, `W/${headers.etag}`]) {
            const again = await ask(target.port, ["GET", "/plain.txt", { "If-None-Match": known }]);
            assert.equal(again.status, 304);
            assert.equal(again.body.length, 0);
            assert.equal(again.headers.etag, headers.etag);
        }
        for (const other of ['"other"', "*", `"other", ${headers.etag}`, headers.etag.slice(1, -1)])
            assert.equal((await ask(target.port, ["GET", "/plain.txt", { "If-None-Match": other }])).status, 200, other);
    } finally {
        await target.end();
    }
});

test("so is one that has the page for what is not found", async () => {
    const target = await serve({ assets: { not_found_handling: "404-page" }, worker: false });
    try {
        const { status, headers } = await ask(target.port, ["GET", "/missing", null]);
        assert.equal(status, 404);
        assert.equal((await ask(target.port, ["GET", "/missing", { "If-None-Match": headers.etag }])).status, 304);
    } finally {
        await target.end();
    }
});

test("redirects may name a host by placeholder, and source paths as people write them", async () => {
    const rules = ["/host/* https://:splat.example.com/x", "/é /plain.txt 301", "/double //example.com/x", "/gone/* /nothing 200"];
    const target = await serve({}, (project) => fs.writeFileSync(path.join(project, "public/_redirects"), rules.join("\n")));
    try {
        const where = async (from) => (({ status, headers }) => [status, headers.location ?? null])(await ask(target.port, ["GET", from, null]));
        assert.deepEqual(await where("/host/sub"), [302, "https://sub.example.com/x"]);
        assert.deepEqual(await where("/%C3%A9"), [301, "/plain.txt"]);
        assert.deepEqual(await where("/double"), [302, "/example.com/x"]);
        assert.deepEqual(await where("/gone/x"), [404, null], "the Worker is not asked");
    } finally {
        await target.end();
    }
});

test("a Worker's fetch() of an asset follows redirects unless told not to", async () => {
    const target = await serve({});
    try {
        const follow = async (query) => {
            const { body } = await ask(target.port, ["GET", `/binding?path=/file.html&${query}`, null]);
            const { status, location, url, redirected } = JSON.parse(body);
            return [status, location, url, redirected];
        };
        assert.deepEqual(await follow("redirect=follow"), [200, null, "http://assets.test/file", true]);
        assert.deepEqual(await follow("redirect=manual"), [307, "/file", "http://assets.test/file.html", false]);
    } finally {
        await target.end();
    }
});

test("a large file streams whole, to many at once", async () => {
    const bytes = Buffer.alloc(20_000_000, "abcdefg");
    const target = await serve({}, (project) => fs.writeFileSync(path.join(project, "public/large.bin"), bytes));
    try {
        const sum = (data) => createHash("sha256").update(data).digest("hex");
        const answers = await Promise.all([1, 2, 3, 4].map(() => ask(target.port, ["GET", "/large.bin", null])));
        for (const { status, headers, body } of answers) {
            assert.equal(status, 200);
            assert.equal(headers["content-length"], String(bytes.length));
            assert.equal(sum(body), sum(bytes));
        }
        const head = await ask(target.port, ["HEAD", "/large.bin", null]);
        assert.equal(head.headers["content-length"], String(bytes.length));
    } finally {
        await target.end();
    }
});

test("no link leads out of the folder", { skip: onlyDormouse("follows links") }, async () => {
    const target = await serve({ worker: false }, (project) => {
        const at = (name) => path.join(project, "public", name);
        fs.writeFileSync(path.join(project, "outside.txt"), "outside");
        fs.symlinkSync("../outside.txt", at("out.txt"));
        fs.symlinkSync("/etc", at("etc"));
        fs.symlinkSync(".", at("folder/self"));
        fs.symlinkSync("../plain.txt", at("folder/in.txt"));
    });
    try {
        for (const where of ["/out.txt", "/etc/passwd", "/folder/self/index.html"]) assert.equal((await ask(target.port, ["GET", where, null])).status, 404, where);
        assert.equal((await ask(target.port, ["GET", "/folder/in.txt", null])).body.toString(), "plain\n");
        fs.rmSync(path.join(target.project, "public/plain.txt"));
        fs.symlinkSync("../outside.txt", path.join(target.project, "public/plain.txt"));
        assert.equal((await ask(target.port, ["GET", "/plain.txt", null])).status, 404, "a link put in place of a file later");
    } finally {
        await target.end();
    }
});
