/*
 * node:net
 *
 * Node's sockets on top of connect() (cf_sockets_late.js). They know what workerd's know: the address
 * that was asked for, but no local one; options of the kernel are taken and have no effect.
 */

import { Buffer } from "./node_buffer.js";
import EventEmitter from "./node_events.js";
import stream from "./node_stream.js";
import { codedError, invalidType, invalidValue, optionNotImplemented, outOfRange, requireFunction } from "./node_errors.js";
import { clearTimeout, setTimeout } from "./timers.js";
import { isAbortSignal, onAbort } from "./abort.js";
import { sockets } from "./cf_sockets.js";
import { BlockList, SocketAddress, isIP, isIPv4, isIPv6 } from "./node_address.js";

const { Duplex } = stream;

const TIMEOUT_MS_MAX = 2 ** 31 - 1;

const ERRNOS = { ECONNREFUSED: -111, EHOSTUNREACH: -113, ENETUNREACH: -101, ENOTFOUND: -3008, ETIMEDOUT: -110 };

export const kHandle = Symbol("handle"); /* { socket, reader, writer } of the connection, or null */
export const kUsable = Symbol("usable"); /* event: what was written may leave */
export const kWaits = Symbol("waits"); /* for that event */
const kTimer = Symbol("timer");
const kReading = Symbol("reading");
const kPeer = Symbol("peer");
const kOnRead = Symbol("onread");

/* -- arguments ---------------------------------------------------------------------------------- */

/** [options, callback | null] of ([port][, host][, callback]), (path[, callback]) or (options[, callback]). */
export function normalizeArgs(args) {
  let options = {};
  if (args.length > 0) {
    const [first, second] = args;
    if (typeof first === "object" && first !== null) {
      options = first;
    } else if (typeof first === "string" && !(Number(first) >= 0)) {
      options.path = first;
    } else {
      options.port = first;
      if (typeof second === "string") options.host = second;
    }
  }
  const last = args.at(-1);
  return [options, typeof last === "function" ? last : null];
}

function checkPort(port) {
  if (typeof port !== "number" && typeof port !== "string") throw invalidType("options.port", "one of type number or string", port);
  const number = typeof port === "string" && port.trim() === "" ? NaN : Number(port);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw codedError(Error, "ERR_SOCKET_BAD_PORT", `Port should be >= 0 and < 65536. Received ${typeof port}.`);
  return number;
}

/* Why there is no connection, as the system says it; clients decide by the code whether to try again. */
function systemError(error, host, port) {
  const code = /^(E[A-Z0-9]+): /.exec(error.cause?.message)?.[1];
  if (code === undefined) return error;
  const isLookup = code === "ENOTFOUND";
  const message = isLookup ? `getaddrinfo ${code} ${host}` : `connect ${code} ${host}:${port}`;
  const where = isLookup ? { syscall: "getaddrinfo", hostname: host } : { syscall: "connect", address: host, port };
  return Object.assign(new Error(message), { code, errno: ERRNOS[code], ...where });
}

function checkOptions(options) {
  if (options?.objectMode) throw invalidValue("options.objectMode", options.objectMode, "is not supported");
  for (const name of ["readableObjectMode", "writableObjectMode"])
    if (options?.[name]) throw invalidValue(`options.${name}`, options[name], "is not supported");
  if (typeof options === "number" || options?.fd !== undefined) throw optionNotImplemented("options.fd");
  const delay = options?.keepAliveInitialDelay;
  if (delay !== undefined && typeof delay !== "number") throw invalidType("options.keepAliveInitialDelay", "of type number", delay);
}

/* -- Socket ------------------------------------------------------------------------------------- */

export function Socket(options) {
  if (!(this instanceof Socket)) return new Socket(options);
  checkOptions(options);
  this.connecting = false;
  this.autoSelectFamilyAttemptedAddresses = [];
  this[kHandle] = null;
  this[kWaits] = false;
  this[kTimer] = undefined;
  this[kReading] = false;
  this[kPeer] = null;
  this[kOnRead] = typeof options?.onread?.callback === "function" ? options.onread : null;
  this._host = null;
  this._bytesRead = 0;
  this._bytesDispatched = 0;
  Duplex.call(this, {
    ...options,
    allowHalfOpen: Boolean(options?.allowHalfOpen),
    autoDestroy: true,
    emitClose: false,
    decodeStrings: true,
    readable: true,
    writable: true,
    signal: undefined,
  });
  const signal = options?.signal;
  if (signal === undefined) return;
  if (!isAbortSignal(signal)) throw invalidType("signal", "an instance of AbortSignal", signal);
  const abort = () => this.destroy(Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError", code: "ABORT_ERR" }));
  if (signal.aborted) queueMicrotask(abort);
  else onAbort(signal, abort);
}
Object.setPrototypeOf(Socket.prototype, Duplex.prototype);
Object.setPrototypeOf(Socket, Duplex);

/* A method or getter of Socket, as a class would have it. */
function define(members) {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(members)))
    Object.defineProperty(Socket.prototype, name, descriptor);
}

/* Connecting. */
define({
  connect(...args) {
    const [options, callback] = normalizeArgs(args);
    if (this.connecting) throw codedError(Error, "ERR_SOCKET_CONNECTING", "Socket is already connecting");
    if (options.path !== undefined && options.path !== null) throw invalidValue("path", options.path, "is not supported");
    if (options.port === undefined)
      throw codedError(TypeError, "ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified');
    const port = checkPort(options.port);
    const { localAddress, lookup } = options;
    if (localAddress && isIP(localAddress) === 0) throw codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${localAddress}`);
    if (lookup !== undefined && lookup !== null) requireFunction(lookup, "options.lookup");
    if (callback !== null) this.once("connect", callback);
    if (this.destroyed || this.writableEnded) this._undestroy();
    this._bytesRead = 0;
    this._bytesDispatched = 0;
    this.connecting = true;
    this[kWaits] = true;
    this._touch();
    this._findAddress(options.host ?? "localhost", port, options);
    return this;
  },

  _findAddress(host, port, { lookup, family, hints }) {
    const kind = isIP(host);
    if (kind !== 0 || typeof lookup !== "function") {
      this._dial(host, port, kind);
      return;
    }
    lookup(host, { family: family || 0, hints }, (error, address, found) => {
      this.emit("lookup", error, address, found, host);
      if (this.destroyed) return;
      if (error) this.destroy(error);
      else if (isIP(address) === 0) this.destroy(codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${address}`));
      else this._dial(address, port, isIP(address));
    });
  },

  _dial(host, port, kind) {
    this[kPeer] = { address: host, port, family: kind === 0 ? undefined : `IPv${kind}` };
    const name = kind === 6 ? `[${host}]` : host;
    this._host = name;
    this.autoSelectFamilyAttemptedAddresses = [`${name}:${port}`];
    this.emit("connectionAttempt", host, port, kind);
    try {
      const socket = sockets().connect(`${name}:${port}`, { allowHalfOpen: true, secureTransport: "starttls" });
      this._adopt(socket);
      socket.opened.then(
        () => this[kHandle]?.socket === socket && this._connected(),
        (error) => {
          const reason = systemError(error, host, port);
          this.emit("connectionAttemptFailed", host, port, kind, reason);
          this._lost(socket, reason);
        },
      );
    } catch (error) {
      this.destroy(error);
    }
  },

  /* The connection is this socket's from now on. */
  _adopt(socket) {
    this[kHandle] = { socket, writer: socket.writable.getWriter(), reader: socket.readable.getReader() };
    socket.closed.catch((error) => socket.opened.then(() => this._lost(socket, error), () => {}));
  },

  /* The connection goes to somebody else, who starts TLS on it. NULL: there is none. */
  _release() {
    const handle = this[kHandle];
    if (handle === null) return null;
    this[kHandle] = null;
    this[kReading] = false;
    handle.writer.releaseLock();
    handle.reader.releaseLock();
    return handle.socket;
  },

  _lost(socket, error) {
    if (this[kHandle]?.socket === socket && !this.destroyed) this.destroy(error);
  },

  _connected() {
    if (this.destroyed) return;
    this.connecting = false;
    this._touch();
    this._usable();
    this.emit("connect");
    this.emit("ready");
    if (!this.isPaused()) this.read(0);
  },

  _usable() {
    this[kWaits] = false;
    this.emit(kUsable);
  },

  /* Calls back at once, or when there is something to write to. */
  _whenUsable(callback, onClose) {
    if (!this[kWaits]) {
      callback();
      return;
    }
    const closed = () => {
      this.off(kUsable, usable);
      onClose();
    };
    const usable = () => {
      this.off("close", closed);
      callback();
    };
    this.once(kUsable, usable);
    this.once("close", closed);
  },
});

/* Writing and reading. */
define({
  _write(chunk, encoding, callback) {
    this._whenUsable(
      () => this._send(chunk, callback),
      () => callback(codedError(Error, "ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "Socket closed before the connection was established")),
    );
  },

  _writev(chunks, callback) {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer", callback);
  },

  _send(chunk, callback) {
    const handle = this[kHandle];
    if (handle === null) {
      callback(codedError(Error, "ERR_SOCKET_CLOSED", "Socket is closed"));
      return;
    }
    this._touch();
    handle.writer.write(chunk).then(() => {
      this._bytesDispatched += chunk.byteLength;
      this._touch();
      callback();
    }, callback);
  },

  _final(callback) {
    this._whenUsable(
      () => {
        const handle = this[kHandle];
        if (handle === null) callback();
        else handle.writer.close().then(() => callback(), callback);
      },
      () => callback(),
    );
  },

  _read() {
    this._whenUsable(
      () => this._readSome(),
      () => {},
    );
  },

  async _readSome() {
    const handle = this[kHandle];
    if (handle === null || this[kReading]) return;
    this[kReading] = true;
    try {
      for (let wanted = true; wanted; ) {
        const { value, done } = await handle.reader.read();
        if (this[kHandle] !== handle || this.destroyed) return;
        this._touch();
        if (done) {
          this.push(null);
          break;
        }
        this._bytesRead += value.byteLength;
        wanted = this._deliver(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      }
    } catch (error) {
      this._lost(handle.socket, error);
    }
    if (this[kHandle] === handle) this[kReading] = false;
  },

  /* False: enough for now. */
  _deliver(data) {
    const onread = this[kOnRead];
    if (onread === null) return this.push(data);
    for (let at = 0; at < data.length; ) {
      const room = typeof onread.buffer === "function" ? onread.buffer() : onread.buffer;
      const length = Math.min(room.length, data.length - at);
      room.set(data.subarray(at, at + length));
      at += length;
      if (onread.callback(length, room) === false && at === data.length) return false;
    }
    return true;
  },
});

/* The end. */
define({
  _destroy(error, callback) {
    const handle = this[kHandle];
    this.connecting = false;
    this[kHandle] = null;
    this[kReading] = false;
    clearTimeout(this[kTimer]);
    this[kTimer] = undefined;
    if (handle !== null) handle.socket.close().catch(() => {});
    callback(error);
    queueMicrotask(() => {
      this[kWaits] = false;
      this.emit("close", Boolean(error));
    });
  },

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  },

  resetAndDestroy() {
    if (this[kHandle] === null) this.destroy(codedError(Error, "ERR_SOCKET_CLOSED", "Socket is closed"));
    else if (this.connecting) this.once("connect", () => this.destroy());
    else this.destroy();
    return this;
  },
});

/* Time. */
define({
  setTimeout(ms, callback) {
    if (this.destroyed) return this;
    if (typeof ms !== "number") throw invalidType("msecs", "of type number", ms);
    if (!(ms >= 0 && Number.isFinite(ms))) throw outOfRange("msecs", "a non-negative finite number", ms);
    if (callback !== undefined) requireFunction(callback, "callback");
    this.timeout = ms;
    clearTimeout(this[kTimer]);
    this[kTimer] = undefined;
    if (ms === 0) {
      if (callback !== undefined) this.removeListener("timeout", callback);
      return this;
    }
    if (callback !== undefined) this.once("timeout", callback);
    this._startTimer();
    return this;
  },

  _startTimer() {
    this[kTimer] = setTimeout(() => this.emit("timeout"), Math.min(this.timeout, TIMEOUT_MS_MAX));
  },

  /* Something happens: the timeout begins anew. */
  _touch() {
    if (this[kTimer] === undefined) return;
    clearTimeout(this[kTimer]);
    this._startTimer();
  },

  setNoDelay() {
    return this;
  },

  setKeepAlive() {
    return this;
  },

  ref() {
    return this;
  },

  unref() {
    return this;
  },
});

/* What it is. */
define({
  address() {
    return this[kHandle] === null ? {} : { address: "0.0.0.0", port: 0, family: "IPv4" };
  },

  get _connecting() {
    return this.connecting;
  },

  get _handle() {
    return this[kHandle];
  },

  get pending() {
    return this[kHandle] === null || this.connecting;
  },

  get readyState() {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  },

  get bufferSize() {
    return this[kHandle] === null ? undefined : this.writableLength;
  },

  get bytesRead() {
    return this._bytesRead;
  },

  get bytesWritten() {
    return this._bytesDispatched + this.writableLength;
  },

  get remoteAddress() {
    return this._peer().address;
  },

  get remoteFamily() {
    return this._peer().family;
  },

  get remotePort() {
    return this._peer().port;
  },

  get localAddress() {
    return this.address().address;
  },

  get localPort() {
    return this.address().port;
  },

  get localFamily() {
    return this.address().family;
  },

  _peer() {
    return this[kHandle] === null ? {} : this[kPeer];
  },
});

/* -- the module --------------------------------------------------------------------------------- */

export function connect(...args) {
  const [options, callback] = normalizeArgs(args);
  const socket = new Socket(options);
  if (options.timeout) socket.setTimeout(options.timeout);
  if (socket.destroyed) return socket;
  return callback === null ? socket.connect(options) : socket.connect(options, callback);
}

const absent = (what) => {
  const refuse = function () {
    throw new Error(`${what} is not implemented`);
  };
  return Object.defineProperty(refuse, "name", { value: what });
};

/* It can be made, as on workerd; nobody outside could ever reach it. */
class Server extends EventEmitter {
  listening = false;

  constructor(options, listener = options) {
    super();
    if (typeof listener === "function") this.on("connection", listener);
  }

  address() {
    return null;
  }

  listen() {
    throw new Error("listen() of node:net is not supported by Dormouse.");
  }

  close(callback) {
    callback?.(codedError(Error, "ERR_SERVER_NOT_RUNNING", "Server is not running."));
    return this;
  }

  getConnections(callback) {
    queueMicrotask(() => callback(null, 0));
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }
}

let attemptTimeout = 10;

const net = {
  BlockList,
  BoundSocket: absent("BoundSocket"),
  Server,
  Socket,
  SocketAddress,
  Stream: Socket,
  _normalizeArgs: normalizeArgs,
  connect,
  createConnection: connect,
  createServer: (...args) => new Server(...args),
  getDefaultAutoSelectFamily: () => false,
  setDefaultAutoSelectFamily(value) {
    if (value) throw invalidValue("val", value);
  },
  getDefaultAutoSelectFamilyAttemptTimeout: () => attemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout(value) {
    if (!Number.isInteger(value)) throw invalidType("val", "of type number", value);
    if (value < 1) throw outOfRange("val", ">= 1 && <= 2147483647", value);
    attemptTimeout = Math.max(value, 10);
  },
  isIP,
  isIPv4,
  isIPv6,
};

export default net;
