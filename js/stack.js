/*
 * Stacks
 *
 * JavaScriptCore's `error.stack` is a list of `name@url:line:column` without the message. Programs
 * send stacks to clients, log them and parse them, so they get V8's form: a first line with name
 * and message, then `    at name (url:line:column)`. Errors that scripts create are dressed when they
 * are made (the Error constructors are wrapped); errors that the engine throws by itself keep the raw
 * text until something here prints them. Logs are also mapped back to the project's own files through
 * the source map of the bundle, parsed at first use.
 */

import { lateScript } from "./late.js";
import { setStackDresser } from "./dom_exception.js";

const OWN_SCRIPTS = "dormouse:";
const sourceMap = lateScript("source_map");
const STACK_LIMIT = 10;
const CAUSE_DEPTH_MAX = 8;

/* Frames of this bundle and of the engine's construct() that lie between a script and its error. */
const HIDDEN_FRAMES = 4;

const NativeError = globalThis.Error;

/** One line of a raw stack → { name, url, line, column }, or null for frames nobody wants to see. */
function parseFrame(text) {
  const at = text.lastIndexOf("@");
  let name = at < 0 ? text : text.slice(0, at);
  const place = at < 0 ? "" : text.slice(at + 1);
  if (name === "global code" || name === "module code" || name === "eval code") name = "";
  if (place === "[native code]") return { name, url: "<anonymous>", line: 0, column: 0 };
  const match = /^(.*?)(?::(\d+))?(?::(\d+))?$/s.exec(place);
  if (match === null || match[1] === "") return null;
  return { name, url: match[1], line: Number(match[2] ?? 0), column: Number(match[3] ?? 0) };
}

/** Frames of a raw stack, without this bundle's own. */
function parseFrames(raw) {
  const frames = [];
  if (raw === "") return frames;
  for (const line of raw.split("\n")) {
    const frame = parseFrame(line);
    if (frame === null || frame.url.startsWith(OWN_SCRIPTS)) continue;
    if (frames.length === 0 && frame.url === "<anonymous>" && (frame.name === "construct" || frame.name.endsWith("Error")))
      continue;
    frames.push(frame);
  }
  return frames;
}

function printFrame({ name, url, line, column }) {
  const place = line === 0 ? url : `${url}:${line}:${column}`;
  return name === "" ? `    at ${place}` : `    at ${name} (${place})`;
}

function toV8Stack(header, raw, limit) {
  let text = header;
  let left = limit;
  for (const frame of parseFrames(raw)) {
    if (left-- <= 0) break;
    text += `\n${printFrame(frame)}`;
  }
  return text;
}

/** `Name: message`, as Error.prototype.toString would say it, never throwing. */
function headerOf(error) {
  try {
    const name = error.name === undefined ? "Error" : `${error.name}`;
    const message = error.message === undefined ? "" : `${error.message}`;
    if (name === "") return message;
    return message === "" ? name : `${name}: ${message}`;
  } catch {
    return "Error";
  }
}

function looksLikeV8(stack) {
  return stack.includes("\n    at ") || !stack.includes("@");
}

/* -- the constructors --------------------------------------------------------------------------- */

let stackTraceLimit = STACK_LIMIT;

function setRawLimit() {
  NativeError.stackTraceLimit = stackTraceLimit > 0 ? stackTraceLimit + HIDDEN_FRAMES : 0;
}

function dress(error, header) {
  const raw = error.stack ?? "";
  if (typeof raw !== "string") return;
  Object.defineProperty(error, "stack", {
    value: prepare(error, header, raw),
    writable: true,
    enumerable: false,
    configurable: true,
  });
  forgetPlace(error);
}

/** Take away the own properties that JavaScriptCore gives an error and V8 does not: the stack has them. */
function forgetPlace(error) {
  delete error.line;
  delete error.column;
  delete error.sourceURL;
}

/** What becomes `stack`: text, or whatever the program's Error.prepareStackTrace makes of the frames. */
function prepare(error, header, raw) {
  const custom = WrappedError.prepareStackTrace;
  if (typeof custom === "function") {
    try {
      return custom(error, parseFrames(raw).slice(0, stackTraceLimit).map((frame) => new CallSite(frame)));
    } catch {
      /* A broken formatter gets the ordinary text. */
    }
  }
  return toV8Stack(header, raw, stackTraceLimit);
}

class CallSite {
  #frame;
  constructor(frame) {
    this.#frame = frame;
  }
  getThis() {}
  getFunction() {}
  getTypeName() {
    return null;
  }
  getFunctionName() {
    return this.#frame.name || null;
  }
  getMethodName() {
    return null;
  }
  getFileName() {
    return this.#frame.url;
  }
  getScriptNameOrSourceURL() {
    return this.#frame.url;
  }
  getLineNumber() {
    return this.#frame.line;
  }
  getColumnNumber() {
    return this.#frame.column;
  }
  getEvalOrigin() {}
  isToplevel() {
    return true;
  }
  isEval() {
    return false;
  }
  isNative() {
    return this.#frame.line === 0;
  }
  isConstructor() {
    return false;
  }
  isAsync() {
    return false;
  }
  isPromiseAll() {
    return false;
  }
  getPromiseIndex() {
    return null;
  }
  toString() {
    return printFrame(this.#frame).slice(7);
  }
}

function wrapConstructor(Native) {
  const Wrapped = {
    [Native.name]: function (...args) {
      const error = Reflect.construct(Native, args, new.target ?? Wrapped);
      dress(error, headerOf(error));
      return error;
    },
  }[Native.name];
  Object.defineProperty(Wrapped, "length", { value: Native.length, configurable: true });
  Object.defineProperty(Wrapped, "prototype", { value: Native.prototype, writable: false, enumerable: false });
  Object.defineProperty(Native.prototype, "constructor", { value: Wrapped, writable: true, configurable: true });
  Object.defineProperty(globalThis, Native.name, { value: Wrapped, writable: true, configurable: true });
  return Wrapped;
}

const WrappedError = wrapConstructor(NativeError);
for (const name of ["EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError", "AggregateError"])
  Object.setPrototypeOf(wrapConstructor(globalThis[name]), WrappedError);

if (globalThis.SuppressedError === undefined) {
  class SuppressedError extends WrappedError {
    constructor(error, suppressed, message) {
      super(message);
      const hidden = { writable: true, enumerable: false, configurable: true };
      Object.defineProperty(this, "error", { value: error, ...hidden });
      Object.defineProperty(this, "suppressed", { value: suppressed, ...hidden });
    }
  }
  Object.defineProperty(SuppressedError, "name", { value: "SuppressedError", configurable: true });
  Object.defineProperty(SuppressedError.prototype, "name", { value: "SuppressedError", writable: true, configurable: true });
  Object.defineProperty(SuppressedError.prototype, "message", { value: "", writable: true, configurable: true });
  Object.defineProperty(globalThis, "SuppressedError", { value: SuppressedError, writable: true, configurable: true });
}

const hiddenMethod = (value) => ({ value, writable: true, enumerable: false, configurable: true });

Object.defineProperties(WrappedError, {
  captureStackTrace: hiddenMethod(function captureStackTrace(object) {
    const raw = new NativeError().stack ?? "";
    Object.defineProperty(object, "stack", hiddenMethod(prepare(object, headerOf(object), raw)));
  }),
  isError: hiddenMethod(NativeError.isError),
  stackTraceLimit: {
    get: () => stackTraceLimit,
    set(value) {
      if (typeof value !== "number") return;
      stackTraceLimit = value;
      setRawLimit();
    },
    enumerable: true,
    configurable: true,
  },
});

setRawLimit();
setStackDresser(dress);

/* -- source maps -------------------------------------------------------------------------------- */

const maps = new Map(); /* script url → { text, map } */

/** The source map of a script, as JSON text; parsed when the first stack of that script is printed. */
export function addSourceMap(url, text) {
  maps.set(url, { text, map: null });
}

function mapOf(url) {
  const entry = maps.get(url);
  if (entry === undefined) return null;
  if (entry.map === null && entry.text !== null) {
    try {
      entry.map = new (sourceMap().TraceMap)(entry.text);
    } catch {
      entry.map = null;
    }
    entry.text = null;
  }
  return entry.map;
}

const FRAME_LINE = /^(\s+at )(?:(.*) \()?([^()\s]+):(\d+):(\d+)\)?$/;

function mapLine(text) {
  const match = FRAME_LINE.exec(text);
  if (match === null) return text;
  const [, indent, name, url, line, column] = match;
  const map = mapOf(url);
  if (map === null) return text;
  const found = sourceMap().originalPositionFor(map, { line: Number(line), column: Math.max(0, Number(column) - 1) });
  if (found.source === null) return text;
  const place = `${found.source}:${found.line}:${found.column + 1}`;
  return name === undefined ? indent + place : `${indent}${name} (${place})`;
}

/* -- printing ----------------------------------------------------------------------------------- */

/** V8-like stack of any error, as the program would read it. */
export function v8Stack(error) {
  let stack;
  try {
    stack = error.stack;
  } catch {
    return headerOf(error);
  }
  if (typeof stack !== "string" || stack === "") return headerOf(error);
  return looksLikeV8(stack) ? stack : toV8Stack(headerOf(error), stack, STACK_LIMIT);
}

/** The same, with frames mapped to the project's files. */
export function formatStack(error) {
  const stack = v8Stack(error);
  return maps.size === 0 ? stack : stack.split("\n").map(mapLine).join("\n");
}

/** An error for the log: its stack, then its causes. */
export function formatError(error) {
  let text = formatStack(error);
  let cause = error.cause;
  for (let depth = 0; depth < CAUSE_DEPTH_MAX && cause !== undefined; depth++) {
    if (!NativeError.isError(cause)) return `${text}\n  [cause]: ${describe(cause)}`;
    text += `\n  [cause]: ${formatStack(cause).replaceAll("\n", "\n  ")}`;
    cause = cause.cause;
  }
  return text;
}

function describe(value) {
  try {
    return typeof value === "string" ? value : `${value}`;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** The line in the log for something thrown and caught by nobody, which may be made to resist that. */
export function describeThrown(value) {
  try {
    return `Uncaught ${NativeError.isError(value) ? formatError(value) : describe(value)}`;
  } catch {
    return "Uncaught (an error that cannot be described)";
  }
}

export const isNativeError = NativeError.isError;
