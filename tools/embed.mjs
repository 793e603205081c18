/*
 * Embed
 *
 * Bundles one entry of js/ into a single script and writes it as a C array, so that the program
 * carries its JavaScript half inside itself:
 *
 *     node tools/embed.mjs <entry.js> <name> <out.c> <out.d>
 *
 * The script is ASCII, which lets the engine use it in place (JSScript…ImmortalASCIIText), and its
 * value is a function of (natives, options) that returns what the entry exports.
 *
 * A script that is evaluated after main.js must not have copies of its classes: a file that main.js
 * has too is taken from `options`, by name (late_shared.js).
 */

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";

const BYTES_PER_LINE = 24;

const [entry, name, out, depfile] = process.argv.slice(2);
if (depfile === undefined) {
  console.error("usage: node tools/embed.mjs <entry.js> <name> <out.c> <out.d>");
  process.exit(2);
}

const common = {
  bundle: true,
  write: false,
  metafile: true,
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["import"],
  logLevel: "warning",
};

/* The files of the main script, if this is one that is evaluated after it; of node_late.js, too, if
 * that evaluates it. */
async function filesOfMain() {
  if (name === "js" || name === "config") return null;
  const hosts = name === "node_crypto" ? ["main.js", "node_late.js"] : ["main.js"];
  const main = await build({ ...common, entryPoints: hosts.map((host) => join(dirname(entry), host)), outdir: "/" });
  return new Set(Object.keys(main.metafile.inputs).map((path) => resolve(path)));
}

const main = await filesOfMain();

/* What a file exports, by name. */
async function exportsOf(path) {
  const { metafile } = await build({ ...common, bundle: false, entryPoints: [path], format: "esm" });
  return Object.values(metafile.outputs)[0].exports;
}

/* What late_shared.js does not give away, only whoever uses it at last would miss. */
const given = ["late_shared.js", "node_late.js"].map((file) => readFileSync(join(dirname(entry), file), "utf8")).join("");

/* A file that the main script has: its names are taken once, those that are used. */
async function fromMain(path, file) {
  if (!given.includes(` ${path}: () =>`)) throw new Error(`late_shared.js does not have ${path}.js`);
  const names = await exportsOf(file);
  const lines = names.map((name) => `const of_${name} = /* @__PURE__ */ (() => file.${name})(); export { of_${name} as ${name} };`);
  return [`const file = /* @__PURE__ */ __options.${path}();`, ...lines].join("\n");
}

/* `import … from "./events.js"` in a late script is options.events(). */
const shared = {
  name: "shared",
  setup(build) {
    build.onResolve({ filter: /^\.\/[a-z0-9_]+\.js$/ }, ({ path, resolveDir }) => {
      if (!main.has(join(resolveDir, path))) return undefined;
      return { path: path.slice(2, -3), namespace: "shared", pluginData: join(resolveDir, path) };
    });
    build.onLoad({ filter: /.*/, namespace: "shared" }, async ({ path, pluginData }) => ({ contents: await fromMain(path, pluginData) }));
  },
};

/* Streams of node:stream take their turns as microtasks. */
const tick = {
  name: "tick",
  setup(build) {
    build.onResolve({ filter: /^process\/$/ }, () => ({ path: resolve(dirname(entry), "node_tick.js") }));
  },
};

/* What web-streams-polyfill keeps on the objects that scripts see stands under symbols, which are exported: under names it
 * would be there for Object.keys() and JSON.stringify(). */
const SLOTS = (
  "_state _reader _storedError _disturbed _readableStreamController _ownerReadableStream _closedPromise _closedPromise_resolve " +
  "_closedPromise_reject _readRequests _readIntoRequests _associatedReadableByteStreamController _view _controlledReadableStream " +
  "_controlledReadableByteStream _queue _queueTotalSize _started _closeRequested _pullAgain _pulling _strategySizeAlgorithm _strategyHWM " +
  "_pullAlgorithm _cancelAlgorithm _byobRequest _autoAllocateChunkSize _pendingPullIntos _writer _writableStreamController _writeRequests " +
  "_inFlightWriteRequest _closeRequest _inFlightCloseRequest _pendingAbortRequest _backpressure _controlledWritableStream _abortReason " +
  "_abortController _writeAlgorithm _closeAlgorithm _abortAlgorithm _ownerWritableStream _readyPromise _readyPromise_resolve " +
  "_readyPromise_reject _readyPromiseState _closedPromiseState _writable _readable _backpressureChangePromise _backpressureChangePromise_resolve " +
  "_transformStreamController _controlledTransformStream _transformAlgorithm _flushAlgorithm _finishPromise _finishPromise_resolve " +
  "_finishPromise_reject _countQueuingStrategyHighWaterMark _byteLengthQueuingStrategyHighWaterMark _asyncIteratorImpl"
).split(" ");

const slots = {
  name: "slots",
  setup(build) {
    build.onLoad({ filter: /\/web-streams-polyfill\/.*\.mjs$/ }, ({ path }) => {
      const met = new Set();
      const slot = (name) => (met.add(name), `slot${name}`);
      const contents = readFileSync(path, "utf8")
        .replace(/\.(_[a-z]\w*)/g, (all, name) => (SLOTS.includes(name) ? `[${slot(name)}]` : all))
        .replace(/"(_[a-z]\w*)"/g, (all, name) => (SLOTS.includes(name) ? slot(name) : all));
      for (const name of SLOTS) if (!met.has(name)) throw new Error(`${path} has no ${name}`);
      const symbols = SLOTS.map((name) => `export const slot${name} = Symbol("${name}");\n`).join("");
      return { contents: symbols + contents };
    });
  },
};

/* `import * as events` in late_shared.js becomes an import of each name, and `() => events` makes the
 * object of them. */
const sharing = {
  name: "sharing",
  setup(build) {
    build.onLoad({ filter: /\/late_shared\.js$/ }, async ({ path }) => {
      let contents = readFileSync(path, "utf8");
      for (const [line, file, from] of contents.matchAll(/^import \* as (\w+) from "(.*)";$/gm)) {
        const names = await exportsOf(join(dirname(path), from));
        const imports = names.map((name) => `${name} as ${file}_${name}`);
        const members = names.map((name) => `${name}: ${file}_${name}`);
        contents = contents
          .replace(line, () => `import { ${imports.join(", ")} } from "${from}";`)
          .replace(`() => ${file},`, () => `() => ({ ${members.join(", ")} }),`);
      }
      return { contents };
    });
  },
};

const result = await build({
  ...common,
  entryPoints: [entry],
  format: "iife",
  globalName: "__hooks",
  charset: "ascii",
  target: ["es2024", "safari18"],
  supported: { using: false },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  banner: { js: "(function (__natives, __options) {" },
  footer: { js: "return __hooks; })" },
  plugins: [tick, slots, main !== null ? shared : sharing],
}).catch(() => process.exit(1)); /* esbuild has said why */

const script = Buffer.from(result.outputFiles[0].contents);
if (script.some((byte) => byte > 0x7f)) throw new Error(`${entry}: the bundle is not ASCII`);

const lines = [];
for (let at = 0; at < script.length; at += BYTES_PER_LINE)
  lines.push(script.subarray(at, at + BYTES_PER_LINE).join(","));

writeFileSync(
  out,
  `/* Made by tools/embed.mjs from ${relative(process.cwd(), entry)}. */
#include "js/builtin.h"

static const char text[] = {
${lines.join(",\n")}};

const struct js_builtin js_builtin_${name} = {
    .file = "dormouse:${name}",
    .text = text,
    .len = sizeof text,
};
`,
);
const inputs = Object.keys(result.metafile.inputs).filter((path) => !path.startsWith("shared:"));
writeFileSync(depfile, `${out}: ${[...inputs, ...(main ?? [])].join(" ")}\n`);
