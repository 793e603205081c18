/*
 * structuredClone
 *
 * Through the serialised form, so that what can be cloned is exactly what can be stored.
 */

import { isObject } from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { serialize, deserialize } from "./serialize.js";
import { isMessagePort, transferPort } from "./message_channel.js";

/** The options of postMessage() and structuredClone(): a dictionary or the list itself. */
export function transferList(options) {
  const list = Array.isArray(options) ? options : options?.transfer;
  return list === undefined || list === null ? [] : [...list];
}

function addTransfer(transfers, ports, item) {
  if (isMessagePort(item)) {
    if (ports.includes(item)) throw new DOMException("A port may be transferred only once.", "DataCloneError");
    ports.push(item);
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
  const ports = [];
  for (const item of list) addTransfer(transfers, ports, item);
  const bytes = serialize(value, "clone", (object) => ports.indexOf(object), transfers);
  const heirs = ports.map(transferPort);
  const buffers = [...transfers.keys()].map((buffer) => buffer.transfer());
  return { value: deserialize(bytes, (number) => heirs[number], buffers), ports: heirs };
}

export function structuredClone(value, options) {
  if (arguments.length < 1)
    throw new TypeError("Failed to execute 'structuredClone' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Value'.");
  return cloneWithTransfer(value, transferList(options)).value;
}
