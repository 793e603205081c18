/*
 * crypto
 *
 * SubtleCrypto checks and dispatches; what each algorithm does is in crypto_algorithms.js, and the
 * arithmetic is OpenSSL's. Operations are synchronous in C and answer through promises.
 */

import { natives, requireContext } from "./natives.js";
import {
  exposeClass,
  finishClass,
  expose,
  inspectors,
  isBufferSource,
  isObject,
  bytesOf,
  toDOMString,
  requireArguments,
  INTERNAL,
} from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { isCryptoKey } from "./crypto_key.js";
import { lateScript } from "./late.js";
import { streams } from "./streams.js";

const algorithms = lateScript("crypto_algorithms");
const error = (message, name) => new DOMException(message, name);

const RANDOM_BYTES_MAX = 65536;
const USAGES = new Set(["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"]);
const INTEGER_VIEWS = new Set([
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "BigUint64Array",
]);
const viewName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

/** { name, …members } of an algorithm argument. */
export function normalize(algorithm) {
  if (isObject(algorithm)) {
    if (algorithm.name === undefined) throw new TypeError('Missing field "name" in "algorithm".');
    return algorithm;
  }
  return { name: toDOMString(algorithm) };
}

function find(algorithm, operation, what) {
  const found = algorithms().ALGORITHMS.get(toDOMString(algorithm.name).toLowerCase());
  if (found === undefined || (operation !== null && found[operation] === undefined))
    throw error(`Unrecognized ${what} algorithm "${algorithm.name}" requested.`, "NotSupportedError");
  return found;
}

function requireKey(key) {
  if (!isCryptoKey(key)) throw new TypeError("The key argument is not of type 'CryptoKey'.");
}

/** The algorithm of an operation on a key, after the checks they all share. */
function forKey(algorithm, key, operation, usage) {
  requireKey(key);
  const found = algorithms().ALGORITHMS.get(toDOMString(algorithm.name).toLowerCase());
  if (found === undefined || found.name !== key.algorithm.name)
    throw error(
      `Requested algorithm "${algorithm.name}" does not match this CryptoKey's algorithm "${key.algorithm.name}".`,
      "InvalidAccessError",
    );
  if (!key.usages.includes(usage))
    throw error(`Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`, "InvalidAccessError");
  if (found[operation] === undefined)
    throw error(`The ${operation} operation is not implemented for "${found.name}".`, "NotSupportedError");
  return found;
}

function requireData(data, what = "data") {
  if (!isBufferSource(data)) throw new TypeError(`The ${what} argument is not of type 'ArrayBuffer or ArrayBufferView'.`);
  return bytesOf(data);
}

function checkUsageList(usages) {
  const list = [...usages].map(toDOMString);
  for (const usage of list)
    if (!USAGES.has(usage)) throw new TypeError(`Unrecognized key usage "${usage}".`);
  return list;
}

const PRIVATE_OPERATIONS = new Set(["sign", "decrypt", "unwrap"]);

function requireKeyType(key, operation) {
  if (key.type === "secret") return;
  const wanted = PRIVATE_OPERATIONS.has(operation) ? "private" : "public";
  if (key.type !== wanted)
    throw error(`The ${operation} operation needs a ${wanted} key, not a ${key.type} one.`, "InvalidAccessError");
}

export class SubtleCrypto {
  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }

  async encrypt(algorithm, key, data) {
    algorithm = normalize(algorithm);
    const found = forKey(algorithm, key, "encrypt", "encrypt");
    requireKeyType(key, "encrypt");
    return found.encrypt(algorithm, key, requireData(data));
  }

  async decrypt(algorithm, key, data) {
    algorithm = normalize(algorithm);
    const found = forKey(algorithm, key, "decrypt", "decrypt");
    requireKeyType(key, "decrypt");
    return found.decrypt(algorithm, key, requireData(data));
  }

  async sign(algorithm, key, data) {
    algorithm = normalize(algorithm);
    const found = forKey(algorithm, key, "sign", "sign");
    requireKeyType(key, "sign");
    return found.sign(algorithm, key, requireData(data));
  }

  async verify(algorithm, key, signature, data) {
    algorithm = normalize(algorithm);
    const found = forKey(algorithm, key, "verify", "verify");
    requireKeyType(key, "verify");
    return found.verify(algorithm, key, requireData(signature, "signature"), requireData(data));
  }

  async digest(algorithm, data) {
    return natives.digest(algorithms().hashName(isObject(algorithm) ? normalize(algorithm) : algorithm), requireData(data));
  }

  async generateKey(algorithm, extractable, usages) {
    algorithm = normalize(algorithm);
    requireContext();
    return find(algorithm, "generate", "key generation").generate(algorithm, !!extractable, checkUsageList(usages));
  }

  async deriveKey(algorithm, baseKey, derived, extractable, usages) {
    algorithm = normalize(algorithm);
    derived = normalize(derived);
    const found = forKey(algorithm, baseKey, "deriveBits", "deriveKey");
    const target = find(derived, "keyLength", "derived key");
    const length = target.keyLength(derived);
    const secret = found.deriveBits(algorithm, baseKey, length);
    return target.import("raw", secret, derived, !!extractable, checkUsageList(usages));
  }

  async deriveBits(algorithm, baseKey, length = null) {
    algorithm = normalize(algorithm);
    const found = forKey(algorithm, baseKey, "deriveBits", "deriveBits");
    return found.deriveBits(algorithm, baseKey, length === null ? null : Math.trunc(Number(length)));
  }

  async importKey(format, data, algorithm, extractable, usages) {
    return importKey(toDOMString(format), data, normalize(algorithm), !!extractable, checkUsageList(usages));
  }

  async exportKey(format, key) {
    requireKey(key);
    return exportKey(toDOMString(format), key);
  }

  async wrapKey(format, key, wrappingKey, algorithm) {
    algorithm = normalize(algorithm);
    requireKey(key);
    requireKey(wrappingKey);
    const operation = algorithms().ALGORITHMS.get(toDOMString(algorithm.name).toLowerCase())?.wrap === undefined ? "encrypt" : "wrap";
    const found = forKey(algorithm, wrappingKey, operation, "wrapKey");
    const exported = exportKey(toDOMString(format), key);
    let bytes = format === "jwk" ? algorithms().jwkToBytes(exported) : new Uint8Array(exported);
    if (format === "jwk" && operation === "wrap") bytes = padTo8(bytes);
    return found[operation](algorithm, wrappingKey, bytes);
  }

  async unwrapKey(format, wrapped, unwrappingKey, algorithm, keyAlgorithm, extractable, usages) {
    algorithm = normalize(algorithm);
    const operation = algorithms().ALGORITHMS.get(toDOMString(algorithm.name).toLowerCase())?.unwrap === undefined ? "decrypt" : "unwrap";
    const found = forKey(algorithm, unwrappingKey, operation, "unwrapKey");
    const bytes = new Uint8Array(found[operation](algorithm, unwrappingKey, requireData(wrapped, "wrappedKey")));
    const data = format === "jwk" ? algorithms().bytesToJwk(bytes) : bytes;
    return importKey(toDOMString(format), data, normalize(keyAlgorithm), !!extractable, checkUsageList(usages));
  }

  timingSafeEqual(a, b) {
    const left = requireData(a, "first");
    const right = requireData(b, "second");
    if (left.byteLength !== right.byteLength) throw new TypeError("Input buffers must have the same byte length.");
    return natives.timing_safe_equal(left, right);
  }
}

/* JSON may be followed by spaces, and AES-KW wraps whole 8-byte blocks. */
function padTo8(bytes) {
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
}

export function importKey(format, data, algorithm, extractable, usages) {
  if (format !== "jwk" && !isBufferSource(data))
    throw new TypeError("Import data provided for non-JWK formats must be a buffer source.");
  if (format === "jwk" && (!isObject(data) || isBufferSource(data)))
    throw new TypeError("Import data provided for JWK format must be a JsonWebKey.");
  const found = find(algorithm, "import", "key import");
  return found.import(format, format === "jwk" ? data : bytesOf(data), algorithm, extractable, usages);
}

function exportKey(format, key) {
  const found = algorithms().ALGORITHMS.get(key.algorithm.name.toLowerCase());
  if (found.export === undefined)
    throw error(`The ${key.algorithm.name} algorithm does not support key export.`, "NotSupportedError");
  if (!key.extractable)
    throw error(`Attempt to export non-extractable ${key.algorithm.name} key.`, "InvalidAccessError");
  return found.export(format, key);
}

/* -- crypto.DigestStream ------------------------------------------------------------------------ */

let DigestStream = null;

function makeDigestStream() {
  class DigestStream extends streams().WritableStream {
    #digest;
    #state;

    constructor(algorithm, strategy) {
      const name = algorithms().hashName(isObject(algorithm) ? normalize(algorithm) : algorithm);
      const state = { box: natives.digest_create(name), bytes: 0n };
      const { promise, resolve, reject } = Promise.withResolvers();
      promise.catch(() => {});
      super(
        {
          write(chunk) {
            if (typeof chunk === "string") chunk = natives.utf8_encode(chunk);
            if (!isBufferSource(chunk)) {
              const refused = new TypeError("DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.");
              reject(refused);
              throw refused;
            }
            natives.digest_update(state.box, chunk);
            state.bytes += BigInt(chunk.byteLength);
          },
          close() {
            resolve(natives.digest_finish(state.box));
          },
          abort(reason) {
            reject(reason);
          },
        },
        strategy,
      );
      this.#digest = promise;
      this.#state = state;
    }

    get digest() {
      return this.#digest;
    }
    get bytesWritten() {
      return this.#state.bytes;
    }
    [Symbol.dispose]() {
      if (!this.locked) this.abort(new DOMException("The stream was disposed.", "AbortError")).catch(() => {});
    }
  }
  return finishClass(DigestStream);
}

/* -- crypto ------------------------------------------------------------------------------------- */

export class Crypto {
  #subtle = new SubtleCrypto(INTERNAL);

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }
  get subtle() {
    return this.#subtle;
  }
  getRandomValues(view) {
    if (arguments.length < 1) requireArguments(0, 1, "getRandomValues", "Crypto", "ArrayBufferView");
    requireContext();
    if (!ArrayBuffer.isView(view) || !INTEGER_VIEWS.has(viewName.call(view)))
      throw error("ArrayBufferView argument to getRandomValues() must be an integer-typed view.", "TypeMismatchError");
    if (view.byteLength > RANDOM_BYTES_MAX)
      throw error(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${view.byteLength} bytes.`,
        "QuotaExceededError",
      );
    natives.random_fill(view);
    return view;
  }
  randomUUID() {
    requireContext();
    return natives.random_uuid();
  }
  get DigestStream() {
    return (DigestStream ??= makeDigestStream());
  }
}

exposeClass(Crypto);
exposeClass(SubtleCrypto);
inspectors.set(Crypto, ({ subtle }) => ({ subtle }));

export const crypto = new Crypto(INTERNAL);
expose("crypto", crypto);
