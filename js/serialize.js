/*
 * Structured values as bytes
 *
 * A Worker that neither keeps values nor sends any starts without what writes and reads them, which is
 * a script of its own, serialize_late.js.
 */

import { DOMException } from "./dom_exception.js";
import { lateScript } from "./late.js";

const codec = lateScript("serialize");

/** The bytes of `value`; `host` and `transfers` say what becomes of objects that are not copied. */
export function serialize(value, mode, host, transfers) {
  return codec().serialize(value, mode, host, transfers);
}

export function deserialize(bytes, host, buffers) {
  return codec().deserialize(bytes, host, buffers);
}

/* What RPC plugs in: the name of a remote reference; throws for what only RPC can carry. */
export const remote = { nameOf: () => undefined };

export function setRemoteName(nameOf) {
  remote.nameOf = nameOf;
}

/** About any AbortSignal. */
export const NO_SIGNALS = "AbortSignal serialization is not enabled.";

export function dataCloneError(message) {
  return new DOMException(message, "DataCloneError");
}
