/*
 * node:assert
 */

import { inspect } from "./inspect.js";
import { isDeepEqual } from "./node_util.js";

export class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`);
    this.name = "AssertionError";
    this.code = "ERR_ASSERTION";
    this.generatedMessage = message === undefined;
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

function fail(actual, expected, operator, message, fallback) {
  if (message instanceof Error) throw message;
  const error = new AssertionError({ message: message ?? fallback, actual, expected, operator });
  error.generatedMessage = message === undefined;
  throw error;
}

function assert(value, message) {
  if (!value) fail(value, true, "==", message, "The expression evaluated to a falsy value");
}

function check(passes, operator, text) {
  return (actual, expected, message) => {
    if (!passes(actual, expected)) fail(actual, expected, operator, message, `${text}:\n\n${inspect(actual)} !== ${inspect(expected)}\n`);
  };
}

/* Does what was thrown fit: a class, a pattern, an object of properties, or a function that says so? */
function fits(error, expected) {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === "function") {
    if (expected.prototype !== undefined && error instanceof expected) return true;
    if (Error.isPrototypeOf(expected) || expected === Error) return false;
    return expected.call({}, error) === true;
  }
  return Object.keys(expected).every((key) =>
    expected[key] instanceof RegExp && typeof error[key] === "string" ? expected[key].test(error[key]) : isDeepEqual(error[key], expected[key], true),
  );
}

function judge(thrown, expected, message, operator) {
  if (typeof expected === "string") {
    message = expected;
    expected = undefined;
  }
  if (thrown === null) fail(undefined, expected, operator, message, "Missing expected exception.");
  if (!fits(thrown.error, expected)) {
    if (typeof expected === "function" || expected instanceof RegExp) {
      if (message === undefined && typeof expected === "function" && !(thrown.error instanceof AssertionError)) throw thrown.error;
    }
    fail(thrown.error, expected, operator, message, `The error does not match the expected one: ${inspect(thrown.error)}`);
  }
}

function attempt(callback) {
  try {
    callback();
  } catch (error) {
    return { error };
  }
  return null;
}

async function attemptAsync(promise) {
  try {
    await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    return { error };
  }
  return null;
}

/* eslint-disable eqeqeq -- the loose half of the module */
const loose = {
  equal: check((a, b) => a == b || (a !== a && b !== b), "==", "Expected values to be loosely equal"),
  notEqual: check((a, b) => !(a == b || (a !== a && b !== b)), "!=", "Expected values to be loosely unequal"),
  deepEqual: check((a, b) => isDeepEqual(a, b, false), "deepEqual", "Expected values to be loosely deep-equal"),
  notDeepEqual: check((a, b) => !isDeepEqual(a, b, false), "notDeepEqual", "Expected values not to be loosely deep-equal"),
};
/* eslint-enable eqeqeq */

const strictly = {
  equal: check(Object.is, "strictEqual", "Expected values to be strictly equal"),
  notEqual: check((a, b) => !Object.is(a, b), "notStrictEqual", "Expected values to be strictly unequal"),
  deepEqual: check((a, b) => isDeepEqual(a, b, true), "deepStrictEqual", "Expected values to be strictly deep-equal"),
  notDeepEqual: check((a, b) => !isDeepEqual(a, b, true), "notDeepStrictEqual", "Expected values not to be strictly deep-equal"),
};

const shared = {
  AssertionError,
  ok: (value, message) => assert(value, message),
  fail: (message = "Failed") => fail(undefined, undefined, "fail", message, message),
  strictEqual: strictly.equal,
  notStrictEqual: strictly.notEqual,
  deepStrictEqual: strictly.deepEqual,
  notDeepStrictEqual: strictly.notDeepEqual,
  throws: (callback, expected, message) => judge(attempt(callback), expected, message, "throws"),
  doesNotThrow(callback, expected, message) {
    const thrown = attempt(callback);
    if (thrown !== null) fail(thrown.error, expected, "doesNotThrow", message, `Got unwanted exception: ${inspect(thrown.error)}`);
  },
  rejects: async (promise, expected, message) => judge(await attemptAsync(promise), expected, message, "rejects"),
  async doesNotReject(promise, expected, message) {
    const thrown = await attemptAsync(promise);
    if (thrown !== null) fail(thrown.error, expected, "doesNotReject", message, `Got unwanted rejection: ${inspect(thrown.error)}`);
  },
  ifError(value) {
    if (value !== null && value !== undefined) throw value;
  },
  match: (text, pattern, message) => {
    if (!pattern.test(text)) fail(text, pattern, "match", message, `The input did not match the regular expression ${pattern}`);
  },
  doesNotMatch: (text, pattern, message) => {
    if (pattern.test(text)) fail(text, pattern, "doesNotMatch", message, `The input was expected to not match ${pattern}`);
  },
};

const strict = Object.assign((value, message) => assert(value, message), shared, strictly);
Object.assign(assert, shared, loose, { strict });
strict.strict = strict;

export default assert;
