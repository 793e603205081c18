/*
 * node:crypto: digests, HMAC, and keys derived with them
 */

import { natives } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { Transform } from "./node_crypto_stream.js";
import { isBufferSource, bytesOf } from "./webidl.js";
import {
  ANY_BYTES,
  INT32_MAX,
  UINT32_MAX,
  codedError,
  cryptoError,
  findDigest,
  invalidType,
  later,
  outOfRange,
  output,
  requireDigest,
  requireFunction,
  requireInteger,
  requireString,
  toBytes,
} from "./node_crypto_check.js";
import { secretBytes } from "./node_crypto_keys.js";

const finalized = () => cryptoError("HASH_FINALIZED", "Digest already called");

/* A stream of data that ends in what digest() returns. */
class Digesting extends Transform {
  _transform(chunk, encoding, callback) {
    this.update(chunk, encoding);
    callback();
  }
  _flush(callback) {
    this.push(this.digest());
    callback();
  }
}

export class Hash extends Digesting {
  #box;
  #name;
  #length;

  constructor(name, options, box) {
    if (box === undefined) {
      requireString(name, "algorithm");
      const found = findDigest(name);
      if (found === undefined) throw cryptoError("INVALID_DIGEST", "Digest method not supported");
      name = found;
    }
    const { outputLength } = options ?? {};
    if (outputLength !== undefined) requireInteger(outputLength, "options.outputLength", 0, UINT32_MAX);
    const [length, , isAnyLength] = natives.digest_info(name);
    if (outputLength !== undefined && outputLength !== length && !isAnyLength)
      throw codedError(Error, "ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH", "Unsupported state or unable to set the output length");
    super(options);
    this.#name = name;
    this.#length = outputLength === length ? undefined : outputLength;
    this.#box = box ?? natives.digest_create(name);
  }
  update(data, encoding) {
    if (this.#box === null) throw finalized();
    natives.digest_update(this.#box, toBytes(data, "data", encoding));
    return this;
  }
  digest(encoding) {
    if (this.#box === null) throw finalized();
    const result = natives.digest_finish(this.#box, this.#length);
    this.#box = null;
    return output(result, encoding);
  }
  copy(options) {
    if (this.#box === null) throw finalized();
    return new Hash(this.#name, options ?? { outputLength: this.#length }, natives.digest_clone(this.#box));
  }
}

export class Hmac extends Digesting {
  #box;

  constructor(algorithm, key, options) {
    requireString(algorithm, "hmac");
    const secret = secretBytes(key, "key", options?.encoding);
    const box = natives.hmac_create(requireDigest(algorithm, "hmac"), secret);
    if (box === null) throw cryptoError("INVALID_DIGEST", `Invalid digest: ${algorithm}`, TypeError);
    super(options);
    this.#box = box;
  }
  update(data, encoding) {
    if (this.#box === null) throw finalized();
    natives.digest_update(this.#box, toBytes(data, "data", encoding));
    return this;
  }
  digest(encoding) {
    if (this.#box === null) return output(new Uint8Array(0), encoding);
    const result = natives.digest_finish(this.#box);
    this.#box = null;
    return output(result, encoding);
  }
}

export const createHash = (algorithm, options) => new Hash(algorithm, options);
export const createHmac = (algorithm, key, options) => new Hmac(algorithm, key, options);

export function hash(algorithm, data, encoding = "hex") {
  requireString(algorithm, "algorithm");
  const bytes = toBytes(data, "input");
  return createHash(algorithm).update(bytes).digest(encoding);
}

/* -- keys derived ------------------------------------------------------------------------------- */

function derived(result) {
  if (result === null) throw cryptoError("OPERATION_FAILED", "Deriving bits failed");
  return result;
}

function pbkdf2Maker(password, salt, iterations, length, digest) {
  requireString(digest, "digest");
  const secret = toBytes(password, "password", undefined, ANY_BYTES);
  const grain = toBytes(salt, "salt", undefined, ANY_BYTES);
  requireInteger(iterations, "iterations", 1, INT32_MAX);
  requireInteger(length, "keylen", 0, INT32_MAX);
  const name = requireDigest(digest);
  return () => Buffer.from(derived(natives.pbkdf2(name, secret, grain, iterations, length)));
}

export const pbkdf2Sync = (...args) => pbkdf2Maker(...args)();

export function pbkdf2(password, salt, iterations, length, digest, callback) {
  if (typeof digest === "function") throw invalidType("digest", "of type string", undefined);
  const make = pbkdf2Maker(password, salt, iterations, length, digest);
  requireFunction(callback, "callback");
  later(callback, make);
}

const HKDF_INFO_BYTES_MAX = 1024;

function hkdfMaker(digest, key, salt, info, length) {
  requireString(digest, "digest");
  const secret = secretBytes(key, "ikm");
  const grain = toBytes(salt, "salt", undefined, ANY_BYTES);
  const about = toBytes(info, "info", undefined, ANY_BYTES);
  requireInteger(length, "length", 0, INT32_MAX);
  if (about.byteLength > HKDF_INFO_BYTES_MAX) throw outOfRange("info", `must not contain more than ${HKDF_INFO_BYTES_MAX} bytes`, about.byteLength);
  const name = requireDigest(digest);
  if (length > 255 * natives.digest_info(name)[0]) throw cryptoError("INVALID_KEYLEN", "Invalid key length", RangeError);
  return () => derived(natives.hkdf(name, secret, grain, about, length));
}

export const hkdfSync = (...args) => hkdfMaker(...args)();

export function hkdf(digest, key, salt, info, length, callback) {
  const make = hkdfMaker(digest, key, salt, info, length);
  requireFunction(callback, "callback");
  later(callback, make);
}

const SCRYPT = { cost: ["N", 16384], blockSize: ["r", 8], parallelization: ["p", 1] };
const SCRYPT_MEMORY = 32 * 1024 * 1024;

function scryptOptions(options = {}) {
  const numbers = Object.entries(SCRYPT).map(([long, [short, usual]]) => {
    if (options[long] !== undefined && options[short] !== undefined)
      throw codedError(TypeError, "ERR_INCOMPATIBLE_OPTION_PAIR", `Option "${short}" cannot be used in combination with option "${long}"`);
    const name = options[long] !== undefined ? long : short;
    const value = options[name] ?? usual;
    requireInteger(value, name, 0, UINT32_MAX);
    return value || usual;
  });
  const { maxmem = SCRYPT_MEMORY } = options;
  requireInteger(maxmem, "maxmem", 0);
  return [...numbers, maxmem || SCRYPT_MEMORY];
}

function scryptMaker(password, salt, length, options) {
  const [cost, blockSize, lanes, memory] = scryptOptions(options ?? {});
  const secret = toBytes(password, "password", undefined, ANY_BYTES);
  const grain = toBytes(salt, "salt", undefined, ANY_BYTES);
  requireInteger(length, "keylen", 0, INT32_MAX);
  const wrong = (why) => codedError(RangeError, "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", `Invalid scrypt params: ${why}`);
  if (cost < 2 || (cost & (cost - 1)) !== 0 || cost > INT32_MAX) throw wrong("N must be a power of two");
  if (128 * cost * blockSize + 128 * blockSize * lanes > memory) throw wrong("memory limit exceeded");
  return () => Buffer.from(derived(natives.scrypt(secret, grain, cost, blockSize, lanes, length, Math.min(memory, INT32_MAX))));
}

export const scryptSync = (password, salt, length, options) => scryptMaker(password, salt, length, options)();

export function scrypt(password, salt, length, options, callback) {
  if (typeof options === "function") [options, callback] = [undefined, options];
  const make = scryptMaker(password, salt, length, options);
  requireFunction(callback, "callback");
  later(callback, make);
}

export function timingSafeEqual(a, b) {
  const view = (value, name) => {
    if (!isBufferSource(value)) throw invalidType(name, "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", value);
    return bytesOf(value);
  };
  const left = view(a, "buf1");
  const right = view(b, "buf2");
  if (left.byteLength !== right.byteLength) throw codedError(RangeError, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "Input buffers must have the same byte length");
  return natives.timing_safe_equal(left, right);
}
