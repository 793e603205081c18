/*
 * Platform objects as bytes
 *
 * What the open-source runtime writes of Headers, Request, Response, Blob and DOMException, behind the host
 * object tag of serialize_format.js. Texts are UTF-8 with their length in front.
 *
 *     4 headers     guard, count, then of each value: number of a common name, or 0 and the name; value
 *     5 request     url, then its other parts as a plain object
 *     6 response    body as a value, which is null, then the other parts as a plain object
 *     7 exception   name, then an error as a value: what older releases wrote
 *     8 exception   name, message, stack
 *    15 blob        type, bytes
 *
 * Common names come first and in the order of their numbers, the others as they were set. A `sink` and a
 * `source` are the writer and the reader: varint, bytes and text are parts of this object, value is one of its own.
 */

import { compat } from "./compat.js";
import { isAbortSignal } from "./abort.js";
import { Blob, blobBytes, isBlob } from "./blob.js";
import { headersOf, innerOf } from "./body.js";
import { DOMException, isDOMException } from "./dom_exception.js";
import { Headers, areImmutable, headerFields, isHeaders, makeHeadersImmutable } from "./headers.js";
import { Request, isRequest, requestSignal } from "./request.js";
import { Response, isResponse } from "./response.js";
import { dataCloneError, NO_SIGNALS } from "./serialize.js";
import { BODY_NONE } from "./streams.js";

const HEADERS = 4;
const REQUEST = 5;
const RESPONSE = 6;
const EXCEPTION_WITH_ERROR = 7;
const EXCEPTION = 8;
const BLOB = 15;

/* Whether scripts may change headers. */
const GUARD_IMMUTABLE = 0;
const GUARD_NONE = 3;

/* In the order of their numbers, which begin with 1. */
const COMMON = [
  "", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept",
  "access-control-allow-origin", "age", "allow", "authorization", "cache-control", "content-disposition",
  "content-encoding", "content-language", "content-length", "content-location", "content-range",
  "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
  "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link",
  "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh",
  "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent",
  "vary", "via", "www-authenticate",
]; // prettier-ignore
const COMMON_NUMBERS = new Map(COMMON.map((name, number) => [name, number]));

const ONLY_RPC = (name) => dataCloneError(`${name} can only be serialized for RPC.`);

/* -- out ---------------------------------------------------------------------------------------- */

/* What is left out of a message's parts: nothing, or before 2025-12-03 what says nothing. */
function partsOf(all) {
  if (compat.flags.fastStructs) return all;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function writeHeaders(headers, sink) {
  const fields = headerFields(headers).map(([name, lower, value]) => [COMMON_NUMBERS.get(lower) ?? 0, name, value]);
  const common = fields.filter(([number]) => number > 0).sort(([a], [b]) => a - b);
  sink.varint(areImmutable(headers) ? GUARD_IMMUTABLE : GUARD_NONE);
  sink.varint(fields.length);
  for (const [number, name, value] of [...common, ...fields.filter(([number]) => number === 0)]) {
    sink.varint(number);
    if (number === 0) sink.text(name);
    sink.text(value);
  }
}

function writeRequest(request, sink) {
  const inner = innerOf(request);
  sink.text(request.url);
  if (inner.kind !== BODY_NONE) throw ONLY_RPC("ReadableStream");
  if (requestSignal(request) !== null) throw dataCloneError(NO_SIGNALS);
  sink.value(
    partsOf({
      method: request.method === "GET" ? undefined : request.method,
      headers: headersOf(inner),
      body: null,
      redirect: request.redirect === "follow" ? undefined : request.redirect,
      fetcher: undefined,
      cf: request.cf,
      cache: request.cache,
      integrity: undefined,
      signal: undefined,
      encodeResponseBody: undefined,
    }),
  );
}

function writeResponse(response, sink) {
  const inner = innerOf(response);
  if (inner.kind !== BODY_NONE) throw ONLY_RPC("ReadableStream");
  sink.value(null);
  sink.value(
    partsOf({
      status: inner.status === 200 ? undefined : inner.status,
      statusText: inner.statusText === "" ? undefined : inner.statusText,
      headers: headersOf(inner),
      cf: inner.cf,
      webSocket: inner.webSocket ?? undefined,
      encodeBody: inner.encodeBody === "automatic" ? undefined : inner.encodeBody,
    }),
  );
}

function writeException(error, sink) {
  const { stack } = error;
  sink.text(error.name);
  sink.text(error.message);
  sink.text(stack === undefined ? "" : `${stack}`);
}

function writeBlob(blob, sink) {
  sink.text(blob.type);
  sink.bytes(blobBytes(blob));
}

/** [number, write(object, sink)] of an instance of the platform class `name`; undefined where it cannot be written. */
export function platformWriter(object, name) {
  switch (name) {
    case "Headers":
      return isHeaders(object) ? [HEADERS, writeHeaders] : undefined;
    case "Request":
      return isRequest(object) ? [REQUEST, writeRequest] : undefined;
    case "Response":
      return isResponse(object) ? [RESPONSE, writeResponse] : undefined;
    case "DOMException":
      return isDOMException(object) ? [EXCEPTION, writeException] : undefined;
    case "Blob":
      return isBlob(object) ? [BLOB, writeBlob] : undefined;
    case "AbortSignal":
      if (isAbortSignal(object)) throw dataCloneError(NO_SIGNALS);
      return undefined;
    case "ReadableStream":
    case "WritableStream":
      throw ONLY_RPC(name);
    default:
      return undefined;
  }
}

/* -- in ----------------------------------------------------------------------------------------- */

function readHeaders(source) {
  const guard = source.varint();
  if (guard > GUARD_NONE) throw source.corrupt();
  const headers = new Headers();
  for (let left = source.varint(); left > 0; left--) {
    const number = source.varint();
    const name = number === 0 ? source.text() : COMMON[number];
    if (name === undefined) throw source.corrupt();
    headers.append(name, source.text());
  }
  return guard === GUARD_NONE ? headers : makeHeadersImmutable(headers);
}

function readResponse(source) {
  const body = source.value() ?? null;
  const parts = source.value();
  if (body !== null) throw source.corrupt();
  return parts?.status === 0 ? Response.error() : new Response(null, parts);
}

function exceptionFrom(name, message, stack) {
  const error = new DOMException(message, name);
  Object.defineProperty(error, "stack", { value: stack, writable: true, enumerable: true, configurable: true });
  return error;
}

function readExceptionWithError(source) {
  const name = source.text();
  const { message, stack } = source.value();
  if (typeof message !== "string" || typeof stack !== "string") throw source.corrupt();
  return exceptionFrom(name, message, stack);
}

function read(number, source) {
  switch (number) {
    case HEADERS:
      return readHeaders(source);
    case REQUEST:
      return new Request(source.text(), source.value());
    case RESPONSE:
      return readResponse(source);
    case EXCEPTION_WITH_ERROR:
      return readExceptionWithError(source);
    case EXCEPTION:
      return exceptionFrom(source.text(), source.text(), source.text());
    case BLOB: {
      const type = source.text();
      return new Blob([source.bytes()], { type });
    }
    default:
      throw source.corrupt();
  }
}

/** The object behind a host object tag with this number. What its constructor refuses is no such object. */
export function readPlatform(number, source) {
  try {
    return read(number, source);
  } catch (error) {
    throw isDOMException(error) ? error : source.corrupt();
  }
}
