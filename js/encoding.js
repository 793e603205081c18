/*
 * Encoding
 *
 * TextEncoder, TextDecoder and their streams over the codecs in C; atob and btoa.
 */

import { natives } from "./natives.js";
import { expose, exposeClass, toDOMString, isBufferSource, requireArguments } from "./webidl.js";
import { DOMException } from "./dom_exception.js";

/* Up to these lengths a loop here is quicker than a call to C. */
const SHORT_ENCODE = 192;
const SHORT_DECODE = 48;

/** UTF-8 bytes of a string. */
export function encodeUtf8(string) {
  const length = string.length;
  if (length <= SHORT_ENCODE) {
    const bytes = new Uint8Array(length);
    let i = 0;
    for (; i < length; i++) {
      const code = string.charCodeAt(i);
      if (code > 0x7f) break;
      bytes[i] = code;
    }
    if (i === length) return bytes;
  }
  return natives.utf8_encode(string);
}

/** Text of UTF-8 bytes, invalid parts replaced, a leading byte order mark dropped. */
export function decodeUtf8(bytes) {
  const length = bytes.byteLength;
  if (length <= SHORT_DECODE && bytes instanceof Uint8Array) {
    let text = "";
    let i = 0;
    for (; i < length; i++) {
      const code = bytes[i];
      if (code > 0x7f) break;
      text += String.fromCharCode(code);
    }
    if (i === length) return text;
  }
  return natives.utf8_decode(bytes, false, false);
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(input) {
    return input === undefined ? new Uint8Array(0) : encodeUtf8(toDOMString(input));
  }
  encodeInto(source, destination) {
    if (!(destination instanceof Uint8Array))
      throw new TypeError("Failed to execute 'encodeInto' on 'TextEncoder': parameter 2 is not of type 'Uint8Array'.");
    source = toDOMString(source);
    const written = natives.utf8_encode_into(source, destination);
    const all = source.length * 3 <= destination.byteLength;
    return { read: all ? source.length : unitsIn(destination, written), written };
  }
}

/* UTF-16 units that the first `end` bytes of valid UTF-8 stand for. */
function unitsIn(bytes, end) {
  let units = 0;
  for (let i = 0; i < end; i++) {
    const byte = bytes[i];
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1;
  }
  return units;
}

export class TextDecoder {
  #name;
  #fatal;
  #ignoreBOM;
  #decoder = null; /* native state between calls with stream: true */

  constructor(label = "utf-8", options) {
    label = toDOMString(label);
    const name = label === "utf-8" || label === "utf8" ? "utf-8" : natives.encoding_name(label);
    if (name === null) throw new RangeError(`"${label}" is not a valid encoding.`);
    this.#name = name;
    this.#fatal = !!options?.fatal;
    this.#ignoreBOM = !!options?.ignoreBOM;
  }

  get encoding() {
    return this.#name;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input, options) {
    const stream = !!options?.stream;
    if (input !== undefined && !isBufferSource(input))
      throw new TypeError("Failed to execute 'decode' on 'TextDecoder': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView'.");
    if (this.#name === "utf-8" && !stream && this.#decoder === null) {
      if (input === undefined) return "";
      if (!this.#fatal && !this.#ignoreBOM) return decodeUtf8(input);
      return this.#check(natives.utf8_decode(input, this.#fatal, this.#ignoreBOM));
    }
    this.#decoder ??= natives.decoder_create(this.#name, this.#fatal, this.#ignoreBOM);
    const text = natives.decoder_decode(this.#decoder, input ?? new Uint8Array(0), !stream);
    if (!stream || text === null) this.#decoder = null;
    return this.#check(text);
  }

  #check(text) {
    if (text === null) throw new TypeError("Failed to decode input.");
    return text;
  }
}

exposeClass(TextEncoder);
exposeClass(TextDecoder);

/* -- base64 ------------------------------------------------------------------------------------- */

const BAD_BASE64 =
  "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two " +
  "terminal '=' signs when the input data length is divisible by 4 are allowed.)";

const fromBase64 = Uint8Array.fromBase64;
const toBase64 = Uint8Array.prototype.toBase64;

export function atob(data) {
  if (arguments.length < 1) requireArguments(0, 1, "atob", "WorkerGlobalScope");
  let bytes;
  try {
    bytes = fromBase64.call(Uint8Array, toDOMString(data));
  } catch {
    throw new DOMException(BAD_BASE64, "InvalidCharacterError");
  }
  return natives.latin1_decode(bytes);
}

export function btoa(data) {
  if (arguments.length < 1) requireArguments(0, 1, "btoa", "WorkerGlobalScope");
  const bytes = natives.latin1_encode(toDOMString(data));
  if (bytes === null)
    throw new DOMException(
      "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
      "InvalidCharacterError",
    );
  return toBase64.call(bytes);
}

expose("atob", atob);
expose("btoa", btoa);
