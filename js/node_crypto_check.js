/*
 * What the files of node:crypto have in common: arguments checked as Node checks them, bytes in and
 * out, names of digests.
 */

import { natives } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { codedError, invalidType, invalidValue, outOfRange, requireFunction, requireString } from "./node_errors.js";
import { bytesOf, isBufferSource } from "./webidl.js";

export { codedError, invalidType, invalidValue, outOfRange, requireFunction, requireString };

/** An Error of node:crypto's own. */
export const cryptoError = (code, message, Class = Error) => codedError(Class, `ERR_CRYPTO_${code}`, message);

export function requireInteger(value, name, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== "number") throw invalidType(name, "of type number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

export const INT32_MAX = 2 ** 31 - 1;
export const UINT32_MAX = 2 ** 32 - 1;

export function requireObject(value, name) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalidType(name, "of type object", value);
}

export function requireBoolean(value, name) {
  if (typeof value !== "boolean") throw invalidType(name, "of type boolean", value);
}

export function requireOneOf(value, name, allowed) {
  if (allowed.includes(value)) return;
  const list = allowed.map((each) => (typeof each === "string" ? `'${each}'` : each)).join(", ");
  throw invalidValue(name, value, `must be one of: ${list}`);
}

const BYTES = "of type string or an instance of Buffer, TypedArray, or DataView";
export const ANY_BYTES = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";

/* An encoding that Buffer knows; undefined for the usual one. */
function encodingOf(name) {
  if (name === undefined || name === null || name === "buffer") return undefined;
  if (!Buffer.isEncoding(name)) throw codedError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${name}`);
  return name;
}

/** Bytes of a view, or of a string in an encoding. */
export function toBytes(value, name = "data", encoding, expected = BYTES) {
  if (typeof value === "string") {
    if (name === "data" && encoding === "hex" && value.length % 2 !== 0) throw invalidValue("encoding", encoding, `is invalid for data of length ${value.length}`);
    return Buffer.from(value, encodingOf(encoding));
  }
  if (isBufferSource(value)) return bytesOf(value);
  throw invalidType(name, expected, value);
}

/** A Buffer, or text in an encoding. */
export function output(buffer, encoding) {
  const bytes = Buffer.from(buffer);
  const name = encodingOf(encoding);
  return name === undefined ? bytes : bytes.toString(name);
}

/** Compute now and call back later, with an error first. */
export function later(callback, compute, spread = (result) => [result]) {
  let results;
  try {
    results = [null, ...spread(compute())];
  } catch (error) {
    results = [error];
  }
  queueMicrotask(() => callback(...results));
}

/* Node's names of digests → those of the natives */
const DIGESTS = new Map(
  Object.entries({
    md5: "MD5",
    "md5-sha1": "MD5-SHA1",
    ripemd160: "RIPEMD160",
    ripemd: "RIPEMD160",
    rmd160: "RIPEMD160",
    sha1: "SHA-1",
    sha224: "SHA-224",
    sha256: "SHA-256",
    sha384: "SHA-384",
    sha512: "SHA-512",
    "sha512-224": "SHA-512/224",
    "sha512-256": "SHA-512/256",
    "sha3-224": "SHA3-224",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
    shake128: "SHAKE128",
    shake256: "SHAKE256",
    blake2b512: "BLAKE2b512",
    blake2s256: "BLAKE2s256",
    sm3: "SM3",
  }),
);

const SIGNED = ["MD5", "RIPEMD160", "SHA1", "SHA1-2", "SHA224", "SHA256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "SHA384", "SHA512", "SHA512/224", "SHA512/256", "SM3"];

export const digestNames = () => [...SIGNED.map((name) => `RSA-${name}`), ...DIGESTS.keys()].filter((name) => findDigest(name) !== undefined);

/** The natives' name of a digest, or undefined. */
export function findDigest(name) {
  let plain = name.toLowerCase().replace(/^rsa-/, "").replace("/", "-");
  if (plain === "sha1-2" || plain === "sha-1") plain = "sha1";
  plain = plain.replace(/^sha2?-(224|256|384|512)/, "sha$1");
  const found = DIGESTS.get(plain);
  return found !== undefined && natives.digest_info(found) !== null ? found : undefined;
}

export function requireDigest(name, what = "digest") {
  requireString(name, what);
  const found = findDigest(name);
  if (found === undefined) throw cryptoError("INVALID_DIGEST", `Invalid digest: ${name}`, TypeError);
  return found;
}

/** A whole number ≥ 0 as bytes, big endian. */
export function bytesOfBigInt(value, name) {
  if (value < 0n) throw outOfRange(name, ">= 0", value);
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

export const bigIntOf = (bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
