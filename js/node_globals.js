/*
 * The globals of Node compatibility: Buffer, process and global, made when they are first used
 */

import { compat } from "./compat.js";
import { nodeModules } from "./node_modules.js";

function lazy(name, make) {
  Object.defineProperty(globalThis, name, {
    get() {
      const value = make();
      Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
      return value;
    },
    set(value) {
      Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
    },
    enumerable: false,
    configurable: true,
  });
}

if (compat.flags.nodejsCompatV2) {
  lazy("Buffer", () => nodeModules["node:buffer"]().Buffer);
  lazy("process", () => nodeModules["node:process"]());
  Object.defineProperty(globalThis, "global", { value: globalThis, writable: true, enumerable: false, configurable: true });
}
