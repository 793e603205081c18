/*
 * Blob and File
 *
 * A blob is its bytes, gathered when it is made. Slices share them.
 */

import { exposeClass, inspectors, isBufferSource, bytesOf, joinBytes, toDOMString, toUSVString, INTERNAL } from "./webidl.js";
import { encodeUtf8, decodeUtf8 } from "./encoding.js";
import { streamFromBytes } from "./streams.js";

let bytesIn, fromBytes;

/** Blob types are lower case printable ASCII or nothing. */
function cleanType(type) {
  type = toDOMString(type);
  return /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
}

function gather(parts) {
  if (typeof parts !== "object" || parts === null || typeof parts[Symbol.iterator] !== "function")
    throw new TypeError("Failed to construct 'Blob': constructor parameter 1 is not of type 'Sequence'.");
  const chunks = [];
  for (const part of parts) {
    if (isBlob(part)) chunks.push(bytesIn(part));
    else if (isBufferSource(part)) chunks.push(bytesOf(part));
    else chunks.push(encodeUtf8(toUSVString(part)));
  }
  return chunks.length === 1 ? chunks[0].slice() : joinBytes(chunks);
}

export let isBlob;

export class Blob {
  #bytes;
  #type;

  constructor(parts, options) {
    if (parts === INTERNAL) {
      this.#bytes = options.bytes;
      this.#type = options.type;
      return;
    }
    this.#bytes = parts === undefined ? new Uint8Array(0) : gather(parts);
    this.#type = options?.type === undefined ? "" : cleanType(options.type);
  }

  static {
    isBlob = (value) => typeof value === "object" && value !== null && #bytes in value;
    bytesIn = (blob) => blob.#bytes;
    fromBytes = (bytes, type) => new Blob(INTERNAL, { bytes, type });
  }

  get size() {
    return this.#bytes.byteLength;
  }
  get type() {
    return this.#type;
  }
  slice(start = 0, end = this.#bytes.byteLength, type = "") {
    const size = this.#bytes.byteLength;
    const clamp = (n) => {
      n = Math.trunc(Number(n)) || 0;
      return n < 0 ? Math.max(0, size + n) : Math.min(n, size);
    };
    const from = clamp(start);
    return fromBytes(this.#bytes.subarray(from, Math.max(from, clamp(end))), cleanType(type));
  }
  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }
  async bytes() {
    return this.#bytes.slice();
  }
  async text() {
    return decodeUtf8(this.#bytes);
  }
  stream() {
    return streamFromBytes(this.#bytes);
  }
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options) {
    if (parts === INTERNAL) {
      super(INTERNAL, name);
      this.#name = name.name;
      this.#lastModified = name.lastModified ?? Date.now();
      return;
    }
    if (arguments.length < 2)
      throw new TypeError("Failed to construct 'File': constructor parameter 2 is not of type 'string'.");
    super(parts, options);
    this.#name = toUSVString(name);
    this.#lastModified = options?.lastModified === undefined ? Date.now() : Math.trunc(Number(options.lastModified)) || 0;
  }
  get name() {
    return this.#name;
  }
  get lastModified() {
    return this.#lastModified;
  }
}

exposeClass(Blob);
exposeClass(File);
inspectors.set(Blob, ({ size, type }) => ({ size, type }));
inspectors.set(File, ({ name, size, type, lastModified }) => ({ name, size, type, lastModified }));

/** The bytes of a blob; not to be changed. */
export { bytesIn as blobBytes, fromBytes as blobFromBytes };

export function fileFromBytes(bytes, name, type, lastModified) {
  return new File(INTERNAL, { bytes, type, name, lastModified });
}
