/*
 * node:crypto
 *
 * Everything that Node has on top of OpenSSL's arithmetic, and the Web Crypto object. The engine's secure
 * heap and FIPS mode are not there, as on Cloudflare.
 */

import { crypto } from "./crypto.js";
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

const notImplemented = (name) => () => {
  throw codedError(Error, "ERR_METHOD_NOT_IMPLEMENTED", `The ${name} method is not implemented`);
};

const { createDiffieHellmanGroup } = exchange;
const { KeyObject, SecretKeyObject, PublicKeyObject, PrivateKeyObject, createPrivateKey, createPublicKey, createSecretKey } = keys;
const { generateKey, generateKeyPair, generateKeyPairSync, generateKeySync } = keys;

export default Object.assign(defaultModule("crypto"), cipher, exchange, hash, random, sign, x509, {
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
  getFips: () => 1,
  setFips: notImplemented("crypto.setFips"),
  setEngine: notImplemented("crypto.setEngine"),
  secureHeapUsed: () => undefined,
  subtle: crypto.subtle,
  webcrypto: crypto,
  constants,
});
