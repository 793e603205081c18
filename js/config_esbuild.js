/*
 * Configuration: arguments for esbuild
 *
 * What wrangler tells esbuild through its API, as command line arguments; where the output goes is
 * added by whoever runs it. One difference: the result is CommonJS for a JavaScriptCore realm, and
 * what is external is resolved at run time by its require().
 */

/** Modules of Node.js that are here under their bare name when nodejs_compat is on. */
const NODE_MODULES =
  "_stream_duplex _stream_passthrough _stream_readable _stream_transform _stream_writable assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib".split(" ");

const DEFAULT_RULES = [
  { type: "Text", globs: ["**/*.txt", "**/*.html", "**/*.sql"] },
  { type: "Data", globs: ["**/*.bin"] },
  { type: "CompiledWasm", globs: ["**/*.wasm", "**/*.wasm?module"] },
];
const LOADERS = { Text: "text", Data: "copy", CompiledWasm: "copy" };
const SCRIPTS = ["ESModule", "CommonJS", "PythonModule", "PythonRequirement"];

/** The extension a glob stands for: "**\/*.wasm?module" is ".wasm"; undefined when it is no such glob. */
function globExtension(glob) {
  const match = /(?:^|\/)\*(\.[\w.-]+)(?:\?module)?$/.exec(glob);
  return match?.[1];
}

/** extension → esbuild loader, by wrangler's rule that the first rule of a type hides later ones. */
function loadersOf(check, pathOf, rules) {
  const loaders = new Map();
  const complete = new Set();
  const own = rules ?? [];
  [...own, ...DEFAULT_RULES].forEach((rule, i) => {
    const path = [...pathOf("rules"), i];
    if (i < own.length) {
      if (check.required([...path, "type"], rule.type, "string") === undefined) return;
      if (check.required([...path, "globs"], rule.globs, "array of string") === undefined) return;
      if (!(rule.type in LOADERS) && !SCRIPTS.includes(rule.type)) {
        check.error([...path, "type"], `"${rule.type}" is no type of module rule; there are ${[...Object.keys(LOADERS), "ESModule", "CommonJS"].join(", ")}.`);
        return;
      }
    }
    if (complete.has(rule.type)) return;
    if (rule.fallthrough !== true) complete.add(rule.type);
    if (SCRIPTS.includes(rule.type)) return;
    rule.globs.forEach((glob, j) => {
      const extension = globExtension(glob);
      if (extension === undefined) {
        check.warn([...path, "globs", j], `The module rule "${glob}" is not used: only globs of the form "**/*.ext" are.`);
      } else if (!loaders.has(extension)) {
        loaders.set(extension, LOADERS[rule.type]);
      }
    });
  });
  return loaders;
}

/** {compat, v2}: whether node: modules exist, and whether also under their bare names. */
function nodeMode(date, flags) {
  const byDate = date >= "2026-08-04";
  const compat = flags.includes("nodejs_compat") || (byDate && !flags.includes("no_nodejs_compat"));
  const v2 = flags.includes("nodejs_compat_v2") || (compat && date >= "2024-09-23");
  return { compat: compat || v2, v2: v2 && !flags.includes("no_nodejs_compat_v2") };
}

export function esbuildArguments(check, pathOf, config, date) {
  const node = nodeMode(date, config.compatibility_flags ?? []);
  const define = {
    "process.env.NODE_ENV": JSON.stringify(config.production ? "production" : "development"),
    "import.meta.url": JSON.stringify("file:///worker.js"),
    ...config.define,
  };
  const loaders = new Map([[".js", "jsx"], [".mjs", "jsx"], [".cjs", "jsx"], ...loadersOf(check, pathOf, config.rules)]);
  const alias = new Map(Object.entries(config.alias ?? {}));
  if (node.v2) {
    for (const name of NODE_MODULES) if (!alias.has(name)) alias.set(name, `node:${name}`);
  }
  return [
    "--bundle", "--format=cjs", "--platform=browser", "--target=es2024",
    "--supported:using=false", "--supported:dynamic-import=false", "--supported:decorators=false",
    "--conditions=workerd,worker,browser",
    "--external:cloudflare:*", "--external:node:*", "--external:workerd:*", "--external:__STATIC_CONTENT_MANIFEST",
    ...(config.keep_names === false ? [] : ["--keep-names"]),
    ...(config.minify === true ? ["--minify"] : []),
    ...[...loaders].map(([extension, loader]) => `--loader:${extension}=${loader}`),
    ...Object.entries(define).map(([name, value]) => `--define:${name}=${value}`),
    ...[...alias].map(([from, to]) => `--alias:${from}=${to}`),
    ...(config.tsconfig === undefined ? [] : [`--tsconfig=${config.tsconfig}`]),
    ...(config.jsx_factory === undefined ? [] : [`--jsx-factory=${config.jsx_factory}`]),
    ...(config.jsx_fragment === undefined ? [] : [`--jsx-fragment=${config.jsx_fragment}`]),
  ];
}
