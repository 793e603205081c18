/*
 * CompressionStream and DecompressionStream over zlib in C
 */

import { TransformStream } from "web-streams-polyfill";
import { natives } from "./natives.js";
import { exposeClass, isBufferSource, toDOMString } from "./webidl.js";

const FORMATS = new Set(["gzip", "deflate", "deflate-raw"]);

function makeTransformer(format, compress, name) {
  format = toDOMString(format);
  if (!FORMATS.has(format))
    throw new TypeError(
      "The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.",
    );
  const box = natives.zlib_create(format, compress, undefined);
  const run = (controller, chunk, finish) => {
    const ready = natives.zlib_write(box, chunk, finish);
    if (ready.byteLength > 0) controller.enqueue(ready);
  };
  return {
    transform(chunk, controller) {
      if (!isBufferSource(chunk)) throw new TypeError(`The chunks of a ${name} must be ArrayBuffers or views.`);
      run(controller, chunk, false);
    },
    flush(controller) {
      run(controller, new Uint8Array(0), true);
    },
  };
}

export class CompressionStream extends TransformStream {
  constructor(format) {
    super(makeTransformer(format, true, "CompressionStream"));
  }
}

export class DecompressionStream extends TransformStream {
  constructor(format) {
    super(makeTransformer(format, false, "DecompressionStream"));
  }
}

exposeClass(CompressionStream);
exposeClass(DecompressionStream);
