/*
 * CryptoKey
 *
 * Immutable: algorithm and usages as scripts see them, and the material: bytes for secret keys, a native
 * box for asymmetric ones.
 */

import { exposeClass, inspectors, INTERNAL } from "./webidl.js";

let create, materialOf;
export let isCryptoKey;

export class CryptoKey {
  #type;
  #extractable;
  #algorithm;
  #usages;
  #material;

  constructor(token, type, extractable, algorithm, usages, material) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#type = type;
    this.#extractable = extractable;
    this.#algorithm = algorithm;
    this.#usages = usages;
    this.#material = material;
  }

  static {
    create = (type, extractable, algorithm, usages, material) =>
      new CryptoKey(INTERNAL, type, extractable, algorithm, usages, material);
    materialOf = (key) => key.#material;
    isCryptoKey = (value) => typeof value === "object" && value !== null && #material in value;
  }

  get type() {
    return this.#type;
  }
  get extractable() {
    return this.#extractable;
  }
  get algorithm() {
    return this.#algorithm;
  }
  get usages() {
    return this.#usages;
  }
}

exposeClass(CryptoKey);
inspectors.set(CryptoKey, ({ type, extractable, algorithm, usages }) => ({ type, extractable, algorithm, usages }));

export { create as createKey, materialOf as keyMaterial };
