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

/* enum failure_flag in actor/failure.h */
export const REMOTE = 1;
export const RETRYABLE = 2;
export const OVERLOADED = 4;
export const RESET = 8;
export const NO_ALARM_RETRY = 16;
export const INTERNAL = 32;
export const METHOD = 64;

const CLASSES = { Error, RangeError, TypeError, SyntaxError, ReferenceError, EvalError, URIError };
const PLATFORM_PROPERTIES = new Set(["remote", "retryable", "overloaded", "durableObjectReset", "durableObjectId", "stack", "message", "line", "column", "sourceURL", "cause"]);

/* Name of a failure whose value is not an error: an object that was thrown. */
const THROWN_VALUE = "%value";

function flagsOf(error) {
  return (
    (error.retryable === true ? RETRYABLE : 0) |
    (error.overloaded === true ? OVERLOADED : 0) |
    (error.durableObjectReset === true ? RESET : 0)
  );
}

function ownProperties(error) {
  const names = Object.getOwnPropertyNames(error).filter((name) => !PLATFORM_PROPERTIES.has(name));
  if (!compat.flags.enhancedErrorSerialization) names.splice(0, names.length, ...names.filter((name) => name === "name"));
  if (names.length === 0 && error.cause === undefined) return undefined;
  const properties = {};
  for (const name of names) properties[name] = error[name];
  if (error.cause !== undefined) properties.cause = error.cause;
  try {
    return serialize(properties, "clone");
  } catch {
    return undefined; // something in it cannot travel: the error itself still does
  }
}

/** Calls send(name, message, stack, flags, BYTES | undefined) for anything that was thrown. */
export function sendError(error, send) {
  if (error instanceof DOMException) return send(error.name, String(error.message), error.stack, flagsOf(error), undefined);
  if (error === null || typeof error !== "object" || !(error instanceof Error)) {
    let text;
    try {
      text = String(error);
    } catch {
      text = "(no description)";
    }
    if (typeof error === "object" && error !== null) {
      try {
        return send(THROWN_VALUE, text, undefined, flagsOf(error), serialize(error, "clone"));
      } catch {
        // it cannot travel: its text does
      }
    }
    return send("Error", text, undefined, 0, undefined);
  }
  let name = "Error";
  for (let proto = error; proto !== null; proto = Object.getPrototypeOf(proto)) {
    const known = proto.constructor?.name;
    if (typeof known === "string" && CLASSES[known] === proto.constructor) {
      name = known;
      break;
    }
  }
  const stack = typeof error.stack === "string" ? error.stack : undefined;
  return send(name, String(error.message), stack, flagsOf(error), ownProperties(error));
}

/** The error for a failure that C hands over. */
export function receiveError(name, message, flags, value) {
  if (name === THROWN_VALUE) return markError(deserialize(value), flags);
  const error = CLASSES[name] !== undefined ? new CLASSES[name](message) : name === "Error" ? new Error(message) : new DOMException(message, name);
  if (value !== undefined) {
    for (const [key, property] of Object.entries(deserialize(value))) {
      if (key === "cause") Object.defineProperty(error, "cause", { value: property, writable: true, configurable: true });
      else Object.defineProperty(error, key, { value: property, writable: true, configurable: true, enumerable: key !== "name" });
    }
  }
  Object.defineProperty(error, "stack", { value: `${error.name}: ${message}`, writable: true, configurable: true });
  return markError(error, flags);
}

function markError(error, flags) {
  if (flags & RETRYABLE) error.retryable = true;
  if (flags & OVERLOADED) error.overloaded = true;
  if (flags & REMOTE) error.remote = true;
  if (flags & RESET) error.durableObjectReset = true;
  return error;
}
