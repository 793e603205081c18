/*
 * What a tests/js/<api>/<behaviour>.test.js has at hand, run before it in js_shell:
 *
 *     test("a name that is a sentence", async () => { … });
 *     assert(truth, message?)
 *     assert.equal(actual, expected)          Object.is
 *     assert.deepEqual(actual, expected)      arrays, plain objects, views, Map, Set, Date, Error
 *     assert.throws(fn, what?)                returns what was thrown
 *     await assert.rejects(promise|fn, what?) returns the reason
 *
 * `what` is a class, a RegExp for the message, or an object whose properties must be equal. Tests run
 * in order, one after the other, and print TAP; skip(name, reason) prints one that does not run.
 */

"use strict";

globalThis.test = undefined;
globalThis.skip = undefined;
globalThis.assert = undefined;

{
  const { console_write: write, exit } = natives;
  const say = (text) => write("log", text);
  const tests = [];

  const show = (value) => {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function") return `function ${value.name}`;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (ArrayBuffer.isView(value)) return `${value.constructor.name} [${value}]`;
    if (value instanceof ArrayBuffer) return `ArrayBuffer [${new Uint8Array(value)}]`;
    if (typeof value === "object" && value !== null) {
      try {
        return JSON.stringify(value);
      } catch {
        return Object.prototype.toString.call(value);
      }
    }
    return Object.is(value, -0) ? "-0" : String(value);
  };

  class Failure extends Error {
    name = "Failure";
  }

  const fail = (message, fallback) => {
    throw new Failure(message === undefined ? fallback : `${message}: ${fallback}`);
  };

  const bytesOf = (value) =>
    value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);

  const sameBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

  function same(a, b, seen = new Map()) {
    if (Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (seen.get(a) === b) return true;
    seen.set(a, b);
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (a instanceof ArrayBuffer || ArrayBuffer.isView(a)) return sameBytes(bytesOf(a), bytesOf(b));
    if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
    if (a instanceof RegExp) return String(a) === String(b);
    if (a instanceof Error) return a.name === b.name && a.message === b.message;
    if (a instanceof Map || a instanceof Set) {
      const left = [...a];
      const right = [...b];
      return left.length === right.length && left.every((item, i) => same(item, right[i], seen));
    }
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key], seen));
  }

  function checkThrown(thrown, what, message) {
    if (what === undefined) return thrown;
    if (typeof what === "string") return checkThrown(thrown, undefined, what);
    if (what instanceof RegExp) {
      if (!what.test(String(thrown?.message ?? thrown))) fail(message, `threw ${show(thrown)}, which is not like ${what}`);
    } else if (typeof what === "function") {
      if (!(thrown instanceof what)) fail(message, `threw ${show(thrown)}, which is no ${what.name}`);
    } else {
      for (const key of Object.keys(what))
        if (!same(thrown?.[key], what[key])) fail(message, `threw ${show(thrown)}, whose ${key} is ${show(thrown?.[key])}, not ${show(what[key])}`);
    }
    return thrown;
  }

  const assert = (truth, message) => {
    if (!truth) fail(message, `${show(truth)} is not true`);
  };
  assert.ok = assert;
  assert.equal = (actual, expected, message) => {
    if (!Object.is(actual, expected)) fail(message, `${show(actual)} is not ${show(expected)}`);
  };
  assert.strictEqual = assert.equal;
  assert.notEqual = (actual, other, message) => {
    if (Object.is(actual, other)) fail(message, `both are ${show(actual)}`);
  };
  assert.deepEqual = (actual, expected, message) => {
    if (!same(actual, expected)) fail(message, `${show(actual)} is not ${show(expected)}`);
  };
  assert.fail = (message) => fail(message, "failed");
  assert.throws = (fn, what, message) => {
    let thrown;
    try {
      fn();
    } catch (error) {
      thrown = { error };
    }
    if (thrown === undefined) fail(typeof what === "string" ? what : message, "nothing was thrown");
    return checkThrown(thrown.error, what, message);
  };
  assert.rejects = async (promise, what, message) => {
    let thrown;
    try {
      await (typeof promise === "function" ? promise() : promise);
    } catch (error) {
      thrown = { error };
    }
    if (thrown === undefined) fail(typeof what === "string" ? what : message, "nothing was rejected");
    return checkThrown(thrown.error, what, message);
  };

  async function runAll() {
    await undefined; /* let the script finish */
    let failures = 0;
    let number = 0;
    say(`1..${tests.length}`);
    for (const { name, run, skipped } of tests) {
      number++;
      if (skipped !== undefined) {
        say(`ok ${number} - ${name} # SKIP ${skipped}`);
        continue;
      }
      try {
        await run();
        say(`ok ${number} - ${name}`);
      } catch (error) {
        failures++;
        const text = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : `thrown: ${show(error)}`;
        say(text.replace(/^/gm, "# "));
        say(`not ok ${number} - ${name}`);
      }
    }
    exit(failures === 0 ? 0 : 1);
  }

  globalThis.assert = assert;
  const add = (entry) => {
    if (tests.push(entry) === 1) runAll();
  };
  globalThis.test = (name, run) => add({ name, run });
  globalThis.skip = (name, reason) => add({ name, skipped: reason });
}
