/*
 * node:crypto: ciphers, and encryption with RSA keys
 */

import { natives } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { Transform } from "./node_crypto_stream.js";
import { StringDecoder } from "./node_string_decoder.js";
import { isObject } from "./webidl.js";
import { ANY_BYTES, UINT32_MAX, codedError, cryptoError, findDigest, invalidType, requireInteger, requireString, toBytes } from "./node_crypto_check.js";
import { constants } from "./node_crypto_constants.js";
import { privateBox, publicBox, secretBytes } from "./node_crypto_keys.js";

const TAG_LENGTHS = [4, 8, 12, 13, 14, 15, 16];
const TAG_BYTES = 16;

const badState = (operation) => cryptoError("INVALID_STATE", `Invalid state for operation ${operation}`);
const badTag = (length) => cryptoError("INVALID_AUTH_TAG", `Invalid authentication tag length: ${length}`, TypeError);

/* What both directions have; `encrypts` is the subclass's. */
class Cipher extends Transform {
  #box;
  #decoder = null;
  #encoding;
  #name;

  constructor(encrypts, algorithm, key, iv, options) {
    requireString(algorithm, "cipher");
    const secret = secretBytes(key);
    const vector = iv === null ? undefined : toBytes(iv, "iv", "utf8", "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView or null");
    const info = natives.cipher_info(algorithm);
    if (info === null) throw cryptoError("UNKNOWN_CIPHER", "Unknown cipher");
    const ivLength = info[4];
    const isAuthenticated = info[6];
    let tagLength = TAG_BYTES;
    if (options?.authTagLength !== undefined) {
      requireInteger(options.authTagLength, "options.authTagLength", 0, UINT32_MAX);
      tagLength = options.authTagLength;
      if (isAuthenticated && !(info[1] === "gcm" ? TAG_LENGTHS.includes(tagLength) : tagLength > 0 && tagLength <= TAG_BYTES)) throw badTag(tagLength);
    }
    if (!natives.cipher_takes(algorithm, secret.byteLength)) throw cryptoError("INVALID_KEYLEN", "Invalid key length", RangeError);
    if ((vector === undefined && ivLength > 0) || !natives.cipher_takes(algorithm, undefined, vector?.byteLength ?? 0))
      throw cryptoError("INVALID_IV", "Invalid initialization vector", TypeError);
    super(options);
    this.#name = algorithm;
    this.#box = natives.cipher_create(algorithm, encrypts, secret, vector, isAuthenticated ? tagLength : 0);
    this._tagLength = isAuthenticated ? options?.authTagLength : undefined;
    this._mode = isAuthenticated ? info[1] : undefined;
  }

  /* One decoder for all pieces, so that a character may begin in one and end in the next. */
  #text(buffer, encoding, isLast) {
    if (encoding === undefined || encoding === null || encoding === "buffer") return Buffer.from(buffer);
    if (this.#decoder === null) {
      this.#decoder = new StringDecoder(encoding);
      this.#encoding = `${encoding}`.toLowerCase();
    } else if (`${encoding}`.toLowerCase() !== this.#encoding) {
      throw new Error("Cannot change encoding");
    }
    const text = this.#decoder.write(Buffer.from(buffer));
    return isLast ? text + this.#decoder.end() : text;
  }

  _native(operation, ...args) {
    return natives[operation](this.#box, ...args);
  }

  update(data, inputEncoding, outputEncoding) {
    const result = this._native("cipher_update", toBytes(data, "data", inputEncoding));
    if (result === null) throw new Error("Trying to add data in unsupported state");
    return this.#text(result, outputEncoding, false);
  }

  final(outputEncoding) {
    const result = this._native("cipher_final");
    if (result === null) throw cryptoError("INVALID_STATE", "Invalid state");
    return this.#text(result, outputEncoding, true);
  }

  setAutoPadding(pad = true) {
    if (this._native("cipher_pad", !!pad) === null) throw badState("setAutoPadding");
    return this;
  }

  setAAD(buffer, options) {
    const encoding = isObject(options) ? options.encoding : undefined;
    if (!this._native("cipher_aad", toBytes(buffer, "buffer", encoding, ANY_BYTES))) throw badState("setAAD");
    return this;
  }

  _transform(chunk, encoding, callback) {
    try {
      this.push(this.update(chunk, encoding));
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  _flush(callback) {
    try {
      this.push(this.final());
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }
}

export class Cipheriv extends Cipher {
  constructor(algorithm, key, iv, options) {
    super(true, algorithm, key, iv, options);
  }
  getAuthTag() {
    const tag = this._native("cipher_tag");
    if (tag === null) throw badState("getAuthTag");
    return Buffer.from(tag);
  }
}

export class Decipheriv extends Cipher {
  constructor(algorithm, key, iv, options) {
    super(false, algorithm, key, iv, options);
  }
  setAuthTag(tag, encoding) {
    const bytes = toBytes(tag, "buffer", encoding, ANY_BYTES);
    const length = bytes.byteLength;
    const fits = this._tagLength !== undefined ? length === this._tagLength : this._mode === "gcm" ? TAG_LENGTHS.includes(length) : length > 0 && length <= TAG_BYTES;
    if (this._mode !== undefined && !fits) throw badTag(length);
    if (!this._native("cipher_set_tag", bytes)) throw badState("setAuthTag");
    return this;
  }
}

export const createCipheriv = (algorithm, key, iv, options) => new Cipheriv(algorithm, key, iv, options);
export const createDecipheriv = (algorithm, key, iv, options) => new Decipheriv(algorithm, key, iv, options);

export const getCiphers = () => natives.cipher_names().split("\n").map((name) => name.toLowerCase()).sort();

/* OpenSSL's number of an algorithm, or its name. */
let names = null;

export function getCipherInfo(nameOrNid, options) {
  if (typeof nameOrNid !== "string" && typeof nameOrNid !== "number") throw invalidType("nameOrNid", "one of type string or number", nameOrNid);
  if (typeof nameOrNid === "number") {
    requireInteger(nameOrNid, "nameOrNid", -(2 ** 31), 2 ** 31 - 1);
    names ??= new Map(getCiphers().map((name) => [natives.cipher_info(name)[2], name]));
  }
  const name = typeof nameOrNid === "string" ? nameOrNid : names.get(nameOrNid);
  const info = name === undefined ? null : natives.cipher_info(name);
  if (info === null) return undefined;
  const { keyLength, ivLength } = options ?? {};
  if (keyLength !== undefined) requireInteger(keyLength, "options.keyLength", -(2 ** 31), 2 ** 31 - 1);
  if (ivLength !== undefined) requireInteger(ivLength, "options.ivLength", -(2 ** 31), 2 ** 31 - 1);
  if (keyLength < 0 || ivLength < 0 || !natives.cipher_takes(name, keyLength, ivLength)) return undefined;
  const [shown, mode, nid, ownKeyLength, ownIvLength, blockSize] = info;
  const result = { mode, name: shown.toLowerCase(), nid };
  if (mode !== "stream") result.blockSize = blockSize;
  if (ownIvLength > 0) result.ivLength = ivLength ?? ownIvLength;
  result.keyLength = keyLength ?? ownKeyLength;
  return result;
}

/* -- RSA ---------------------------------------------------------------------------------------- */

const { RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING } = constants;
const OPERATIONS = { encrypt: 0, decrypt: 1, seal: 2, unseal: 3 };

function rsa(operation, boxFor, usualPadding) {
  return (key, buffer) => {
    if (key === undefined) throw codedError(TypeError, "ERR_MISSING_ARGS", 'The "key" argument must be specified');
    const options = isObject(key) ? key : {};
    const box = boxFor(key);
    const { padding = usualPadding, oaepHash = "sha1", oaepLabel, encoding } = options;
    requireInteger(padding, "options.padding");
    requireString(oaepHash, "key.oaepHash");
    const hash = findDigest(oaepHash);
    if (hash === undefined) throw cryptoError("INVALID_DIGEST", `Invalid digest: ${oaepHash}`, TypeError);
    const label = oaepLabel === undefined ? undefined : toBytes(oaepLabel, "key.oaepLabel", encoding, ANY_BYTES);
    const data = toBytes(buffer, "buffer", encoding, ANY_BYTES);
    return Buffer.from(natives.node_rsa(box, OPERATIONS[operation], padding, hash, label, data));
  };
}

export const publicEncrypt = rsa("encrypt", publicBox, RSA_PKCS1_OAEP_PADDING);
export const privateDecrypt = rsa("decrypt", privateBox, RSA_PKCS1_OAEP_PADDING);
export const privateEncrypt = rsa("seal", privateBox, RSA_PKCS1_PADDING);
export const publicDecrypt = rsa("unseal", publicBox, RSA_PKCS1_PADDING);
