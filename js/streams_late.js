/*
 * The classes of streams
 *
 * ReadableStream and its family come from web-streams-polyfill; this script adds what the platform has
 * beyond the standard (IdentityTransformStream, FixedLengthStream) and what is made of streams
 * (compression, text). streams.js has it evaluated.
 */

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
  slot_closeRequest,
  slot_disturbed,
  slot_inFlightCloseRequest,
  slot_readableStreamController,
  slot_state,
  slot_writer,
} from "web-streams-polyfill";
import { exposeClass, inspectors } from "./webidl.js";

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

inspectors.set(ReadableStream, (stream) => ({
  locked: stream.locked,
  state: stream[slot_state],
  supportsBYOB: stream[slot_readableStreamController] instanceof ReadableByteStreamController,
}));
inspectors.set(WritableStream, (stream) => ({ locked: stream.locked, state: stream[slot_state] }));
inspectors.set(TransformStream, (stream) => ({ readable: stream.readable, writable: stream.writable }));

export function isWritable(writable) {
  return writable[slot_state] === "writable";
}

/** Has anybody begun to close it, or has it ended in another way? */
export function isEnding(writable) {
  return !isWritable(writable) || writable[slot_closeRequest] !== undefined || writable[slot_inFlightCloseRequest] !== undefined;
}

/** Close it, whoever has its writer. */
export function closeWritable(writable) {
  return writable.locked ? writable[slot_writer].close() : writable.close();
}

/** Where a stream keeps whether anybody has read from it; tools/embed.mjs puts it there. */
export { slot_disturbed };
export * from "web-streams-polyfill";
export { IdentityTransformStream, FixedLengthStream } from "./streams_passage.js";
export { CompressionStream, DecompressionStream } from "./streams_compression.js";
export { TextEncoderStream, TextDecoderStream } from "./streams_text.js";
