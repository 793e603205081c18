/*
 * node:tls
 *
 * A TLSSocket is a Socket that waits until startTls() has made its connection secure: one of its own,
 * or that of a Socket that was connected before. Certificates are checked by C against the system's
 * trust store, always; what would weaken that, or needs a certificate of one's own, is refused by name.
 */

import { isIP } from "./node_address.js";
import { Socket, kHandle, kWaits, normalizeArgs } from "./node_net.js";
import { codedError, invalidType, optionNotImplemented, requireFunction, requireString } from "./node_errors.js";
import { natives } from "./natives.js";
import { URL } from "./url.js";

/* -- TLSSocket ---------------------------------------------------------------------------------- */

function checkOptions(options) {
  for (const name of ["enableTrace", "isServer", "server", "requestCert", "requestOCSP"])
    if (options[name]) throw optionNotImplemented(`options.${name}`);
  for (const name of ["ALPNProtocols", "SNICallback", "pskCallback"])
    if (options[name] !== undefined) throw optionNotImplemented(`options.${name}`);
  if (options.rejectUnauthorized === false) throw optionNotImplemented("options.rejectUnauthorized");
  const { checkServerIdentity: check, secureContext } = options;
  if (check !== undefined) {
    requireFunction(check, "options.checkServerIdentity");
    throw optionNotImplemented("options.checkServerIdentity");
  }
  if (secureContext !== undefined && !(secureContext instanceof SecureContext))
    throw codedError(TypeError, "ERR_TLS_INVALID_CONTEXT", "context must be a SecureContext");
}

export function TLSSocket(socket, options = {}) {
  if (!(this instanceof TLSSocket)) return new TLSSocket(socket, options);
  checkOptions(options);
  if (socket !== undefined && socket !== null && !(socket instanceof Socket)) throw optionNotImplemented("options.socket");
  const { highWaterMark, onread, signal } = options;
  Socket.call(this, { allowHalfOpen: socket?.allowHalfOpen ?? options.allowHalfOpen, highWaterMark, onread, signal });
  this.encrypted = true;
  this.authorized = false;
  this.secureConnecting = true;
  this.servername = options.servername ?? null;
  this.alpnProtocol = null;
  this[kWaits] = true;
  this._parent = socket ?? null;
  if (!socket) return;
  this.connecting = socket.connecting;
  socket.once("close", () => this.destroy());
  this.once("close", () => socket.destroy());
}
Object.setPrototypeOf(TLSSocket.prototype, Socket.prototype);
Object.setPrototypeOf(TLSSocket, Socket);

Object.defineProperties(
  TLSSocket.prototype,
  Object.getOwnPropertyDescriptors({
    /* The connection is there; it is of use when TLS is. */
    _connected() {
      if (this.destroyed) return;
      this.connecting = false;
      this._touch();
      this.emit("connect");
      this.emit("ready");
      this._secure(this._release());
    },

    /* The other Socket's connection, now or when it has one. */
    _takeOver() {
      const parent = this._parent;
      if (parent.connecting || parent[kHandle] === null) {
        parent.once("connect", () => this._takeOver());
        return;
      }
      this.connecting = false;
      this._host = parent._host;
      this._secure(parent._release());
    },

    _secure(plain) {
      if (plain === null) return;
      if (this.destroyed) {
        plain.close();
        return;
      }
      try {
        const socket = plain.startTls(this.servername === null ? undefined : { expectedServerHostname: this.servername });
        this._adopt(socket);
        socket.opened.then(
          () => this._secured(),
          (error) => this._lost(socket, error),
        );
      } catch (error) {
        this.destroy(error);
      }
    },

    _secured() {
      if (this.destroyed) return;
      this.authorized = true;
      this.secureConnecting = false;
      this._touch();
      this._usable();
      this.emit("secure");
      this.emit("secureConnect");
      if (!this.isPaused()) this.read(0);
    },

    setServername(name) {
      requireString(name, "name");
      this.servername = name;
    },

    setSession() {},

    disableRenegotiation() {},

    renegotiate(options, callback) {
      if (typeof options !== "object" || options === null) throw invalidType("options", "of type object", options);
      if (callback !== undefined) requireFunction(callback, "callback");
      return false;
    },

    setMaxSendFragment(size) {
      if (!Number.isInteger(size)) throw invalidType("size", "of type number", size);
      return false;
    },

    exportKeyingMaterial(length, label) {
      if (!Number.isInteger(length)) throw invalidType("length", "of type number", length);
      requireString(label, "label");
      throw new Error("exportKeyingMaterial is not implemented");
    },
  }),
);

/* What workerd refuses, and what it answers with nothing. */
for (const name of ["getPeerCertificate", "getCertificate", "getPeerX509Certificate", "getX509Certificate", "setKeyCert"])
  Object.defineProperty(TLSSocket.prototype, name, {
    value() {
      throw new Error(`${name === "getPeerCertificate" ? name : `TLSSocket.${name}`} is not implemented`);
    },
    writable: true,
    configurable: true,
  });
for (const name of [
  "getCipher",
  "getSharedSigalgs",
  "getEphemeralKeyInfo",
  "getFinished",
  "getPeerFinished",
  "getProtocol",
  "getSession",
  "getTLSTicket",
  "isSessionReused",
  "enableTrace",
])
  Object.defineProperty(TLSSocket.prototype, name, { value: () => null, writable: true, configurable: true });

/* -- connect() ---------------------------------------------------------------------------------- */

/** [port,] [host,] [options,] [callback] */
export function connect(...args) {
  let [options, callback] = normalizeArgs(args);
  const more = args.slice(1, 3).find((arg) => typeof arg === "object" && arg !== null);
  if (more !== undefined) options = { ...options, ...more };
  if (options.minDHSize !== undefined) {
    if (typeof options.minDHSize !== "number") throw invalidType("options.minDHSize", "of type number", options.minDHSize);
    throw optionNotImplemented("options.minDHSize");
  }
  /* A server's options are passed over, as workerd does. */
  const { server, isServer, requestCert, requestOCSP, SNICallback, ...own } = options;
  const secure = new TLSSocket(options.socket, own);
  if (callback !== null) secure.once("secureConnect", callback);
  secure.prependListener("end", function onEnd() {
    if (!this.secureConnecting) return;
    const { host, port, localAddress, path } = options;
    this.destroy(
      Object.assign(new Error("Client network socket disconnected before secure TLS connection was established"), {
        code: "ECONNRESET",
        path,
        host,
        port,
        localAddress,
      }),
    );
  });
  if (options.timeout) secure.setTimeout(options.timeout);
  if (options.socket) {
    secure._takeOver();
    return secure;
  }
  if (secure.servername === null && typeof options.host === "string" && isIP(options.host) === 0) secure.servername = options.host;
  return secure.connect(options);
}

/* -- certificates ------------------------------------------------------------------------------- */

const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const withoutDot = (host) => host.replace(/\.$/, "");
const labelsOf = (host) => lower(withoutDot(host)).split(".");

/* Does the pattern of a certificate, whose first label may have one star, cover the name? */
function covers(pattern, host) {
  if (!pattern) return false;
  const wanted = labelsOf(pattern);
  const labels = labelsOf(host);
  if (wanted.length !== labels.length || wanted.includes("") || wanted.some((label) => /[^\x21-\x7e]/.test(label))) return false;
  for (let i = 1; i < labels.length; i++) if (labels[i] !== wanted[i]) return false;
  const [first] = wanted;
  const parts = first.split("*");
  if (parts.length === 1 || first.includes("xn--")) return labels[0] === first;
  if (parts.length > 2 || wanted.length <= 2) return false;
  const [prefix, suffix] = parts;
  return prefix.length + suffix.length <= labels[0].length && labels[0].startsWith(prefix) && labels[0].endsWith(suffix);
}

/* "DNS:a.test, IP Address:1.2.3.4", where names with odd characters are JSON strings. */
function splitAltNames(text) {
  const names = [];
  for (const [, kind, name] of text.matchAll(/(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    if (!name.startsWith('"')) {
      names.push([kind, name]);
      continue;
    }
    try {
      names.push([kind, JSON.parse(name)]);
    } catch {
      throw codedError(SyntaxError, "ERR_TLS_CERT_ALTNAME_FORMAT", "Invalid subject alternative name string");
    }
  }
  return names;
}

/* An address in one way of writing it. */
function canonicalAddress(address) {
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address}]`).hostname;
}

/** Undefined if the certificate is the host's; otherwise an Error that says why it is not. */
export function checkServerIdentity(hostname, cert) {
  const { subject, subjectaltname } = cert;
  const host = withoutDot(`${hostname}`);
  const names = subjectaltname ? splitAltNames(subjectaltname) : [];
  const dns = names.filter(([kind]) => kind === "DNS").map(([, name]) => name);
  const addresses = names.filter(([kind]) => kind === "IP Address").map(([, address]) => canonicalAddress(address));
  let reason = null;
  if (isIP(host) !== 0) {
    if (!addresses.includes(canonicalAddress(host))) reason = `IP: ${host} is not in the cert's list: ${addresses.join(", ")}`;
  } else if (dns.length > 0) {
    if (!dns.some((pattern) => covers(pattern, host))) reason = `Host: ${host}. is not in the cert's altnames: ${subjectaltname}`;
  } else if (subject?.CN) {
    if (![subject.CN].flat().some((pattern) => covers(pattern, host))) reason = `Host: ${host}. is not cert's CN: ${subject.CN}`;
  } else {
    reason = "Cert does not contain a DNS name";
  }
  if (reason === null) return undefined;
  return Object.assign(codedError(Error, "ERR_TLS_CERT_ALTNAME_INVALID", reason), { reason, host, cert });
}

export class SecureContext {
  context = undefined;
}

/* What is asked for is taken and has no effect, as on workerd: the trust store is the system's. */
function createSecureContext({ secureOptions } = {}) {
  if (secureOptions !== undefined && secureOptions !== null && typeof secureOptions !== "number")
    throw invalidType("secureOptions", "of type number", secureOptions);
  return new SecureContext();
}

/* -- the module --------------------------------------------------------------------------------- */

/* ["h2", "http/1.1"] as bytes with a length before each, under `out.ALPNProtocols`. */
function convertALPNProtocols(protocols, out) {
  if (!Array.isArray(protocols)) {
    if (ArrayBuffer.isView(protocols)) out.ALPNProtocols = new Uint8Array(protocols.buffer, protocols.byteOffset, protocols.byteLength).slice();
    return;
  }
  const bytes = protocols.map((protocol) => natives.utf8_encode(`${protocol}`));
  const long = bytes.findIndex((each) => each.length > 255);
  if (long >= 0)
    throw codedError(
      RangeError,
      "ERR_OUT_OF_RANGE",
      `The byte length of the protocol at index ${long} exceeds the maximum length. It must be <= 255. Received ${bytes[long].length}`,
    );
  out.ALPNProtocols = Uint8Array.from(bytes.flatMap((each) => [each.length, ...each]));
}

const absent = (name) => {
  const refuse = function () {
    throw new Error("Not implemented");
  };
  return Object.defineProperty(refuse, "name", { value: name });
};

const tls = {
  CLIENT_RENEG_LIMIT: 3,
  CLIENT_RENEG_WINDOW: 600,
  DEFAULT_CIPHERS: "",
  DEFAULT_ECDH_CURVE: "auto",
  DEFAULT_MAX_VERSION: "TLSv1.3",
  DEFAULT_MIN_VERSION: "TLSv1.2",
  SecureContext,
  Server: absent("Server"),
  TLSSocket,
  checkServerIdentity,
  connect,
  convertALPNProtocols,
  createSecureContext,
  createSecurePair() {
    throw codedError(Error, "ERR_METHOD_NOT_IMPLEMENTED", "The createSecurePair method is not implemented");
  },
  createServer: absent("createServer"),
  getCiphers: absent("getCiphers"),
  rootCertificates: [],
};

export default tls;
