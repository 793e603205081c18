/*
 * WebSocket
 *
 * One end of a WebSocket in a script's hands (platform.md §5). The end itself, its tags, attachment
 * and whatever waits to be sent belong to C (actor/socket.h); this object is a look at it, made
 * when a script asks and dropped when its object hibernates.
 */

import { CloseEvent, ErrorEvent, Event, EventTarget, MessageEvent, defineEventHandlers, dispatchThrowing, trusted } from "./events.js";
import { DOMException } from "./dom_exception.js";
import { Blob } from "./blob.js";
import { compat } from "./compat.js";
import { checkOwner, natives, requireContext, runningContext } from "./natives.js";
import { deserialize, serialize } from "./serialize.js";
import { describeThrown } from "./stack.js";
import { checkDictionary, defineConstants, exposeClass, finishClass, INTERNAL, toDOMString, toInt32 } from "./webidl.js";

const TYPE = "Native"; // what the platform calls an end that belongs to another context

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const TAG_COUNT_MAX = 10;
const TAG_BYTES_MAX = 256;
const ATTACHMENT_BYTES_MAX = 16384;
const AUTO_RESPONSE_BYTES_MAX = 2048;
const EVENT_TIMEOUT_MS_MAX = 604800000;
const UINT32_MAX = 4294967295;
const REASON_BYTES_MAX = 123;
const NO_CODE = 1005; // RFC 6455 §7.4.1: a Close frame without a code

/* How a script has used an end so far. */
const LOOSE = "loose";
const ACCEPTED = "accepted";
const HIBERNATABLE = "hibernatable";
const AWAY = "away"; // used in a Response
const AWAITING = "awaiting"; // new WebSocket(url), not connected yet
const GIVEN_UP = "given up"; // closed before it was connected
const FAILED = "failed";

const NOT_ACCEPTED = "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";

let boxOf, useOf, setUse, setPeer, peerOf, deliver;

export class WebSocket extends EventTarget {
  #owner = runningContext();
  #box; // native socket; undefined while an outgoing one connects
  #use = LOOSE;
  #peer; // the other end of a pair made here
  #url = null;
  #halfOpen = false;
  #closeDelivered = false;
  #received = false; // of an accept()ed end: a listener has been told of the peer's Close
  #binaryType = compat.flags.websocketStandardBinaryType ? "blob" : "arraybuffer";

  constructor(url, protocols) {
    super();
    if (url === INTERNAL) {
      this.#box = protocols;
      return;
    }
    if (arguments.length === 0) throw new TypeError("Failed to construct 'WebSocket': constructor parameter 1 is not of type 'string'.");
    requireContext();
    this.#url = toDOMString(url);
    const href = parseUrl(this.#url);
    const list = parseProtocols(protocols);
    this.#use = AWAITING;
    natives.ws_connect(href, list.join(", ")).then(
      ([box]) => this.#opened(box),
      (error) => this.#failed(error),
    );
  }

  #opened(box) {
    natives.ws_accept(box, this);
    if (this.#use !== AWAITING) {
      this.#closeDelivered = true;
      natives.ws_close(box, NO_CODE, "");
      return;
    }
    this.#box = box;
    this.#use = ACCEPTED;
    this.dispatchEvent(trusted(new Event("open")));
  }

  #failed(error) {
    if (this.#use === FAILED) return;
    this.#error(error);
    this.dispatchEvent(trusted(new CloseEvent("close", { code: 1006, reason: "Failed to establish websocket connection", wasClean: false })));
  }

  accept(options) {
    checkDictionary(options, 1, "AcceptOptions", "accept", "WebSocket");
    checkOwner(this.#owner, TYPE);
    switch (this.#use) {
      case ACCEPTED:
        return;
      case AWAITING:
      case GIVEN_UP:
      case FAILED:
        throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
      case HIBERNATABLE:
        throw new TypeError("Can't accept() WebSocket after enabling hibernation.");
      case LOOSE:
        break;
      default:
        throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    }
    this.#halfOpen = Boolean(options?.allowHalfOpen);
    this.#use = ACCEPTED;
    natives.ws_accept(this.#box, this);
  }

  send(message) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'send' on 'WebSocket': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView or string'.");
    if (typeof message !== "string" && !ArrayBuffer.isView(message) && !(message instanceof ArrayBuffer)) message = toDOMString(message);
    checkOwner(this.#owner, TYPE);
    if (this.#use === FAILED || this.#use === GIVEN_UP) return;
    if (this.#use === AWAY) throw new TypeError("Can't call WebSocket send() after it was used in a response.");
    if (this.#use === LOOSE || this.#use === AWAITING) throw new TypeError(NOT_ACCEPTED);
    const closed = natives.ws_closed(this.#box);
    if (closed & 1) throw new TypeError("Can't call WebSocket send() after close().");
    natives.ws_send(this.#box, message);
  }

  close(code, reason) {
    checkOwner(this.#owner, TYPE);
    if (code !== undefined) {
      code = toInt32(code);
      const legal = compat.flags.pedanticWpt ? code === 1000 || (code >= 3000 && code <= 4999) : code >= 1000 && code <= 4999 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015;
      if (!legal) throw new DOMException(`Invalid WebSocket close code: ${code}.`, "InvalidAccessError");
    }
    if (reason !== undefined) {
      reason = toDOMString(reason);
      if (compat.flags.websocketCloseReasonLimit && natives.utf8_length(reason) > REASON_BYTES_MAX)
        throw new DOMException("WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", "SyntaxError");
      if (code === undefined) throw new DOMException("If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
    }
    if (this.#use === AWAITING) {
      this.#use = GIVEN_UP;
      queueMicrotask(() => this.#failed(new Error("Network connection lost.")));
      return;
    }
    if (this.#use === FAILED || this.#use === GIVEN_UP) return;
    if (this.#use === LOOSE) throw new TypeError(NOT_ACCEPTED);
    if (this.#use === AWAY) throw new TypeError("Can't call WebSocket close() after it was used in a response.");
    if (natives.ws_closed(this.#box) & 1) return;
    natives.ws_close(this.#box, code ?? NO_CODE, reason ?? "");
  }

  serializeAttachment(value) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'serializeAttachment' on 'WebSocket': parameter 1 is not of type 'Value'.");
    const bytes = serialize(value, "clone");
    if (bytes.byteLength > ATTACHMENT_BYTES_MAX)
      throw new Error(`A WebSocket 'attachment' cannot be larger than ${ATTACHMENT_BYTES_MAX} bytes.'attachment' was ${bytes.byteLength} bytes.`);
    natives.ws_set_attachment(this.#box, bytes);
  }

  deserializeAttachment() {
    if (this.#box === undefined) return null;
    const bytes = natives.ws_attachment(this.#box);
    return bytes === undefined ? null : deserialize(bytes);
  }

  get readyState() {
    checkOwner(this.#owner, TYPE);
    if (this.#use === AWAITING) return CONNECTING;
    if (this.#use === GIVEN_UP) return OPEN;
    if (this.#use === FAILED) return CLOSED;
    const closed = natives.ws_closed(this.#box);
    const sent = (closed & 1) !== 0;
    const received = this.#use === ACCEPTED ? this.#received : (closed & 2) !== 0;
    if (sent && received) return CLOSED;
    return sent || received ? CLOSING : OPEN;
  }

  get url() {
    return this.#url;
  }

  get protocol() {
    if (this.#box === undefined) return "";
    const protocol = natives.ws_protocol(this.#box);
    return protocol === "" && this.#url !== null ? null : protocol;
  }

  get extensions() {
    if (this.#box === undefined) return "";
    const extensions = natives.ws_extensions(this.#box);
    return extensions === "" && this.#url !== null ? null : extensions;
  }

  get bufferedAmount() {
    return 0;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /* False: a listener threw, which is the end of the socket. */
  #tell(event) {
    try {
      dispatchThrowing(this, trusted(event));
      return true;
    } catch (error) {
      natives.console_write("error", describeThrown(error));
      this.#error(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  #message(data) {
    if (this.#use === FAILED) return true;
    if (typeof data !== "string" && this.#binaryType === "blob") data = new Blob([data]);
    return this.#tell(new MessageEvent("message", { data, origin: null }));
  }

  #close(code, reason, wasClean) {
    if (this.#closeDelivered || this.#use === FAILED) return;
    this.#closeDelivered = true;
    this.#received = wasClean; // of a loss there was no word before
    if (wasClean && compat.flags.websocketAutoReplyToClose && !this.#halfOpen && !(natives.ws_closed(this.#box) & 1)) natives.ws_close(this.#box, code, reason);
    this.#tell(new CloseEvent("close", { code, reason, wasClean }));
    this.#received = true;
  }

  #error(error) {
    this.#use = FAILED;
    this.dispatchEvent(trusted(new ErrorEvent("error", { message: `Uncaught ${error}`, error })));
  }

  static {
    boxOf = (socket) => socket.#box;
    useOf = (socket) => {
      checkOwner(socket.#owner, TYPE);
      return socket.#use;
    };
    setUse = (socket, use) => {
      socket.#use = use;
    };
    peerOf = (socket) => socket.#peer;
    setPeer = (socket, peer) => {
      socket.#peer = peer;
    };
    deliver = {
      message: (socket, data) => socket.#message(data),
      close: (socket, code, reason, clean) => socket.#close(code, reason, clean),
      error: (socket, error) => socket.#error(error),
    };
    this.isWebSocket = (value) => typeof value === "object" && value !== null && #use in value;
  }
}

export const isWebSocket = WebSocket.isWebSocket;
delete WebSocket.isWebSocket;
exposeClass(WebSocket);
defineConstants(WebSocket, {
  CONNECTING, OPEN, CLOSING, CLOSED,
  READY_STATE_CONNECTING: CONNECTING, READY_STATE_OPEN: OPEN, READY_STATE_CLOSING: CLOSING, READY_STATE_CLOSED: CLOSED,
});
defineEventHandlers(WebSocket, ["open", "message", "close", "error"]);

/* Events of accept()ed sockets, called by C in the socket's context. */
export const socketEvents = deliver;

function parseUrl(input) {
  const href = input.trim() === input ? natives.url_parse(input, undefined) : null;
  if (href === null) throw new DOMException("WebSocket Constructor: The url is invalid.", "SyntaxError");
  if (!/^wss?:/.test(href)) throw new DOMException("WebSocket Constructor: The url scheme must be ws or wss.", "SyntaxError");
  if (href.includes("#")) throw new DOMException("WebSocket Constructor: The url fragment must be empty.", "SyntaxError");
  return href;
}

function parseProtocols(protocols) {
  if (protocols === undefined) return [];
  const many = Array.isArray(protocols);
  const list = many ? protocols.map(toDOMString) : [toDOMString(protocols)];
  const seen = new Set();
  for (const protocol of list) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(protocol))
      throw new DOMException(`WebSocket Constructor: ${many ? "One of the protocol header tokens" : "The protocol header token"} is invalid.`, "SyntaxError");
    if (seen.has(protocol)) throw new DOMException("WebSocket Constructor: The protocols header cannot have repeating values.", "SyntaxError");
    seen.add(protocol);
  }
  return list;
}

/* -- pairs -------------------------------------------------------------------------------------- */

export function WebSocketPair() {
  if (new.target === undefined) throw new TypeError("Failed to construct 'WebSocketPair': Please use the 'new' operator, this object constructor cannot be called as a function.");
  requireContext();
  const [first, second] = natives.ws_pair();
  const pair = Object.create(new.target.prototype);
  pair[0] = new WebSocket(INTERNAL, first);
  pair[1] = new WebSocket(INTERNAL, second);
  setPeer(pair[0], pair[1]);
  setPeer(pair[1], pair[0]);
  return pair;
}
Object.defineProperty(WebSocketPair.prototype, Symbol.iterator, {
  value: function* () {
    yield this[0];
    yield this[1];
  },
  writable: true,
  configurable: true,
});
exposeClass(WebSocketPair);

/* Throws what platform.md §5.2.2 says of an end that cannot leave with a Response. */
function checkForResponse(socket) {
  switch (useOf(socket)) {
    case ACCEPTED:
      throw new TypeError("Can't return WebSocket in a Response after calling accept().");
    case HIBERNATABLE:
      throw new TypeError("Can't return WebSocket in a Response after calling acceptWebSocket().");
    case AWAY:
      throw new TypeError("Can't return WebSocket that was already used in a response.");
    case AWAITING:
    case GIVEN_UP:
    case FAILED:
      throw new TypeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
  }
}

/** Box of an end that now leaves with a Response. */
export function takeForResponse(socket) {
  checkForResponse(socket);
  setUse(socket, AWAY);
  return boxOf(socket);
}

export function wrapLoose(box) {
  return new WebSocket(INTERNAL, box);
}

/* -- hibernation -------------------------------------------------------------------------------- */

/** A look at a hibernatable socket; `live` keeps it while the instance lives. */
export function wrapHibernatable(live, box) {
  const socket = new WebSocket(INTERNAL, box);
  setUse(socket, HIBERNATABLE);
  live.add(socket);
  return socket;
}

export function forgetSocket(live, socket) {
  if (live.delete(socket)) natives.ws_forget(boxOf(socket));
}

/** Behind a hibernatable socket's close handler, which may answer, or say a last word, itself: answer the
 * peer's Close frame (§5.2.4). */
export function replyToClose(socket, code, reason) {
  if (compat.flags.websocketAutoReplyToClose && !(natives.ws_closed(boxOf(socket)) & 1)) natives.ws_close(boxOf(socket), code, reason);
}

export function acceptHibernatable(handle, live, socket, tags) {
  if (!isWebSocket(socket)) throw new TypeError("Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'.");
  switch (useOf(socket)) {
    case ACCEPTED:
      throw new Error("Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`");
    case HIBERNATABLE:
      throw new Error("Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`");
    case LOOSE:
      break;
    default:
      throw new Error("Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.");
  }
  const peer = peerOf(socket); /* of one that came with a response there is none */
  if (peer === undefined || useOf(peer) !== LOOSE)
    throw new Error("Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.");
  const list = [];
  if (tags !== undefined) {
    if (!Array.isArray(tags)) throw new TypeError("Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 2 is not of type 'Array'.");
    for (const tag of tags.map(toDOMString)) {
      if (list.length === TAG_COUNT_MAX) throw new Error(`a Hibernatable WebSocket cannot have more than ${TAG_COUNT_MAX} tags`);
      if (natives.utf8_length(tag) > TAG_BYTES_MAX) throw new Error(`"${tag}" is longer than the max tag length (${TAG_BYTES_MAX} characters).`);
      if (!list.includes(tag)) list.push(tag);
    }
  }
  natives.ws_accept_hibernatable(handle, boxOf(socket), list, socket);
  setUse(socket, HIBERNATABLE);
  live.add(socket);
}

export function socketTags(socket) {
  if (!isWebSocket(socket)) throw new TypeError("Failed to execute 'getTags' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'.");
  if (useOf(socket) === ACCEPTED) throw new Error("only hibernatable websockets can have tags.");
  if (useOf(socket) !== HIBERNATABLE) throw new Error("you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.");
  return natives.ws_tags(boxOf(socket));
}

export function autoResponseTimestamp(socket) {
  if (!isWebSocket(socket)) throw new TypeError("Failed to execute 'getWebSocketAutoResponseTimestamp' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'.");
  const time = natives.ws_auto_response_time(boxOf(socket));
  return time === 0 ? null : new Date(time);
}

export class WebSocketRequestResponsePair {
  #request;
  #response;

  constructor(request, response) {
    if (arguments.length < 2) throw new TypeError(`Failed to construct 'WebSocketRequestResponsePair': constructor parameter ${arguments.length + 1} is not of type 'string'.`);
    this.#request = toDOMString(request);
    this.#response = toDOMString(response);
  }

  get request() {
    return this.#request;
  }

  get response() {
    return this.#response;
  }
}
exposeClass(WebSocketRequestResponsePair);

export function setAutoResponse(handle, pair) {
  if (pair === undefined) {
    natives.ws_auto_response_set(handle, undefined, undefined);
    return;
  }
  if (!(pair instanceof WebSocketRequestResponsePair)) throw new TypeError("Failed to execute 'setWebSocketAutoResponse' on 'DurableObjectState': parameter 1 is not of type 'WebSocketRequestResponsePair'.");
  for (const [what, text] of [["Request", pair.request], ["Response", pair.response]]) {
    const size = natives.utf8_length(text);
    if (size > AUTO_RESPONSE_BYTES_MAX) throw new RangeError(`${what} cannot be larger than ${AUTO_RESPONSE_BYTES_MAX} bytes. A ${what.toLowerCase()} of size ${size} was provided.`);
  }
  natives.ws_auto_response_set(handle, pair.request, pair.response);
}

export function getAutoResponse(handle) {
  const pair = natives.ws_auto_response_get(handle);
  return pair === null ? null : new WebSocketRequestResponsePair(pair[0], pair[1]);
}

function wholeNumber(value) {
  if (typeof value === "bigint" || typeof value === "symbol") return toInt32(value); // which throws
  const number = Number(value);
  if (!Number.isFinite(number)) throw new TypeError("The value cannot be converted because it is not an integer.");
  if (number > UINT32_MAX) throw new TypeError(`Value out of range. Must be less than or equal to ${UINT32_MAX}.`);
  return Math.trunc(number);
}

export function setEventTimeout(handle, timeout) {
  const ms = timeout === undefined || timeout === null ? 0 : wholeNumber(timeout);
  if (ms < 0) throw new TypeError("The value cannot be converted because it is negative and this API expects a positive number.");
  if (ms > EVENT_TIMEOUT_MS_MAX) throw new Error(`Event timeout should not exceed ${EVENT_TIMEOUT_MS_MAX} ms.`);
  natives.ws_event_timeout_set(handle, ms);
}

export function getEventTimeout(handle) {
  const ms = natives.ws_event_timeout_get(handle);
  return ms === 0 ? null : ms;
}
