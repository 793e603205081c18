/*
 * FormData, and the two ways it travels: multipart/form-data and urlencoded.
 */

import { natives } from "./natives.js";
import {
  finishClass,
  inspectors,
  requireArguments,
  toUSVString,
  joinBytes,
} from "./webidl.js";
import { File, isBlob, blobBytes, fileFromBytes } from "./blob.js";
import { encodeUtf8, decodeUtf8 } from "./encoding.js";
import { allValues, firstValue, makePairIterator, replacePair } from "./pair_list.js";
import { parseForm } from "./url.js";

let listOf;
export let isFormData;

/** What is kept of a value: a string, or a File under the right name. */
function toEntryValue(value, filename, count) {
  if (!isBlob(value)) {
    if (count > 2)
      throw new TypeError("Failed to execute 'append' on 'FormData': parameter 2 is not of type 'Blob'.");
    return toUSVString(value);
  }
  if (filename === undefined && value instanceof File) return value;
  const name = filename === undefined ? "blob" : toUSVString(filename);
  return fileFromBytes(blobBytes(value), name, value.type, value.lastModified);
}

export class FormData {
  #list = []; /* name, value, name, value … */

  static {
    isFormData = (value) => typeof value === "object" && value !== null && #list in value;
    listOf = (form) => form.#list;
  }

  append(name, value, filename) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "append", "FormData");
    this.#list.push(toUSVString(name), toEntryValue(value, filename, arguments.length));
  }

  delete(name) {
    if (arguments.length < 1) requireArguments(0, 1, "delete", "FormData");
    name = toUSVString(name);
    const kept = [];
    for (let i = 0; i < this.#list.length; i += 2)
      if (this.#list[i] !== name) kept.push(this.#list[i], this.#list[i + 1]);
    this.#list = kept;
  }

  get(name) {
    if (arguments.length < 1) requireArguments(0, 1, "get", "FormData");
    name = toUSVString(name);
    return firstValue(this.#list, name);
  }

  getAll(name) {
    if (arguments.length < 1) requireArguments(0, 1, "getAll", "FormData");
    name = toUSVString(name);
    return allValues(this.#list, name);
  }

  has(name) {
    if (arguments.length < 1) requireArguments(0, 1, "has", "FormData");
    name = toUSVString(name);
    for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === name) return true;
    return false;
  }

  set(name, value, filename) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "set", "FormData");
    name = toUSVString(name);
    value = toEntryValue(value, filename, arguments.length);
    this.#list = replacePair(this.#list, name, value);
  }

  forEach(callback, self) {
    if (typeof callback !== "function")
      throw new TypeError("Failed to execute 'forEach' on 'FormData': parameter 1 is not of type 'Function'.");
    for (let i = 0; i < this.#list.length; i += 2) callback.call(self, this.#list[i + 1], this.#list[i], this);
  }

  entries() {
    return iterate(this, null);
  }
  keys() {
    return iterate(this, 0);
  }
  values() {
    return iterate(this, 1);
  }
}

const iterate = makePairIterator("FormData", listOf);

Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
});

finishClass(FormData);
inspectors.set(FormData, (form) => new Map(form));

/* -- multipart ---------------------------------------------------------------------------------- */

function escapeName(name) {
  return name.replace(/["\r\n]/g, (c) => (c === '"' ? "%22" : c === "\r" ? "%0D" : "%0A"));
}

/* Not a secret: it only must not occur in the parts, and 128 random bits do not. */
function makeBoundary() {
  let boundary = "";
  for (let i = 0; i < 4; i++) boundary += Math.floor(Math.random() * 0x100000000).toString(16).padStart(8, "0");
  return boundary;
}

/** { bytes, type } of a form as multipart/form-data. */
export function encodeMultipart(form) {
  const boundary = makeBoundary();
  const chunks = [];
  const list = listOf(form);
  for (let i = 0; i < list.length; i += 2) {
    const name = escapeName(list[i].replace(/\r\n|\r|\n/g, "\r\n"));
    const value = list[i + 1];
    if (typeof value === "string") {
      chunks.push(encodeUtf8(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`));
      continue;
    }
    chunks.push(
      encodeUtf8(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${escapeName(value.name)}"\r\n` +
          `Content-Type: ${value.type || "application/octet-stream"}\r\n\r\n`,
      ),
      blobBytes(value),
      encodeUtf8("\r\n"),
    );
  }
  chunks.push(encodeUtf8(`--${boundary}--`));
  return { bytes: joinBytes(chunks), type: `multipart/form-data; boundary=${boundary}` };
}

/** Parameters of a header value such as `form-data; name="a"; filename=b`. */
function headerParameter(value, wanted) {
  const pattern = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g;
  for (const [, name, quoted, plain] of value.matchAll(pattern))
    if (name.toLowerCase() === wanted) return quoted === undefined ? plain : quoted.replace(/\\(["\\])/g, "$1");
  return null;
}

const unescapeName = (name) => name.replace(/%22|%0D|%0A/gi, (c) => decodeURIComponent(c));

const NO_TERMINATOR = "No subsequent boundary string after multipart message.";

function parseMultipart(bytes, boundary, form) {
  /* One character per byte: offsets in `text` are offsets in `bytes`. */
  const text = natives.latin1_decode(bytes);
  const delimiter = natives.latin1_decode(encodeUtf8(`--${boundary}`));
  let at = text.startsWith(delimiter) ? 0 : text.indexOf(`\r\n${delimiter}`);
  if (at < 0) throw new TypeError("No initial boundary string (or you have a truncated message).");
  if (at > 0) at += 2;
  for (;;) {
    at += delimiter.length;
    if (text.startsWith("--", at)) return;
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0 || text.slice(at, lineEnd).trim() !== "") throw new TypeError(NO_TERMINATOR);
    const start = lineEnd + 2;
    const headersEnd = text.startsWith("\r\n", start) ? start : text.indexOf("\r\n\r\n", start);
    if (headersEnd < 0) throw new TypeError(NO_TERMINATOR);
    const bodyStart = headersEnd === start ? start + 2 : headersEnd + 4;
    const next = text.indexOf(`\r\n${delimiter}`, bodyStart - 2);
    if (next < 0) throw new TypeError(NO_TERMINATOR);
    addPart(form, decodeUtf8(bytes.subarray(start, headersEnd)), bytes.slice(bodyStart, Math.max(bodyStart, next)));
    at = next + 2;
  }
}

function addPart(form, head, body) {
  let disposition = null;
  let type = null;
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (name === "content-disposition") disposition = line.slice(colon + 1).trim();
    else if (name === "content-type") type = line.slice(colon + 1).trim();
  }
  if (disposition === null || !/^form-data\b/i.test(disposition))
    throw new TypeError("No valid Content-Disposition header found in FormData part.");
  const name = headerParameter(disposition, "name");
  if (name === null) throw new TypeError("No valid Content-Disposition header found in FormData part.");
  const filename = headerParameter(disposition, "filename");
  if (filename === null) form.append(unescapeName(name), decodeUtf8(body));
  else form.append(unescapeName(name), fileFromBytes(body, unescapeName(filename), type ?? "text/plain"));
}

/** A FormData of a body's bytes, by its content type. */
export function parseFormData(bytes, contentType) {
  const form = new FormData();
  const essence = (contentType ?? "").split(";", 1)[0].trim().toLowerCase();
  if (essence === "multipart/form-data") {
    const boundary = headerParameter(contentType, "boundary");
    if (boundary === null || boundary === "")
      throw new TypeError(
        "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary " +
          "parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4.",
      );
    parseMultipart(bytes, boundary, form);
    return form;
  }
  if (essence === "application/x-www-form-urlencoded") {
    const list = parseForm(decodeUtf8(bytes));
    for (let i = 0; i < list.length; i += 2) form.append(list[i], list[i + 1]);
    return form;
  }
  throw new TypeError(
    contentType === null
      ? "Parsing a Body as FormData requires a Content-Type header."
      : "Unrecognized Content-Type header value. FormData can only parse the following MIME types: " +
          "multipart/form-data, application/x-www-form-urlencoded",
  );
}
