/*
 * node:buffer
 *
 * The `buffer` package, with text going through C and the base64url encoding it lacks.
 */

import { Buffer, SlowBuffer, kMaxLength, INSPECT_MAX_BYTES } from "buffer";
import { natives } from "./natives.js";
import { isAnyArrayBuffer, bytesOf } from "./webidl.js";
import { encodeUtf8, atob, btoa } from "./encoding.js";
import { Blob, File } from "./blob.js";

const plain = { from: Buffer.from, byteLength: Buffer.byteLength, isEncoding: Buffer.isEncoding };
const { toString, write, fill, indexOf } = Buffer.prototype;
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

function isUtf8(encoding) {
  return encoding === undefined || encoding === null || encoding === "utf8" || encoding === "utf-8" || encoding === "UTF-8" || encoding === "";
}

const isBase64Url = (encoding) => typeof encoding === "string" && encoding.toLowerCase() === "base64url";
const isBase64 = (encoding) => typeof encoding === "string" && encoding.toLowerCase() === "base64";

/* The bytes, seen as a Buffer without a copy. */
function view(bytes) {
  return Object.setPrototypeOf(bytes, Buffer.prototype);
}

/** Node's decoder takes both alphabets and stops at padding; what is no digit is skipped. */
function decodeBase64(text) {
  let clean = `${text}`.replaceAll("-", "+").replaceAll("_", "/");
  const end = clean.indexOf("=");
  if (end >= 0) clean = clean.slice(0, end);
  clean = clean.replace(/[^A-Za-z0-9+/]/g, "");
  if (clean.length % 4 === 1) clean = clean.slice(0, -1);
  return view(Uint8Array.fromBase64(clean));
}

Buffer.from = function from(value, encoding, length) {
  if (typeof value === "string") {
    if (isUtf8(encoding)) return view(encodeUtf8(value));
    if (isBase64(encoding) || isBase64Url(encoding)) return decodeBase64(value);
  }
  return plain.from.call(this, value, encoding, length);
};

Buffer.byteLength = function byteLength(value, encoding) {
  if (typeof value === "string") {
    if (isUtf8(encoding)) return natives.utf8_length(value);
    if (isBase64(encoding) || isBase64Url(encoding)) return decodeBase64(value).length;
  }
  return plain.byteLength.call(this, value, encoding);
};

Buffer.isEncoding = (encoding) => isBase64Url(encoding) || plain.isEncoding(encoding);

Buffer.copyBytesFrom = (source, offset = 0, length) =>
  Buffer.from(bytesOf(length === undefined ? source.subarray(offset) : source.subarray(offset, offset + length)));

Buffer.prototype.toString = function (encoding, start = 0, end = this.length) {
  const from = Math.max(0, start | 0);
  const to = Math.min(this.length, end);
  if (to <= from) return "";
  if (isUtf8(encoding)) return natives.utf8_decode(this, false, true, from, to);
  if (isBase64(encoding)) return Uint8Array.prototype.toBase64.call(this.subarray(from, to));
  if (isBase64Url(encoding))
    return Uint8Array.prototype.toBase64.call(this.subarray(from, to), { alphabet: "base64url", omitPadding: true });
  if (encoding === "hex") return Uint8Array.prototype.toHex.call(this.subarray(from, to));
  return toString.call(this, encoding, from, to);
};

Buffer.prototype.write = function (text, offset, length, encoding) {
  const given = [offset, length, encoding].find((each) => typeof each === "string");
  if (!isBase64Url(given)) return write.call(this, ...[text, offset, length, encoding].filter((each) => each !== undefined));
  const at = typeof offset === "number" ? offset : 0;
  const room = Math.min(this.length - at, typeof length === "number" ? length : Infinity);
  const bytes = decodeBase64(text).subarray(0, room);
  this.set(bytes, at);
  return bytes.length;
};

Buffer.prototype.fill = function (value, offset, end, encoding) {
  const given = [offset, end, encoding].find((each) => typeof each === "string");
  if (typeof value === "string" && isBase64Url(given)) value = decodeBase64(value);
  return fill.call(this, value, ...[offset, end, encoding].filter((each) => each !== undefined && !isBase64Url(each)));
};

Buffer.prototype.indexOf = function (value, offset, encoding) {
  if (typeof value === "string" && isBase64Url(encoding)) value = decodeBase64(value);
  return indexOf.call(this, value, offset, isBase64Url(encoding) ? undefined : encoding);
};

Object.defineProperty(Buffer.prototype, INSPECT, {
  value() {
    const shown = this.subarray(0, INSPECT_MAX_BYTES);
    const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = this.length > INSPECT_MAX_BYTES ? ` ... ${this.length - INSPECT_MAX_BYTES} more bytes` : "";
    return `<Buffer ${hex}${more}>`;
  },
  configurable: true,
  writable: true,
});
Buffer.poolSize = 8192;

/* The package's functions have none. */
function name(value, text) {
  if (typeof value === "function" && value.name !== text) Object.defineProperty(value, "name", { value: text, configurable: true });
}

name(Buffer, "Buffer");
for (const holder of [Buffer, Buffer.prototype])
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(holder))) if (value?.name === "") name(value, key);

/* Text of one encoding as bytes of another. */
function transcode(source, from, to) {
  return Buffer.from(Buffer.from(source).toString(from), to);
}

function validUtf8(source) {
  return natives.utf8_decode(isAnyArrayBuffer(source) ? new Uint8Array(source) : source, true, true) !== null;
}

export { Buffer };
export default {
  Buffer,
  SlowBuffer,
  Blob,
  File,
  atob,
  btoa,
  transcode,
  isUtf8: validUtf8,
  isAscii: (source) => bytesOf(source).every((byte) => byte < 0x80),
  resolveObjectURL: () => undefined,
  kMaxLength,
  kStringMaxLength: 0x1fffffe8,
  constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 0x1fffffe8 },
  INSPECT_MAX_BYTES,
};
