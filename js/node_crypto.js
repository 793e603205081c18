/*
 * node:crypto: hashes, HMAC, random values, key derivation and the Web Crypto object. Ciphers, signing and
 * key objects of Node's own are not here; their Web Crypto counterparts are.
 */

import { natives, requireContext } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { crypto } from "./crypto.js";
import { defaultModule } from "./node_stub.js";
import { bytesOf, isBufferSource } from "./webidl.js";
import stream from "./node_stream.js";

const HASHES = { md5: "MD5", sha1: "SHA-1", sha224: "SHA-224", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512", ripemd160: "RIPEMD160", rmd160: "RIPEMD160" };
const BLOCK_BYTES = { "SHA-384": 128, "SHA-512": 128 };

function hashOf(name) {
  const found = HASHES[`${name}`.toLowerCase().replace("-", "").replace(/^rsa/, "")];
  if (found === undefined) throw Object.assign(new Error("Digest method not supported"), { code: "ERR_CRYPTO_INVALID_DIGEST" });
  return found;
}

function toBytes(value, encoding) {
  if (typeof value === "string") return Buffer.from(value, encoding === "buffer" ? undefined : encoding);
  if (isBufferSource(value)) return bytesOf(value);
  throw Object.assign(new TypeError('The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView.'), { code: "ERR_INVALID_ARG_TYPE" });
}

function output(buffer, encoding) {
  const bytes = Buffer.from(buffer);
  return encoding === undefined || encoding === "buffer" ? bytes : bytes.toString(encoding);
}

const FINALIZED = () => Object.assign(new Error("Digest already called"), { code: "ERR_CRYPTO_HASH_FINALIZED" });

class Hash extends stream.Transform {
  #box;
  #name;
  constructor(name, box) {
    super({
      transform: (chunk, encoding, callback) => {
        this.update(chunk, encoding);
        callback();
      },
      flush: (callback) => {
        this.push(this.digest());
        callback();
      },
    });
    this.#name = name;
    this.#box = box ?? natives.digest_create(name);
  }
  update(data, encoding) {
    if (this.#box === null) throw FINALIZED();
    natives.digest_update(this.#box, toBytes(data, encoding));
    return this;
  }
  digest(encoding) {
    if (this.#box === null) throw FINALIZED();
    const result = natives.digest_finish(this.#box);
    this.#box = null;
    return output(result, encoding);
  }
  copy() {
    if (this.#box === null) throw FINALIZED();
    return new Hash(this.#name, natives.digest_clone(this.#box));
  }
}

/* HMAC in pieces: two digests, keyed as RFC 2104 says. */
class Hmac extends stream.Transform {
  #inner;
  #outer;
  constructor(name, key) {
    super({
      transform: (chunk, encoding, callback) => {
        this.update(chunk, encoding);
        callback();
      },
      flush: (callback) => {
        this.push(this.digest());
        callback();
      },
    });
    const size = BLOCK_BYTES[name] ?? 64;
    const block = new Uint8Array(size);
    block.set(key.byteLength > size ? new Uint8Array(natives.digest(name, key)) : key);
    this.#inner = natives.digest_create(name);
    this.#outer = natives.digest_create(name);
    natives.digest_update(this.#inner, block.map((byte) => byte ^ 0x36));
    natives.digest_update(this.#outer, block.map((byte) => byte ^ 0x5c));
  }
  update(data, encoding) {
    if (this.#inner === null) throw FINALIZED();
    natives.digest_update(this.#inner, toBytes(data, encoding));
    return this;
  }
  digest(encoding) {
    if (this.#inner === null) return output(new Uint8Array(0), encoding);
    natives.digest_update(this.#outer, new Uint8Array(natives.digest_finish(this.#inner)));
    this.#inner = null;
    return output(natives.digest_finish(this.#outer), encoding);
  }
}

function later(callback, compute) {
  let result;
  try {
    result = compute();
  } catch (error) {
    queueMicrotask(() => callback(error));
    return;
  }
  queueMicrotask(() => callback(null, result));
}

function randomBytes(size, callback) {
  requireContext();
  const make = () => {
    const bytes = Buffer.alloc(size);
    natives.random_fill(bytes);
    return bytes;
  };
  return callback === undefined ? make() : later(callback, make);
}

function randomFillSync(target, offset = 0, size) {
  requireContext();
  const bytes = bytesOf(target);
  natives.random_fill(bytes.subarray(offset, size === undefined ? undefined : offset + size));
  return target;
}

const RANDOM_RANGE_MAX = 2 ** 48;

function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") [min, max, callback] = [0, min, max];
  const range = max - min;
  if (!(range > 0) || range > RANDOM_RANGE_MAX)
    throw Object.assign(new RangeError(`The value of "max" is out of range.`), { code: "ERR_OUT_OF_RANGE" });
  const limit = RANDOM_RANGE_MAX - (RANDOM_RANGE_MAX % range);
  const make = () => {
    for (;;) {
      const value = randomBytes(6).readUIntBE(0, 6);
      if (value < limit) return min + (value % range);
    }
  };
  return typeof callback === "function" ? later(callback, make) : make();
}

function derived(result) {
  if (result === null) throw Object.assign(new Error("Deriving bits failed"), { code: "ERR_CRYPTO_OPERATION_FAILED" });
  return result;
}

function pbkdf2Sync(password, salt, iterations, length, digest) {
  return Buffer.from(derived(natives.pbkdf2(hashOf(digest), toBytes(password), toBytes(salt), iterations, length)));
}

function hkdfSync(digest, key, salt, info, length) {
  return derived(natives.hkdf(hashOf(digest), toBytes(key), toBytes(salt), toBytes(info), length));
}

function scryptSync(password, salt, length, options = {}) {
  const cost = options.N ?? options.cost ?? 16384;
  const blockSize = options.r ?? options.blockSize ?? 8;
  const parallel = options.p ?? options.parallelization ?? 1;
  const memory = options.maxmem ?? 32 * 1024 * 1024;
  return Buffer.from(derived(natives.scrypt(toBytes(password), toBytes(salt), cost, blockSize, parallel, length, memory)));
}

function timingSafeEqual(a, b) {
  const left = bytesOf(a);
  const right = bytesOf(b);
  if (left.byteLength !== right.byteLength)
    throw Object.assign(new RangeError("Input buffers must have the same byte length"), { code: "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH" });
  return natives.timing_safe_equal(left, right);
}

const createHash = (name) => new Hash(hashOf(name));

export default Object.assign(defaultModule("crypto"), {
  Hash,
  Hmac,
  createHash,
  createHmac: (name, key) => new Hmac(hashOf(name), toBytes(key)),
  hash: (name, data, encoding = "hex") => createHash(name).update(data).digest(encoding),
  getHashes: () => Object.keys(HASHES),
  getCiphers: () => [],
  getCurves: () => ["prime256v1", "secp384r1", "secp521r1"],
  getRandomValues: (view) => crypto.getRandomValues(view),
  hkdf: (digest, key, salt, info, length, callback) => later(callback, () => hkdfSync(digest, key, salt, info, length)),
  hkdfSync,
  pbkdf2: (password, salt, iterations, length, digest, callback) =>
    later(callback, () => pbkdf2Sync(password, salt, iterations, length, digest)),
  pbkdf2Sync,
  randomBytes,
  randomFill: (target, ...rest) => later(rest.pop(), () => randomFillSync(target, ...rest)),
  randomFillSync,
  randomInt,
  randomUUID: () => crypto.randomUUID(),
  scrypt: (password, salt, length, options, callback = options) =>
    later(callback, () => scryptSync(password, salt, length, typeof options === "function" ? {} : options)),
  scryptSync,
  secureHeapUsed: () => undefined,
  subtle: crypto.subtle,
  timingSafeEqual,
  webcrypto: crypto,
  constants: {},
});
