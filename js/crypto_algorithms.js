/*
 * Web Crypto algorithms
 *
 * One object per algorithm with the operations it has: generate, import, export, sign, verify, encrypt,
 * decrypt, deriveBits, keyLength. crypto.js checks names, usages and keys and then calls these. They
 * may throw; the caller turns everything into rejections.
 */

import { natives } from "./natives.js";
import { bytesOf, isBufferSource, isObject, toDOMString } from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { encodeUtf8, decodeUtf8 } from "./encoding.js";
import { createKey, keyMaterial, isCryptoKey } from "./crypto_key.js";

export const HASHES = { "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64, MD5: 16 };
const HASH_BLOCK = { "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128, MD5: 64 };
const CURVES = { "P-256": 32, "P-384": 48, "P-521": 66 };

export const error = (message, name) => new DOMException(message, name);
const dataError = (message) => error(message, "DataError");
const operationError = (message) => error(message, "OperationError");

/** A member that must be a BufferSource. */
function requireBytes(algorithm, name, what) {
  const value = algorithm[name];
  if (!isBufferSource(value)) throw new TypeError(`Missing or invalid field "${name}" in "${what}".`);
  return bytesOf(value);
}

function requireNumber(algorithm, name, what) {
  if (algorithm[name] === undefined) throw new TypeError(`Missing field "${name}" in "${what}".`);
  return Math.trunc(Number(algorithm[name])) || 0;
}

/** { name } of a hash given as a string or an object. */
export function hashName(hash) {
  if (hash === undefined || hash === null) throw new TypeError('Missing field "hash" in "algorithm".');
  const name = toDOMString(isObject(hash) ? hash.name : hash).toUpperCase();
  if (HASHES[name] === undefined) throw error("Unrecognized or unimplemented digest algorithm requested.", "NotSupportedError");
  return name;
}

export function checkUsages(usages, allowed, what) {
  for (const usage of usages)
    if (!allowed.includes(usage)) throw error(`Attempt to ${what} with invalid usage "${usage}".`, "SyntaxError");
}

function requireSomeUsage(usages) {
  if (usages.length === 0) throw error("Secret/private CryptoKeys must have at least one usage.", "SyntaxError");
}

/** Usages in the standard's order, each once. */
const USAGE_ORDER = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
export const orderUsages = (usages) => USAGE_ORDER.filter((usage) => usages.includes(usage));
const only = (usages, allowed) => orderUsages(usages.filter((usage) => allowed.includes(usage)));

/* -- JSON Web Keys ------------------------------------------------------------------------------ */

function toBase64Url(bytes) {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function fromBase64Url(text, field) {
  if (typeof text !== "string") throw dataError(`Missing or invalid field "${field}" in the JSON Web Key.`);
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    throw dataError(`Invalid base64url in field "${field}" of the JSON Web Key.`);
  }
}

function checkJwk(jwk, kty, use, extractable, usages) {
  if (!isObject(jwk) || isBufferSource(jwk)) throw dataError("JSON Web Key is not an object.");
  if (jwk.kty !== kty) throw dataError(`JSON Web Key "kty" must be "${kty}".`);
  if (jwk.use !== undefined && usages.length > 0 && jwk.use !== use) throw dataError(`JSON Web Key "use" must be "${use}".`);
  if (jwk.key_ops !== undefined) {
    if (!Array.isArray(jwk.key_ops)) throw dataError('JSON Web Key "key_ops" must be an array.');
    for (const usage of usages)
      if (!jwk.key_ops.includes(usage)) throw dataError(`JSON Web Key "key_ops" does not include "${usage}".`);
  }
  if (jwk.ext === false && extractable) throw dataError("JSON Web Key is not extractable.");
}

function checkAlg(jwk, expected) {
  if (jwk.alg !== undefined && jwk.alg !== expected)
    throw dataError(`JSON Web Key "alg" is "${jwk.alg}" where "${expected}" was expected.`);
}

const bits = (bytes) => bytes.byteLength * 8;

/* -- secret keys -------------------------------------------------------------------------------- */

const random = (length) => {
  const bytes = new Uint8Array(length);
  natives.random_fill(bytes);
  return bytes;
};

function importSecretBytes(format, data, { alg, use, extractable, usages, what }) {
  if (format === "raw") return bytesOf(data).slice();
  if (format !== "jwk")
    throw error(`Unrecognized ${what} key import format "${format}".`, "NotSupportedError");
  checkJwk(data, "oct", use, extractable, usages);
  const key = fromBase64Url(data.k, "k");
  checkAlg(data, alg(key));
  return key;
}

function exportSecret(format, key, alg) {
  const bytes = keyMaterial(key);
  if (format === "raw") return bytes.slice().buffer;
  if (format !== "jwk") throw error(`Unrecognized key export format "${format}".`, "NotSupportedError");
  return { kty: "oct", k: toBase64Url(bytes), alg: alg(bytes), key_ops: [...key.usages], ext: key.extractable };
}

const hmacAlg = (hash) => `HS${hash === "SHA-1" ? "1" : hash.slice(4)}`;

const HMAC = {
  keyUsages: ["sign", "verify"],
  generate(algorithm, extractable, usages) {
    checkUsages(usages, this.keyUsages, "generate HMAC key");
    requireSomeUsage(usages);
    const hash = hashName(algorithm.hash);
    const length = this.keyLength(algorithm);
    return secretKey(random(Math.ceil(length / 8)), extractable, { name: "HMAC", hash: { name: hash }, length }, usages);
  },
  keyLength(algorithm) {
    if (algorithm.length === undefined) return HASH_BLOCK[hashName(algorithm.hash)] * 8;
    const length = Number(algorithm.length);
    if (!(length > 0)) throw operationError("HMAC key length must be a non-zero unsigned long integer.");
    return length;
  },
  import(format, data, algorithm, extractable, usages) {
    checkUsages(usages, this.keyUsages, "import secret HMAC key");
    requireSomeUsage(usages);
    const hash = hashName(algorithm.hash);
    const bytes = importSecretBytes(format, data, { alg: () => hmacAlg(hash), use: "sig", extractable, usages, what: "HMAC" });
    if (bytes.byteLength === 0) throw dataError("HMAC key length must be a non-zero multiple of 8 bits.");
    return secretKey(bytes, extractable, { name: "HMAC", hash: { name: hash }, length: algorithm.length ?? bits(bytes) }, usages);
  },
  export(format, key) {
    return exportSecret(format, key, () => hmacAlg(key.algorithm.hash.name));
  },
  sign(algorithm, key, data) {
    return natives.hmac(key.algorithm.hash.name, keyMaterial(key), data);
  },
  verify(algorithm, key, signature, data) {
    const expected = natives.hmac(key.algorithm.hash.name, keyMaterial(key), data);
    return signature.byteLength === expected.byteLength && natives.timing_safe_equal(signature, expected);
  },
};

function secretKey(bytes, extractable, algorithm, usages) {
  return createKey("secret", extractable, algorithm, orderUsages(usages), bytes);
}

function aes(name, keyUsages, operations) {
  const mode = name.slice(4);
  const alg = (bytes) => `A${bits(bytes)}${mode}`;
  return {
    keyUsages,
    generate(algorithm, extractable, usages) {
      checkUsages(usages, keyUsages, `generate ${name} key`);
      requireSomeUsage(usages);
      const length = this.keyLength(algorithm);
      return secretKey(random(length / 8), extractable, { name, length }, usages);
    },
    keyLength(algorithm) {
      const length = Number(algorithm.length);
      if (length !== 128 && length !== 192 && length !== 256)
        throw operationError(`Generated AES key length must be 128, 192, or 256 bits but requested ${algorithm.length}.`);
      return length;
    },
    import(format, data, algorithm, extractable, usages) {
      checkUsages(usages, keyUsages, `import secret ${name} key`);
      requireSomeUsage(usages);
      const bytes = importSecretBytes(format, data, { alg, use: "enc", extractable, usages, what: "AES" });
      const length = bits(bytes);
      if (length !== 128 && length !== 192 && length !== 256)
        throw dataError(`Imported AES key length must be 128, 192, or 256 bits but provided ${length}.`);
      return secretKey(bytes, extractable, { name, length }, usages);
    },
    export(format, key) {
      return exportSecret(format, key, alg);
    },
    ...operations,
  };
}

const CIPHER_USAGES = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

function decryptionFailed(name, length) {
  /* The length without the tag, where there is one: what the open-source runtime reports. */
  return operationError(
    "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, " +
      `or another algorithm-specific reason. Input length was ${length}, output length expected to be ${length} for ${name}`,
  );
}

function requireIv(algorithm, what) {
  const iv = requireBytes(algorithm, "iv", what);
  if (iv.byteLength !== 16) throw operationError(`${what} IV must be 16 bytes long (provided ${iv.byteLength}).`);
  return iv;
}

const AES_CBC = aes("AES-CBC", CIPHER_USAGES, {
  encrypt(algorithm, key, data) {
    return natives.aes("CBC", true, keyMaterial(key), requireIv(algorithm, "AES-CBC"), data, undefined, 0);
  },
  decrypt(algorithm, key, data) {
    const iv = requireIv(algorithm, "AES-CBC");
    const plain = natives.aes("CBC", false, keyMaterial(key), iv, data, undefined, 0);
    if (plain === null) throw decryptionFailed("AES-CBC", data.byteLength);
    return plain;
  },
});

function counterOf(algorithm) {
  const counter = requireBytes(algorithm, "counter", "AES-CTR");
  if (counter.byteLength !== 16) throw operationError(`Counter must have length of 16 bytes (provided ${counter.byteLength}).`);
  const length = requireNumber(algorithm, "length", "AES-CTR");
  if (length < 1 || length > 128) throw operationError(`Invalid counter of ${length} bits length provided.`);
  return { counter, length };
}

function counterMode(encrypt) {
  return (algorithm, key, data) => {
    const { counter, length } = counterOf(algorithm);
    const result = natives.aes("CTR", encrypt, keyMaterial(key), counter, data, undefined, length);
    if (result === null) throw operationError("Counter block values will repeat for AES-CTR.");
    return result;
  };
}

const AES_CTR = aes("AES-CTR", CIPHER_USAGES, { encrypt: counterMode(true), decrypt: counterMode(false) });

const TAG_LENGTHS = [32, 64, 96, 104, 112, 120, 128];

function gcmOf(algorithm) {
  const iv = requireBytes(algorithm, "iv", "AES-GCM");
  if (iv.byteLength === 0) throw operationError("AES-GCM IV must not be empty.");
  const tagLength = algorithm.tagLength === undefined ? 128 : Number(algorithm.tagLength);
  if (!TAG_LENGTHS.includes(tagLength)) throw operationError(`Invalid AES-GCM tag length ${algorithm.tagLength}.`);
  const aad = algorithm.additionalData === undefined ? undefined : requireBytes(algorithm, "additionalData", "AES-GCM");
  return { iv, tagLength, aad };
}

const AES_GCM = aes("AES-GCM", CIPHER_USAGES, {
  encrypt(algorithm, key, data) {
    const { iv, tagLength, aad } = gcmOf(algorithm);
    return natives.aes("GCM", true, keyMaterial(key), iv, data, aad, tagLength);
  },
  decrypt(algorithm, key, data) {
    const { iv, tagLength, aad } = gcmOf(algorithm);
    if (data.byteLength < tagLength / 8)
      throw operationError(`Ciphertext length of ${data.byteLength * 8} bits must be greater than or equal to the size of the AES-GCM tag length of ${tagLength} bits.`);
    const plain = natives.aes("GCM", false, keyMaterial(key), iv, data, aad, tagLength);
    if (plain === null) throw decryptionFailed("AES-GCM", data.byteLength - tagLength / 8);
    return plain;
  },
});

const AES_KW = aes("AES-KW", ["wrapKey", "unwrapKey"], {
  wrap(algorithm, key, data) {
    if (data.byteLength % 8 !== 0 || data.byteLength < 16)
      throw operationError("Unwrapped input length must be a multiple of 8 and at least 16 bytes for AES-KW.");
    return natives.aes("KW", true, keyMaterial(key), undefined, data, undefined, 0);
  },
  unwrap(algorithm, key, data) {
    const plain = natives.aes("KW", false, keyMaterial(key), undefined, data, undefined, 0);
    if (plain === null) throw operationError("Error unwrapping key for AES-KW: invalid wrapped key or wrong CryptoKey.");
    return plain;
  },
});

/* -- key derivation ----------------------------------------------------------------------------- */

const DERIVE_USAGES = ["deriveKey", "deriveBits"];

function importDeriving(name) {
  return (format, data, algorithm, extractable, usages) => {
    if (format !== "raw") throw error(`${name} only supports key import with the "raw" format.`, "NotSupportedError");
    checkUsages(usages, DERIVE_USAGES, `import ${name} key`);
    requireSomeUsage(usages);
    if (extractable) throw error(`${name} key cannot be extractable.`, "SyntaxError");
    return secretKey(bytesOf(data).slice(), false, { name }, usages);
  };
}

function requireWholeBytes(length, name) {
  if (length === null || length === undefined) throw operationError(`${name} cannot derive a key with null length.`);
  if (length % 8 !== 0) throw operationError(`${name} requires a derived length that is a multiple of eight (requested ${length}).`);
  return length / 8;
}

const HKDF = {
  keyUsages: DERIVE_USAGES,
  import: importDeriving("HKDF"),
  keyLength: () => null,
  deriveBits(algorithm, key, length) {
    const hash = hashName(algorithm.hash);
    const salt = requireBytes(algorithm, "salt", "HKDF");
    const info = requireBytes(algorithm, "info", "HKDF");
    const result = natives.hkdf(hash, keyMaterial(key), salt, info, requireWholeBytes(length, "HKDF"));
    if (result === null) throw operationError("HKDF: the requested length is too large.");
    return result;
  },
};

const PBKDF2_ITERATIONS_MAX = 100_000_000;

const PBKDF2 = {
  keyUsages: DERIVE_USAGES,
  import: importDeriving("PBKDF2"),
  keyLength: () => null,
  deriveBits(algorithm, key, length) {
    const hash = hashName(algorithm.hash);
    const salt = requireBytes(algorithm, "salt", "PBKDF2");
    const iterations = requireNumber(algorithm, "iterations", "PBKDF2");
    if (iterations <= 0 || iterations > PBKDF2_ITERATIONS_MAX)
      throw operationError(`PBKDF2 requires a positive number of iterations (requested ${algorithm.iterations}).`);
    const result = natives.pbkdf2(hash, keyMaterial(key), salt, iterations, requireWholeBytes(length, "PBKDF2"));
    if (result === null) throw operationError("PBKDF2 derivation failed.");
    return result;
  },
};

/* -- asymmetric keys ---------------------------------------------------------------------------- */

function keyPair(boxes, extractable, algorithm, usages, publicUsages, privateUsages) {
  if (boxes === null) throw operationError("The key could not be generated in time.");
  const [publicBox, privateBox] = boxes;
  const kept = only(usages, privateUsages);
  requireSomeUsage(kept);
  return {
    publicKey: createKey("public", true, algorithm, only(usages, publicUsages), publicBox),
    privateKey: createKey("private", extractable, algorithm, kept, privateBox),
  };
}

function invalidKey(format, name) {
  return dataError(`Invalid ${name} key in "${format}" format.`);
}

function exportBinary(format, key, name) {
  const wanted = format === "pkcs8" ? "private" : "public";
  if (key.type !== wanted)
    throw error(`Asymmetric ${name} ${key.type} key cannot be exported in "${format}" format.`, "InvalidAccessError");
  const data = natives.key_export(keyMaterial(key), format);
  if (data === null) throw operationError(`Failed to export ${name} key.`);
  return data;
}

const RSA_PRIVATE = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

function rsa(name, { publicUsages, privateUsages, use, alg, ...operations }) {
  const all = [...privateUsages, ...publicUsages];
  const describe = (box, hash) => {
    const [, modulusLength, publicExponent] = natives.key_info(box);
    return { name, modulusLength, publicExponent, hash: { name: hash } };
  };
  return {
    keyUsages: all,
    generate(algorithm, extractable, usages) {
      checkUsages(usages, all, `generate ${name} key`);
      const hash = hashName(algorithm.hash);
      const modulusLength = requireNumber(algorithm, "modulusLength", name);
      const exponent = requireBytes(algorithm, "publicExponent", name);
      if (modulusLength < 256 || modulusLength > 16384 || modulusLength % 128 !== 0)
        throw operationError(
          `The modulus length must be a multiple of 128 between 256 and 16k, but ${modulusLength} was requested.`,
        );
      const value = exponent.reduce((sum, byte) => sum * 256 + byte, 0);
      if (value !== 3 && value !== 65537) throw operationError("The \"publicExponent\" must be either 3 or 65537.");
      requireSomeUsage(only(usages, privateUsages));
      const boxes = natives.key_generate("rsa", modulusLength, exponent);
      const shown = { name, modulusLength, publicExponent: exponent.slice(), hash: { name: hash } };
      return keyPair(boxes, extractable, shown, usages, publicUsages, privateUsages);
    },
    import(format, data, algorithm, extractable, usages) {
      const hash = hashName(algorithm.hash);
      let isPrivate = format === "pkcs8";
      let box;
      if (format === "jwk") {
        isPrivate = isObject(data) && data.d !== undefined;
        const wanted = isPrivate ? privateUsages : publicUsages;
        checkUsages(usages, wanted, `import ${isPrivate ? "private" : "public"} ${name} key`);
        checkJwk(data, "RSA", use, extractable, usages);
        checkAlg(data, alg(hash));
        if (data.oth !== undefined) throw error("Multi-prime RSA private keys not supported.", "NotSupportedError");
        const fields = isPrivate ? RSA_PRIVATE : RSA_PRIVATE.slice(0, 2);
        const parts = fields.map((field) =>
          data[field] === undefined && field !== "n" && field !== "e" ? undefined : fromBase64Url(data[field], field),
        );
        box = natives.key_import("rsa", "components", parts, undefined, isPrivate);
      } else if (format === "spki" || format === "pkcs8") {
        checkUsages(usages, isPrivate ? privateUsages : publicUsages, `import ${isPrivate ? "private" : "public"} ${name} key`);
        box = natives.key_import("rsa", format, data, undefined, isPrivate);
      } else {
        throw error(`Unrecognized RSA key import format "${format}".`, "NotSupportedError");
      }
      if (box === null) throw invalidKey(format, "RSA");
      if (isPrivate) requireSomeUsage(usages);
      return createKey(isPrivate ? "private" : "public", extractable, describe(box, hash), orderUsages(usages), box);
    },
    export(format, key) {
      if (format === "spki" || format === "pkcs8") return exportBinary(format, key, name);
      if (format !== "jwk") throw error(`Unrecognized key export format "${format}".`, "NotSupportedError");
      const parts = natives.key_export(keyMaterial(key), "components");
      const jwk = { kty: "RSA", key_ops: [...key.usages], ext: key.extractable, alg: alg(key.algorithm.hash.name) };
      const fields = key.type === "private" ? RSA_PRIVATE : RSA_PRIVATE.slice(0, 2);
      fields.forEach((field, i) => {
        if (parts[i] !== undefined && parts[i] !== null) jwk[field] = toBase64Url(parts[i]);
      });
      return jwk;
    },
    ...operations,
  };
}

const SIGNING = { publicUsages: ["verify"], privateUsages: ["sign"], use: "sig" };

const hashDigits = (hash) => (hash === "SHA-1" ? "1" : hash.slice(4));

function signWith(scheme, hashOf, saltOf = () => 0) {
  return {
    sign(algorithm, key, data) {
      const signature = natives.key_sign(keyMaterial(key), scheme, hashOf(algorithm, key), saltOf(algorithm), data);
      if (signature === null) throw operationError(`${scheme} signing failed.`);
      return signature;
    },
    verify(algorithm, key, signature, data) {
      return natives.key_verify(keyMaterial(key), scheme, hashOf(algorithm, key), saltOf(algorithm), signature, data);
    },
  };
}

const hashOfKey = (algorithm, key) => key.algorithm.hash.name;

const RSASSA = rsa("RSASSA-PKCS1-v1_5", {
  ...SIGNING,
  alg: (hash) => `RS${hashDigits(hash)}`,
  ...signWith("RSASSA-PKCS1-v1_5", hashOfKey),
});

const RSA_PSS = rsa("RSA-PSS", {
  ...SIGNING,
  alg: (hash) => `PS${hashDigits(hash)}`,
  ...signWith("RSA-PSS", hashOfKey, (algorithm) => requireNumber(algorithm, "saltLength", "RSA-PSS")),
});

function oaep(encrypt) {
  return (algorithm, key, data) => {
    const label = algorithm.label === undefined ? new Uint8Array(0) : requireBytes(algorithm, "label", "RSA-OAEP");
    const result = natives.rsa_oaep(keyMaterial(key), encrypt, key.algorithm.hash.name, label, data);
    if (result === null) throw operationError(`RSA-OAEP failed ${encrypt ? "encryption" : "decryption"}.`);
    return result;
  };
}

const RSA_OAEP = rsa("RSA-OAEP", {
  publicUsages: ["encrypt", "wrapKey"],
  privateUsages: ["decrypt", "unwrapKey"],
  use: "enc",
  alg: (hash) => (hash === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hash.slice(4)}`),
  encrypt: oaep(true),
  decrypt: oaep(false),
});

function requireCurve(algorithm, name) {
  const curve = toDOMString(algorithm.namedCurve);
  if (CURVES[curve] === undefined)
    throw error(`Unrecognized or unimplemented EC curve "${curve}" requested for ${name}.`, "NotSupportedError");
  return curve;
}

function ec(name, { publicUsages, privateUsages, use, ...operations }) {
  const all = [...privateUsages, ...publicUsages];
  return {
    keyUsages: all,
    generate(algorithm, extractable, usages) {
      checkUsages(usages, all, `generate ${name} key`);
      const namedCurve = requireCurve(algorithm, name);
      requireSomeUsage(only(usages, privateUsages));
      return keyPair(natives.key_generate("ec", namedCurve), extractable, { name, namedCurve }, usages, publicUsages, privateUsages);
    },
    import(format, data, algorithm, extractable, usages) {
      const namedCurve = requireCurve(algorithm, name);
      const isPrivate = format === "pkcs8" || (format === "jwk" && isObject(data) && data.d !== undefined);
      checkUsages(usages, isPrivate ? privateUsages : publicUsages, `import ${isPrivate ? "private" : "public"} ${name} key`);
      let box;
      if (format === "jwk") {
        checkJwk(data, "EC", use, extractable, usages);
        if (data.crv !== namedCurve) throw dataError(`JSON Web Key "crv" is "${data.crv}" where "${namedCurve}" was expected.`);
        const parts = [fromBase64Url(data.x, "x"), fromBase64Url(data.y, "y")];
        if (isPrivate) parts.push(fromBase64Url(data.d, "d"));
        if (parts.some((part) => part.byteLength !== CURVES[namedCurve])) throw invalidKey(format, name);
        box = natives.key_import("ec", "components", parts, namedCurve, isPrivate);
      } else if (format === "raw" || format === "spki" || format === "pkcs8") {
        box = natives.key_import("ec", format, data, namedCurve, isPrivate);
      } else {
        throw error(`Unrecognized EC key import format "${format}".`, "NotSupportedError");
      }
      if (box === null) throw invalidKey(format, name);
      if (isPrivate) requireSomeUsage(usages);
      return createKey(isPrivate ? "private" : "public", extractable, { name, namedCurve }, orderUsages(usages), box);
    },
    export(format, key) {
      if (format === "raw" || format === "spki" || format === "pkcs8") return exportBinary(format, key, name);
      if (format !== "jwk") throw error(`Unrecognized key export format "${format}".`, "NotSupportedError");
      const [x, y, d] = natives.key_export(keyMaterial(key), "components");
      const jwk = { kty: "EC", key_ops: [...key.usages], ext: key.extractable, crv: key.algorithm.namedCurve };
      jwk.x = toBase64Url(x);
      jwk.y = toBase64Url(y);
      if (key.type === "private") jwk.d = toBase64Url(d);
      return jwk;
    },
    ...operations,
  };
}

const ECDSA = ec("ECDSA", { ...SIGNING, ...signWith("ECDSA", (algorithm) => hashName(algorithm.hash)) });

/* The other party's key, checked against ours. */
function publicOf(algorithm, key, name) {
  const other = algorithm.public ?? algorithm.$public;
  if (!isCryptoKey(other)) throw new TypeError(`Missing or invalid field "public" in "${name}".`);
  if (other.type !== "public") throw error("The provided key has type \"private\", not \"public\"", "InvalidAccessError");
  if (other.algorithm.name !== key.algorithm.name || other.algorithm.namedCurve !== key.algorithm.namedCurve)
    throw error("Base and public key must be of the same algorithm and curve.", "InvalidAccessError");
  return other;
}

function deriveShared(name) {
  return (algorithm, key, length) => {
    if (key.type !== "private") throw error("The base key must be a private key.", "InvalidAccessError");
    const secret = natives.ecdh(keyMaterial(key), keyMaterial(publicOf(algorithm, key, name)));
    if (secret === null) throw operationError(`${name} derivation failed.`);
    if (length === null || length === undefined || length === 0) return secret;
    if (length > secret.byteLength * 8)
      throw operationError(`Derived key length (${length} bits) is too long (should be at most ${secret.byteLength * 8} bits).`);
    const bytes = new Uint8Array(secret.slice(0, Math.ceil(length / 8)));
    if (length % 8 !== 0) bytes[bytes.length - 1] &= 0xff << (8 - (length % 8));
    return bytes.buffer;
  };
}

const ECDH = ec("ECDH", {
  publicUsages: [],
  privateUsages: DERIVE_USAGES,
  use: "enc",
  deriveBits: deriveShared("ECDH"),
});

function edwards(name, type, crv, { publicUsages, privateUsages, use, ...operations }) {
  const all = [...privateUsages, ...publicUsages];
  const shown = name === "NODE-ED25519" ? { name, namedCurve: "NODE-ED25519" } : { name };
  return {
    keyUsages: all,
    generate(algorithm, extractable, usages) {
      checkUsages(usages, all, `generate ${name} key`);
      requireSomeUsage(only(usages, privateUsages));
      return keyPair(natives.key_generate(type), extractable, { ...shown }, usages, publicUsages, privateUsages);
    },
    import(format, data, algorithm, extractable, usages) {
      const isPrivate = format === "pkcs8" || (format === "jwk" && isObject(data) && data.d !== undefined);
      checkUsages(usages, isPrivate ? privateUsages : publicUsages, `import ${isPrivate ? "private" : "public"} ${name} key`);
      let box;
      if (format === "jwk") {
        checkJwk(data, "OKP", use, extractable, usages);
        if (data.crv !== crv) throw dataError(`JSON Web Key "crv" is "${data.crv}" where "${crv}" was expected.`);
        const parts = [fromBase64Url(data.x, "x"), isPrivate ? fromBase64Url(data.d, "d") : undefined];
        box = natives.key_import(type, "components", parts, undefined, isPrivate);
      } else if (format === "raw" || format === "spki" || format === "pkcs8") {
        box = natives.key_import(type, format, data, undefined, isPrivate);
      } else {
        throw error(`Unrecognized ${name} key import format "${format}".`, "NotSupportedError");
      }
      if (box === null) throw invalidKey(format, name);
      if (isPrivate) requireSomeUsage(usages);
      return createKey(isPrivate ? "private" : "public", extractable, { ...shown }, orderUsages(usages), box);
    },
    export(format, key) {
      if (format === "raw" || format === "spki" || format === "pkcs8") return exportBinary(format, key, name);
      if (format !== "jwk") throw error(`Unrecognized key export format "${format}".`, "NotSupportedError");
      const [x, d] = natives.key_export(keyMaterial(key), "components");
      const jwk = { kty: "OKP", key_ops: [...key.usages], ext: key.extractable, crv, x: toBase64Url(x) };
      if (key.type === "private") jwk.d = toBase64Url(d);
      return jwk;
    },
    ...operations,
  };
}

const ED25519_OPERATIONS = { ...SIGNING, ...signWith("Ed25519", () => undefined) };

export const ALGORITHMS = new Map(
  Object.entries({
    HMAC,
    "AES-CBC": AES_CBC,
    "AES-CTR": AES_CTR,
    "AES-GCM": AES_GCM,
    "AES-KW": AES_KW,
    HKDF,
    PBKDF2,
    "RSASSA-PKCS1-v1_5": RSASSA,
    "RSA-PSS": RSA_PSS,
    "RSA-OAEP": RSA_OAEP,
    ECDSA,
    ECDH,
    Ed25519: edwards("Ed25519", "ed25519", "Ed25519", ED25519_OPERATIONS),
    "NODE-ED25519": edwards("NODE-ED25519", "ed25519", "Ed25519", ED25519_OPERATIONS),
    X25519: edwards("X25519", "x25519", "X25519", {
      publicUsages: [],
      privateUsages: DERIVE_USAGES,
      use: "enc",
      deriveBits: deriveShared("X25519"),
    }),
  }).map(([name, operations]) => [name.toLowerCase(), { name, ...operations }]),
);

export const jwkToBytes = (jwk) => encodeUtf8(JSON.stringify(jwk));

export function bytesToJwk(bytes) {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    throw dataError("The unwrapped data is not a JSON Web Key.");
  }
}
