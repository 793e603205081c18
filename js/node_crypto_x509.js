/*
 * node:crypto: certificates
 */

import { natives } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { ANY_BYTES, bigIntOf, invalidType, invalidValue, requireBoolean, requireObject, requireString, toBytes } from "./node_crypto_check.js";
import { isKeyObject, keyObjectMaterial, keyOfBox } from "./node_crypto_keys.js";

/* The order of enum certificate_text. */
const TEXTS = "subject issuer subjectAltName infoAccess validFrom validTo serialNumber fingerprint fingerprint256 fingerprint512 keyUsage pem".split(" ");
const KINDS = { host: 0, email: 1, ip: 2 };
/* X509_CHECK_FLAG_… */
const FLAGS = { wildcards: [2, false], partialWildcards: [4, false], multiLabelWildcards: [8, true], singleLabelSubdomains: [16, true] };
const SUBJECT_FLAGS = { default: 0, always: 1, never: 32 };

function flagsOf(options) {
  if (options === undefined) return 0;
  requireObject(options, "options");
  let flags = 0;
  if (options.subject !== undefined) {
    requireString(options.subject, "options.subject");
    if (!Object.hasOwn(SUBJECT_FLAGS, options.subject)) throw invalidValue("options.subject", options.subject);
    flags |= SUBJECT_FLAGS[options.subject];
  }
  for (const [name, [flag, sets]] of Object.entries(FLAGS)) {
    if (options[name] === undefined) continue;
    requireBoolean(options[name], `options.${name}`);
    if (options[name] === sets) flags |= flag;
  }
  return flags;
}

/* "CN=a\nO=b" → { CN: "a", O: "b" }, with an array for what is there more than once. */
function byName(lines) {
  const result = Object.create(null);
  for (const line of lines.split("\n")) {
    const at = line.indexOf("=");
    add(result, line.slice(0, at), line.slice(at + 1).replace(/\\(.)/g, "$1"));
  }
  return result;
}

function add(result, name, value) {
  if (!(name in result)) result[name] = value;
  else if (Array.isArray(result[name])) result[name].push(value);
  else result[name] = [result[name], value];
}

/* "OCSP - URI:http://a" → { "OCSP - URI": ["http://a"] } */
function infoByName(lines) {
  const result = Object.create(null);
  for (const line of lines.split("\n")) {
    const [, name, value] = /^(.*?:?[^:]*):(.*)$/.exec(line) ?? [];
    if (name !== undefined) (result[name] ??= []).push(value.startsWith('"') ? JSON.parse(value) : value);
  }
  return result;
}

export class X509Certificate {
  #box;
  #texts = new Map();

  constructor(buffer) {
    this.#box = natives.certificate_read(toBytes(buffer, "buffer", undefined, ANY_BYTES));
  }

  _text(name) {
    if (!this.#texts.has(name)) this.#texts.set(name, natives.certificate_text(this.#box, TEXTS.indexOf(name)));
    return this.#texts.get(name);
  }
  get keyUsage() {
    return this._text("keyUsage")?.split("\n");
  }
  get ca() {
    return natives.certificate_is_ca(this.#box);
  }
  get raw() {
    return Buffer.from(natives.certificate_der(this.#box));
  }
  get publicKey() {
    return keyOfBox(natives.certificate_key(this.#box), false);
  }
  /* Known only of certificates that a TLS connection brought. */
  get issuerCertificate() {
    return undefined;
  }
  get validFromDate() {
    return new Date(this.validFrom);
  }
  get validToDate() {
    return new Date(this.validTo);
  }

  toString() {
    return this._text("pem");
  }
  toJSON() {
    return this.toString();
  }

  checkHost(name, options) {
    requireString(name, "name");
    return natives.certificate_is_for(this.#box, KINDS.host, name, flagsOf(options));
  }
  checkEmail(email, options) {
    requireString(email, "email");
    return natives.certificate_is_for(this.#box, KINDS.email, email, flagsOf(options));
  }
  checkIP(ip, options) {
    requireString(ip, "ip");
    return natives.certificate_is_for(this.#box, KINDS.ip, ip, flagsOf(options));
  }
  checkIssued(other) {
    if (!(other instanceof X509Certificate)) throw invalidType("otherCert", "an instance of X509Certificate", other);
    return natives.certificate_issued_by(this.#box, other.#box);
  }
  checkPrivateKey(key) {
    if (!isKeyObject(key)) throw invalidType("pkey", "an instance of KeyObject", key);
    if (key.type !== "private") throw invalidValue("pkey", key);
    return natives.certificate_belongs_to(this.#box, keyObjectMaterial(key));
  }
  verify(key) {
    if (!isKeyObject(key)) throw invalidType("pkey", "an instance of KeyObject", key);
    if (key.type !== "public") throw invalidValue("pkey", key);
    return natives.certificate_signed_by(this.#box, keyObjectMaterial(key));
  }

  toLegacyObject() {
    const key = this.publicKey;
    const legacy = {
      subject: byName(this.subject),
      issuer: byName(this.issuer),
      subjectaltname: this.subjectAltName,
      infoAccess: this.infoAccess === undefined ? undefined : infoByName(this.infoAccess),
      ca: this.ca,
    };
    if (key.asymmetricKeyType === "rsa") {
      const { modulusLength, publicExponent } = key.asymmetricKeyDetails;
      legacy.modulus = bigIntOf(Buffer.from(key.export({ format: "jwk" }).n, "base64url")).toString(16).toUpperCase();
      legacy.bits = modulusLength;
      legacy.exponent = `0x${publicExponent.toString(16)}`;
      legacy.pubkey = key.export({ format: "der", type: "spki" });
    } else if (key.asymmetricKeyType === "ec") {
      const [, curve] = natives.key_info(keyObjectMaterial(key));
      legacy.asn1Curve = key.asymmetricKeyDetails.namedCurve;
      if (curve.startsWith("P-")) legacy.nistCurve = curve;
      legacy.bits = { "P-256": 256, "P-384": 384, "P-521": 521 }[curve];
      legacy.pubkey = Buffer.from(natives.key_export(keyObjectMaterial(key), "raw") ?? []);
    }
    return {
      ...legacy,
      valid_from: this.validFrom,
      valid_to: this.validTo,
      fingerprint: this.fingerprint,
      fingerprint256: this.fingerprint256,
      fingerprint512: this.fingerprint512,
      ext_key_usage: this.keyUsage,
      serialNumber: this.serialNumber,
      raw: this.raw,
    };
  }
}

for (const name of TEXTS) {
  if (name === "keyUsage" || name === "pem") continue;
  Object.defineProperty(X509Certificate.prototype, name, {
    get() {
      return this._text(name);
    },
    enumerable: true,
    configurable: true,
  });
}

/** Signed public keys (SPKAC). */
export class Certificate {
  verifySpkac(spkac, encoding) {
    return Certificate.verifySpkac(spkac, encoding);
  }
  exportPublicKey(spkac, encoding) {
    return Certificate.exportPublicKey(spkac, encoding);
  }
  exportChallenge(spkac, encoding) {
    return Certificate.exportChallenge(spkac, encoding);
  }
  static verifySpkac(spkac, encoding) {
    return natives.spkac_verify(toBytes(spkac, "spkac", encoding, ANY_BYTES));
  }
  static exportPublicKey(spkac, encoding) {
    return Buffer.from(natives.spkac_read(toBytes(spkac, "spkac", encoding, ANY_BYTES), false));
  }
  static exportChallenge(spkac, encoding) {
    return Buffer.from(natives.spkac_read(toBytes(spkac, "spkac", encoding, ANY_BYTES), true));
  }
}
