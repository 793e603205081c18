/*
 * The server under test
 *
 * start("storage") copies the project tests/e2e/fixtures/storage to a fresh directory, runs it and waits until it listens.
 * DORMOUSE_TARGET chooses what runs it:
 *
 *     dormouse   the default: DORMOUSE_BIN or build/dormouse, with DORMOUSE_FLAGS added (for example "--evict=always --shards 4")
 *     workerd    Cloudflare's open-source runtime from npm, the reference: what a test expects was first seen there
 *
 * { target: "workerd" } among the options is for a test that runs both.
 *
 * DORMOUSE_SLOWNESS=4 waits four times as long before it gives up, for builds with a sanitizer.
 *
 * A test that only one of the two can pass says so with { skip: onlyDormouse("why") }.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const E2E = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const ROOT = path.resolve(E2E, "../..");
const BIN = path.join(ROOT, "node_modules/.bin");
/* Programs under a sanitizer take several times as long: every wait that has an end is that much longer. */
const SLOWNESS = Number(process.env.DORMOUSE_SLOWNESS ?? 1);
const READY_MS_MAX = 20_000 * SLOWNESS;
const STOP_MS_MAX = 20_000 * SLOWNESS;
/* For an answer that needs some time of the processor. */
export const ANSWER_MS_MAX = 30_000 * SLOWNESS;
/* What such a program needs to know of the libraries (see the files); others do not look at it. */
export const SANITIZERS = {
    ASAN_OPTIONS: "detect_stack_use_after_return=0:malloc_context_size=3",
    LSAN_OPTIONS: `print_suppressions=0:suppressions=${path.join(ROOT, "tests/support/lsan.supp")}`,
    TSAN_OPTIONS: `suppressions=${path.join(ROOT, "tests/support/tsan.supp")}`,
    UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

export const TARGET = process.env.DORMOUSE_TARGET ?? "dormouse";
export const DORMOUSE = process.env.DORMOUSE_BIN ?? path.join(ROOT, "build/dormouse");
const FLAGS = (process.env.DORMOUSE_FLAGS ?? "").split(/\s+/).filter(Boolean);

/* Objects leave memory after every event, so nothing may be expected to stay in their fields. */
export const EVICTS_ALWAYS = TARGET === "dormouse" && FLAGS.includes("--evict=always");

export function onlyDormouse(why) {
    return TARGET === "dormouse" ? false : `workerd: ${why}`;
}

export function onlyInMemory(why) {
    return EVICTS_ALWAYS ? `--evict=always: ${why}` : false;
}

/* A fresh directory with the project in it, beside the modules that projects share. */
export function copyProject(project) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "dormouse-e2e-"));
    const source = path.isAbsolute(project) ? project : path.join(E2E, "fixtures", project);
    fs.cpSync(source, path.join(home, "project"), {
        recursive: true,
        filter: (file) => ![".wrangler", ".dormouse", "node_modules"].includes(path.basename(file)),
    });
    fs.cpSync(path.join(E2E, "fixtures/support"), path.join(home, "support"), { recursive: true });
    return home;
}

/* How long an object must be left alone to leave memory, and what makes Dormouse wait no longer than a test wants to. */
export const IDLE_MS = TARGET === "workerd" ? 12_000 : EVICTS_ALWAYS ? 300 : 4000;
export const IDLE_ARGS = ["--hibernate-after", "2500"];

function commandLine(home, { target = TARGET, command = "serve", args = [], workerdArgs = [], workerdConfig = "wrangler.jsonc", port = 0 }) {
    const project = path.join(home, "project");
    if (target === "workerd")
        return {
            file: process.env.WORKERD_BIN ?? path.join(BIN, "workerd"),
            args: ["serve", workerdConfig, "--control-fd=3", "--socket-addr", `http=127.0.0.1:${port}`, ...workerdArgs],
            cwd: project,
        };
    return {
        file: DORMOUSE,
        args: [command, project, "--port", String(port), "--data", path.join(home, "data"), ...FLAGS, ...args],
        cwd: home,
    };
}

/* Run a project. `home` runs one again on the data it left. */
export async function start(project, options = {}) {
    const home = options.home ?? copyProject(project);
    const target = new Target(home, options);
    try {
        await target.ready();
    } catch (fault) {
        target.process.kill("SIGKILL");
        throw fault;
    }
    return target;
}

/* Run something that cannot start; what it said and how it ended. */
export async function startFails(project, options = {}) {
    const target = new Target(options.home ?? copyProject(project), options);
    const timer = setTimeout(() => target.process.kill("SIGKILL"), READY_MS_MAX);
    const result = await target.exited;
    clearTimeout(timer);
    assert.doesNotMatch(target.stdout, /listening on/, "it started");
    assert.equal(result.signal, null, `it did not end by itself: ${target.output}`);
    if (options.home === undefined) fs.rmSync(target.home, { recursive: true, force: true });
    return { ...result, stdout: target.stdout, stderr: target.stderr };
}

/* A test that fails may leave its server behind, for which the runner would wait until it is out of time itself. */
const running = new Set();
if (process.env.NODE_TEST_CONTEXT)
    after(() => {
        setTimeout(() => running.forEach((target) => target.process.kill("SIGKILL")), 2 * STOP_MS_MAX).unref();
    });

export class Target {
    constructor(home, options) {
        const { file, args, cwd } = commandLine(home, options);
        const [program, ...rest] = [...(options.wrap ?? []), file, ...args];
        this.kind = options.target ?? TARGET;
        this.home = home;
        this.project = path.join(home, "project");
        this.options = options;
        this.stdout = "";
        this.stderr = "";
        this.control = "";
        this.stopping = false;
        this.process = spawn(program, rest, {
            cwd,
            stdio: ["ignore", "pipe", "pipe", "pipe"],
            env: { ...SANITIZERS, ...process.env, ...options.env, PATH: `${BIN}:${process.env.PATH}`, WORKERD_ESBUILD: path.join(BIN, "esbuild") },
        });
        this.process.stdout.setEncoding("utf8").on("data", (text) => (this.stdout += text));
        this.process.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
        this.process.stdio[3].setEncoding("utf8").on("data", (text) => (this.control += text));
        this.exited = new Promise((resolve) => {
            this.process.once("error", (fault) => resolve({ code: null, signal: null, fault }));
            this.process.once("close", (code, signal) => resolve({ code, signal }));
        });
        running.add(this);
        this.exited.then(() => running.delete(this));
    }

    async ready() {
        const port = () =>
            this.kind === "workerd"
                ? /"event":"listen".*"port":(\d+)/.exec(this.control)?.[1]
                : /^listening on http:\/\/[^\s]*:(\d+)$/m.exec(this.stdout)?.[1];
        let exit = null;
        this.exited.then((result) => (exit = result));
        await until(() => port() !== undefined || exit !== null, { ms: READY_MS_MAX, what: "the server to listen" });
        if (port() === undefined) {
            const why = exit.fault ?? `it ended with ${exit.code ?? exit.signal}`;
            throw new Error(`the server did not start: ${why}\n${this.stdout}${this.stderr}`);
        }
        this.port = Number(port());
        this.origin = `http://127.0.0.1:${this.port}`;
        this.socketOrigin = `ws://127.0.0.1:${this.port}`;
    }

    get output() {
        return this.stdout + this.stderr;
    }

    async fetch(where, init) {
        try {
            return await fetch(this.origin + where, init);
        } catch (fault) {
            await sleep(50);
            if (this.ended) throw new Error(`the server ended ${this.how}\n${this.output}`, { cause: fault });
            throw fault;
        }
    }

    get ended() {
        return this.process.exitCode !== null || this.process.signalCode !== null;
    }

    get how() {
        return this.process.signalCode ? `by ${this.process.signalCode}` : `with ${this.process.exitCode}`;
    }

    /* The JSON that the project answers. */
    async ask(where, init) {
        const response = await this.fetch(where, init);
        const text = await response.text();
        assert.equal(response.status, 200, `${where} answered ${response.status}: ${text}\n${this.stderr}`);
        return JSON.parse(text);
    }

    /* Wait until what the server printed contains something. */
    async printed(pattern, { stream = "stderr", ms = 15_000 } = {}) {
        await until(() => pattern.test(this[stream]), { ms, what: `${pattern} on ${stream}, which has:\n${this[stream]}` });
        return this[stream];
    }

    /* Ask it to leave, as an operator would; everything in flight is finished and it leaves in peace. */
    async stop() {
        assert.ok(!this.ended, `the server had ended ${this.how} already\n${this.output}`);
        this.stopping = true;
        this.process.kill("SIGTERM");
        /* workerd waits for clients, however long they stay. */
        if (this.kind === "workerd") setTimeout(() => this.process.kill("SIGKILL"), 500).unref();
        let timer;
        const tooLong = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS_MAX, null)));
        const result = await Promise.race([this.exited, tooLong]);
        clearTimeout(timer); /* or Node's test runner would wait for it */
        if (result === null) {
            this.process.kill("SIGKILL");
            throw new Error(`the server did not stop within ${STOP_MS_MAX} ms\n${this.stderr}`);
        }
        if (this.kind === "dormouse") assert.deepEqual(result, { code: 0, signal: null }, this.stderr);
        return result;
    }

    /* Pull the plug. */
    async kill9() {
        this.stopping = true;
        this.process.kill("SIGKILL");
        await this.exited;
    }

    /* A new process on the same project and data. */
    again(options = {}) {
        return start(null, { ...this.options, ...options, home: this.home });
    }

    /* Stop it, unless a test has, and forget what it wrote. */
    async end() {
        try {
            if (!this.stopping) await this.stop();
        } finally {
            fs.rmSync(this.home, { recursive: true, force: true });
        }
    }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Wait until a condition holds, which may be asynchronous; its value is returned. */
export async function until(condition, { ms = 15_000, every = 15, what = "a condition" } = {}) {
    const end = Date.now() + ms * SLOWNESS;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
        await sleep(every);
    }
}

export { once };
