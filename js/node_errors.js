/*
 * Errors with codes, in Node's words
 */

import { inspect } from "./inspect.js";

/** An error of that class with `code`, which also stands in its stack. */
export function codedError(Class, code, message) {
  const error = new Class(message);
  error.code = code;
  const { stack } = error;
  if (typeof stack === "string")
    Object.defineProperty(error, "stack", { value: stack.replace(`${error.name}:`, `${error.name} [${code}]:`), writable: true, configurable: true });
  return error;
}

function received(value) {
  if (value === undefined || value === null) return ` Received ${value}`;
  if (typeof value === "function" && value.name !== "") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    const name = value.constructor?.name;
    return name ? ` Received an instance of ${name}` : ` Received ${inspect(value)}`;
  }
  let text = inspect(value);
  if (text.length > 28) text = `${text.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${text})`;
}

/** `expected` is "of type string", "an instance of X" and the like. */
export function invalidType(name, expected, value) {
  const what = name.includes(".") ? "property" : "argument";
  return codedError(TypeError, "ERR_INVALID_ARG_TYPE", `The "${name}" ${what} must be ${expected}.${received(value)}`);
}

export function invalidValue(name, value, reason = "is invalid") {
  let text = inspect(value);
  if (text.length > 128) text = `${text.slice(0, 128)}...`;
  return codedError(TypeError, "ERR_INVALID_ARG_VALUE", `The ${name.includes(".") ? "property" : "argument"} '${name}' ${reason}. Received ${text}`);
}

export function outOfRange(name, range, value) {
  return codedError(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`);
}

export function optionNotImplemented(name) {
  return codedError(Error, "ERR_OPTION_NOT_IMPLEMENTED", `The ${name} option is not implemented`);
}

export function requireFunction(value, name) {
  if (typeof value !== "function") throw invalidType(name, "of type function", value);
}

export function requireString(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
}
