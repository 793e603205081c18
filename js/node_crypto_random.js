/*
 * node:crypto: random values and primes
 */

import { natives, requireContext } from "./natives.js";
import { crypto } from "./crypto.js";
import { Buffer } from "./node_buffer.js";
import { bytesOf, isBufferSource } from "./webidl.js";
import { INT32_MAX, bigIntOf, bytesOfBigInt, cryptoError, invalidType, later, outOfRange, requireBoolean, requireFunction, requireInteger, requireObject } from "./node_crypto_check.js";

const BYTES_MAX = INT32_MAX;

export function randomBytes(size, callback) {
  requireInteger(size, "size", 0, BYTES_MAX);
  if (callback !== undefined) requireFunction(callback, "callback");
  requireContext();
  const make = () => {
    const bytes = Buffer.alloc(size);
    natives.random_fill(bytes);
    return bytes;
  };
  return callback === undefined ? make() : later(callback, make);
}

/* The part of the target to fill; offset and size count its elements. */
function partOf(target, offset = 0, size = undefined) {
  if (!isBufferSource(target)) throw invalidType("buffer", "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", target);
  const bytes = bytesOf(target);
  const unit = target.BYTES_PER_ELEMENT ?? 1;
  const length = bytes.byteLength / unit;
  requireInteger(offset, "offset", 0, length);
  const count = size ?? length - offset;
  requireInteger(count, "size", 0, length - offset);
  return bytes.subarray(offset * unit, (offset + count) * unit);
}

export function randomFillSync(target, offset, size) {
  const part = partOf(target, offset, size);
  requireContext();
  natives.random_fill(part);
  return target;
}

export function randomFill(target, ...rest) {
  const callback = rest.findLast((each) => each !== undefined);
  const [offset, size] = rest.slice(0, rest.lastIndexOf(callback));
  if (!isBufferSource(target)) partOf(target);
  requireFunction(callback, "callback");
  partOf(target, offset, size);
  requireContext();
  later(callback, () => randomFillSync(target, offset, size));
}

const RANDOM_RANGE_MAX = 2 ** 48 - 1;

export function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") [min, max, callback] = [0, min, max];
  if (callback !== undefined) requireFunction(callback, "callback");
  if (!Number.isSafeInteger(min)) throw invalidType("min", "a safe integer", min);
  if (!Number.isSafeInteger(max)) throw invalidType("max", "a safe integer", max);
  if (max <= min) throw outOfRange("max", `greater than the value of "min" (${min})`, max);
  const range = max - min;
  if (range > RANDOM_RANGE_MAX) throw outOfRange("max - min", `<= ${RANDOM_RANGE_MAX}`, range);
  const limit = 2 ** 48 - (2 ** 48 % range);
  const make = () => {
    for (;;) {
      const value = randomBytes(6).readUIntBE(0, 6);
      if (value < limit) return min + (value % range);
    }
  };
  return callback === undefined ? make() : later(callback, make);
}

export function randomUUID(options) {
  if (options !== undefined) {
    requireObject(options, "options");
    if (options.disableEntropyCache !== undefined) requireBoolean(options.disableEntropyCache, "options.disableEntropyCache");
  }
  return crypto.randomUUID();
}

/* -- primes ------------------------------------------------------------------------------------- */

const NUMBER = "of type bigint or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";

function numberBytes(value, name) {
  if (value === undefined) return undefined;
  if (typeof value === "bigint") return bytesOfBigInt(value, name);
  if (!isBufferSource(value)) throw invalidType(name, NUMBER, value);
  return bytesOf(value);
}

function primeMaker(size, options = {}) {
  requireInteger(size, "size", 1, INT32_MAX);
  requireObject(options, "options");
  const { safe = false, bigint = false } = options;
  requireBoolean(safe, "options.safe");
  requireBoolean(bigint, "options.bigint");
  const add = numberBytes(options.add, "options.add");
  const rem = numberBytes(options.rem, "options.rem");
  if (add !== undefined) {
    if (bigIntOf(add) >> BigInt(size) !== 0n) throw outOfRange("options.add", "invalid options.add", options.add);
    if (rem !== undefined && bigIntOf(add) <= bigIntOf(rem)) throw outOfRange("options.rem", "invalid options.rem", options.rem);
  }
  return () => {
    requireContext();
    const prime = natives.prime_generate(size, safe, add, rem);
    if (prime === null) throw cryptoError("OPERATION_FAILED", "Operation failed");
    return bigint ? bigIntOf(prime) : prime;
  };
}

export const generatePrimeSync = (size, options) => primeMaker(size, options)();

export function generatePrime(size, options, callback) {
  if (typeof options === "function") [options, callback] = [undefined, options];
  const make = primeMaker(size, options);
  requireFunction(callback, "callback");
  later(callback, make);
}

function primeChecker(candidate, options = {}) {
  if (candidate === undefined) throw invalidType("candidate", NUMBER, candidate);
  const bytes = numberBytes(candidate, "candidate");
  requireObject(options, "options");
  const { checks = 0 } = options;
  requireInteger(checks, "options.checks", 0, INT32_MAX);
  return () => natives.prime_check(bytes);
}

export const checkPrimeSync = (candidate, options) => primeChecker(candidate, options)();

export function checkPrime(candidate, options, callback) {
  if (typeof options === "function") [options, callback] = [undefined, options];
  const check = primeChecker(candidate, options);
  requireFunction(callback, "callback");
  later(callback, check);
}
