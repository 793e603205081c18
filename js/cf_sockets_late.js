/*
 * Sockets
 *
 * connect() of cloudflare:sockets (platform.md §7.2): a TCP connection as two byte streams, with TLS
 * from the start or later. The connection is C's (src/api/tcp.c), which also holds its bytes back until
 * what the object has written before is durable.
 */

import { checkOwner, natives, requireContext, runningContext } from "./natives.js";
import { checkSourceOwner, finish, NOT_BYTES, NO_BUFFER, streams } from "./streams.js";
import { URL } from "./url.js";
import { checkDictionary, finishClass, INTERNAL, isBufferSource, isObject, toDOMString } from "./webidl.js";

const HOST_CHARS_MAX = 255;
const PORT_MAX = 65535;
const REFUSED_TEXT = "proxy request failed, cannot connect to the specified address";
const CLOSED_TEXT = "This WritableStream has been closed.";
const LOST_TEXT = "Network connection lost.";
const closingText = (stream) => `This ${stream} belongs to an object that is closing.`;

const ignore = () => {};

const isRefusal = (error) => error.message.startsWith(REFUSED_TEXT);

/** A promise that nobody has to look at. */
function quiet(promise) {
  promise.catch(ignore);
  return promise;
}

/* -- streams ------------------------------------------------------------------------------------ */

/*
 * The two streams over a connection. startTls() makes a second pair over the same connection; its
 * `pipe` is there when the first pair's last bytes are out.
 */
class Layer {
  box = null; /* the connection */
  pipe = null; /* what is read from */
  isOpen = false;
  #owner = runningContext();
  #isPulling = false; /* before it is open */
  #written = 0; /* chunks, by the script */
  #begun = 0; /* of these, on their way */
  #sent = 0;
  #last = Infinity; /* the last one that is taken */
  #whenSent = []; /* resolvers */
  #readController;
  #writeController;

  /** `opened` settles when there is a connection; `onEnd` hears that the peer has sent everything. */
  constructor(opened, highWaterMark, onEnd) {
    this.opened = opened;
    this.onEnd = onEnd;
    opened.then(
      () => (this.isOpen = true),
      (error) => isRefusal(error) && !this.#isPulling && finish(this.#readController),
    );
    this.readable = new (streams().ReadableStream)(
      {
        type: "bytes",
        start: (controller) => {
          this.#readController = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.stopReading(),
      },
      NO_BUFFER,
    );
    this.writable = new (streams().WritableStream)(
      {
        start: (controller) => {
          this.#writeController = controller;
          return opened.then(ignore, (error) => {
            throw isRefusal(error) ? new Error(`jsg.Error: ${error.message}`) : error; // workerd's very words
          });
        },
        write: (chunk) => this.#write(chunk),
        close: () => this.#end(),
        abort: () => this.#end(),
      },
      {
        highWaterMark: highWaterMark ?? 1,
        size: (chunk) => {
          this.#written++;
          return highWaterMark !== undefined && isBufferSource(chunk) ? chunk.byteLength : 1;
        },
      },
    );
  }

  async #pull() {
    checkSourceOwner(this.#owner);
    if (this.#last !== Infinity) throw new TypeError(closingText("ReadableStream"));
    if (!this.isOpen) {
      this.#isPulling = true;
      await this.opened.catch((error) => {
        throw isRefusal(error) ? new Error("Stream was cancelled.") : error;
      });
    }
    for (let chunk = null; ; ) {
      chunk = natives.pipe_read(this.pipe);
      if (chunk !== null && !(chunk instanceof Uint8Array)) chunk = await chunk;
      if (chunk === null) {
        finish(this.#readController);
        this.onEnd();
        return;
      }
      if (chunk.byteLength > 0) {
        this.#readController.enqueue(chunk);
        return;
      }
    }
  }

  /* Who waits for bytes gets the end instead: C sees to that. */
  stopReading() {
    if (this.pipe !== null) natives.pipe_cancel(this.pipe);
  }

  async #write(chunk) {
    try {
      checkOwner(this.#owner, "Writable");
      if (++this.#begun > this.#last) throw new TypeError(closingText("WritableStream"));
      if (typeof chunk === "string") chunk = natives.utf8_encode(chunk);
      if (!isBufferSource(chunk)) throw new TypeError(NOT_BYTES);
      if (chunk.byteLength > 0) await natives.tcp_write(this.box, chunk);
    } catch (error) {
      if (error.message === LOST_TEXT) error.retryable = true;
      throw error;
    } finally {
      this.#sent++;
      if (this.#sent === this.#written) this.#flushed();
    }
  }

  async #end() {
    this.#sent = this.#written;
    this.#flushed();
    await natives.tcp_end(this.box);
  }

  #flushed() {
    for (const resolve of this.#whenSent.splice(0)) resolve();
  }

  /** Everything that was written is on its way, or never will be. */
  flush() {
    if (this.#sent === this.#written || !streams().isWritable(this.writable)) return Promise.resolve();
    return new Promise((resolve) => this.#whenSent.push(resolve));
  }

  /** As the script's own close() would, behind what it has written; also while it holds a writer. */
  closeWritable() {
    const { writable } = this;
    if (streams().isEnding(writable)) return Promise.resolve();
    return quiet(streams().closeWritable(writable));
  }

  /** What was written is still sent; nothing more is taken. */
  beginClosing() {
    this.#last = this.#written;
  }

  /** Neither of the two is good for anything any longer. */
  leave() {
    this.onEnd = ignore;
    this.stopReading();
    this.#writeController.error(new TypeError(CLOSED_TEXT));
    this.#flushed();
  }
}

/* -- Socket ------------------------------------------------------------------------------------- */

let makeSocket;

export class Socket {
  #layer;
  #address; /* as the script gave it */
  #host;
  #isFetchPort;
  #mode;
  #options;
  #closed = Promise.withResolvers();
  #closing = null;
  #tlsStarted = false;
  #upgraded = false;

  constructor(guard, { address, host, isFetchPort, mode, options, opened }) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#address = address;
    this.#host = host;
    this.#isFetchPort = isFetchPort;
    this.#mode = mode;
    this.#options = options;
    quiet(this.#closed.promise);
    const info = quiet(opened.then(() => ({ remoteAddress: address })));
    info.catch((error) => this.#closed.reject(error));
    this.#layer = new Layer(info, options.highWaterMark, () => this.#peerEnded());
  }

  get readable() {
    return this.#layer.readable;
  }

  get writable() {
    return this.#layer.writable;
  }

  get closed() {
    this.#pin();
    return this.#closed.promise;
  }

  get opened() {
    return this.#layer.opened;
  }

  get upgraded() {
    return this.#upgraded;
  }

  get secureTransport() {
    return this.#mode;
  }

  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    this.#layer.beginClosing();
    try {
      await this.#layer.opened;
      await this.#layer.flush();
      this.#layer.leave();
      natives.tcp_close(this.#layer.box);
      this.#closed.resolve();
    } catch (error) {
      this.#closed.reject(error);
    }
  }

  startTls(options) {
    if (this.#mode === "on") throw new TypeError("Cannot startTls on a TLS socket.");
    if (this.#tlsStarted) throw new TypeError("The connection was closed before startTls could be started.");
    if (this.#mode !== "starttls") throw new TypeError("The `secureTransport` socket option must be set to 'starttls' for startTls to be used.");
    requireContext();
    const expected = options?.expectedServerHostname;
    const host = expected === undefined ? this.#host : toDOMString(expected);
    this.#tlsStarted = true;
    const attached = Promise.withResolvers();
    const secure = makeSocket({
      address: this.#address,
      host,
      isFetchPort: this.#isFetchPort,
      mode: "on",
      options: this.#options,
      opened: attached.promise,
    });
    this.#upgrade(secure, host).then(attached.resolve, attached.reject);
    return secure;
  }

  async #upgrade(secure, host) {
    const { box, opened } = this.#layer;
    await opened;
    await this.#layer.flush();
    const [pipe, ready] = natives.tcp_start_tls(box, host);
    this.#layer.leave();
    this.#upgraded = true;
    this.#closed.resolve();
    secure.#attach(box, pipe, this.#over);
    await ready;
  }

  /*
   * C holds the promise of the connection's end, and must not hold the socket by it: one that nobody
   * knows any longer is collected, and its connection closed. Unless somebody waits for `closed`.
   */
  #over = null; /* settles when the connection is over */
  #isPinned = false;

  #attach(box, pipe, over) {
    this.#layer.box = box;
    this.#layer.pipe = pipe;
    this.#over = quiet(over);
    const weak = new WeakRef(this);
    over.catch(() => weak.deref()?.#lost());
    if (this.#isPinned) this.#pin();
  }

  #lost() {
    if (this.#layer.isOpen) this.#closed.resolve();
  }

  #pin() {
    this.#isPinned = true;
    this.#over?.catch(() => this);
  }

  /* Nothing more comes: unless the script wants to go on writing, that is the end. */
  async #peerEnded() {
    if (this.#options.allowHalfOpen) return;
    try {
      await this.#layer.closeWritable();
      this.#closed.resolve();
    } catch (error) {
      this.#closed.reject(error);
    }
  }

  static {
    makeSocket = (parts) => new Socket(INTERNAL, parts);
    this.open = (parts) => {
      const tlsHost = parts.mode === "on" ? parts.host : undefined;
      const [box, pipe, opened, over] = natives.tcp_connect(parts.host, parts.port, tlsHost);
      const socket = makeSocket({
        ...parts,
        opened: opened.catch((cause) => {
          throw refused(parts.isFetchPort, cause);
        }),
      });
      socket.#attach(box, pipe, over);
      return socket;
    };
    this.failed = (parts, error) => makeSocket({ ...parts, opened: Promise.reject(error) });
  }
}

const openSocket = Socket.open;
const failedSocket = Socket.failed;
delete Socket.open;
delete Socket.failed;
finishClass(Socket);

function refused(isFetchPort, cause) {
  let message = REFUSED_TEXT;
  if (isFetchPort)
    message += ". It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead";
  return cause === undefined ? new Error(message) : new Error(message, { cause });
}

/* -- connect() ---------------------------------------------------------------------------------- */

function toPort(value) {
  const port = Math.trunc(Number(value));
  if (Number.isNaN(port)) throw new TypeError("The value cannot be converted because it is not an integer.");
  if (port < 0) throw new TypeError("The value cannot be converted because it is negative and this API expects a positive number.");
  if (port > PORT_MAX) throw new TypeError(`Value out of range. Must be less than or equal to ${PORT_MAX}.`);
  return port;
}

function toHighWaterMark(value) {
  if (value === undefined) return undefined;
  const mark = Number(value);
  if (mark < 0) throw new TypeError("The value cannot be converted because it is negative and this API expects a positive bigint.");
  return mark;
}

function parseAddress(address) {
  if (isObject(address)) {
    const hostname = toDOMString(address.hostname);
    const port = toPort(address.port);
    return { text: `${hostname}:${port}`, host: hostname, port };
  }
  if (address === undefined || address === null)
    throw new TypeError("Cannot initialize N7workerd3api13SocketAddressE with required members from an undefined or null value.");
  const text = toDOMString(address);
  const href = natives.url_parse(`fake://${text}`, undefined);
  if (href === null) throw new TypeError("Specified address could not be parsed.");
  const { hostname, port } = new URL(href);
  if (hostname === "") throw new TypeError("Specified address is missing hostname.");
  if (port === "") throw new TypeError("Specified address is missing port.");
  return { text, host: hostname, port: Number(port) };
}

function parseMode({ secureTransport }) {
  if (secureTransport === undefined) return "off";
  const mode = toDOMString(secureTransport);
  if (mode !== "off" && mode !== "on" && mode !== "starttls")
    throw new TypeError(`Unsupported value in secureTransport socket option: ${mode}`);
  return mode;
}

function parse(address, options) {
  const { text, host, port } = parseAddress(address);
  if (text.length > HOST_CHARS_MAX || !/^[-._[\]:A-Za-z0-9]+$/.test(text))
    throw new TypeError("Specified address is empty string, contains unsupported characters or is too long.");
  return {
    address: text,
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port,
    isFetchPort: port === 80 || port === 443,
    mode: parseMode(options),
    options: { allowHalfOpen: Boolean(options.allowHalfOpen), highWaterMark: toHighWaterMark(options.highWaterMark) },
  };
}

export function connect(address, options) {
  requireContext();
  checkDictionary(options, 2, "SocketOptions", "connect", "SocketsModule");
  return openSocket(parse(address, options ?? {}));
}

/** What connect() of a stub gives: nobody behind it takes connections. */
export function connectNowhere(address, options) {
  requireContext();
  checkDictionary(options, 2, "SocketOptions", "connect", "Fetcher");
  const parts = parse(address, options ?? {});
  return failedSocket(parts, refused(parts.isFetchPort));
}
