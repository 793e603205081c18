/* The command line: what `dev` and `serve` make of a project, of changes to it, and of its mistakes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { connect } from "./support/sockets.mjs";
import { copyProject, DORMOUSE, onlyDormouse, start, startFails, until } from "./support/target.mjs";

const ours = onlyDormouse("its command line is another one");

/* A project with one file changed. */
function changed(file, change) {
    const home = copyProject("dev");
    const at = path.join(home, "project", file);
    const text = change(fs.existsSync(at) ? fs.readFileSync(at, "utf8") : "");
    if (text === null) fs.rmSync(at);
    else fs.writeFileSync(at, text);
    return home;
}

async function failsWith(home, pattern, options = {}) {
    const { code, stderr, stdout } = await startFails(null, { home, ...options });
    fs.rmSync(home, { recursive: true, force: true });
    assert.notEqual(code, 0);
    assert.equal(stdout, "", "what is wrong belongs on stderr");
    assert.match(stderr, pattern);
    return stderr;
}

describe("running", { skip: ours }, () => {
    test("it says where it listens in one line, and nothing else on stdout", async () => {
        const target = await start("dev");
        assert.match(target.stdout, /^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
        await target.end();
    });

    test("the environment and variables are chosen on the command line", async () => {
        const top = await start("dev");
        assert.deepEqual(await top.ask("/env"), { place: "the top level", other: 1 });
        await top.end();

        const staging = await start("dev", { args: ["--env", "staging"] });
        assert.deepEqual(await staging.ask("/env"), { place: "staging", other: null });
        await staging.end();

        const given = await start("dev", { args: ["--var", "PLACE:the command line"] });
        assert.equal((await given.ask("/env")).place, "the command line");
        await given.end();
    });

    test("a wrangler.toml does as well", async () => {
        const home = changed("wrangler.jsonc", () => null);
        fs.writeFileSync(
            path.join(home, "project/wrangler.toml"),
            `name = "dev"
main = "src/index.ts"
compatibility_date = "2026-07-01"
[vars]
PLACE = "a table"
[[durable_objects.bindings]]
name = "COUNTERS"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
`,
        );
        const target = await start(null, { home });
        assert.equal((await target.ask("/env")).place, "a table");
        assert.deepEqual(await target.ask("/"), { version: "first", count: 1 });
        await target.end();
    });

    test("data is kept in the project unless told otherwise", async () => {
        const home = copyProject("dev");
        const target = await start(null, { home, args: ["--data", path.join(home, "elsewhere")] });
        await target.ask("/");
        await target.stop();
        assert.ok(fs.existsSync(path.join(home, "elsewhere")));
        assert.ok(!fs.existsSync(path.join(home, "project/.dormouse/data")));
        fs.rmSync(home, { recursive: true });
    });

    test("SIGTERM lets a request under way finish", async () => {
        const target = await start("dev");
        const answer = target.ask("/slow");
        await target.printed(/it takes long/, { stream: "output" });
        const stopped = target.stop();
        assert.deepEqual(await answer, { version: "first", count: 1 });
        await stopped;
        await target.end();
    });

    test("SIGTERM closes open sockets and does not wait for their clients", async () => {
        const target = await start("dev");
        const client = await connect(target, "/");
        await target.stop();
        await client.whenClosed();
        await target.end();
    });

    test("--help and a wrong option are answered at once", () => {
        const help = execFileSync(DORMOUSE, ["dev", "--help"], { encoding: "utf8" });
        for (const option of ["--port", "--host", "--data", "--shards", "--env", "--var", "--log-level"]) assert.ok(help.includes(option));
        assert.throws(() => execFileSync(DORMOUSE, ["dev", "--prot", "1"], { stdio: "pipe" }), /did you mean --port/);
    });
});

describe("reloading", { skip: ours }, () => {
    let target;
    before(async () => (target = await start("dev", { command: "dev" })));
    after(() => target.end());

    const write = (file, text) => fs.writeFileSync(path.join(target.project, file), text);
    const version = async () => (await target.ask("/")).version;

    test("a changed source is served, the data stays", async () => {
        assert.deepEqual(await target.ask("/"), { version: "first", count: 1 });
        write("src/version.ts", 'export const version: string = "second";');
        await until(async () => (await version()) === "second", { ms: 10_000, what: "the reload" });
        assert.ok((await target.ask("/")).count > 2);
    });

    test("sockets stay connected and speak to the new code", async () => {
        const client = await connect(target, "/");
        client.send("?");
        assert.equal(await client.next(), "second");
        write("src/version.ts", 'export const version: string = "third";');
        await until(async () => (await version()) === "third", { ms: 10_000, what: "the reload" });
        client.send("?");
        assert.equal(await client.next(), "third");
        assert.equal(client.closed, null);
        client.cut();
    });

    test("a mistake is shown with its place, and the version before goes on", async () => {
        const before = target.stderr.length;
        write("src/version.ts", "export const version: string = ;\n");
        await until(() => /version\.ts:1:3[12]/.test(target.stderr.slice(before)), { ms: 10_000, what: "the error" });
        assert.equal(await version(), "third");
        write("src/version.ts", 'export const version: string = "fourth";');
        await until(async () => (await version()) === "fourth", { ms: 10_000, what: "the reload" });
    });

    test("a changed configuration is served too", async () => {
        const config = fs.readFileSync(path.join(target.project, "wrangler.jsonc"), "utf8");
        write("wrangler.jsonc", config.replace("the top level", "a changed level"));
        await until(async () => (await target.ask("/env")).place === "a changed level", { ms: 10_000, what: "the reload" });
    });
});

describe("mistakes", { skip: ours }, () => {
    test("a syntax error has its file and line", async () => {
        await failsWith(changed("src/index.ts", (text) => `${text}\nexport const = 5;\n`), /src\/index\.ts:36:13/);
    });

    test("an import that is not there has its file and line", async () => {
        await failsWith(changed("src/version.ts", () => null), /src\/index\.ts:3:24[\s\S]*version/);
    });

    test("a class that the Worker does not export is named", async () => {
        const home = changed("src/index.ts", (text) => text.replace("export class Counter", "class Counter"));
        await failsWith(home, /Worker does not export a Durable Object class named "Counter"/);
    });

    test("an error while the module is loaded has its file and line", async () => {
        const home = changed("src/version.ts", () => 'export const version: string = "x";\nnull.field;\n');
        await failsWith(home, /version\.ts:2/);
    });

    test("a main that is not there is named", async () => {
        await failsWith(changed("src/index.ts", () => null), /src\/index\.ts/);
    });

    test("a configuration that cannot be read has its file and line", async () => {
        await failsWith(changed("wrangler.jsonc", (text) => text.replace('"main":', "main:")), /wrangler\.jsonc:4:/);
    });

    test("a folder without a configuration is named", async () => {
        await failsWith(changed("wrangler.jsonc", () => null), /wrangler\.jsonc/);
    });

    test("an unknown key warns and does not stop", async () => {
        const home = changed("wrangler.jsonc", (text) => text.replace('"main":', '"mian": "x",\n  "main":'));
        const target = await start(null, { home });
        await target.printed(/mian/);
        await target.end();
    });

    test("flags that contradict each other, a flag twice, no date and no port are named", async () => {
        const edited = (edit) => changed("wrangler.jsonc", (text) => text.replace(/"compatibility_date": "[-0-9]+",/, (line) => `${line}\n  ${edit},`));
        const flags = (...names) => edited(`"compatibility_flags": ${JSON.stringify(names)}`);
        await failsWith(flags("rpc", "no_rpc"), /Compatibility flags are mutually contradictory: rpc vs no_rpc/);
        await failsWith(flags("nodejs_als", "nodejs_als"), /Compatibility flag specified multiple times: nodejs_als/);
        await failsWith(changed("wrangler.jsonc", (text) => text.replace(/"compatibility_date": "[-0-9]+"/, '"compatibility_date": "2026-13-01"')), /2026-13-01/);
        await failsWith(edited('"dev": { "port": 70000 }'), /"dev\.port" must be a whole number from 0 to 65535, but is 70000/);
    });

    test("an unknown environment is named", async () => {
        await failsWith(copyProject("dev"), /production/, { args: ["--env", "production"] });
    });

    test("a port in use is named", async () => {
        const target = await start("dev");
        const stderr = await failsWith(copyProject("dev"), /in use/, { port: target.port });
        assert.ok(stderr.includes(String(target.port)));
        await target.end();
    });

    test("a data directory that another process holds is refused, and named", async () => {
        const target = await start("dev");
        const { code, stderr } = await startFails(null, { home: target.home });
        assert.notEqual(code, 0);
        assert.ok(stderr.includes(path.join(target.home, "data")), stderr);
        assert.deepEqual(await target.ask("/"), { version: "first", count: 1 });
        await target.end();
    });
});
