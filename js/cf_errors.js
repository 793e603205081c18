/*
 * Errors that travel
 *
 * What a handler throws reaches its caller as name, message, stack, flags and, where the error has
 * properties of its own, its serialised form (platform.md §2.5). `sendError` takes one apart for C,
 * `receiveError` puts one together.
 */

import { compat } from "./compat.js";
import { DOMException } from "./dom_exception.js";
import { deserialize, serialize } from "./serialize.js";
import { isNativeError } from "./stack.js";

/* enum failure_flag in actor/failure.h */
export const REMOTE = 1;
export const RETRYABLE = 2;
export const OVERLOADED = 4;
export const RESET = 8;
export const NO_ALARM_RETRY = 16;
export const INTERNAL = 32;
export const METHOD = 64;

const CLASSES = { Error, RangeError, TypeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError };
const NAMES = new Map(Object.values(CLASSES).map(({ name, prototype }) => [prototype, name]));
const PLATFORM_PROPERTIES = new Set(["remote", "retryable", "overloaded", "durableObjectReset", "durableObjectId", "stack", "message", "line", "column", "sourceURL", "cause"]);

/* Name of a failure whose value is not an error: an object that was thrown. */
const THROWN_VALUE = "%value";

/** What read() gives, whatever the author has put in its way. */
function safely(read, otherwise) {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function flagsOf(error) {
  return safely(
    () => (error.retryable === true ? RETRYABLE : 0) | (error.overloaded === true ? OVERLOADED : 0) | (error.durableObjectReset === true ? RESET : 0),
    0,
  );
}

/** Throws for what cannot travel. */
function ownProperties(error) {
  const names = Object.getOwnPropertyNames(error).filter((name) => !PLATFORM_PROPERTIES.has(name));
  if (!compat.flags.enhancedErrorSerialization) names.splice(0, names.length, ...names.filter((name) => name === "name"));
  const { cause } = error;
  if (names.length === 0 && cause === undefined) return undefined;
  const properties = {};
  for (const name of names) properties[name] = error[name];
  if (cause !== undefined) properties.cause = cause;
  return serialize(properties, "clone");
}

function className(error) {
  for (let proto = error; proto !== null; proto = Object.getPrototypeOf(proto)) if (NAMES.has(proto)) return NAMES.get(proto);
  return "Error";
}

/* A text in C ends at a U+0000. */
const toText = (text) => (typeof text !== "string" ? "" : text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text);

/** [name, message, stack, flags, BYTES | undefined, it was told as it is]. Nothing about the error makes it fail: somebody waits for it. */
function partsOf(error) {
  if (safely(() => error instanceof DOMException, false))
    return [toText(safely(() => error.name, "Error")), toText(safely(() => error.message, "")), safely(() => error.stack), flagsOf(error), undefined, false];
  if (!isNativeError(error) && !safely(() => error instanceof Error, false)) {
    const text = toText(safely(() => String(error), "(no description)"));
    const value = typeof error === "object" && error !== null ? safely(() => serialize(error, "clone")) : undefined;
    if (value === undefined) return ["Error", text, undefined, 0, undefined, false];
    return [THROWN_VALUE, text, undefined, flagsOf(error), value, Object.isExtensible(error)];
  }
  const stack = safely(() => error.stack);
  const told = safely(() => ({ value: ownProperties(error), open: Object.isExtensible(error) }), { open: false });
  return [safely(() => className(error), "Error"), toText(safely(() => error.message)), typeof stack === "string" ? toText(stack) : undefined, flagsOf(error), told.value, told.open];
}

/** Calls send(name, message, stack, flags, BYTES | undefined) for anything that was thrown; METHOD only of what can have properties. */
export function sendError(error, send, more = 0) {
  const [name, message, stack, flags, value, open] = partsOf(error);
  return send(name, message, stack, flags | (open ? more : more & ~METHOD), value);
}

/** The error for a failure that C hands over. `hex`: of the object that threw it. */
export function receiveError(name, message, flags, value, hex) {
  let error;
  if (name === THROWN_VALUE) error = value === undefined ? new Error(message) : deserialize(value);
  else {
    if (name === "AggregateError") error = new AggregateError([], message);
    else error = CLASSES[name] !== undefined ? new CLASSES[name](message) : new DOMException(message, name);
    const properties = value === undefined ? {} : deserialize(value);
    for (const key of Object.keys(properties)) Object.defineProperty(error, key, { value: properties[key], writable: true, configurable: true, enumerable: true });
    Object.defineProperty(error, "stack", { value: `${describeName(error)}: ${message}`, writable: true, configurable: true });
  }
  if (hex !== undefined) error.durableObjectId = hex;
  return markError(error, flags);
}

const describeName = ({ name }) => (typeof name === "string" ? name : "Error");

function markError(error, flags) {
  if (flags & RETRYABLE) error.retryable = true;
  if (flags & OVERLOADED) error.overloaded = true;
  if (flags & REMOTE) error.remote = true;
  if (flags & RESET) error.durableObjectReset = true;
  return error;
}
