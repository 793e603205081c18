/*
 * Classes that hold a transform
 */

import { TransformStream } from "web-streams-polyfill";

/** Base of the standard's GenericTransformStream classes. */
export class GenericTransformStream {
  #transform;
  constructor(transformer, writableStrategy, readableStrategy) {
    this.#transform = new TransformStream(transformer, writableStrategy, readableStrategy);
  }
  get readable() {
    return this.#transform.readable;
  }
  get writable() {
    return this.#transform.writable;
  }
}
