/*
 * TextEncoderStream, TextDecoderStream
 */

import { TransformStream } from "web-streams-polyfill";
import { encodeUtf8, TextDecoder } from "./encoding.js";
import { exposeClass, toDOMString } from "./webidl.js";

export class TextEncoderStream extends TransformStream {
  constructor() {
    let high = ""; /* a lead surrogate that waits for its other half in the next chunk */
    super({
      transform(chunk, controller) {
        let text = high + toDOMString(chunk);
        high = "";
        const last = text.charCodeAt(text.length - 1);
        if (last >= 0xd800 && last <= 0xdbff) {
          high = text.slice(-1);
          text = text.slice(0, -1);
        }
        if (text !== "") controller.enqueue(encodeUtf8(text));
      },
      flush(controller) {
        if (high !== "") controller.enqueue(new Uint8Array([0xef, 0xbf, 0xbd]));
      },
    });
  }
  get encoding() {
    return "utf-8";
  }
}

export class TextDecoderStream extends TransformStream {
  #decoder;
  constructor(label = "utf-8", options) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(chunk, controller) {
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
    this.#decoder = decoder;
  }
  get encoding() {
    return this.#decoder.encoding;
  }
  get fatal() {
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }
}

exposeClass(TextEncoderStream);
exposeClass(TextDecoderStream);
