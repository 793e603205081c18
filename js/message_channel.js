/*
 * MessageChannel
 *
 * Two entangled ports in one realm. A message is cloned when it is posted and delivered in a later
 * microtask, once the receiving port was started.
 */

import { finishClass, INTERNAL } from "./webidl.js";
import { queueMicrotask } from "./timers.js";
import { Event, EventTarget, MessageEvent, defineEventHandlers, trusted } from "./events.js";
import { cloneWithTransfer, transferList } from "./structured_clone.js";

let entangle, createPort;
export let isMessagePort, transferPort;

export class MessagePort extends EventTarget {
  #peer = null;
  #queue = []; /* { value, ports } posted and not yet delivered */
  #started = false;
  #closed = false;
  #delivering = false;
  #handler = null;

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    super();
  }

  static {
    createPort = () => new MessagePort(INTERNAL);
    isMessagePort = (value) => typeof value === "object" && value !== null && #peer in value;
    entangle = (a, b) => {
      a.#peer = b;
      b.#peer = a;
    };
    /* The messages and the peer move on to a new port; the old one is closed for good. */
    transferPort = (port) => {
      const heir = createPort();
      heir.#queue = port.#queue;
      heir.#closed = port.#closed;
      if (port.#peer !== null) entangle(heir, port.#peer);
      port.#peer = null;
      port.#queue = [];
      port.#closed = true;
      return heir;
    };
  }

  postMessage(message, options) {
    const list = transferList(options);
    const { value, ports } = cloneWithTransfer(message, list);
    const peer = this.#peer;
    if (peer === null || peer.#closed) return;
    peer.#queue.push({ value, ports });
    peer.#deliver();
  }

  start() {
    this.#started = true;
    this.#deliver();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    const peer = this.#peer;
    this.#peer = null;
    if (peer !== null && !peer.#closed) queueMicrotask(() => peer.#end());
  }

  #end() {
    this.#closed = true;
    this.#peer = null;
    this.dispatchEvent(trusted(new Event("close")));
  }

  #deliver() {
    if (!this.#started || this.#delivering || this.#queue.length === 0) return;
    this.#delivering = true;
    queueMicrotask(() => {
      this.#delivering = false;
      const next = this.#queue.shift();
      if (next === undefined || !this.#started) return;
      this.#deliver();
      this.dispatchEvent(trusted(new MessageEvent("message", { data: next.value, ports: next.ports })));
    });
  }

  get onmessage() {
    return this.#handler;
  }
  set onmessage(handler) {
    this.#handler = typeof handler === "function" ? handler : null;
    if (this.#handler !== null) this.start();
  }
}

defineEventHandlers(MessagePort, ["messageerror", "close"]);

export class MessageChannel {
  #port1 = createPort();
  #port2 = createPort();
  constructor() {
    entangle(this.#port1, this.#port2);
  }
  get port1() {
    return this.#port1;
  }
  get port2() {
    return this.#port2;
  }
}

finishClass(MessagePort);
finishClass(MessageChannel);
