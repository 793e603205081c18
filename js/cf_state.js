/*
 * ctx of a Durable Object (platform.md §1.6)
 *
 * Everything an object is told about itself. `handle` names the instance to C: natives refuse it
 * when another object is running, and after the instance is gone.
 */

import { compat } from "./compat.js";
import { natives } from "./natives.js";
import { finishClass, INTERNAL, requireArguments, toDOMString } from "./webidl.js";
import { DurableObjectStorage } from "./cf_storage.js";
import { makeId } from "./cf_namespace.js";
import { sendError, NO_ALARM_RETRY, RESET } from "./cf_errors.js";
import {
  acceptHibernatable, autoResponseTimestamp, getAutoResponse, getEventTimeout, setAutoResponse, setEventTimeout, socketTags,
} from "./cf_websocket.js";

const ABORT_TEXT = "Application called abort() to reset Durable Object.";
const FACETS_TEXT = "This Durable Object does not support creating facets.";

class DurableObjectFacets {
  get() {
    throw new Error(FACETS_TEXT);
  }
  abort() {
    throw new Error(FACETS_TEXT);
  }
  delete() {
    throw new Error(FACETS_TEXT);
  }
  clone() {
    throw new Error(FACETS_TEXT);
  }
}
finishClass(DurableObjectFacets);

export class DurableObjectState {
  #handle;
  #live; // wrappers of hibernatable sockets: the same object while the instance lives (§5.1.3)

  constructor(guard, handle, hex, name, sqlite, live, exports, canSetAlarm) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#handle = handle;
    this.#live = live;
    this.facets = new DurableObjectFacets();
    this.container = undefined;
    this.storage = new DurableObjectStorage(handle, sqlite, canSetAlarm);
    this.id = makeId(hex, name);
    this.props = {};
    if (compat.flags.ctxExports) this.exports = exports;
  }

  waitUntil(promise) {
    requireArguments(arguments.length, 1, "waitUntil", "DurableObjectState", "Promise");
    natives.wait_until(Promise.resolve(promise));
  }

  blockConcurrencyWhile(callback) {
    if (typeof callback !== "function")
      return Promise.reject(new TypeError("Failed to execute 'blockConcurrencyWhile' on 'DurableObjectState': parameter 1 is not of type 'function'."));
    const { promise, resolve } = Promise.withResolvers();
    natives.section_begin(this.#handle, (section) => {
      const fail = (error) => sendError(error, (...parts) => natives.section_end(section, ...parts));
      let result;
      try {
        result = Promise.resolve(callback());
      } catch (error) {
        fail(error);
        return;
      }
      result.then((value) => {
        natives.section_end(section);
        resolve(value);
      }, fail);
    });
    return promise;
  }

  acceptWebSocket(socket, tags) {
    acceptHibernatable(this.#handle, this.#live, socket, tags);
  }

  getWebSockets(tag) {
    return natives.ws_list(this.#handle, tag === undefined ? undefined : toDOMString(tag));
  }

  setWebSocketAutoResponse(pair) {
    setAutoResponse(this.#handle, pair);
  }

  getWebSocketAutoResponse() {
    return getAutoResponse(this.#handle);
  }

  getWebSocketAutoResponseTimestamp(socket) {
    return autoResponseTimestamp(socket);
  }

  setHibernatableWebSocketEventTimeout(timeout) {
    setEventTimeout(this.#handle, timeout);
  }

  getHibernatableWebSocketEventTimeout() {
    return getEventTimeout(this.#handle);
  }

  getTags(socket) {
    return socketTags(socket);
  }

  abort(reason, options) {
    const message = reason === undefined ? ABORT_TEXT : String(reason);
    const flags = RESET | (options?.retryAlarm === false ? NO_ALARM_RETRY : 0);
    natives.object_abort(this.#handle, message, flags);
    for (;;); // the engine ends the script here
  }
}
finishClass(DurableObjectState);
