/*
 * The systems of examples/ under test
 *
 * A suite is about one system, in whatever language: `systemProject("lock")` is examples/lock, or
 * examples/lock-c with DORMOUSE_SYSTEM=c. `startSystem` runs a copy of it, some of its variables
 * set to what a test has time for. `survives` pulls the plug again and again.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { copyProject, sleep, start } from "../support/target.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

/* How often the plug is pulled in each suite. */
export const KILLS = Number(process.env.SYSTEM_KILLS ?? 12);

/* How long that may take, on a machine that has other things to do. */
export const KILLS_MS_MAX = 120_000 + Math.max(KILLS, 24) * 4000;

const VARIANT = process.env.DORMOUSE_SYSTEM;

export function systemProject(name) {
    const project = path.join(ROOT, "examples", VARIANT ? `${name}-${VARIANT}` : name);
    if (VARIANT === "c") {
        const flags = `DORMOUSE_CFLAGS=-I${path.join(ROOT, "include")}`;
        const compiler = `CFLAGS=-O2 -g -Wall -Wextra -Werror ${process.env.NATIVE_CFLAGS ?? ""}`;
        execFileSync("make", ["-s", "-C", project, flags, compiler], { stdio: "inherit" });
    }
    return project;
}

function setVariables(home, variables) {
    for (const name of ["wrangler.jsonc", "dormouse.jsonc"]) {
        const file = path.join(home, "project", name);
        if (!fs.existsSync(file)) continue;
        let text = fs.readFileSync(file, "utf8");
        for (const [key, value] of Object.entries(variables)) {
            const before = text;
            text = text.replace(new RegExp(`("${key}": )[^,}\\n]+`), `$1${JSON.stringify(value)}`);
            assert.notEqual(text, before, `${name} has no variable ${key}`);
        }
        fs.writeFileSync(file, text);
    }
}

export async function startSystem(project, { vars = {}, ...options } = {}) {
    const home = copyProject(project);
    setVariables(home, vars);
    return start(null, { ...options, home });
}

class TooSlow extends Error {}

/*
 * What must be done before a time is up that a system was given, counted from `since`. Where the
 * machine was too slow for that, what came of it means nothing, and it is tried again().
 */
export async function hurry(ms, part, since = Date.now()) {
    const [result] = await Promise.allSettled([part()]);
    const took = Date.now() - since;
    if (took >= ms) throw new TooSlow(`it took ${took} ms, and there were ${ms}`);
    if (result.status === "rejected") throw result.reason;
    return result.value;
}

/* A check with parts that are in a hurry, each time under a fresh name. */
export async function again(name, check) {
    for (let attempt = 1; ; attempt++) {
        try {
            return await check(`${name}-${attempt}`);
        } catch (fault) {
            if (!(fault instanceof TooSlow) || attempt === 6) throw fault;
        }
    }
}

/* A server that is replaced when it is killed; `server.target` is the one that runs. */
export class Server {
    static async start(name, options = {}) {
        const server = new Server();
        const project = path.isAbsolute(name) ? name : systemProject(name);
        server.target = await startSystem(project, options);
        return server;
    }

    get origin() {
        return this.target.origin;
    }

    async crash() {
        await this.target.kill9();
        this.target = await this.target.again();
    }

    end() {
        return this.target.end();
    }

    /* A request with a JSON body, if any; the status, the headers and the JSON that came back. */
    async call(method, where, body, headers = {}) {
        const init = { method, headers };
        if (body !== undefined) {
            init.body = typeof body === "string" ? body : JSON.stringify(body);
            init.headers = { "Content-Type": "application/json", ...headers };
        }
        const response = await this.target.fetch(where, init);
        const text = await response.text();
        let json = null;
        try {
            json = JSON.parse(text);
        } catch {
            /* Not every answer is JSON. */
        }
        return { status: response.status, headers: response.headers, text, json };
    }

    get(where, headers) {
        return this.call("GET", where, undefined, headers);
    }

    post(where, body, headers) {
        return this.call("POST", where, body, headers);
    }
}

/*
 * Kill the server while `work(stopped, round, begun)` goes on, start it again, `check()`; so KILLS
 * times. The work is asked to stop, its connections break, and whatever it throws then is its own
 * affair: what it must remember is what was acknowledged. If it has a third parameter the time to
 * the kill counts from when it calls that, so that on a slow machine, too, something has been done.
 */
export async function survives(server, { work, check, kills = KILLS, least = 20, most = 250 }) {
    for (let round = 1; round <= kills; round++) {
        const delay = least + Math.random() * (most - least);
        let stopped = false;
        let begin;
        const begun = new Promise((resolve) => (work.length < 3 ? resolve() : (begin = resolve)));
        const working = work(() => stopped, round, () => begin()).catch((fault) => {
            if (!stopped) throw fault;
        });
        await Promise.race([begun.then(() => sleep(delay)), working]);
        stopped = true;
        const dying = server.target;
        await dying.kill9();
        await working;
        assert.equal(dying.process.signalCode, "SIGKILL", `it ended by itself\n${dying.output}`);
        server.target = await dying.again();
        await check(round);
    }
}
