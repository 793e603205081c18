/*
 * node:zlib: the whole-buffer functions and transform streams, over zlib in C. Brotli is not here.
 */

import { natives } from "./natives.js";
import { Buffer } from "./node_buffer.js";
import { joinBytes } from "./webidl.js";
import { notImplemented } from "./node_stub.js";
import stream from "./node_stream.js";

const KINDS = {
  gzip: ["gzip", true],
  gunzip: ["gzip", false],
  deflate: ["deflate", true],
  inflate: ["deflate", false],
  deflateRaw: ["deflate-raw", true],
  inflateRaw: ["deflate-raw", false],
};

const constants = {
  Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_BLOCK: 5,
  Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5,
  Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1,
  Z_FILTERED: 1, Z_HUFFMAN_ONLY: 2, Z_RLE: 3, Z_FIXED: 4, Z_DEFAULT_STRATEGY: 0,
  Z_MIN_WINDOWBITS: 8, Z_MAX_WINDOWBITS: 15, Z_DEFAULT_WINDOWBITS: 15, Z_MIN_CHUNK: 64, Z_DEFAULT_CHUNK: 16384,
  Z_MIN_LEVEL: -1, Z_MAX_LEVEL: 9, Z_DEFAULT_LEVEL: -1,
};

const toBytes = (value) => (typeof value === "string" ? Buffer.from(value) : value);

function dataError(error) {
  return Object.assign(new Error(error.message), { code: "Z_DATA_ERROR", errno: constants.Z_DATA_ERROR });
}

function runWhole([format, compress], input, options) {
  const box = natives.zlib_create(format, compress, options?.level);
  try {
    const head = natives.zlib_write(box, toBytes(input), false);
    const tail = natives.zlib_write(box, new Uint8Array(0), true);
    const all = joinBytes([head, tail], head.byteLength + tail.byteLength);
    return Object.setPrototypeOf(all, Buffer.prototype);
  } catch (error) {
    throw dataError(error);
  }
}

function makeStream([format, compress]) {
  return class extends stream.Transform {
    constructor(options) {
      const box = natives.zlib_create(format, compress, options?.level);
      const step = (push, chunk, finish, callback) => {
        try {
          const ready = natives.zlib_write(box, toBytes(chunk), finish);
          if (ready.byteLength > 0) push(Object.setPrototypeOf(ready, Buffer.prototype));
          callback();
        } catch (error) {
          callback(dataError(error));
        }
      };
      super({
        ...options,
        transform(chunk, encoding, callback) {
          step((ready) => this.push(ready), chunk, false, callback);
        },
        flush(callback) {
          step((ready) => this.push(ready), new Uint8Array(0), true, callback);
        },
      });
    }
  };
}

const zlib = { constants, codes: {}, ...constants };
for (const [name, kind] of Object.entries(KINDS)) {
  const className = name[0].toUpperCase() + name.slice(1);
  zlib[`${name}Sync`] = (input, options) => runWhole(kind, input, options);
  zlib[name] = (input, options, callback = options) => {
    let result;
    try {
      result = runWhole(kind, input, typeof options === "function" ? undefined : options);
    } catch (error) {
      queueMicrotask(() => callback(error));
      return;
    }
    queueMicrotask(() => callback(null, result));
  };
  zlib[className] = makeStream(kind);
  Object.defineProperty(zlib[className], "name", { value: className });
  zlib[`create${className}`] = (options) => new zlib[className](options);
}

/** Either gzip or zlib, by the first bytes. */
zlib.unzipSync = (input, options) => {
  const bytes = toBytes(input);
  return runWhole(bytes[0] === 0x1f && bytes[1] === 0x8b ? KINDS.gunzip : KINDS.inflate, bytes, options);
};
zlib.unzip = (input, options, callback = options) => {
  const kind = toBytes(input)[0] === 0x1f ? "gunzip" : "inflate";
  zlib[kind](input, typeof options === "function" ? undefined : options, callback);
};
for (const name of ["brotliCompress", "brotliDecompress", "brotliCompressSync", "brotliDecompressSync", "createBrotliCompress", "createBrotliDecompress"])
  zlib[name] = notImplemented(`zlib.${name}`);

zlib.crc32 = (input, start = 0) => {
  let crc = ~start >>> 0;
  for (const byte of toBytes(input)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
};

export default zlib;
