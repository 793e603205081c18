/*
 * node:string_decoder
 */

import { Buffer } from "./node_buffer.js";
import { natives } from "./natives.js";

const STREAMED = { utf8: "utf-8", "utf-8": "utf-8", utf16le: "utf-16le", "utf-16le": "utf-16le", ucs2: "utf-16le", "ucs-2": "utf-16le" };
const BLOCKS = { base64: 3, base64url: 3 };

export class StringDecoder {
  #decoder = null;
  #rest = Buffer.alloc(0);

  constructor(encoding = "utf8") {
    this.encoding = `${encoding ?? "utf8"}`.toLowerCase();
    if (!Buffer.isEncoding(this.encoding))
      throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: "ERR_UNKNOWN_ENCODING" });
  }

  write(chunk) {
    if (typeof chunk === "string") return chunk;
    const name = STREAMED[this.encoding];
    if (name !== undefined) {
      this.#decoder ??= natives.decoder_create(name, false, true);
      return natives.decoder_decode(this.#decoder, chunk, false);
    }
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const block = BLOCKS[this.encoding] ?? 1;
    const whole = bytes.length - (bytes.length % block);
    this.#rest = bytes.subarray(whole);
    return bytes.toString(this.encoding, 0, whole);
  }

  end(chunk) {
    let text = chunk === undefined ? "" : this.write(chunk);
    if (this.#decoder !== null) {
      text += natives.decoder_decode(this.#decoder, new Uint8Array(0), true);
      this.#decoder = null;
    }
    text += this.#rest.toString(this.encoding);
    this.#rest = Buffer.alloc(0);
    return text;
  }
}

export default { StringDecoder };
