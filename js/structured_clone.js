/*
 * structuredClone
 *
 * Through the serialised form, so that what can be cloned is exactly what can be stored. Platform
 * objects that the standard calls serialisable are copied by the functions in `cloners`.
 */

import { isObject } from "./webidl.js";
import { DOMException, isDOMException } from "./dom_exception.js";
import { serialize, deserialize } from "./serialize.js";
import { Blob, File, isBlob, blobBytes, blobFromBytes, fileFromBytes } from "./blob.js";
import { Headers, isHeaders } from "./headers.js";
import { isMessagePort, transferPort } from "./message_channel.js";
import { isCryptoKey } from "./crypto_key.js";

function cloneDOMException(error) {
  const copy = new DOMException(error.message, error.name);
  Object.defineProperty(copy, "stack", { value: error.stack, writable: true, configurable: true });
  return copy;
}

function clonePlatformObject(object) {
  if (isDOMException(object)) return cloneDOMException(object);
  if (isHeaders(object)) return new Headers(object);
  if (isCryptoKey(object)) return object; /* immutable */
  if (!isBlob(object)) return undefined;
  if (object instanceof File)
    return fileFromBytes(blobBytes(object), object.name, object.type, object.lastModified);
  return object instanceof Blob ? blobFromBytes(blobBytes(object), object.type) : undefined;
}

/** The options of postMessage() and structuredClone(): a dictionary or the list itself. */
export function transferList(options) {
  const list = Array.isArray(options) ? options : options?.transfer;
  return list === undefined || list === null ? [] : [...list];
}

function addTransfer(transfers, ports, item) {
  if (isMessagePort(item)) {
    if (ports.has(item)) throw new DOMException("A port may be transferred only once.", "DataCloneError");
    ports.set(item, null);
    return;
  }
  const buffer = ArrayBuffer.isView(item) ? item.buffer : item;
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError("Object is not transferable");
  if (buffer.detached) throw new DOMException("An ArrayBuffer is detached and could not be cloned.", "DataCloneError");
  if (!transfers.has(buffer)) transfers.set(buffer, transfers.size);
}

/** Clone `value`, moving what is in `list`; { value, ports }. */
export function cloneWithTransfer(value, list) {
  if (!isObject(value) && typeof value !== "symbol" && list.length === 0) return { value, ports: [] };
  const transfers = new Map();
  const ports = new Map();
  for (const item of list) addTransfer(transfers, ports, item);
  const hosts = [];
  const host = (object) => {
    if (ports.has(object)) return hosts.push(() => ports.get(object)) - 1;
    const copy = clonePlatformObject(object);
    return copy === undefined ? -1 : hosts.push(() => copy) - 1;
  };
  const bytes = serialize(value, "clone", host, transfers);
  for (const port of ports.keys()) ports.set(port, transferPort(port));
  const buffers = [...transfers.keys()].map((buffer) => buffer.transfer());
  return { value: deserialize(bytes, (number) => hosts[number](), buffers), ports: [...ports.values()] };
}

export function structuredClone(value, options) {
  if (arguments.length < 1)
    throw new TypeError("Failed to execute 'structuredClone' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Value'.");
  return cloneWithTransfer(value, transferList(options)).value;
}
