/*
 * node:process, the global `process`, and node:module
 */

import { natives } from "./natives.js";
import { compat } from "./compat.js";
import { console } from "./console.js";
import { EventEmitter } from "./node_events.js";
import { notImplemented } from "./node_stub.js";

const NODE_VERSION = "22.19.0";

/* Set by the Cloudflare half: the project's bindings, and how to find a module. */
let bindings = () => ({});
let findModule = () => undefined;
export function setProcessSources({ env, requireModule }) {
  bindings = env;
  findModule = requireModule;
}

/** Text bindings as they are, JSON ones as text: what Cloudflare puts into process.env. */
function makeEnv() {
  const env = {};
  if (!compat.flags.processEnvFromBindings) return env;
  for (const [name, value] of Object.entries(bindings())) {
    if (typeof value === "string") env[name] = value;
    else if (isPlain(value)) env[name] = JSON.stringify(value);
  }
  return env;
}

function isPlain(value) {
  if (typeof value === "number" || typeof value === "boolean" || value === null) return true;
  if (typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

function writer(level) {
  return {
    isTTY: false,
    columns: 80,
    fd: level === "log" ? 1 : 2,
    writable: true,
    write(text) {
      natives.console_write(level, `${text}`.replace(/\n$/, ""));
      return true;
    },
    on() {
      return this;
    },
    once() {
      return this;
    },
    emit: () => false,
    end() {},
  };
}

function hrtime(previous) {
  const now = natives.now_ms();
  let seconds = Math.trunc(now / 1000);
  let nanoseconds = Math.trunc((now % 1000) * 1e6);
  if (previous !== undefined) {
    seconds -= previous[0];
    nanoseconds -= previous[1];
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1e9;
    }
  }
  return [seconds, nanoseconds];
}
hrtime.bigint = () => BigInt(Math.trunc(natives.now_ms() * 1e6));

const process = Object.create(
  EventEmitter.prototype,
  Object.getOwnPropertyDescriptors({
    title: "workerd",
    version: `v${NODE_VERSION}`,
    versions: { node: NODE_VERSION },
    release: { name: "node", lts: true },
    arch: "x64",
    platform: "linux",
    argv: ["workerd"],
    argv0: "workerd",
    execArgv: [],
    execPath: "",
    pid: 1,
    ppid: 0,
    exitCode: undefined,
    features: { inspector: false, debug: false, uv: false, ipv6: true, tls_alpn: true, tls_sni: true, tls_ocsp: true, tls: true, cached_builtins: true, require_module: false, typescript: false },
    config: { variables: {}, target_defaults: {} },
    allowedNodeEnvironmentFlags: new Set(),
    stdout: writer("log"),
    stderr: writer("error"),
    stdin: { isTTY: false, fd: 0, on() { return this; }, read: () => null },
    nextTick(callback, ...args) {
      queueMicrotask(() => callback(...args));
    },
    hrtime,
    cwd: () => "/bundle",
    chdir: notImplemented("process.chdir"),
    umask: () => 18,
    uptime: () => natives.now_ms() / 1000,
    memoryUsage: Object.assign(
      () => {
        const used = natives.memory_used?.() ?? 0;
        return { rss: used, heapTotal: used, heapUsed: used, external: 0, arrayBuffers: 0 };
      },
      { rss: () => natives.memory_used?.() ?? 0 },
    ),
    resourceUsage: () => ({}),
    cpuUsage: () => ({ user: 0, system: 0 }),
    getuid: () => 0,
    geteuid: () => 0,
    getgid: () => 0,
    getegid: () => 0,
    getBuiltinModule(name) {
      try {
        return findModule(name.startsWith("node:") ? name : `node:${name}`);
      } catch {
        return undefined;
      }
    },
    emitWarning(warning, options) {
      const type = warning?.name ?? (typeof options === "string" ? options : options?.type) ?? "Warning";
      console.warn(`(${type}) ${warning?.message ?? warning}`);
    },
    exit(code) {
      throw new Error(`process.exit(${code ?? 0}) called: the request was ended`);
    },
    abort: notImplemented("process.abort"),
    kill: notImplemented("process.kill"),
    dlopen: notImplemented("process.dlopen"),
    binding: notImplemented("process.binding"),
    setUncaughtExceptionCaptureCallback() {},
    hasUncaughtExceptionCaptureCallback: () => false,
    setSourceMapsEnabled() {},
    ref() {},
    unref() {},
  }),
);
EventEmitter.call(process);

let env = null;
Object.defineProperty(process, "env", {
  get: () => (env ??= makeEnv()),
  set(value) {
    env = value;
  },
  enumerable: true,
  configurable: true,
});
Object.defineProperty(process, Symbol.toStringTag, { value: "process", configurable: true });

export const moduleModule = {
  builtinModules: [],
  isBuiltin: (name) => process.getBuiltinModule(name) !== undefined,
  createRequire: () => (name) => findModule(name),
  register() {},
  syncBuiltinESMExports() {},
  findSourceMap: () => undefined,
};

export default process;
