/*
 * node:* modules, as they are made
 *
 * The entry of a script of its own, which most Workers never need: node_modules.js has it evaluated
 * when the first of these modules is asked for. What it imports from files that are not node_*.js is
 * what the main script has (embed.mjs). Each module is evaluated when it is first asked for, too:
 * require() of a file here is resolved by the bundler and runs that file then. Modules that make no
 * sense in a Worker load, and say what they are when something in them is called.
 */

import { defaultModule } from "./node_stub.js";
import { console } from "./console.js";
import { lateScript } from "./late.js";

/* eslint-disable no-undef -- require() is the bundler's */
const webStreams = () => {
  const names =
    "ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader ReadableStreamBYOBRequest " +
    "ReadableByteStreamController ReadableStreamDefaultController TransformStream TransformStreamDefaultController " +
    "WritableStream WritableStreamDefaultWriter WritableStreamDefaultController ByteLengthQueuingStrategy " +
    "CountQueuingStrategy TextEncoderStream TextDecoderStream CompressionStream DecompressionStream";
  return Object.fromEntries(names.split(" ").map((name) => [name, globalThis[name]]));
};

/* A script of its own: it is a fifth of this one's length. */
const nodeCrypto = lateScript("node_crypto", {
  node_buffer: () => require("./node_buffer.js"),
  node_errors: () => require("./node_errors.js"),
  node_key_objects: () => require("./node_key_objects.js"),
  node_stream: () => require("./node_stream.js"),
  node_string_decoder: () => require("./node_string_decoder.js"),
  node_stub: () => require("./node_stub.js"),
});

/* Where process.env and process.getBuiltinModule() look. */
let processSources = null;

function makeProcess() {
  const process = require("./node_process.js");
  if (processSources !== null) process.setProcessSources(processSources);
  return process.default;
}

const makers = {
  assert: () => require("./node_assert.js").default,
  "assert/strict": () => require("./node_assert.js").default.strict,
  buffer: () => require("./node_buffer.js").default,
  console: () => Object.assign(Object.create(null), console, { default: console, Console: class Console {} }),
  constants: () => require("./node_os.js").default.constants,
  crypto: () => nodeCrypto().default,
  diagnostics_channel: () => require("./node_diagnostics_channel.js").default,
  events: () => require("./node_events.js").default,
  net: () => require("./node_net.js").default,
  module() {
    makeProcess();
    return require("./node_process.js").moduleModule;
  },
  os: () => require("./node_os.js").default,
  path: () => require("./node_path.js").default,
  "path/posix": () => require("./node_path.js").default,
  "path/win32": () => require("./node_path.js").default,
  perf_hooks: () => require("./node_timers.js").perfHooks,
  process: makeProcess,
  querystring: () => require("./node_url.js").querystring,
  stream: () => require("./node_stream.js").default,
  "stream/consumers": () => require("./node_stream.js").consumers,
  "stream/promises": () => require("./node_stream.js").default.promises,
  "stream/web": webStreams,
  string_decoder: () => require("./node_string_decoder.js").default,
  tls: () => require("./node_tls.js").default,
  timers: () => require("./node_timers.js").default,
  "timers/promises": () => require("./node_timers.js").promises,
  url: () => require("./node_url.js").default,
  util: () => require("./node_util.js").default,
  "util/types": () => require("./node_util.js").default.types,
  zlib: () => require("./node_zlib.js").default,
};
/* eslint-enable no-undef */

const STUBS = (
  "_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_wrap " +
  "child_process cluster dgram dns dns/promises domain fs fs/promises http http2 https inspector inspector/promises " +
  "punycode readline readline/promises repl sqlite sys test trace_events tty v8 vm wasi worker_threads"
).split(" ");

for (const name of STUBS) makers[name] = () => defaultModule(name);
makers.sys = makers.util;
makers._tls_common = () => Object.assign(defaultModule("_tls_common"), { createSecureContext: makers.tls().createSecureContext, SecureContext: makers.tls().SecureContext });
makers._tls_wrap = () => ({ TLSSocket: makers.tls().TLSSocket, connect: makers.tls().connect });
makers.tty = () => Object.assign(defaultModule("tty"), { isatty: () => false });
makers.worker_threads = () =>
  Object.assign(defaultModule("worker_threads"), {
    isMainThread: false,
    threadId: 0,
    parentPort: null,
    workerData: null,
    MessageChannel: globalThis.MessageChannel,
    MessagePort: globalThis.MessagePort,
  });
makers.http = () => Object.assign(defaultModule("http"), { METHODS: ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"], STATUS_CODES: {} });
makers.v8 = () => Object.assign(defaultModule("v8"), require("./node_v8.js").default);

/** The module `name`, without "node:". */
export function makeModule(name, sources) {
  processSources = sources;
  return makers[name]();
}
