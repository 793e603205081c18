/*
 * node:stream, from the readable-stream package, with the ways to and from Web streams
 */

import stream from "readable-stream/lib/stream.js";
import { Buffer } from "./node_buffer.js";
import { streams } from "./streams.js";

const { Readable, Writable, Duplex } = stream;

Readable.fromWeb = (source, options) => {
  const reader = source.getReader();
  return new Readable({
    ...options,
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : options?.objectMode ? value : typeof value === "string" ? value : Buffer.from(value)),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      reader.cancel(error).then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
};

Readable.toWeb = (source) =>
  new (streams().ReadableStream)(
    {
      start(controller) {
        source.pause();
        source.on("data", (chunk) => {
          controller.enqueue(Buffer.isBuffer(chunk) ? new Uint8Array(chunk) : chunk);
          if (controller.desiredSize <= 0) source.pause();
        });
        source.on("end", () => controller.close());
        source.on("error", (error) => controller.error(error));
        source.pause();
      },
      pull() {
        source.resume();
      },
      cancel(reason) {
        source.destroy(reason);
      },
    },
    { highWaterMark: 0 },
  );

Writable.fromWeb = (sink, options) => {
  const writer = sink.getWriter();
  const settle = (promise, callback) =>
    promise.then(
      () => callback(),
      (error) => callback(error),
    );
  return new Writable({
    ...options,
    write(chunk, encoding, callback) {
      settle(writer.write(Buffer.isBuffer(chunk) ? new Uint8Array(chunk) : chunk), callback);
    },
    final(callback) {
      settle(writer.close(), callback);
    },
    destroy(error, callback) {
      if (error === null) callback();
      else settle(writer.abort(error), () => callback(error));
    },
  });
};

Writable.toWeb = (sink) =>
  new (streams().WritableStream)({
    write: (chunk) =>
      new Promise((resolve, reject) => sink.write(chunk, (error) => (error ? reject(error) : resolve()))),
    close: () => new Promise((resolve) => sink.end(resolve)),
    abort: (reason) => {
      sink.destroy(reason);
    },
  });

Duplex.fromWeb = ({ readable, writable }, options) =>
  Duplex.from({ readable: Readable.fromWeb(readable, options), writable: Writable.fromWeb(writable, options) });
Duplex.toWeb = (duplex) => ({ readable: Readable.toWeb(duplex), writable: Writable.toWeb(duplex) });

async function gather(source) {
  const chunks = [];
  for await (const chunk of source) chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export const consumers = {
  buffer: gather,
  text: async (source) => (await gather(source)).toString(),
  json: async (source) => JSON.parse((await gather(source)).toString()),
  arrayBuffer: async (source) => new Uint8Array(await gather(source)).buffer,
  blob: async (source) => new globalThis.Blob([await gather(source)]),
};

/* Under a name as well, for scripts of their own. */
export { stream };
export default stream;
