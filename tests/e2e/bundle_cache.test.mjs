/* What one start keeps for the next: never anything else than what would be built and read now. */

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { DORMOUSE, onlyDormouse, sleep, start, startFails, until } from "./support/target.mjs";

const ours = onlyDormouse("what it keeps is its own");

const WORKER = `import { word } from "./word";
import { other } from "./more/other";
import pack from "pack";
import { deep } from "@scope/deep";
export default { fetch: (request, env) => Response.json({ word, other, pack, deep, place: env.PLACE ?? null, mode: process.env.NODE_ENV }) };
`;
const CONFIG = { name: "kept", main: "src/index.ts", compatibility_date: "2026-07-01", vars: { PLACE: "here" } };

class Project {
    constructor() {
        this.home = fs.mkdtempSync(path.join(os.tmpdir(), "dormouse-e2e-"));
        this.dir = path.join(this.home, "project");
        this.write("wrangler.json", JSON.stringify(CONFIG));
        this.write("src/index.ts", WORKER);
        this.write("src/word.js", `export const word = "first";`);
        this.write("src/more/other.ts", `export const other = "first";`);
        this.write("node_modules/pack/package.json", `{"name": "pack", "main": "main.js"}`);
        this.write("node_modules/pack/main.js", `module.exports = "first";`);
        this.write("node_modules/@scope/deep/index.js", `export const deep = "first";`);
    }

    write(name, text) {
        const file = path.join(this.dir, name);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, text);
    }

    /* Starts, asks, stops; whether it built, and what it answered. */
    async run({ expect = "either", args = [], ...options } = {}) {
        const target = await start(null, { home: this.home, args: ["--log-level", "debug", ...args], ...options });
        const answer = await target.ask("/");
        const kept = /esbuild does not run/.test(target.stderr);
        await target.stop();
        if (expect !== "either") assert.equal(kept ? "kept" : "built", expect, target.stderr);
        return { ...answer, stderr: target.stderr };
    }

    /* So that what was just written is older than the start. */
    async settled(options) {
        await sleep(30);
        return this.run(options);
    }

    remove() {
        fs.rmSync(this.home, { recursive: true, force: true });
    }
}

describe("what a start keeps", { skip: ours }, () => {
    let project;

    before(async () => {
        project = new Project();
        await project.settled({ expect: "built" });
    });
    after(() => project.remove());

    const memo = (name) => path.join(project.dir, ".dormouse/build", name);

    test("a second start builds nothing, and is the same", async () => {
        const { word, other, pack, deep, place, mode, stderr } = await project.run({ expect: "kept" });
        assert.deepEqual(
            { word, other, pack, deep, place, mode },
            { word: "first", other: "first", pack: "first", deep: "first", place: "here", mode: "production" },
        );
        assert.match(stderr, /configuration read/);
    });

    test("nobody else can read it", () => {
        for (const name of ["bundle.memo", "configuration.memo"]) assert.equal(fs.statSync(memo(name)).mode & 0o777, 0o600);
    });

    test("an edit that leaves size and time as they were is seen", async () => {
        const file = path.join(project.dir, "src/word.js");
        const { atime, mtime } = fs.statSync(file);
        fs.writeFileSync(file, `export const word = "third";`);
        fs.utimesSync(file, atime, mtime);
        assert.equal((await project.settled({ expect: "built" })).word, "third");
        await project.run({ expect: "kept" });
    });

    test("an edit that comes with the start is seen by the next one", async () => {
        for (let i = 0; i < 6; i++) {
            const word = `edit ${i}`;
            project.write("src/word.js", `export const word = "${word}";`);
            assert.equal((await project.run()).word, word);
        }
    });

    test("an edit while it starts is not lost", async () => {
        for (let i = 0; i < 6; i++) {
            project.write("src/word.js", `export const word = "before";`);
            await sleep(30);
            const running = project.run();
            await sleep(5 + 8 * i);
            project.write("src/word.js", `export const word = "behind";`);
            await running;
            assert.equal((await project.run()).word, "behind");
        }
        project.write("src/word.js", `export const word = "first";`);
        await project.settled();
        await project.run({ expect: "kept" });
    });

    test("a file that takes the place of another is seen", async () => {
        project.write("src/word.ts", `export const word = "in TypeScript";`);
        assert.equal((await project.settled({ expect: "built" })).word, "in TypeScript");
        fs.rmSync(path.join(project.dir, "src/word.ts"));
        assert.equal((await project.settled({ expect: "built" })).word, "first");
    });

    test("so is one in the place of a folder", async () => {
        project.write("src/more.ts", `export const nothing = 1;`);
        await project.settled({ expect: "built" });
        fs.rmSync(path.join(project.dir, "src/more.ts"));
        await project.settled({ expect: "built" });
    });

    test("and a package nearer to who imports it", async () => {
        project.write("src/node_modules/pack/index.js", `module.exports = "nearer";`);
        assert.equal((await project.settled({ expect: "built" })).pack, "nearer");
        project.write("src/node_modules/@scope/else/index.js", "");
        await project.settled({ expect: "built" });
        await project.run({ expect: "kept" });
        project.write("src/node_modules/@scope/deep/index.js", `export const deep = "nearer";`);
        assert.equal((await project.settled({ expect: "built" })).deep, "nearer");
        fs.rmSync(path.join(project.dir, "src/node_modules"), { recursive: true });
        assert.equal((await project.settled({ expect: "built" })).deep, "first");
    });

    test("and a new node_modules above the project", async () => {
        fs.mkdirSync(path.join(project.home, "node_modules/unrelated"), { recursive: true });
        await project.settled({ expect: "built" });
        fs.rmSync(path.join(project.home, "node_modules"), { recursive: true });
        await project.settled({ expect: "built" });
    });

    test("a package.json that says otherwise is seen", async () => {
        project.write("node_modules/pack/other.js", `module.exports = "other";`);
        project.write("node_modules/pack/package.json", `{"name": "pack", "main": "other.js"}`);
        assert.equal((await project.settled({ expect: "built" })).pack, "other");
        await project.run({ expect: "kept" });
    });

    test("so is a tsconfig.json, and what its paths lead to", async () => {
        project.write("src/index.ts", WORKER.replace('"./word"', '"@/word"'));
        project.write("tsconfig.json", `{"compilerOptions": {"paths": {"@/*": ["./early/*", "./src/*"]}}}`);
        assert.equal((await project.settled({ expect: "built" })).word, "first");
        await project.run({ expect: "kept" });
        project.write("early/word.ts", `export const word = "early";`);
        assert.equal((await project.settled({ expect: "built" })).word, "early");
        fs.rmSync(path.join(project.dir, "early/word.ts"));
        assert.equal((await project.settled({ expect: "built" })).word, "first");
    });

    test("what a tsconfig.json extends is nothing to rely on", async () => {
        project.write("base.json", `{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}`);
        project.write("tsconfig.json", `{"extends": "./base.json"}`);
        await project.settled({ expect: "built" });
        await project.settled({ expect: "built" });
        fs.rmSync(path.join(project.dir, "tsconfig.json"));
        fs.rmSync(path.join(project.dir, "base.json"));
        project.write("src/index.ts", WORKER);
        await project.settled({ expect: "built" });
    });

    test("options and variables count", async () => {
        await project.run({ expect: "kept" });
        assert.equal((await project.run({ args: ["--var", "PLACE:there"] })).place, "there");
        assert.equal((await project.run()).place, "here");
        assert.equal((await project.run({ command: "dev" })).mode, "development");
        assert.equal((await project.run({ expect: "built" })).mode, "production");
    });

    test("secrets that come and go are seen", async () => {
        project.write(".dev.vars", "PLACE=secret");
        assert.equal((await project.run()).place, "secret");
        project.write(".dev.vars", "PLACE=hidden");
        assert.equal((await project.run()).place, "hidden");
        fs.rmSync(path.join(project.dir, ".dev.vars"));
        assert.equal((await project.run()).place, "here");
        assert.ok(!fs.readFileSync(memo("configuration.memo")).includes("hidden"), "nothing of it is left");
    });

    test("what the configuration is warned about is said every time", async () => {
        project.write("wrangler.json", JSON.stringify({ ...CONFIG, nonsense: 1 }));
        for (let i = 0; i < 3; i++) assert.match((await project.settled()).stderr, /nonsense/);
        project.write("wrangler.json", `{ "name": `);
        const failed = await startFails(null, { home: project.home });
        assert.match(failed.stderr, /wrangler\.json:1/);
        project.write("wrangler.json", JSON.stringify(CONFIG));
        await project.settled();
    });

    test("what esbuild warns about is said every time", async () => {
        project.write("src/word.js", `export const word = "first"; if (word === NaN) word.x();`);
        for (let i = 0; i < 2; i++) assert.match((await project.settled()).stderr, /NaN/);
        await project.run({ expect: "kept" });
        project.write("src/word.js", `export const word = "first";`);
        await project.settled();
    });

    test("what is damaged is built again", async () => {
        await project.run({ expect: "kept" });
        fs.appendFileSync(memo("worker.js"), "throw 1;");
        assert.equal((await project.settled({ expect: "built" })).word, "first");
        for (const name of ["bundle.memo", "configuration.memo"]) {
            await project.run({ expect: "kept" });
            const bytes = fs.readFileSync(memo(name));
            bytes[bytes.length >> 1] ^= 1;
            fs.writeFileSync(memo(name), bytes);
            assert.equal((await project.run()).word, "first");
            fs.truncateSync(memo(name), 20);
            assert.equal((await project.run()).word, "first");
            fs.rmSync(memo(name));
            fs.mkdirSync(memo(name)); /* cannot be written either */
            assert.equal((await project.run()).word, "first");
            fs.rmdirSync(memo(name));
            await project.run();
        }
    });

    test("a reload keeps what it built", async () => {
        const target = await start(null, { home: project.home, command: "dev", args: ["--log-level", "debug"] });
        project.write("src/word.js", `export const word = "reloaded";`);
        await target.printed(/reloaded in/);
        await sleep(100);
        await target.stop();
        assert.equal((await project.run({ command: "dev" })).word, "reloaded");
        project.write("src/word.js", `export const word = "first";`);
        assert.equal((await project.settled({ command: "dev" })).word, "first");
    });

    test("a start that builds nothing watches all the same", async () => {
        await project.settled({ command: "dev" });
        const target = await start(null, { home: project.home, command: "dev", args: ["--log-level", "debug"] });
        assert.match(target.stderr, /esbuild does not run/);
        project.write("src/more/other.ts", `export const other = "second";`);
        await until(async () => (await target.ask("/")).other === "second", { what: "the change" });
        await target.stop();
    });
});
