/*
 * Body
 *
 * What Request and Response share. The content is kept in the form it came in (text, bytes, a native
 * pipe, a stream) and becomes a ReadableStream only when a program asks for `body`. Each instance has
 * one internal record, `inner`, that this file, request.js and response.js read directly:
 *
 *   kind, data   BODY_* and what it names
 *   length       bytes in all if known, else undefined
 *   stream       the ReadableStream, once somebody asked
 *   owner        the context that made it
 *   used         consumed without a stream
 *   block        headers as C gave them, until `headers` is made of them
 *   headers      the Headers, or null while nobody looked
 *   autoType     content type that follows from the body, while `headers` is null
 */

import { exposeClass, isBufferSource, copyBytes, joinBytes, isObject, INTERNAL } from "./webidl.js";
import { encodeUtf8, decodeUtf8 } from "./encoding.js";
import { isBlob, blobBytes, blobFromBytes } from "./blob.js";
import { isLoaded } from "./late.js";
import { seldom } from "./seldom.js";
import { isURLSearchParams } from "./url.js";
import { Headers, headersFromBlock, getHeader, setHeader } from "./headers.js";
import {
  streams,
  checkSourceOwner,
  BODY_NONE,
  BODY_BYTES,
  BODY_STREAM,
  BODY_PIPE,
  BODY_STRING,
  isReadableStream,
  isDisturbed,
  streamLength,
  takeSource,
  consumeStream,
  streamFromBytes,
  streamFromString,
  readableStreamFromPipe,
  readPipe,
  readStream,
} from "./streams.js";

const USED_TEXT = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const LOCKED_TEXT = "This ReadableStream is currently locked to a reader.";

const TEXT_TYPE = "text/plain;charset=UTF-8";
const FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8";

/** Put `init` into `inner`; returns the content type it brings along, or null. */
export function setBody(inner, init) {
  if (typeof init === "string") {
    inner.kind = BODY_STRING;
    inner.data = init;
    return TEXT_TYPE;
  }
  if (init === null || init === undefined) return null;
  if (isObject(init)) {
    if (isReadableStream(init)) return setStream(inner, init);
    if (isBufferSource(init)) return setBytes(inner, copyBytes(init), null);
    if (isURLSearchParams(init)) {
      inner.kind = BODY_STRING;
      inner.data = init.toString();
      return FORM_TYPE;
    }
    if (isLoaded(seldom) && seldom().isFormData(init)) {
      const { bytes, type } = seldom().encodeMultipart(init);
      return setBytes(inner, bytes, type);
    }
    if (isBlob(init)) return setBytes(inner, blobBytes(init), init.type === "" ? null : init.type);
    if (init[Symbol.asyncIterator] !== undefined || (init[Symbol.iterator] !== undefined && !(init instanceof String)))
      return setStream(inner, streams().ReadableStream.from(init));
  }
  inner.kind = BODY_STRING;
  inner.data = `${init}`;
  return TEXT_TYPE;
}

function setBytes(inner, bytes, type) {
  inner.kind = BODY_BYTES;
  inner.data = bytes;
  inner.length = bytes.byteLength;
  return type;
}

function setStream(inner, stream) {
  if (isDisturbed(stream))
    throw new TypeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
  if (stream.locked) throw new TypeError("This ReadableStream is locked to a reader, and cannot be used as a body.");
  inner.kind = BODY_STREAM;
  inner.data = stream;
  inner.stream = stream;
  inner.length = streamLength(stream);
  return null;
}

/** Was any of the body read, in whichever way? */
export function isUsed(inner) {
  return inner.used || (inner.stream !== null && isDisturbed(inner.stream));
}

function streamOf(inner) {
  if (inner.stream !== null) return inner.stream;
  const { kind, data } = inner;
  if (kind === BODY_NONE) return null;
  if (kind === BODY_STRING) inner.stream = streamFromString(data, inner.owner);
  else if (kind === BODY_BYTES) inner.stream = streamFromBytes(data, inner.owner);
  else inner.stream = readableStreamFromPipe(data, inner.length, inner.owner);
  if (inner.used) consumeStream(inner.stream);
  return inner.stream;
}

/**
 * Take the content for good: { kind, data, length }. A stream that is still untouched gives back what it
 * was made of. Throws TypeError when there is nothing to take any more.
 */
export function takeBody(inner) {
  const { kind, data, stream, length } = inner;
  if (kind === BODY_NONE) return { kind, data: null, length: 0 };
  if (isUsed(inner)) throw new TypeError(USED_TEXT);
  if (stream === null) {
    checkSourceOwner(inner.owner);
    inner.used = true;
    return { kind, data, length };
  }
  if (stream.locked) throw new TypeError(LOCKED_TEXT);
  const source = takeSource(stream);
  inner.used = true;
  return source === null ? { kind: BODY_STREAM, data: stream, length } : { kind: source.kind, data: source.data, length };
}

/** Two records with the same content; `inner` keeps one, the other is for the clone. */
export function teeBody(inner) {
  const { kind, data, length } = inner;
  if (kind === BODY_NONE) return { kind, data, length, stream: null };
  if (isUsed(inner) || inner.stream?.locked) throw new TypeError("This ReadableStream is currently locked to a reader,");
  if (kind !== BODY_STREAM) checkSourceOwner(inner.owner);
  if (kind === BODY_STRING || kind === BODY_BYTES) return { kind, data, length, stream: null };
  const [mine, theirs] = streamOf(inner).tee();
  inner.kind = BODY_STREAM;
  inner.data = mine;
  inner.stream = mine;
  return { kind: BODY_STREAM, data: theirs, length, stream: theirs };
}

/* -- consuming ---------------------------------------------------------------------------------- */

/** Bytes nobody else holds. */
async function gather(taken) {
  const { kind, data } = taken;
  const chunks = kind === BODY_PIPE ? await readPipe(data) : await readStream(data);
  return joinBytes(chunks);
}

function takeBytes(inner) {
  const taken = takeBody(inner);
  if (taken.kind === BODY_STRING) return encodeUtf8(taken.data);
  if (taken.kind === BODY_BYTES) return taken.data.slice();
  if (taken.kind === BODY_NONE) return new Uint8Array(0);
  return gather(taken);
}

/** The text as a decoder would give it. */
function cleanText(text) {
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  return text.isWellFormed() ? text : text.toWellFormed();
}

function takeText(inner) {
  const taken = takeBody(inner);
  if (taken.kind === BODY_STRING) return cleanText(taken.data);
  if (taken.kind === BODY_BYTES) return decodeUtf8(taken.data);
  if (taken.kind === BODY_NONE) return "";
  return gather(taken).then(decodeUtf8);
}

function exactBuffer(bytes) {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

/** then(step) for a value that may be there already, without giving up the tick when it is. */
function after(value, step) {
  return value instanceof Promise ? value.then(step) : step(value);
}

export let innerOf;
let hasInner;

export class Body {
  #inner;

  constructor(token, inner) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#inner = inner;
  }

  static {
    innerOf = (body) => body.#inner;
    hasInner = (value) => typeof value === "object" && value !== null && #inner in value;
  }

  get body() {
    return streamOf(this.#inner);
  }
  get bodyUsed() {
    return isUsed(this.#inner);
  }
  async arrayBuffer() {
    return after(takeBytes(this.#inner), exactBuffer);
  }
  async bytes() {
    return takeBytes(this.#inner);
  }
  async text() {
    return takeText(this.#inner);
  }
  async json() {
    return after(takeText(this.#inner), (text) => JSON.parse(text));
  }
  async formData() {
    const inner = this.#inner;
    const type = contentTypeOf(inner);
    return after(takeBytes(inner), (bytes) => seldom().parseFormData(bytes, type));
  }
  async blob() {
    const inner = this.#inner;
    const type = contentTypeOf(inner) ?? "";
    return after(takeBytes(inner), (bytes) => blobFromBytes(bytes, type));
  }
}

exposeClass(Body);

/* -- headers of a record ------------------------------------------------------------------------ */

export function headersOf(inner) {
  if (inner.headers !== null) return inner.headers;
  const headers = inner.block === null ? new Headers() : headersFromBlock(inner.block, inner.immutable);
  inner.block = null;
  inner.headers = headers;
  if (inner.autoType !== null) setHeader(headers, "content-type", "Content-Type", inner.autoType);
  return headers;
}

function contentTypeOf(inner) {
  return inner.headers === null && inner.block === null ? inner.autoType : getHeader(headersOf(inner), "content-type");
}

/** Remember the type that a body brings, unless the headers name one. */
export function setAutoType(inner, type) {
  if (type === null) return;
  if (inner.headers === null && inner.block === null) inner.autoType = type;
  else if (getHeader(headersOf(inner), "content-type") === null)
    setHeader(headersOf(inner), "content-type", "Content-Type", type);
}

export { hasInner as isBody };
