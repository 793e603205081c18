/*
 * Pipes
 *
 * From JavaScript streams into C. A pipe is a bounded queue of bytes; writing gives true while there is
 * room and a promise when there is none. The other direction, readableStreamFromPipe(), is in streams.js.
 */

import { natives } from "./natives.js";
import { isBufferSource } from "./webidl.js";
import { streams, NOT_BYTES, NOT_BYTES_READ } from "./streams.js";

/** Write all of a stream into a pipe, as fast as the pipe's other end takes it. */
export async function pumpStreamToPipe(stream, pipe) {
  let reader;
  try {
    reader = stream.getReader();
  } catch (error) {
    natives.pipe_abort(pipe, error);
    return;
  }
  for (;;) {
    let result;
    try {
      result = await reader.read();
      if (result.done) break;
      if (!isBufferSource(result.value)) throw new TypeError(NOT_BYTES_READ);
    } catch (error) {
      natives.pipe_abort(pipe, error);
      reader.cancel(error).catch(() => {});
      return;
    }
    if (result.value.byteLength === 0) continue;
    try {
      const room = natives.pipe_write(pipe, result.value);
      if (room !== true) await room;
    } catch (error) {
      reader.cancel(error).catch(() => {});
      return;
    }
  }
  natives.pipe_close(pipe);
}

/** A WritableStream whose bytes C reads from a pipe. */
export function writableStreamToPipe(pipe) {
  return new (streams().WritableStream)(
    {
      write(chunk) {
        if (!isBufferSource(chunk)) throw new TypeError(NOT_BYTES);
        if (chunk.byteLength === 0) return undefined;
        const room = natives.pipe_write(pipe, chunk);
        return room === true ? undefined : room;
      },
      close() {
        natives.pipe_close(pipe);
      },
      abort(reason) {
        natives.pipe_abort(pipe, reason);
      },
    },
    { highWaterMark: 1 },
  );
}

