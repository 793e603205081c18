/*
 * node:crypto: signatures
 */

import { natives } from "./natives.js";
import { Writable } from "./node_crypto_stream.js";
import { isObject } from "./webidl.js";
import { cryptoError, findDigest, invalidType, invalidValue, later, output, requireFunction, requireString, toBytes } from "./node_crypto_check.js";
import { privateBox, publicBox } from "./node_crypto_keys.js";

const BYTES = "an instance of Buffer, TypedArray, or DataView";

function integerOption(options, name) {
  const value = isObject(options) ? options[name] : undefined;
  if (value === undefined || value === value >> 0) return value;
  throw invalidValue(`options.${name}`, value);
}

/* How a signature is made: padding, salt length, "r and s" instead of DER. */
function optionsOf(options) {
  const { dsaEncoding = "der" } = isObject(options) ? options : {};
  if (dsaEncoding !== "der" && dsaEncoding !== "ieee-p1363") throw invalidValue("options.dsaEncoding", dsaEncoding);
  return [integerOption(options, "padding"), integerOption(options, "saltLength"), dsaEncoding === "ieee-p1363"];
}

function requireKey(key) {
  if (!key) throw cryptoError("SIGN_KEY_REQUIRED", "No key provided to sign");
}

function digestOf(name) {
  const found = findDigest(name);
  if (found === undefined) throw cryptoError("INVALID_DIGEST", `Invalid digest: ${name}`, TypeError);
  return found;
}

/* The digest of the data that is written and its name. */
class Signing extends Writable {
  #digest;
  #box;

  constructor(algorithm, options) {
    requireString(algorithm, "algorithm");
    super(options);
    this.#digest = digestOf(algorithm);
    this.#box = natives.digest_create(this.#digest);
  }
  _write(chunk, encoding, callback) {
    this.update(chunk, encoding);
    callback();
  }
  update(data, encoding) {
    const bytes = toBytes(data, "data", encoding);
    if (this.#box === null) throw cryptoError("INVALID_STATE", "Not initialised");
    natives.digest_update(this.#box, bytes);
    return this;
  }
  /** [name, digest]; once. */
  _finish() {
    if (this.#box === null) throw cryptoError("INVALID_STATE", "Not initialised");
    const result = natives.digest_finish(this.#box);
    this.#box = null;
    return [this.#digest, result];
  }
}

const signsData = (box) => ["ed25519", "ed448"].includes(natives.key_type(box));

export class Sign extends Signing {
  sign(options, encoding) {
    requireKey(options);
    const how = optionsOf(options);
    const box = privateBox(options);
    if (signsData(box)) throw cryptoError("UNSUPPORTED_OPERATION", "Unsupported crypto operation");
    const [digest, data] = this._finish();
    return output(natives.node_sign(box, digest, ...how, data), encoding);
  }
}

export class Verify extends Signing {
  verify(options, signature, encoding) {
    requireKey(options);
    const how = optionsOf(options);
    const box = publicBox(options);
    const bytes = toBytes(signature, "signature", encoding);
    if (signsData(box)) throw cryptoError("UNSUPPORTED_OPERATION", "Unsupported crypto operation");
    const [digest, data] = this._finish();
    return natives.node_verify(box, digest, ...how, bytes, data);
  }
}

export const createSign = (algorithm, options) => new Sign(algorithm, options);
export const createVerify = (algorithm, options) => new Verify(algorithm, options);

function requireView(value, name) {
  if (typeof value === "string") throw invalidType(name, BYTES, value);
  return toBytes(value, name, undefined, BYTES);
}

/* What is signed of `data`: itself for EdDSA, else its digest, and the digest's name. */
function prepared(algorithm, box, data) {
  if (signsData(box)) {
    if (algorithm !== undefined && algorithm !== null) throw cryptoError("UNSUPPORTED_OPERATION", "Unsupported crypto operation");
    return ["", data];
  }
  const digest = algorithm === undefined || algorithm === null ? "SHA-256" : digestOf(algorithm);
  return [digest, natives.digest(digest, data)];
}

export function sign(algorithm, data, options, callback) {
  if (algorithm !== undefined && algorithm !== null) requireString(algorithm, "algorithm");
  const bytes = requireView(data, "data");
  if (callback !== undefined) requireFunction(callback, "callback");
  requireKey(options);
  const how = optionsOf(options);
  const box = privateBox(options);
  const make = () => {
    const [digest, message] = prepared(algorithm, box, bytes);
    return output(natives.node_sign(box, digest, ...how, message));
  };
  return callback === undefined ? make() : later(callback, make);
}

export function verify(algorithm, data, options, signature, callback) {
  if (algorithm !== undefined && algorithm !== null) requireString(algorithm, "algorithm");
  const bytes = requireView(data, "data");
  const given = requireView(signature, "signature");
  if (callback !== undefined) requireFunction(callback, "callback");
  requireKey(options);
  const how = optionsOf(options);
  const box = publicBox(options);
  const check = () => {
    const [digest, message] = prepared(algorithm, box, bytes);
    return natives.node_verify(box, digest, ...how, given, message);
  };
  return callback === undefined ? check() : later(callback, check);
}
