/*
 * Byte transforms: IdentityTransformStream, FixedLengthStream
 */

import { ReadableStream, TransformStream, WritableStream } from "web-streams-polyfill";
import { natives } from "./natives.js";
import { finish, hide, kLength, NO_BUFFER, NOT_BYTES } from "./streams.js";
import { copyBytes, exposeClass, isBufferSource } from "./webidl.js";

/*
 * Bytes written come out unchanged. Nothing is buffered: a write ends when its bytes were asked for,
 * so the writer is never ahead of the reader by more than one chunk.
 */
class BytePassage {
  constructor(expected) {
    this.expected = expected; /* bytes still to come, or undefined */
    this.wanted = null; /* resolves the reader's pull, while it waits for a write */
    this.waiting = null; /* { chunk, resolve, reject } of the writer, while it waits for a pull */
    this.reader = null;
    this.writer = null;
    this.over = false;
    this.readable = new ReadableStream(
      {
        type: "bytes",
        start: (controller) => {
          this.reader = controller;
        },
        pull: () => this.pull(),
        cancel: (reason) => this.cancel(reason),
      },
      NO_BUFFER,
    );
    this.writable = new WritableStream({
      start: (controller) => {
        this.writer = controller;
      },
      write: (chunk) => this.write(chunk),
      close: () => this.close(),
      abort: (reason) => this.abort(reason),
    });
    if (expected !== undefined) hide(this.readable, kLength, expected);
  }

  pull() {
    if (this.waiting !== null) {
      const { chunk, resolve } = this.waiting;
      this.waiting = null;
      this.reader.enqueue(chunk);
      resolve();
      return undefined;
    }
    return new Promise((resolve) => {
      this.wanted = resolve;
    });
  }

  answerPull() {
    const resolve = this.wanted;
    this.wanted = null;
    resolve?.();
  }

  write(source) {
    if (typeof source === "string") source = natives.utf8_encode(source);
    if (!isBufferSource(source)) {
      const error = new TypeError(NOT_BYTES);
      this.fail(error);
      throw error;
    }
    if (source.byteLength === 0) return undefined;
    if (this.expected !== undefined) {
      if (source.byteLength > this.expected) {
        const error = new TypeError("Attempt to write too many bytes through a FixedLengthStream.");
        this.fail(error);
        throw error;
      }
      this.expected -= source.byteLength;
    }
    const chunk = copyBytes(source);
    if (this.wanted !== null) {
      this.reader.enqueue(chunk);
      this.answerPull();
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.waiting = { chunk, resolve, reject };
    });
  }

  close() {
    if (this.expected !== undefined && this.expected > 0) {
      const error = new TypeError("FixedLengthStream did not see all expected bytes before close().");
      this.fail(error);
      throw error;
    }
    this.over = true;
    finish(this.reader);
    this.answerPull();
  }

  abort(reason) {
    this.fail(reason);
  }

  fail(reason) {
    if (this.over) return;
    this.over = true;
    this.reader.error(reason);
    this.answerPull();
  }

  cancel(reason) {
    if (this.over) return;
    this.over = true;
    const error = reason === undefined ? new TypeError("The readable side was cancelled.") : reason;
    this.writer.error(error);
    this.waiting?.reject(error);
    this.waiting = null;
  }
}

let passageFor;

export class IdentityTransformStream extends TransformStream {
  #passage;
  constructor() {
    super(undefined, undefined, undefined);
    this.#passage = new BytePassage(undefined);
  }
  static {
    passageFor = (stream, expected) => {
      stream.#passage = new BytePassage(expected);
    };
  }
  get readable() {
    return this.#passage.readable;
  }
  get writable() {
    return this.#passage.writable;
  }
}

export class FixedLengthStream extends IdentityTransformStream {
  constructor(length) {
    super();
    const expected = Number(length);
    if (!(expected >= 0) || expected > Number.MAX_SAFE_INTEGER)
      throw new TypeError(
        expected < 0
          ? "The value cannot be converted because it is negative and this API expects a positive bigint."
          : "FixedLengthStream requires an integer expected length less than 2^53.",
      );
    passageFor(this, Math.trunc(expected));
  }
}

exposeClass(IdentityTransformStream);
exposeClass(FixedLengthStream);
