/*
 * node:crypto: keys as objects
 *
 * The material of a KeyObject is that of a CryptoKey: bytes for secret keys, a native box for others.
 */

import { natives, requireContext } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { keyObjects } from "./node_key_objects.js";
import { importKey, normalize } from "./crypto.js";
import { isCryptoKey, keyMaterial } from "./crypto_key.js";
import { DOMException } from "./dom_exception.js";
import { isBufferSource, isObject, INTERNAL } from "./webidl.js";
import {
  ANY_BYTES,
  INT32_MAX,
  UINT32_MAX,
  bigIntOf,
  bytesOfBigInt,
  codedError,
  cryptoError,
  invalidType,
  invalidValue,
  later,
  requireDigest,
  requireFunction,
  requireInteger,
  requireObject,
  requireOneOf,
  requireString,
  toBytes,
} from "./node_crypto_check.js";

const PASSPHRASE_BYTES_MAX = 1024;

let materialOf, requireExtractable;

/** Bytes or a native box. */
export const keyObjectMaterial = (key) => materialOf(key);
export const isKeyObject = (value) => keyObjects.has(value);

const wrongType = (actual, expected) => cryptoError("INVALID_KEY_OBJECT_TYPE", `Invalid key object type ${actual}, expected ${expected}.`, TypeError);

export class KeyObject {
  #type;
  #material;
  #extractable;

  constructor(token, type, material, extractable) {
    if (token !== INTERNAL) throw new Error("Illegal constructor");
    this.#type = type;
    this.#material = material;
    this.#extractable = extractable;
    keyObjects.add(this);
  }

  static {
    materialOf = (key) => key.#material;
    requireExtractable = (key) => {
      if (!key.#extractable) throw new TypeError("Unable to export non-extractable key");
    };
  }

  static from(key) {
    if (!isCryptoKey(key)) throw invalidType("key", "an instance of CryptoKey", key);
    return makeKey(key.type, keyMaterial(key), key.extractable);
  }

  get type() {
    return this.#type;
  }
  get [Symbol.toStringTag]() {
    return "KeyObject";
  }

  equals(other) {
    if (!isKeyObject(other)) throw invalidType("otherKeyObject", "an instance of KeyObject", other);
    if (other.#type !== this.#type) return false;
    if (this.#type !== "secret") return natives.key_equals(this.#material, other.#material);
    return this.#material.byteLength === other.#material.byteLength && natives.timing_safe_equal(this.#material, other.#material);
  }

  toCryptoKey(algorithm, extractable, usages) {
    if (extractable && !this.#extractable)
      throw new DOMException("Cannot create an extractable CryptoKey from a non-extractable key.", "InvalidAccessError");
    const format = { secret: "raw", public: "spki", private: "pkcs8" }[this.#type];
    const data = this.#type === "secret" ? this.#material : new Uint8Array(natives.key_export(this.#material, format));
    return importKey(format, data, normalize(algorithm), !!extractable, [...usages]);
  }
}

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

export class SecretKeyObject extends KeyObject {
  get symmetricKeySize() {
    return materialOf(this).byteLength;
  }
  export(options = {}) {
    requireObject(options, "options");
    if (options.format !== undefined) requireOneOf(options.format, "options.format", ["buffer", "jwk"]);
    requireExtractable(this);
    if (options.format === "jwk") return { kty: "oct", k: base64url(materialOf(this)) };
    return Buffer.from(materialOf(this));
  }
}

class AsymmetricKeyObject extends KeyObject {
  get asymmetricKeyType() {
    return natives.key_type(materialOf(this));
  }

  get asymmetricKeyDetails() {
    const [type, bits, exponent, divisorBits, curve, saltLength, hash, mgf1Hash] = natives.key_details(materialOf(this));
    const plain = (name) => (name === "" ? "sha1" : name.toLowerCase().replace("sha2-", "sha"));
    switch (type) {
      case "rsa":
        return { modulusLength: bits, publicExponent: bigIntOf(exponent) };
      case "rsa-pss": {
        const details = { modulusLength: bits, publicExponent: bigIntOf(exponent) };
        if (saltLength < 0) return details;
        return { ...details, hashAlgorithm: plain(hash), mgf1HashAlgorithm: plain(mgf1Hash), saltLength };
      }
      case "dsa":
        return { modulusLength: bits, divisorLength: divisorBits };
      case "ec":
        return { namedCurve: curve };
      default:
        return {};
    }
  }

  export(options = {}) {
    requireObject(options, "options");
    const { format = "pem", cipher, passphrase } = options;
    const isPrivate = this.type === "private";
    const { type = isPrivate ? "pkcs8" : "spki" } = options;
    requireString(format, "options.format");
    if (!["pem", "der", "jwk"].includes(format)) throw invalidValue("options.format", format);
    requireString(type, "options.type");
    if (!(isPrivate ? ["pkcs1", "pkcs8", "sec1"] : ["pkcs1", "spki"]).includes(type)) throw invalidValue("options.type", type);
    requireExtractable(this);
    const isEncrypted = isPrivate && cipher !== undefined && cipher !== null;
    if (format === "jwk") {
      if (isEncrypted) throw incompatible("jwk", "does not support encryption");
      return exportJwk(this);
    }
    const keyType = this.asymmetricKeyType;
    if (type === "pkcs1" && keyType !== "rsa") throw incompatible("pkcs1", "can only be used for RSA keys");
    if (type === "sec1" && keyType !== "ec") throw incompatible("sec1", "can only be used for EC keys");
    let secret;
    if (isEncrypted) {
      requireString(cipher, "options.cipher");
      if (typeof passphrase !== "string" && !isBufferSource(passphrase)) throw invalidValue("options.passphrase", passphrase);
      if (format === "der" && type !== "pkcs8") throw incompatible(type, "does not support encryption");
      if (natives.cipher_info(cipher) === null) throw cryptoError("UNKNOWN_CIPHER", "Unknown cipher");
      secret = toBytes(passphrase, "options.passphrase", options.encoding);
    }
    const written = natives.key_write(materialOf(this), format === "pem", type, isEncrypted ? cipher : undefined, secret);
    return format === "pem" ? Buffer.from(written).toString("latin1") : Buffer.from(written);
  }
}

export class PublicKeyObject extends AsymmetricKeyObject {}
export class PrivateKeyObject extends AsymmetricKeyObject {}

const CLASSES = { secret: SecretKeyObject, public: PublicKeyObject, private: PrivateKeyObject };
const makeKey = (type, material, extractable = true) => new CLASSES[type](INTERNAL, type, material, extractable);

const incompatible = (encoding, why) => cryptoError("INCOMPATIBLE_KEY_OPTIONS", `The selected key encoding ${encoding} ${why}.`);

/** The KeyObject of a native box. */
export const keyOfBox = (box, isPrivate) => makeKey(isPrivate ? "private" : "public", box);

/* -- JSON Web Keys ------------------------------------------------------------------------------ */

const RSA_PARTS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
const OKP = { Ed25519: "ed25519", X25519: "x25519", Ed448: "ed448", X448: "x448" };

function exportJwk(key) {
  const type = key.asymmetricKeyType;
  const parts = natives.key_export(materialOf(key), "components");
  const named = (names) => {
    const jwk = {};
    names.forEach((name, i) => {
      if (parts[i] !== undefined && parts[i] !== null) jwk[name] = base64url(parts[i]);
    });
    return jwk;
  };
  const isPrivate = key.type === "private";
  if (type === "rsa" && parts !== null) return { kty: "RSA", ...named(isPrivate ? RSA_PARTS : RSA_PARTS.slice(0, 2)) };
  if (type === "ec") {
    const [, curve] = natives.key_info(materialOf(key));
    if (parts === null) throw cryptoError("JWK_UNSUPPORTED_CURVE", `Unsupported JWK EC curve: ${key.asymmetricKeyDetails.namedCurve}.`);
    return { kty: "EC", ...named(isPrivate ? ["x", "y", "d"] : ["x", "y"]), crv: curve };
  }
  const crv = Object.keys(OKP).find((name) => OKP[name] === type);
  if (crv === undefined || parts === null) throw cryptoError("JWK_UNSUPPORTED_KEY_TYPE", "Unsupported JWK Key Type.");
  return { crv, ...(isPrivate ? { d: base64url(parts[1]) } : {}), x: base64url(parts[0]), kty: "OKP" };
}

const invalidJwk = (kty) => cryptoError("INVALID_JWK", kty === "OKP" ? "Invalid JWK data" : `Invalid JWK ${kty} key`, TypeError);

function importJwk(jwk, wantsPrivate) {
  requireObject(jwk, "key.key");
  requireOneOf(jwk.kty, "key.kty", ["RSA", "EC", "OKP"]);
  const part = (name) => {
    requireString(jwk[name], `key.${name}`);
    return Buffer.from(jwk[name], "base64url");
  };
  const optional = (name) => (jwk[name] === undefined ? undefined : part(name));
  const isPrivate = wantsPrivate || jwk.d !== undefined;
  let box;
  if (jwk.kty === "RSA") {
    const parts = [part("n"), part("e")];
    if (isPrivate) parts.push(part("d"), ...RSA_PARTS.slice(3).map(optional));
    box = natives.key_import("rsa", "components", parts, undefined, isPrivate);
  } else if (jwk.kty === "EC") {
    requireOneOf(jwk.crv, "key.crv", ["P-256", "secp256k1", "P-384", "P-521"]);
    const parts = [part("x"), part("y")];
    if (isPrivate) parts.push(part("d"));
    box = natives.key_import("ec", "components", parts, jwk.crv, isPrivate);
  } else {
    requireOneOf(jwk.crv, "key.crv", Object.keys(OKP));
    box = natives.key_import(OKP[jwk.crv], "components", [part("x"), isPrivate ? part("d") : undefined], undefined, isPrivate);
  }
  if (box === null) throw invalidJwk(jwk.kty);
  return isPrivate && !wantsPrivate ? natives.key_public(box) : box;
}

/* -- keys out of what a script has -------------------------------------------------------------- */

const KEY_BYTES = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey";

const MAKING_BYTES = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, or Object";

const isBytes = (value) => typeof value === "string" || isBufferSource(value);

function passphraseOf({ passphrase, encoding }) {
  if (passphrase === undefined || passphrase === null) return undefined;
  const bytes = toBytes(passphrase, "key.passphrase", encoding, ANY_BYTES);
  if (bytes.byteLength > PASSPHRASE_BYTES_MAX) throw invalidValue("options.passphrase", bytes.byteLength, `<= ${PASSPHRASE_BYTES_MAX}`);
  return bytes;
}

function readKey(data, { format = "pem", type, ...rest }, wantsPrivate) {
  requireString(format, "options.format");
  if (format !== "pem" && format !== "der") throw invalidValue("options.format", format);
  if (format === "der" || type !== undefined) {
    if (!["pkcs1", "pkcs8", "sec1", "spki"].includes(type) || (wantsPrivate && type === "spki")) throw invalidValue("options.type", type);
  }
  const box = natives.key_read(data, format === "pem", format === "der" ? type : undefined, passphraseOf(rest), wantsPrivate);
  if (box === null) throw codedError(TypeError, "ERR_MISSING_PASSPHRASE", "Passphrase required for encrypted key");
  return box;
}

/* Reading PEM takes ten times as long as checking a signature with what was read, and programs hand in the
 * same few texts again and again; boxes do not change, so that all may have the same. */
const KEPT_MAX = 16;
const kept = { true: new Map(), false: new Map() };

function readText(text, wantsPrivate) {
  const boxes = kept[wantsPrivate];
  let box = boxes.get(text);
  if (box === undefined) {
    box = readKey(Buffer.from(text), {}, wantsPrivate);
    if (boxes.size === KEPT_MAX) boxes.delete(boxes.keys().next().value);
    boxes.set(text, box);
  }
  return box;
}

/* The native box of a KeyObject or CryptoKey, if it is of a kind that does. */
function boxOf(key, allowed) {
  if (!allowed.includes(key.type)) throw wrongType(key.type, allowed.join(" or "));
  return isCryptoKey(key) ? keyMaterial(key) : materialOf(key);
}

const isAnyKey = (value) => isKeyObject(value) || isCryptoKey(value);

function boxFrom(key, wantsPrivate, allowed, isUse) {
  if (isAnyKey(key)) return boxOf(key, allowed);
  if (typeof key === "string") return readText(key, wantsPrivate);
  if (isBytes(key)) return readKey(toBytes(key, "key"), {}, wantsPrivate);
  if (!isObject(key)) throw invalidType("key", isUse ? KEY_BYTES : MAKING_BYTES, key);
  const inner = key.key;
  if (isAnyKey(inner)) return boxOf(inner, allowed);
  if (key.format === "jwk") return importJwk(inner, wantsPrivate);
  if (!isBytes(inner)) throw invalidType("key.key", KEY_BYTES, inner);
  const { format = "pem", type, passphrase, encoding } = key;
  if (typeof inner === "string" && format === "pem" && type === undefined && passphrase === undefined && encoding === undefined) return readText(inner, wantsPrivate);
  return readKey(toBytes(inner, "key.key", key.encoding), key, wantsPrivate);
}

/** The box of a private key, for what needs one. */
export const privateBox = (key) => boxFrom(key, true, ["private"], true);

/** The box of a public key, or of the public half of a private one. */
export const publicBox = (key) => boxFrom(key, false, ["public", "private"], true);

export function createPrivateKey(key) {
  if (isAnyKey(key)) throw wrongType(key.type, "string, Buffer or object");
  return makeKey("private", boxFrom(key, true, [], false));
}

export function createPublicKey(key) {
  if (isKeyObject(key) && key.type === "public") return key;
  if (isKeyObject(key) && key.type === "secret") throw wrongType("secret", "private");
  const box = boxFrom(key, false, ["private", "public"], false);
  return makeKey("public", natives.key_public(box));
}

export function createSecretKey(key, encoding) {
  return makeKey("secret", toBytes(key, "key", encoding, ANY_BYTES).slice());
}

/** The bytes of a secret key in any form. */
export function secretBytes(key, name = "key", encoding) {
  if (!isAnyKey(key)) {
    if (!isBytes(key)) throw invalidType(name, KEY_BYTES, key);
    return toBytes(key, name, encoding);
  }
  if (key.type !== "secret") throw wrongType(key.type, "secret");
  return isCryptoKey(key) ? keyMaterial(key) : materialOf(key);
}

/* -- new keys ----------------------------------------------------------------------------------- */

function secretLength(type, options) {
  requireOneOf(type, "type", ["hmac", "aes"]);
  requireObject(options, "options");
  if (type === "hmac") requireInteger(options.length, "options.length", 8, INT32_MAX);
  else requireOneOf(options.length, "options.length", [128, 192, 256]);
  return Math.floor(options.length / 8);
}

function randomSecret(length) {
  requireContext();
  const bytes = new Uint8Array(length);
  natives.random_fill(bytes);
  return makeKey("secret", bytes);
}

export const generateKeySync = (type, options) => randomSecret(secretLength(type, options));

export function generateKey(type, options, callback) {
  const length = secretLength(type, options);
  requireFunction(callback, "callback");
  later(callback, () => randomSecret(length));
}

function rsaOptions({ modulusLength, publicExponent = 65537 }) {
  requireInteger(modulusLength, "options.modulusLength", 0, UINT32_MAX);
  requireInteger(publicExponent, "options.publicExponent", 0, UINT32_MAX);
  return [modulusLength, bytesOfBigInt(BigInt(publicExponent))];
}

const digestOption = (options, name) => (options[name] === undefined ? "" : requireDigest(options[name], `options.${name}`));
const integerOption = (options, name, otherwise) => {
  if (options[name] === undefined) return otherwise;
  requireInteger(options[name], `options.${name}`, 0, INT32_MAX);
  return options[name];
};

/* Each checks its options and returns what makes the pair. */
const PAIRS = {
  rsa(options) {
    const [bits, exponent] = rsaOptions(options);
    return () => natives.key_generate("rsa", bits, exponent);
  },
  "rsa-pss"(options) {
    const [bits, exponent] = rsaOptions(options);
    const hash = digestOption(options, options.hashAlgorithm === undefined ? "hash" : "hashAlgorithm");
    const mgf1 = digestOption(options, options.mgf1HashAlgorithm === undefined ? "mgf1Hash" : "mgf1HashAlgorithm");
    const salt = integerOption(options, "saltLength");
    return () => natives.key_generate_pss(bits, exponent, hash, mgf1 === "" ? hash : mgf1, salt);
  },
  dsa(options) {
    requireInteger(options.modulusLength, "options.modulusLength", 0, UINT32_MAX);
    const divisor = integerOption(options, "divisorLength", 0);
    return () => natives.key_generate_dsa(options.modulusLength, divisor);
  },
  ec(options) {
    const { namedCurve, paramEncoding = "named" } = options;
    requireString(namedCurve, "options.namedCurve");
    requireOneOf(paramEncoding, "options.paramEncoding", ["named", "explicit"]);
    if (!natives.curve_names().split("\n").includes(openSslCurve(namedCurve))) throw cryptoError("INVALID_CURVE", "Invalid EC curve name", TypeError);
    return () => natives.key_generate_ec(openSslCurve(namedCurve), paramEncoding === "explicit");
  },
  dh(options) {
    const { group, prime, primeLength, generator = 2 } = options;
    let p;
    if (group !== undefined) {
      requireString(group, "options.group");
      p = natives.dh_group(group);
      if (p === null) throw cryptoError("UNKNOWN_DH_GROUP", "Unknown DH group");
    } else if (prime !== undefined) {
      p = toBytes(prime, "options.prime");
    } else {
      requireInteger(primeLength, "options.primeLength", 0, INT32_MAX);
    }
    requireInteger(generator, "options.generator", 0, INT32_MAX);
    return () => {
      p ??= natives.prime_generate(primeLength, true);
      return p === null ? null : natives.key_generate_dh(p, bytesOfBigInt(BigInt(generator)));
    };
  },
};
for (const type of Object.values(OKP)) PAIRS[type] = () => () => natives.key_generate(type);

const NIST = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1", "P-224": "secp224r1" };

/** OpenSSL's name of a curve. */
export const openSslCurve = (name) => NIST[name] ?? name;

function pairMaker(type, options) {
  requireString(type, "type");
  const checks = PAIRS[type];
  if (checks === undefined) throw invalidValue("type", type, "must be a supported key type");
  if (options !== undefined) requireObject(options, "options");
  else if (PAIRS[type].length > 0) throw invalidType("options", "of type object", options);
  const make = checks(options ?? {});
  const { publicKeyEncoding, privateKeyEncoding } = options ?? {};
  return () => {
    requireContext();
    const boxes = make();
    if (boxes === null) throw cryptoError("OPERATION_FAILED", "Key generation failed");
    const publicKey = makeKey("public", boxes[0]);
    const privateKey = makeKey("private", boxes[1]);
    return {
      publicKey: publicKeyEncoding === undefined ? publicKey : publicKey.export(publicKeyEncoding),
      privateKey: privateKeyEncoding === undefined ? privateKey : privateKey.export(privateKeyEncoding),
    };
  };
}

export const generateKeyPairSync = (type, options) => pairMaker(type, options)();

export function generateKeyPair(type, options, callback) {
  if (typeof options === "function") [options, callback] = [undefined, options];
  const make = pairMaker(type, options);
  requireFunction(callback, "callback");
  later(callback, make, ({ publicKey, privateKey }) => [publicKey, privateKey]);
}

Object.defineProperty(generateKeyPair, Symbol.for("nodejs.util.promisify.custom"), {
  value: async (type, options) => generateKeyPairSync(type, options),
});
