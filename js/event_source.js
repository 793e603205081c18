/*
 * EventSource
 *
 * Server-sent events over fetch: the stream is parsed line by line, and opened again after `retry`
 * milliseconds when it ends. EventSource.from(stream) reads a stream the program already has.
 */

import { finishClass, defineConstants, toUSVString } from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { Event, EventTarget, ErrorEvent, MessageEvent, defineEventHandlers, trusted } from "./events.js";
import { URL, parseUrl } from "./url.js";
import { fetch } from "./fetch.js";
import { isReadableStream, streams } from "./streams.js";
import { AbortController } from "./abort.js";
import { setTimeout, clearTimeout } from "./timers.js";

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;
const RETRY_MS = 2000;
const RETRY_MS_MIN = 1000;

export class EventSource extends EventTarget {
  #url = "";
  #state = CONNECTING;
  #retry = RETRY_MS;
  #lastEventId = "";
  #abort = null;
  #timer = null;
  #fetcher = null;

  constructor(url, init) {
    super();
    if (isReadableStream(url)) {
      this.#state = OPEN;
      this.#read(url).then(() => this.#end());
      return;
    }
    const text = toUSVString(url);
    const href = parseUrl(text);
    if (href === null) throw new DOMException("Cannot open an EventSource. The provided URL is invalid", "SyntaxError");
    if (init?.withCredentials)
      throw new DOMException("The init.withCredentials option is not supported. It must be false or undefined.", "NotSupportedError");
    this.#url = href;
    this.#fetcher = init?.fetcher ?? null;
    queueMicrotask(() => this.#connect());
  }

  static from(stream) {
    if (!isReadableStream(stream)) throw new TypeError("EventSource.from() needs a ReadableStream.");
    return new EventSource(stream);
  }

  get url() {
    return this.#url;
  }
  get withCredentials() {
    return false;
  }
  get readyState() {
    return this.#state;
  }

  close() {
    this.#state = CLOSED;
    this.#abort?.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #connect() {
    if (this.#state === CLOSED) return;
    this.#abort = new AbortController();
    const headers = { accept: "text/event-stream", "cache-control": "no-cache" };
    if (this.#lastEventId !== "") headers["last-event-id"] = this.#lastEventId;
    try {
      const init = { headers, signal: this.#abort.signal };
      const response = await (this.#fetcher === null ? fetch(this.#url, init) : this.#fetcher.fetch(this.#url, init));
      const type = response.headers.get("content-type") ?? "";
      if (response.status !== 200 || !/^text\/event-stream\b/i.test(type)) {
        this.#fail(new DOMException(`The response is not an event stream (status ${response.status}).`, "InvalidStateError"));
        return;
      }
      if (this.#state === CLOSED) return;
      this.#state = OPEN;
      this.dispatchEvent(trusted(new Event("open")));
      await this.#read(response.body);
    } catch (error) {
      if (this.#state === CLOSED) return;
      this.dispatchEvent(trusted(new ErrorEvent("error", { error, message: `${error?.message ?? error}` })));
    }
    this.#end();
  }

  /* The stream is over: open it again, if it has an address. */
  #end() {
    if (this.#state === CLOSED) return;
    if (this.#url === "") {
      this.#fail(undefined);
      return;
    }
    this.#state = CONNECTING;
    this.dispatchEvent(trusted(new ErrorEvent("error", {})));
    if (this.#state === CONNECTING) this.#timer = setTimeout(() => this.#connect(), Math.max(RETRY_MS_MIN, this.#retry));
  }

  #fail(error) {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.dispatchEvent(trusted(new ErrorEvent("error", { error, message: error?.message ?? "" })));
  }

  async #read(body) {
    if (body === null) return;
    let pending = "";
    let message = { data: [], type: "", id: undefined };
    for await (const text of body.pipeThrough(new (streams().TextDecoderStream)())) {
      if (this.#state === CLOSED) return;
      pending += text;
      /* A CR at the very end may be half of a CRLF. */
      const lines = pending.split(/\r\n|\n|\r(?!$)/);
      pending = lines.pop();
      for (const line of lines) message = this.#take(line, message);
    }
  }

  #take(line, message) {
    if (line === "") {
      if (message.id !== undefined) this.#lastEventId = message.id;
      if (message.data.length > 0)
        this.dispatchEvent(
          trusted(
            new MessageEvent(message.type || "message", {
              data: message.data.join("\n"),
              lastEventId: this.#lastEventId,
              origin: this.#url === "" ? "" : new URL(this.#url).origin,
            }),
          ),
        );
      return { data: [], type: "", id: undefined };
    }
    const colon = line.indexOf(":");
    if (colon === 0) return message;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") message.data.push(value);
    else if (field === "event") message.type = value;
    else if (field === "id" && !value.includes("\0")) message.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
    return message;
  }
}

defineEventHandlers(EventSource, ["open", "message", "error"]);
finishClass(EventSource);
defineConstants(EventSource, { CONNECTING, OPEN, CLOSED });
