/*
 * Response
 */

import { runningContext } from "./natives.js";
import { exposeClass, inspectors, isObject, toDOMString, INTERNAL } from "./webidl.js";
import { parseUrl } from "./url.js";
import { Headers, isHeaders, copyHeaders, headersFromBlock } from "./headers.js";
import { Body, innerOf, setBody, setAutoType, takeBody, teeBody, headersOf } from "./body.js";
import { BODY_NONE, BODY_STRING, BODY_BYTES } from "./streams.js";
import { blockOfInner, setNativeBody } from "./request.js";

const NULL_BODY_STATUS = new Set([101, 204, 205, 304]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

/* What cf_websocket.js plugs in; until then nothing is a WebSocket. */
let webSockets = { isWebSocket: () => false, wrap: (box) => box };

export function setWebSocketSupport(support) {
  webSockets = { ...webSockets, ...support };
}

function makeInner() {
  return {
    kind: BODY_NONE,
    data: null,
    length: undefined,
    stream: null,
    used: false,
    block: null,
    headers: null,
    autoType: null,
    immutable: false,
    owner: runningContext(),
    status: 200,
    statusText: "",
    url: "",
    redirected: false,
    type: "default",
    webSocket: null,
    cf: undefined,
    encodeBody: "automatic",
  };
}

function isEmptyContent(inner) {
  return (
    (inner.kind === BODY_STRING && inner.data === "") || (inner.kind === BODY_BYTES && inner.data.byteLength === 0)
  );
}

/* Tab, space, visible ASCII and obs-text: a reason phrase. */
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

function applyInit(inner, init) {
  const { status, statusText, headers, cf, webSocket, encodeBody } = init;
  if (status !== undefined) inner.status = Math.trunc(Number(status)) || 0;
  if (statusText !== undefined && statusText !== null) {
    inner.statusText = toDOMString(statusText);
    if (!REASON_PHRASE.test(inner.statusText)) throw new TypeError("Invalid statusText");
  }
  if (headers !== undefined) {
    if (!isObject(headers))
      throw new TypeError(
        "Incorrect type for the 'headers' field on 'InitializerDict': the provided value is not of type 'Headers or Sequence or object'.",
      );
    inner.headers = isHeaders(headers) ? copyHeaders(headers) : new Headers(headers);
  }
  if (cf !== undefined && cf !== null) inner.cf = isObject(cf) ? { ...cf } : undefined;
  if (webSocket !== undefined && webSocket !== null) {
    if (!webSockets.isWebSocket(webSocket))
      throw new TypeError(
        "Incorrect type for the 'webSocket' field on 'InitializerDict': the provided value is not of type 'WebSocket'.",
      );
    inner.webSocket = webSocket;
  }
  if (encodeBody !== undefined) {
    inner.encodeBody = toDOMString(encodeBody);
    if (inner.encodeBody !== "automatic" && inner.encodeBody !== "manual")
      throw new TypeError(`encodeBody: unexpected value: ${inner.encodeBody}`);
  }
}

function checkStatus(inner) {
  if (inner.webSocket !== null) {
    if (inner.status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
    return;
  }
  if (inner.status < 200 || inner.status > 599)
    throw new RangeError(
      "Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
    );
}

/* A zero-length body on a null-body status was once the only way to make one; it is dropped. */
function checkNullBody(inner) {
  if (inner.kind === BODY_NONE || !NULL_BODY_STATUS.has(inner.status)) return;
  if (!isEmptyContent(inner))
    throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
  console.warn(
    `Constructing a Response with a null body status (${inner.status}) and a non-null, zero-length body. This is ` +
      "technically incorrect, and we recommend you update your code to explicitly pass in a `null` body, e.g. " +
      `\`new Response(null, { status: ${inner.status}, ... })\`.`,
  );
  inner.kind = BODY_NONE;
  inner.data = null;
}

export let isResponse;

export class Response extends Body {
  #inner;

  constructor(body, init) {
    if (body === INTERNAL) {
      super(INTERNAL, init);
      this.#inner = init;
      return;
    }
    const inner = makeInner();
    if (init !== undefined && init !== null) {
      if (!isObject(init))
        throw new TypeError("Failed to construct 'Response': constructor parameter 2 is not of type 'ResponseInit'.");
      applyInit(inner, isResponse(init) ? initOf(init.#inner) : init);
      checkStatus(inner);
    }
    if (body !== undefined && body !== null) {
      const type = setBody(inner, body);
      checkNullBody(inner);
      if (inner.kind !== BODY_NONE) setAutoType(inner, type);
    }
    super(INTERNAL, inner);
    this.#inner = inner;
  }

  static {
    isResponse = (value) => typeof value === "object" && value !== null && #inner in value;
  }

  static error() {
    const inner = makeInner();
    inner.status = 0;
    inner.type = "error";
    return new Response(INTERNAL, inner);
  }

  static redirect(url, status = 302) {
    const text = toDOMString(url);
    const href = parseUrl(text.toWellFormed());
    if (href === null) throw new TypeError(`Unable to parse URL: ${text}`);
    status = Math.trunc(Number(status));
    if (!REDIRECT_STATUS.has(status))
      throw new RangeError(
        `${status} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`,
      );
    const inner = makeInner();
    inner.status = status;
    inner.block = `location\n${href}`;
    inner.immutable = true;
    return new Response(INTERNAL, inner);
  }

  static json(data, init) {
    const text = JSON.stringify(data);
    const response = new Response(text === undefined ? "undefined" : text, init);
    const inner = response.#inner;
    if (inner.headers === null) inner.autoType = "application/json";
    else if (init?.headers === undefined || !new Headers(init.headers).has("content-type"))
      inner.headers.set("Content-Type", "application/json");
    return response;
  }

  clone() {
    const source = this.#inner;
    if (source.webSocket !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const content = teeBody(source);
    const inner = { ...source, ...content, used: false };
    if (source.headers !== null) inner.headers = copyHeaders(source.headers);
    else if (source.block !== null) inner.headers = headersFromBlock(source.block, false);
    inner.block = null;
    inner.immutable = false;
    return new Response(INTERNAL, inner);
  }

  get status() {
    return this.#inner.status;
  }
  get statusText() {
    return this.#inner.statusText;
  }
  get headers() {
    const inner = this.#inner;
    return inner.headers ?? headersOf(inner);
  }
  get ok() {
    const status = this.#inner.status;
    return status >= 200 && status <= 299;
  }
  get redirected() {
    return this.#inner.redirected;
  }
  get url() {
    return this.#inner.url;
  }
  get webSocket() {
    return this.#inner.webSocket;
  }
  get cf() {
    return this.#inner.cf;
  }
  get type() {
    return this.#inner.type;
  }
}

/** What `new Response(body, otherResponse)` takes over; the headers are copied by the constructor. */
function initOf(inner) {
  return {
    status: inner.status,
    statusText: inner.statusText,
    headers: headersOf(inner),
    cf: inner.cf,
    webSocket: inner.webSocket,
    encodeBody: inner.encodeBody,
  };
}

exposeClass(Response);

inspectors.set(Response, (response) => ({
  status: response.status,
  statusText: response.statusText,
  headers: response.headers,
  ok: response.ok,
  redirected: response.redirected,
  url: response.url,
  webSocket: response.webSocket,
  cf: response.cf,
  type: response.type,
  body: response.body,
  bodyUsed: response.bodyUsed,
}));

/* -- C's side ----------------------------------------------------------------------------------- */

/** send(status, statusText, headers, kind, body, webSocket, encodeBody, length) with the parts. */
export function responseToNative(response, send) {
  if (!isResponse(response)) throw new TypeError("The value is not a Response.");
  const inner = innerOf(response);
  if (inner.type === "error")
    throw new TypeError("Return value from serve handler must not be an error response (like Response.error())");
  const { kind, data, length } = takeBody(inner);
  const { status, statusText, webSocket, encodeBody } = inner;
  const block = blockOfInner(inner);
  if (send === undefined) return [status, statusText, block, kind, data, webSocket, encodeBody, length];
  return send(status, statusText, block, kind, data, webSocket, encodeBody, length);
}

/** The Response of an answer that C received; `length` of its body, if it streams and that is known. */
export function responseFromNative(status, statusText, block, body, url, webSocket, cf, length) {
  const inner = makeInner();
  inner.status = status;
  inner.statusText = statusText;
  inner.block = block;
  inner.immutable = true;
  inner.url = url ?? "";
  inner.cf = cf ?? undefined;
  if (webSocket !== null && webSocket !== undefined)
    inner.webSocket = webSockets.isWebSocket(webSocket) ? webSocket : webSockets.wrap(webSocket);
  if (body !== null && body !== undefined) setNativeBody(inner, body);
  if (length !== undefined) inner.length = length;
  return new Response(INTERNAL, inner);
}
