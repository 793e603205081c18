/* A server inside a C program: libdormouse as it is installed, found with pkg-config. */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { DORMOUSE, EVICTS_ALWAYS, SANITIZERS, TARGET, until } from "./support/target.mjs";

const E2E = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(E2E, "../..");
const BUILD = path.dirname(DORMOUSE);

/* A program needs the sanitizer that the library was built with. */
function sanitizers() {
    const options = path.join(BUILD, "meson-info/intro-buildoptions.json");
    const found = fs.existsSync(options) && JSON.parse(fs.readFileSync(options, "utf8")).find(({ name }) => name === "b_sanitize").value;
    return found && found !== "none" ? [`-fsanitize=${found}`] : [];
}

const FLAGS = sanitizers();
const skip = TARGET === "dormouse" ? false : "libdormouse is Dormouse's own";

let home, env;
before(() => {
    if (skip) return;
    home = fs.mkdtempSync(path.join(os.tmpdir(), "dormouse-embed-"));
    const prefix = path.join(home, "installed");
    if (!fs.existsSync(path.join(BUILD, "src/embed/libdormouse.so"))) execFileSync("ninja", ["-C", BUILD], { stdio: ["ignore", "ignore", "inherit"] });
    execFileSync("meson", ["install", "-C", BUILD, "--no-rebuild", "--destdir", prefix], { stdio: ["ignore", "ignore", "inherit"] });
    const folder = path.dirname(find(prefix, "dormouse.pc"));
    env = {
        ...SANITIZERS,
        ...process.env,
        PATH: `${path.join(ROOT, "node_modules/.bin")}:${process.env.PATH}`,
        CHECK_SHARDS: /--shards (\d+)/.exec(process.env.DORMOUSE_FLAGS ?? "")?.[1] ?? "2",
        CHECK_EVICT: EVICTS_ALWAYS ? "always" : "idle",
        PKG_CONFIG_LIBDIR: folder,
        PKG_CONFIG_SYSROOT_DIR: prefix,
    };
});
after(() => {
    for (const child of children) child.kill("SIGKILL");
    if (home) fs.rmSync(home, { recursive: true });
});

function find(folder, name) {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        const at = path.join(folder, entry.name);
        if (entry.isDirectory()) {
            const found = find(at, name);
            if (found) return found;
        } else if (entry.name === name) return at;
    }
}

const words = (text) => text.trim().split(/\s+/).filter(Boolean);
const pkgConfig = (...args) => words(execFileSync("pkg-config", [...args, "dormouse"], { env: { ...env, PKG_CONFIG_PATH: "" }, encoding: "utf8" }));
const libraryFolder = () => pkgConfig("--libs-only-L")[0].slice(2);

function compile(source, program, { flags = ["-O1", "-g", "-Wall", "-Wextra", "-Werror"], libraries = [...pkgConfig("--libs"), `-Wl,-rpath,${libraryFolder()}`] } = {}) {
    const file = path.join(home, program);
    execFileSync("cc", [...flags, ...FLAGS, "-pthread", "-o", file, source, ...pkgConfig("--cflags"), ...libraries], { stdio: "inherit", env });
    return file;
}

const children = [];

function run(program, args) {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const running = { child, stdout: "", exited: once(child, "close") };
    child.stdout.setEncoding("utf8").on("data", (text) => (running.stdout += text));
    return running;
}

const VISITS = path.join(ROOT, "examples/embed-c/visits.c");

test("the library shows dm_* and nothing else", { skip }, () => {
    const names = (options, file) =>
        execFileSync("nm", [...options, "--defined-only", path.join(libraryFolder(), file)], { encoding: "utf8" })
            .split("\n")
            .map((line) => line.split(" ")[2])
            .filter(Boolean);
    const shown = names(["-D"], "libdormouse.so");
    assert.ok(shown.includes("dm_server_start"));
    assert.deepEqual(shown.filter((name) => !name.startsWith("dm_")), []);
    if (fs.existsSync(path.join(libraryFolder(), "libdormouse.a")))
        assert.deepEqual(names(["-g"], "libdormouse.a").filter((name) => !name.startsWith("dm_")), []);
});

test("examples/embed-c: a program asks its objects from many threads, and finds them again", { skip }, async () => {
    const program = compile(VISITS, "visits");
    const data = path.join(home, "visits-data");
    for (const sum of [1250, 2500]) {
        const running = run(program, [data]);
        assert.deepEqual(await running.exited, [0, null]);
        assert.equal(running.stdout, `${sum} visits after a crowd of 250\nhome: 200, ${sum} visits\n`);
    }
});

test("browsers see what the program sees; what was answered outlives kill -9", { skip }, async () => {
    const program = path.join(home, "visits");
    const data = path.join(home, "killed-data");
    const first = run(program, [data, "serve"]);
    const port = async (running) => {
        await until(() => /listening on .*:(\d+)/.test(running.stdout), { what: "the program to listen" });
        return Number(/listening on .*:(\d+)/.exec(running.stdout)[1]);
    };
    assert.equal(await (await fetch(`http://127.0.0.1:${await port(first)}/home`)).text(), "1250 visits\n");
    first.child.kill("SIGKILL");
    await first.exited;
    const second = run(program, [data, "serve"]);
    assert.equal(await (await fetch(`http://127.0.0.1:${await port(second)}/home`)).text(), "2500 visits\n");
    second.child.kill("SIGTERM");
    assert.deepEqual(await second.exited, [0, null]);
});

/* ThreadSanitizer delivers signals late, and the JavaScript engine then stops a thread that holds a lock of its allocator. */
const noScripts = FLAGS.includes("-fsanitize=thread") ? "scripts that collect garbage hang with ThreadSanitizer" : false;

test("what dormouse/embed.h promises", { skip: skip || noScripts }, async () => {
    const project = path.join(home, "project");
    fs.cpSync(path.join(E2E, "fixtures/embed/project"), project, { recursive: true });
    const program = compile(path.join(E2E, "fixtures/embed/check.c"), "check");
    const running = run(program, [path.join(home, "check-data"), project]);
    await until(() => running.stdout.includes("listening") || running.child.exitCode !== null, { ms: 60_000, what: "the program to listen" });
    assert.match(running.stdout, /listening on \d+/);
    const origin = `http://127.0.0.1:${/listening on (\d+)/.exec(running.stdout)[1]}`;
    assert.deepEqual(await (await fetch(`${origin}/kitchen`)).json(), { count: 3 });
    running.child.stdin.write("\n");
    assert.deepEqual(await running.exited, [0, null]);
    assert.match(running.stdout, /all so/);
});

test("the library in the program itself", { skip }, async (t) => {
    const archive = path.join(libraryFolder(), "libdormouse.a");
    if (!fs.existsSync(archive)) return t.skip("not built with sanitizers");
    const libraries = [archive, ...pkgConfig("--static", "--libs").filter((flag) => flag !== "-ldormouse")];
    const running = run(compile(VISITS, "visits-static", { libraries }), [path.join(home, "static-data")]);
    assert.deepEqual(await running.exited, [0, null]);
});

test("a C++ compiler accepts the header", { skip }, () => {
    const file = path.join(home, "header.cc");
    fs.writeFileSync(file, "#include <dormouse/embed.h>\nint main() { return dm_table() == nullptr; }\n");
    execFileSync("c++", ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", ...pkgConfig("--cflags"), "-fsyntax-only", file]);
});
