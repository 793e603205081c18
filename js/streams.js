/*
 * Streams
 *
 * ReadableStream and its family come from web-streams-polyfill; this file adds what the platform has
 * beyond the standard (IdentityTransformStream, FixedLengthStream) and the way in and out of C: pipes.
 *
 * A stream that this bundle made from something it still holds whole (bytes, text, a native pipe) carries
 * it under kSource. As long as nobody has read from or locked such a stream, its consumer may take the
 * source and leave the stream alone: bodies that are only passed on never run through JavaScript.
 */

import "./early.js";
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from "web-streams-polyfill";
import { natives } from "./natives.js";
import { expose, exposeClass, inspectors, isBufferSource, bytesOf, copyBytes } from "./webidl.js";

for (const constructor of [
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
])
  exposeClass(constructor);

const kSource = Symbol("source");
const kLength = Symbol("length");

/* What a body can be; also the numbers that C is told. */
export const BODY_NONE = 0;
export const BODY_BYTES = 1;
export const BODY_STREAM = 2;
export const BODY_PIPE = 3;
export const BODY_STRING = 4;

export function isReadableStream(value) {
  return value instanceof ReadableStream;
}

export function isDisturbed(stream) {
  return stream._disturbed === true;
}

function hide(target, key, value) {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** How many bytes the stream will give in all, if that is known. */
export function streamLength(stream) {
  return stream[kLength];
}

/** The source of an untouched stream, { kind, data }, leaving the stream locked and empty; or null. */
export function takeSource(stream) {
  const source = stream[kSource];
  if (source === undefined || source === null || stream._disturbed || stream.locked) return null;
  stream[kSource] = null;
  consumeStream(stream);
  return source;
}

/** Make a stream look read to the end by somebody who keeps the lock. */
export function consumeStream(stream) {
  stream.getReader();
  stream._disturbed = true;
}

/* -- from values and pipes to streams ----------------------------------------------------------- */

function finish(controller) {
  controller.close();
  controller.byobRequest?.respond(0);
}

const NO_BUFFER = { highWaterMark: 0 };

/** A byte stream over bytes that nobody changes. */
export function streamFromBytes(bytes) {
  const stream = new ReadableStream(
    {
      type: "bytes",
      pull(controller) {
        stream[kSource] = null;
        if (bytes.byteLength > 0) controller.enqueue(bytes.slice());
        finish(controller);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_BYTES, data: bytes });
  hide(stream, kLength, bytes.byteLength);
  return stream;
}

export function streamFromString(string) {
  const stream = new ReadableStream(
    {
      type: "bytes",
      pull(controller) {
        stream[kSource] = null;
        if (string !== "") controller.enqueue(natives.utf8_encode(string));
        finish(controller);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_STRING, data: string });
  return stream;
}

/** A byte stream of what C writes into a pipe. It is read no faster than the stream is. */
export function readableStreamFromPipe(pipe, length) {
  let controller;
  const deliver = (chunk) => {
    if (chunk === null) finish(controller);
    else if (chunk.byteLength > 0) controller.enqueue(chunk);
    else return pull();
  };
  const pull = () => {
    stream[kSource] = null;
    const chunk = natives.pipe_read(pipe);
    return chunk === null || chunk instanceof Uint8Array ? deliver(chunk) : chunk.then(deliver);
  };
  const stream = new ReadableStream(
    {
      type: "bytes",
      start(c) {
        controller = c;
      },
      pull,
      cancel(reason) {
        stream[kSource] = null;
        natives.pipe_cancel(pipe, reason);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_PIPE, data: pipe });
  if (length !== undefined) hide(stream, kLength, length);
  return stream;
}

/** Everything a pipe still has, as a list of chunks. */
export async function readPipe(pipe) {
  const chunks = [];
  for (;;) {
    let chunk = natives.pipe_read(pipe);
    if (chunk !== null && !(chunk instanceof Uint8Array)) chunk = await chunk;
    if (chunk === null) return chunks;
    if (chunk.byteLength > 0) chunks.push(chunk);
  }
}

export const NOT_BYTES =
  "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/" +
  "ArrayBufferView type on its writable side.";
export const NOT_BYTES_READ = "This ReadableStream did not return bytes.";

/** Everything a stream still gives, as a list of chunks; the stream stays locked. */
export async function readStream(stream) {
  const reader = stream.getReader();
  const chunks = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    if (!isBufferSource(value)) {
      const error = new TypeError(NOT_BYTES_READ);
      reader.cancel(error).catch(() => {});
      throw error;
    }
    if (value.byteLength > 0) chunks.push(bytesOf(value));
  }
}

/* -- byte transforms ---------------------------------------------------------------------------- */

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

/* -- classes that hold a transform -------------------------------------------------------------- */

/** Base of the standard's GenericTransformStream classes. */
export class GenericTransformStream {
  #transform;
  constructor(transformer, writableStrategy, readableStrategy) {
    this.#transform = new TransformStream(transformer, writableStrategy, readableStrategy);
  }
  get readable() {
    return this.#transform.readable;
  }
  get writable() {
    return this.#transform.writable;
  }
}

inspectors.set(ReadableStream, (stream) => ({
  locked: stream.locked,
  state: stream._state,
  supportsBYOB: stream._readableStreamController instanceof ReadableByteStreamController,
}));
inspectors.set(WritableStream, (stream) => ({ locked: stream.locked, state: stream._state }));
inspectors.set(TransformStream, (stream) => ({ readable: stream.readable, writable: stream.writable }));

export { ReadableStream, WritableStream, TransformStream };
