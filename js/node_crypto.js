/*
 * node:crypto
 *
 * Everything that Node has on top of OpenSSL's arithmetic, and the Web Crypto object. A secure heap and
 * engines are not there, and FIPS mode is said to be on, as on Cloudflare.
 */

import { crypto } from "./crypto.js";
import { CryptoKey } from "./crypto_key.js";
import { codedError, digestNames } from "./node_crypto_check.js";
import { constants } from "./node_crypto_constants.js";
import * as cipher from "./node_crypto_cipher.js";
import * as exchange from "./node_crypto_exchange.js";
import * as hash from "./node_crypto_hash.js";
import * as keys from "./node_crypto_keys.js";
import * as random from "./node_crypto_random.js";
import * as sign from "./node_crypto_sign.js";
import * as x509 from "./node_crypto_x509.js";
import { defaultModule } from "./node_stub.js";

function refuse(name) {
  throw codedError(Error, "ERR_METHOD_NOT_IMPLEMENTED", `The ${name} method is not implemented`);
}

/* Classes that were functions once are still called as such. */
const callable = (Class) => new Proxy(Class, { apply: (target, self, args) => new target(...args) });

const classes = {
  Certificate: x509.Certificate,
  Cipheriv: cipher.Cipheriv,
  Decipheriv: cipher.Decipheriv,
  DiffieHellman: exchange.DiffieHellman,
  DiffieHellmanGroup: exchange.DiffieHellmanGroup,
  ECDH: exchange.ECDH,
  Hash: hash.Hash,
  Hmac: hash.Hmac,
  Sign: sign.Sign,
  Verify: sign.Verify,
};
for (const name of Object.keys(classes)) classes[name] = callable(classes[name]);

const { createDiffieHellmanGroup } = exchange;
const { KeyObject, SecretKeyObject, PublicKeyObject, PrivateKeyObject, createPrivateKey, createPublicKey, createSecretKey } = keys;
const { generateKey, generateKeyPair, generateKeyPairSync, generateKeySync } = keys;

const module = Object.assign(defaultModule("crypto"), cipher, exchange, hash, random, sign, x509, {
  KeyObject,
  SecretKeyObject,
  PublicKeyObject,
  PrivateKeyObject,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  getDiffieHellman: createDiffieHellmanGroup,
  getHashes: digestNames,
  getRandomValues: (view) => crypto.getRandomValues(view),
  ...classes,
  CryptoKey,
  getFips: () => true,
  setFips: () => refuse("setFips"),
  setEngine: () => refuse("setEngine"),
  secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 0 }),
  prng: random.randomBytes,
  pseudoRandomBytes: random.randomBytes,
  rng: random.randomBytes,
  subtle: crypto.subtle,
  webcrypto: crypto,
  constants,
});

Object.defineProperty(module, "fips", { get: () => true, set: () => refuse("setFips"), enumerable: true });

export default module;
