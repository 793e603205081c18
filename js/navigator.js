/*
 * Navigator and the other small names of the global scope
 */

import { expose, exposeClass, inspectors, toDOMString, INTERNAL } from "./webidl.js";
import { compat } from "./compat.js";
import { EventTarget } from "./events.js";
import { parseUrl } from "./url.js";
import { newRequest } from "./request.js";
import { startFetch } from "./fetch.js";

class Navigator {
  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }
  get userAgent() {
    return "Cloudflare-Workers";
  }
  get hardwareConcurrency() {
    return 1;
  }
  get platform() {
    return "";
  }
  get language() {
    return "en";
  }
  get languages() {
    return Object.freeze(["en"]);
  }
  sendBeacon(url, body) {
    const text = toDOMString(url);
    if (parseUrl(text) === null) throw new TypeError(`Invalid URL: ${text}`);
    const request = newRequest(text, { method: "POST", body });
    startFetch(request).catch(() => {});
    return true;
  }
}

exposeClass(Navigator);
inspectors.set(Navigator, ({ languages, language, platform, hardwareConcurrency, userAgent }) => ({
  languages,
  language,
  platform,
  hardwareConcurrency,
  userAgent,
}));
expose("navigator", new Navigator(INTERNAL));

expose("origin", "null");
expose("self", globalThis);

const flags = Object.freeze(Object.assign(Object.create(null), compat.names()));
expose("Cloudflare", Object.defineProperty({}, "compatibilityFlags", { value: flags, enumerable: true }));

class WorkerGlobalScope extends EventTarget {
  constructor() {
    throw new TypeError("Illegal constructor");
  }
  static [Symbol.hasInstance](value) {
    return value === globalThis;
  }
}
class ServiceWorkerGlobalScope extends WorkerGlobalScope {}
exposeClass(WorkerGlobalScope);
exposeClass(ServiceWorkerGlobalScope);

Object.defineProperty(globalThis, Symbol.toStringTag, { value: "ServiceWorkerGlobalScope", configurable: true });
