/*
 * node:crypto: Diffie-Hellman, modulo a prime and on curves
 */

import { natives, requireContext } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { isBufferSource } from "./webidl.js";
import { ANY_BYTES, INT32_MAX, cryptoError, bytesOfBigInt, codedError, invalidType, invalidValue, output, requireInteger, requireObject, requireString, toBytes } from "./node_crypto_check.js";
import { isKeyObject, keyObjectMaterial, openSslCurve } from "./node_crypto_keys.js";

const SIZE_OR_KEY = "one of type number or string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
const GENERATOR = 2;
/* OpenSSL's own bounds */
const PRIME_BITS_MIN = 2;
const PRIME_BITS_MAX = 10000;

function makePrime(bits) {
  requireContext();
  if (bits < PRIME_BITS_MIN || bits > PRIME_BITS_MAX)
    throw codedError(Error, bits < PRIME_BITS_MIN ? "ERR_OSSL_BN_BITS_TOO_SMALL" : "ERR_OSSL_DH_MODULUS_TOO_LARGE", `Invalid prime length: ${bits}`);
  const prime = natives.prime_generate(bits, true);
  if (prime === null) throw cryptoError("OPERATION_FAILED", "Generating a prime failed");
  return prime;
}

/* What both classes have. */
class Exchange {
  #prime;
  #generator;
  #private = null;
  #public = null;

  constructor(prime, generator) {
    this.#prime = new Uint8Array(prime).slice();
    this.#generator = new Uint8Array(generator).slice();
  }

  #power(base, exponent) {
    const result = natives.dh_power(base, exponent, this.#prime);
    if (result === null) throw cryptoError("OPERATION_FAILED", "Key generation failed");
    return result;
  }
  _setPrivate(bytes) {
    this.#private = bytes.slice();
  }
  _setPublic(bytes) {
    this.#public = bytes.slice();
  }

  generateKeys(encoding) {
    requireContext();
    this.#private ??= natives.dh_private(this.#prime);
    if (this.#private === null) throw cryptoError("OPERATION_FAILED", "Key generation failed");
    this.#public = this.#power(this.#generator, this.#private);
    return output(this.#public, encoding);
  }
  computeSecret(key, inputEncoding, outputEncoding) {
    const other = toBytes(key, "otherPublicKey", inputEncoding, ANY_BYTES);
    if (this.#private === null) throw cryptoError("INVALID_STATE", "No private key - did you forget to generate one?");
    if (!natives.dh_is_public(other, this.#prime)) {
      const isSmall = other.every((byte, i) => byte === 0 || (i === other.length - 1 && byte === 1));
      throw cryptoError("INVALID_KEYLEN", `Supplied key is too ${isSmall ? "small" : "large"}`, RangeError);
    }
    return output(this.#power(other, this.#private), outputEncoding);
  }
  getPrime(encoding) {
    return output(this.#prime, encoding);
  }
  getGenerator(encoding) {
    return output(this.#generator, encoding);
  }
  getPublicKey(encoding) {
    if (this.#public === null) throw cryptoError("INVALID_STATE", "No public key - did you forget to generate one?");
    return output(this.#public, encoding);
  }
  getPrivateKey(encoding) {
    if (this.#private === null) throw cryptoError("INVALID_STATE", "No private key - did you forget to generate one?");
    return output(this.#private, encoding);
  }
  get verifyError() {
    return natives.dh_verify(this.#prime, this.#generator);
  }
}

export class DiffieHellman extends Exchange {
  constructor(sizeOrKey, keyEncoding, generator, generatorEncoding) {
    if (typeof sizeOrKey !== "number" && typeof sizeOrKey !== "string" && !isBufferSource(sizeOrKey)) throw invalidType("sizeOrKey", SIZE_OR_KEY, sizeOrKey);
    if (typeof sizeOrKey === "number") requireInteger(sizeOrKey, "sizeOrKey", -INT32_MAX - 1, INT32_MAX);
    if (keyEncoding && keyEncoding !== "buffer" && !Buffer.isEncoding(keyEncoding)) [keyEncoding, generator, generatorEncoding] = [undefined, keyEncoding, generator];
    if (!generator) generator = GENERATOR;
    else if (typeof generator === "number") requireInteger(generator, "generator", -INT32_MAX - 1, INT32_MAX);
    const g = typeof generator === "number" ? bytesOfBigInt(BigInt(generator), "generator") : toBytes(generator, "generator", generatorEncoding, SIZE_OR_KEY);
    if (g.every((byte, i) => byte === 0 || (i === g.length - 1 && byte === 1))) throw codedError(Error, "ERR_OSSL_DH_BAD_GENERATOR", "error:05000065:Diffie-Hellman routines::bad generator");
    super(typeof sizeOrKey === "number" ? makePrime(sizeOrKey) : toBytes(sizeOrKey, "sizeOrKey", keyEncoding), g);
  }
  setPublicKey(key, encoding) {
    this._setPublic(toBytes(key, "key", encoding, ANY_BYTES));
    return this;
  }
  setPrivateKey(key, encoding) {
    this._setPrivate(toBytes(key, "key", encoding, ANY_BYTES));
    return this;
  }
}

export class DiffieHellmanGroup extends Exchange {
  constructor(name) {
    requireString(name, "name");
    const prime = natives.dh_group(name.toLowerCase());
    if (prime === null) throw cryptoError("UNKNOWN_DH_GROUP", "Unknown DH group");
    super(prime, [GENERATOR]);
  }
}

export const createDiffieHellman = (...args) => new DiffieHellman(...args);
export const createDiffieHellmanGroup = (name) => new DiffieHellmanGroup(name);

export function diffieHellman(options) {
  requireObject(options, "options");
  const { privateKey, publicKey } = options;
  if (!isKeyObject(privateKey)) throw invalidValue("options.privateKey", privateKey);
  if (!isKeyObject(publicKey)) throw invalidValue("options.publicKey", publicKey);
  if (privateKey.type !== "private") throw cryptoError("INVALID_KEY_OBJECT_TYPE", `Invalid key object type ${privateKey.type}, expected private.`, TypeError);
  if (publicKey.type === "secret") throw cryptoError("INVALID_KEY_OBJECT_TYPE", "Invalid key object type secret, expected private or public.", TypeError);
  const [ours, theirs] = [privateKey.asymmetricKeyType, publicKey.asymmetricKeyType];
  if (ours !== theirs) throw cryptoError("INCOMPATIBLE_KEY", `Incompatible key types for Diffie-Hellman: ${ours} and ${theirs}`);
  const secret = natives.ecdh(keyObjectMaterial(privateKey), keyObjectMaterial(publicKey));
  if (secret === null) throw cryptoError("OPERATION_FAILED", "diffieHellman failed");
  return Buffer.from(secret);
}

/* -- on curves ---------------------------------------------------------------------------------- */

const FORMS = { uncompressed: 0, compressed: 1, hybrid: 2 };

function formOf(format) {
  if (format === undefined || format === null) return FORMS.uncompressed;
  const form = Object.hasOwn(FORMS, format) ? FORMS[format] : undefined;
  if (form === undefined) throw cryptoError("ECDH_INVALID_FORMAT", `Invalid ECDH format: ${format}`, TypeError);
  return form;
}

function requireCurve(name) {
  requireString(name, "curve");
  const curve = openSslCurve(name);
  if (!getCurves().includes(curve)) throw cryptoError("INVALID_CURVE", "Invalid EC curve name", TypeError);
  return curve;
}

export const getCurves = () => natives.curve_names().split("\n");

const invalidPoint = () => cryptoError("ECDH_INVALID_PUBLIC_KEY", "Public key is not valid for specified curve");

export class ECDH {
  #curve;
  #private = null;
  #public = null;

  constructor(curve) {
    this.#curve = requireCurve(curve);
  }

  generateKeys(encoding, format) {
    requireContext();
    formOf(format);
    this.#private = new Uint8Array(natives.curve_generate(this.#curve));
    this.#public = natives.curve_public(this.#curve, this.#private);
    return this.getPublicKey(encoding, format);
  }
  computeSecret(key, inputEncoding, outputEncoding) {
    const other = toBytes(key, "otherPublicKey", inputEncoding, ANY_BYTES);
    if (this.#private === null) throw cryptoError("INVALID_STATE", "No private key was set");
    const secret = natives.curve_agree(this.#curve, this.#private, other);
    if (secret === null) throw invalidPoint();
    return output(secret, outputEncoding);
  }
  getPrivateKey(encoding) {
    if (this.#private === null) throw cryptoError("OPERATION_FAILED", "Failed to get ECDH private key");
    const first = this.#private.findIndex((byte) => byte !== 0);
    return output(this.#private.subarray(first), encoding);
  }
  getPublicKey(encoding, format) {
    const form = formOf(format);
    if (this.#public === null) throw cryptoError("OPERATION_FAILED", "Failed to get ECDH public key");
    return output(natives.curve_convert(this.#curve, this.#public, form), encoding);
  }
  setPrivateKey(key, encoding) {
    const bytes = toBytes(key, "key", encoding, ANY_BYTES).slice();
    const point = natives.curve_public(this.#curve, bytes);
    if (point === null) throw cryptoError("INVALID_KEYTYPE", "Private key is not valid for specified curve.", RangeError);
    this.#private = bytes;
    this.#public = point;
    return this;
  }
  setPublicKey(key, encoding) {
    const bytes = toBytes(key, "key", encoding, ANY_BYTES);
    if (natives.curve_convert(this.#curve, bytes, FORMS.uncompressed) === null) throw cryptoError("OPERATION_FAILED", "Failed to convert Buffer to EC_POINT");
    this.#public = bytes.slice();
    return this;
  }

  static convertKey(key, curve, inputEncoding, outputEncoding, format) {
    const bytes = toBytes(key, "key", inputEncoding, ANY_BYTES);
    const point = natives.curve_convert(requireCurve(curve), bytes, formOf(format));
    if (point === null) throw cryptoError("OPERATION_FAILED", "Failed to convert Buffer to EC_POINT");
    return output(point, outputEncoding);
  }
}

export const createECDH = (curve) => new ECDH(curve);
