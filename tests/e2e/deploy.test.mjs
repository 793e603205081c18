/* `dormouse deploy`: a new version in place of the one that serves, while clients stay connected and nothing is lost. */

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { connect } from "./support/sockets.mjs";
import { copyProject, DORMOUSE, onlyDormouse, sleep, start } from "./support/target.mjs";

const only = { skip: onlyDormouse("it has no deploys") };
const run = promisify(execFile);
const INCLUDE = fileURLToPath(new URL("../../include", import.meta.url));
const FLAGS = (process.env.NATIVE_CFLAGS ?? "").split(" ").filter(Boolean);
const SOCKETS = 20;
const CLIENTS = 4;

let target;

before(async () => {
    if (!only.skip) target = await start("dev");
});
after(() => target?.end());

const source = (version) => `export const version: string = "${version}";\n`;
const write = (text, project = target.project) => fs.writeFileSync(path.join(project, "src/version.ts"), text);
const deploy = (...more) => run(DORMOUSE, ["deploy", ...more, "--data", path.join(target.home, "data")]);
const version = async () => (await target.ask("/")).version;

const refused = (pattern, ...more) =>
    assert.rejects(deploy(...more), (fault) => {
        assert.equal(fault.code, 1, fault.stderr);
        assert.match(fault.stderr, pattern);
        assert.match(fault.stderr, /the version before goes on/);
        return true;
    });

test("a change is served when it is deployed, and not before", only, async () => {
    assert.equal(await version(), "first");
    write(source("second"));
    await sleep(300);
    assert.equal(await version(), "first");
    assert.equal((await deploy()).stdout, "deployed\n");
    assert.equal(await version(), "second");
});

test("sockets stay connected, every request is answered, every count is kept", only, async () => {
    const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => connect(target, "/")));
    const counts = [];
    let stop = false;
    const asking = Array.from({ length: CLIENTS }, async () => {
        while (!stop) counts.push((await target.ask("/")).count);
    });
    for (const name of ["third", "fourth", "fifth"]) {
        write(source(name));
        await deploy();
        for (const socket of sockets) {
            socket.send("?");
            assert.equal(await socket.next(), name);
        }
    }
    stop = true;
    await Promise.all(asking);
    assert.ok(counts.length > CLIENTS);
    assert.equal(new Set(counts).size, counts.length, "no count was given twice");
    for (const socket of sockets) assert.equal(socket.closed, null);
    for (const socket of sockets) socket.cut();
});

test("what does not build or does not start changes nothing, and the operator is told", only, async () => {
    const running = await version();
    write("export const version: string = ;\n");
    await refused(/version\.ts:1:3[12]/);
    write(`${source("x")}null.field;\n`);
    await refused(/version\.ts:2/);
    assert.equal(await version(), running);

    const config = path.join(target.project, "wrangler.jsonc");
    const before = fs.readFileSync(config, "utf8");
    fs.writeFileSync(config, before.replace('"name": "dev"', '"name": "other"'));
    write(source("sixth"));
    await refused(/this is the Worker other, and dev is running/);
    fs.writeFileSync(config, before.replace("the top level", "a new level"));
    await deploy();
    assert.equal(await version(), "sixth");
    assert.equal((await target.ask("/env")).place, "a new level");
    fs.writeFileSync(config, before);
});

test("a release in another folder takes over, and the next deploy is from there", only, async (t) => {
    const release = copyProject("dev");
    t.after(() => fs.rmSync(release, { recursive: true, force: true }));
    const project = path.join(release, "project");
    const { count } = await target.ask("/");
    write(source("of the release"), project);
    await deploy(project);
    assert.deepEqual(await target.ask("/"), { version: "of the release", count: count + 1 });
    write(source("of the release, again"), project);
    await deploy();
    assert.equal(await version(), "of the release, again");
    await refused(/there is no wrangler\.json, wrangler\.jsonc or wrangler\.toml here/, path.join(release, "support"));
    assert.equal(await version(), "of the release, again");
});

test("a class library that is compiled again is deployed, too", only, async (t) => {
    const home = copyProject("native-reload");
    const room = path.join(home, "project/room");
    const build = (name) => execFileSync("cc", ["-O1", "-fPIC", "-shared", `-I${INCLUDE}`, `-DVERSION="${name}"`, ...FLAGS, "-o", `${room}.so`, `${room}.c`]);
    build("one");
    const server = await start(null, { home });
    t.after(() => server.end());
    const anna = await connect(server, "/ws");
    const says = async () => (anna.send("?"), anna.next());
    assert.match(await says(), /^one anna/);
    build("two");
    await run(DORMOUSE, ["deploy", "--data", path.join(home, "data")]);
    assert.match(await says(), /^two anna/);
    build("three");
    await run(DORMOUSE, ["deploy", "--data", path.join(home, "data")]);
    assert.match(await says(), /^three anna/);
    assert.equal(anna.closed, null);
    anna.cut();
});

test("where nothing runs, that is said", only, async (t) => {
    const home = copyProject("dev");
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    await assert.rejects(run(DORMOUSE, ["deploy", "--data", path.join(home, "data")]), (fault) => {
        assert.equal(fault.code, 1);
        assert.match(fault.stderr, /nothing runs on .*data/);
        return true;
    });
});
