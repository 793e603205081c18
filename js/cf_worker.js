/*
 * The Worker
 *
 * Evaluates a bundle, finds its handlers and classes (platform.md §6.2, 1.1.2), makes `env`, and runs
 * the stateless fetch handler.
 */

import { natives } from "./natives.js";
import { FetchEvent, fetchEventAnswer, hasListener, trusted } from "./events.js";
import { globalEvents } from "./global_events.js";
import { requestFromClient, requestFromNative } from "./request.js";
import { describeThrown } from "./stack.js";
import { compat } from "./compat.js";
import { classKind } from "./cf_base.js";
import { sendError } from "./cf_errors.js";
import { current, requireModule } from "./cf_modules.js";
import { makeEntrypoint, makeLoopback, makeNamespace } from "./cf_namespace.js";
import { constructObject } from "./cf_object.js";
import { MethodThrew, rpc } from "./cf_rpc.js";
import { respond } from "./cf_respond.js";
import { lateScript } from "./late.js";
import { finishClass, requireArguments } from "./webidl.js";

const assetFiles = lateScript("cf_assets");
const kv = lateScript("cf_kv");
const scheduled = lateScript("cf_scheduled");

const NO_FETCH = "Handler does not export a fetch() function.";
const CRON_CLASS = "%cron"; // no export can have this name
const START_CRONS = "dormouse:start-crons"; // no URL that comes from outside begins like this

let handlers; // what the default export handles
let assets; // the project's static files, undefined if it has none
let crons; // the namespace of the project's schedule, undefined without triggers
let triggeredByUrl = false; // does a URL run the scheduled handler?
const entrypoints = new Map(); // name of an export → the class or the object that handles fetch() and calls
const actors = new Map(); // class name → {constructor, kind}: the exported classes

function makeBinding(binding) {
  switch (binding.type) {
    case "durable_object_namespace":
      return makeNamespace(binding.namespace, binding.className);
    case "service":
      return makeEntrypoint(binding.entrypoint, binding.props === undefined ? undefined : JSON.stringify(binding.props));
    case "assets":
      return assetFiles().makeAssetsBinding(() => assets);
    case "kv_namespace":
      return kv().makeKv(binding.namespace);
    case "plain_text":
    case "secret_text":
      return binding.text;
    case "json":
      return binding.json;
    default:
      return undefined;
  }
}

function makeEnv(bindings) {
  const env = {};
  for (const binding of bindings) {
    if (binding.type === "unsupported") {
      Object.defineProperty(env, binding.name, {
        get() {
          throw new Error(`The binding "${binding.name}" (${binding.what}) is not supported by Dormouse.`);
        },
        enumerable: false,
        configurable: true,
      });
    } else env[binding.name] = makeBinding(binding);
  }
  return env;
}

/* ctx of a stateless request. */
class ExecutionContext {
  constructor(props = {}) {
    this.props = props;
    if (compat.flags.ctxExports) this.exports = current.exports;
  }

  waitUntil(promise) {
    requireArguments(arguments.length, 1, "waitUntil", "ExecutionContext", "Promise");
    natives.wait_until(Promise.resolve(promise));
  }

  passThroughOnException() {}
}
finishClass(ExecutionContext);

function entrypointHandlers(exported) {
  if (exported === undefined || exported === null) return undefined;
  if (typeof exported === "function" && classKind(exported) === "entrypoint") {
    const EntryPoint = exported;
    return {
      fetch: (request, env, ctx) => {
        const entry = new EntryPoint(ctx, env);
        if (typeof entry.fetch !== "function") throw new Error(NO_FETCH);
        return entry.fetch(request);
      },
      scheduled:
        typeof EntryPoint.prototype.scheduled === "function" ? (controller, env, ctx) => new EntryPoint(ctx, env).scheduled(controller) : undefined,
    };
  }
  const method = (name) => (typeof exported[name] === "function" ? (event, env, ctx) => exported[name](event, env, ctx) : undefined);
  return { fetch: method("fetch"), scheduled: method("scheduled") };
}

/* One run of the scheduled handler: { outcome: "ok" or "exception", noRetry }. */
function runScheduled(cron, scheduledTime) {
  return scheduled().runScheduled(handlers, cron, scheduledTime, current.env, new ExecutionContext());
}

/* The class of the object whose alarm runs them. */
function addSchedule(settings) {
  const run = async (cron, time) => {
    const { outcome, noRetry } = await runScheduled(cron, time);
    return outcome === "ok" || noRetry;
  };
  actors.set(CRON_CLASS, { constructor: scheduled().makeSchedule(settings.crons.expressions, run), kind: "actor" });
  crons = makeNamespace(settings.crons.namespace, CRON_CLASS);
}

function isEntrypoint(value) {
  return classKind(value) === "entrypoint" || (typeof value === "object" && value !== null && typeof value.fetch === "function");
}

let loading = null; // { module, error: [reason] when its top-level await failed, waits, bindings }

/** Evaluate the bundle: `code` is function (module, exports, require), the settings JSON text. */
export function loadWorker(code, settingsText) {
  const settings = JSON.parse(settingsText);
  current.env = makeEnv(settings.bindings ?? []);
  if (settings.assets !== undefined) assets = new (assetFiles().Assets)(settings.assets);
  if (settings.crons !== undefined) addSchedule(settings);
  triggeredByUrl = settings.triggeredByUrl === true;
  const module = { exports: {} };
  loading = { module, error: null, waits: false, bindings: settings.bindings ?? [] };
  code.call(module.exports, module, module.exports, requireModule);
  if (module.ready === undefined) return;
  loading.waits = true; // code with top-level await: it can wait for nothing but microtasks
  module.ready.then(
    (exports) => {
      module.exports = exports;
      loading.waits = false;
    },
    (reason) => {
      loading.error = [reason];
    },
  );
}

/**
 * After the microtasks of loadWorker(). `classNames` are the classes of the project's namespaces by
 * index; returns the names of exported classes that can be objects.
 */
export function finishWorker(classNames) {
  const { module, error, waits, bindings } = loading;
  loading = null;
  if (error !== null) throw error[0];
  if (waits) throw new Error("Top-level await in module is unsettled.");
  const exports = module.exports;
  handlers = entrypointHandlers(exports.default);
  const loopback = {};
  for (const [name, value] of Object.entries(exports)) {
    if (!isEntrypoint(value)) continue;
    entrypoints.set(name, value);
    loopback[name] = makeLoopback(name);
  }
  for (const { name, type, entrypoint } of bindings)
    if (type === "service" && !entrypoints.has(entrypoint))
      throw new Error(`The service binding "${name}" names the entrypoint "${entrypoint}", which this Worker does not export.`);
  for (const name of Object.keys(exports)) {
    if (name === "default" || actors.has(name)) continue;
    const kind = classKind(exports[name]);
    if (kind === "actor" || kind === "legacy-actor") {
      actors.set(name, { constructor: exports[name], kind });
      const index = classNames.indexOf(name);
      if (index >= 0) loopback[name] = makeNamespace(index, name);
    }
  }
  current.exports = loopback;
  return [...actors.keys()];
}

export function construct(className, handle, hex, name, sqlite) {
  return constructObject(actors.get(className), handle, hex, name, sqlite, current.env, current.exports);
}

function fail(event, error) {
  natives.console_write("error", describeThrown(error));
  sendError(error, (...parts) => natives.event_fail(event, ...parts));
}

/* addEventListener("fetch", …) of the old syntax. */
function dispatchFetchEvent(request) {
  const fetchEvent = trusted(new FetchEvent("fetch", { request }));
  globalEvents.dispatchEvent(fetchEvent);
  const answer = fetchEventAnswer(fetchEvent);
  if (answer === null) throw new Error(NO_FETCH);
  return answer;
}

/* What is answered before the project is asked; undefined: nothing. */
function answerFirst(url) {
  if (crons !== undefined && url === START_CRONS) return crons.getByName("cron").fetch("http://cron/");
  if (triggeredByUrl && url.includes("/cdn-cgi/")) return scheduled().answerTrigger(new URL(url), runScheduled);
  return undefined;
}

export function fetchWorker(event, method, url, headers, body, cf) {
  let request;
  let result;
  try {
    result = answerFirst(url);
    if (result !== undefined) {
      result.then(
        (response) => respond(event, response, null, fail),
        (error) => fail(event, error),
      );
      return;
    }
    request = cf === undefined ? requestFromClient(method, url, headers, body) : requestFromNative(method, url, headers, body, cf);
    const listens = handlers === undefined && hasListener(globalEvents, "fetch");
    result = assets?.respond(request, handlers !== undefined || listens);
    if (result !== undefined) {
      respond(event, result, request, fail);
      return;
    }
    if (handlers?.fetch !== undefined) result = handlers.fetch(request, current.env, new ExecutionContext());
    else if (listens) result = dispatchFetchEvent(request);
    else throw new Error(NO_FETCH);
  } catch (error) {
    fail(event, error);
    return;
  }
  if (typeof result?.then === "function")
    Promise.resolve(result).then(
      (response) => respond(event, response, request, fail),
      (error) => fail(event, error),
    );
  else respond(event, result, request, fail);
}

/* An entrypoint at work for this Worker itself. */
function entrypointOf(name, props) {
  const exported = entrypoints.get(name);
  const ctx = new ExecutionContext(props === undefined ? undefined : JSON.parse(props));
  if (typeof exported === "function") {
    const instance = new exported(ctx, current.env);
    return { instance, fetch: typeof instance.fetch === "function" ? (request) => instance.fetch(request) : undefined };
  }
  return { instance: exported, fetch: (request) => exported.fetch(request, current.env, ctx) };
}

export function serveFetch(event, method, url, headers, body, cf, name, props) {
  const request = requestFromNative(method, url, headers, body, cf);
  const run = async () => {
    const { fetch } = entrypointOf(name, props);
    if (fetch === undefined) throw new Error(NO_FETCH);
    return fetch(request);
  };
  run().then(
    (response) => respond(event, response, request, fail),
    (error) => fail(event, error),
  );
}

export function serveCall(event, name, props, method, args, boxes) {
  const failed = (error) => fail(event, MethodThrew.unwrap(error)[0]);
  try {
    const { instance } = entrypointOf(name, props);
    rpc().answerCall(instance, "entrypoint", method, args, boxes, (bytes, out) => natives.event_value(event, bytes, out)).catch(failed);
  } catch (error) {
    failed(error);
  }
}
