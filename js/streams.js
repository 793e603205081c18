/*
 * Streams
 *
 * What the platform does with streams, and the way in and out of C: pipes. The classes themselves are
 * large and most Workers begin without them, so they stand in a script of their own, streams_late.js,
 * which is evaluated when somebody makes or names the first stream.
 *
 * A stream that this bundle made from something it still holds whole (bytes, text, a native pipe) carries
 * it under kSource. As long as nobody has read from or locked such a stream, its consumer may take the
 * source and leave the stream alone: bodies that are only passed on never run through JavaScript.
 */

import "./early.js";
import { isLoaded, lateScript } from "./late.js";
import { checkOwner, natives, runningContext } from "./natives.js";
import { exposeLate, isBufferSource, bytesOf } from "./webidl.js";

/** The classes: streams().ReadableStream and so on. */
export const streams = lateScript("streams");

exposeLate(
  "ByteLengthQueuingStrategy CountQueuingStrategy ReadableByteStreamController ReadableStream ReadableStreamBYOBReader " +
    "ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader TransformStream " +
    "TransformStreamDefaultController WritableStream WritableStreamDefaultController WritableStreamDefaultWriter " +
    "IdentityTransformStream FixedLengthStream CompressionStream DecompressionStream TextEncoderStream TextDecoderStream",
  streams,
);

const kSource = Symbol("source");
export const kLength = Symbol("length");

/* What a body can be; also the numbers that C is told. */
export const BODY_NONE = 0;
export const BODY_BYTES = 1;
export const BODY_STREAM = 2;
export const BODY_PIPE = 3;
export const BODY_STRING = 4;

export function isReadableStream(value) {
  return isLoaded(streams) && value instanceof streams().ReadableStream;
}

export function isDisturbed(stream) {
  return stream[streams().slot_disturbed] === true;
}

export function hide(target, key, value) {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** How many bytes the stream will give in all, if that is known. */
export function streamLength(stream) {
  return stream[kLength];
}

/** Throw if what a body or a stream is made of belongs to another context. */
export function checkSourceOwner(owner) {
  checkOwner(owner, "ReadableStreamSource>");
}

/** The source of an untouched stream, { kind, data }, leaving the stream locked and empty; or null. */
export function takeSource(stream) {
  const source = stream[kSource];
  if (source === undefined || source === null || isDisturbed(stream) || stream.locked) return null;
  checkSourceOwner(source.owner);
  stream[kSource] = null;
  consumeStream(stream);
  return source;
}

/** Make a stream look read to the end by somebody who keeps the lock. */
export function consumeStream(stream) {
  stream.getReader();
  stream[streams().slot_disturbed] = true;
}

/* -- from values and pipes to streams ----------------------------------------------------------- */

export function finish(controller) {
  controller.close();
  controller.byobRequest?.respond(0);
}

export const NO_BUFFER = { highWaterMark: 0 };

/** A byte stream over bytes that nobody changes. */
export function streamFromBytes(bytes, owner = runningContext()) {
  const stream = new (streams().ReadableStream)(
    {
      type: "bytes",
      pull(controller) {
        checkSourceOwner(owner);
        stream[kSource] = null;
        if (bytes.byteLength > 0) controller.enqueue(bytes.slice());
        finish(controller);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_BYTES, data: bytes, owner });
  hide(stream, kLength, bytes.byteLength);
  return stream;
}

export function streamFromString(string, owner = runningContext()) {
  const stream = new (streams().ReadableStream)(
    {
      type: "bytes",
      pull(controller) {
        checkSourceOwner(owner);
        stream[kSource] = null;
        if (string !== "") controller.enqueue(natives.utf8_encode(string));
        finish(controller);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_STRING, data: string, owner });
  return stream;
}

/** A byte stream of what C writes into a pipe. It is read no faster than the stream is. */
export function readableStreamFromPipe(pipe, length, owner = runningContext()) {
  let controller;
  const deliver = (chunk) => {
    if (chunk === null) finish(controller);
    else if (chunk.byteLength > 0) controller.enqueue(chunk);
    else return pull();
  };
  const pull = () => {
    checkSourceOwner(owner);
    stream[kSource] = null;
    const chunk = natives.pipe_read(pipe);
    return chunk === null || chunk instanceof Uint8Array ? deliver(chunk) : chunk.then(deliver);
  };
  const stream = new (streams().ReadableStream)(
    {
      type: "bytes",
      start(c) {
        controller = c;
      },
      pull,
      cancel(reason) {
        checkSourceOwner(owner);
        stream[kSource] = null;
        natives.pipe_cancel(pipe, reason);
      },
    },
    NO_BUFFER,
  );
  hide(stream, kSource, { kind: BODY_PIPE, data: pipe, owner });
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
