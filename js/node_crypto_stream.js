/*
 * node:crypto: streams that are seldom used as such
 *
 * A Hash is a stream, and making one takes several times as long as hashing a short text. So it becomes one
 * when the first thing that only streams have is looked at, as in Node.
 */

import { stream } from "./node_stream.js";

function lazy(Base, states) {
  class Lazy {
    #options;

    constructor(options) {
      this.#options = options;
    }

    static {
      for (const name of states)
        Object.defineProperty(Lazy.prototype, name, {
          get() {
            Base.call(this, this.#options);
            return this[name];
          },
          set(value) {
            Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
          },
          configurable: true,
        });
    }
  }
  Object.setPrototypeOf(Lazy.prototype, Base.prototype);
  return Object.setPrototypeOf(Lazy, Base);
}

export const Transform = lazy(stream.Transform, ["_readableState", "_writableState"]);
export const Writable = lazy(stream.Writable, ["_writableState"]);
