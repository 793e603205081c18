/*
 * workerd beside the server under test
 *
 * For tests that hand data from one to the other. runWorkerd(home) runs the project in it on what it left before, in
 * <home>/project/.wrangler/state/workerd: one folder per class, as `wrangler dev` has them in .wrangler/state/v3/do.
 */

import { execFile, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { until } from "./target.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const BIN = path.join(path.resolve(HERE, "../../.."), "node_modules/.bin");
const run = promisify(execFile);

export const workerdState = (home) => path.join(home, "project/.wrangler/state/workerd");

export async function runWorkerd(home) {
    const child = spawn(path.join(BIN, "workerd"), ["serve", "wrangler.jsonc", "--control-fd=3", "--socket-addr", "http=127.0.0.1:0"], {
        cwd: path.join(home, "project"),
        stdio: ["ignore", "inherit", "pipe", "pipe"],
        env: { ...process.env, PATH: `${BIN}:${process.env.PATH}`, WORKERD_ESBUILD: path.join(BIN, "esbuild") },
    });
    let control = "";
    let stderr = "";
    child.stdio[3].setEncoding("utf8").on("data", (text) => (control += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    const exited = new Promise((resolve) => child.once("close", resolve));
    process.once("exit", () => child.kill("SIGKILL")); /* a test that failed does not end it */
    const port = () => /"event":"listen".*"port":(\d+)/.exec(control)?.[1];
    await until(() => port() !== undefined || child.exitCode !== null, { ms: 20_000, what: "workerd to listen" });
    if (port() === undefined) throw new Error(`workerd did not start\n${stderr}`);
    const origin = `http://127.0.0.1:${port()}`;
    return {
        child,
        async ask(where) {
            const response = await fetch(origin + where);
            const text = await response.text();
            if (response.status !== 200) throw new Error(`workerd answered ${response.status} to ${where}: ${text}\n${stderr}`);
            return JSON.parse(text);
        },
        /* It has synced all that it answered, so that this is as good as any other end. */
        async end() {
            child.kill("SIGKILL");
            await exited;
        },
    };
}

/* Keys and values of an object's file as they stand there: { key: hex }. */
export async function rowsOf(file) {
    const { stdout } = await run("python3", [path.join(HERE, "rows.py"), file], { maxBuffer: 64 * 1024 * 1024 });
    return JSON.parse(stdout);
}
