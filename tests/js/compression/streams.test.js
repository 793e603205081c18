/* CompressionStream, DecompressionStream and node:zlib. */

async function through(stream, ...chunks) {
  const parts = [];
  for await (const part of ReadableStream.from(chunks).pipeThrough(stream)) parts.push(...part);
  return new Uint8Array(parts);
}

const text = new TextEncoder().encode("hello hello hello ".repeat(100));

test("what was compressed comes back, in pieces too", async () => {
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const packed = await through(new CompressionStream(format), text.subarray(0, 10), text.subarray(10));
    assert(packed.length < text.length / 4, format);
    const pieces = Array.from(packed, (byte) => new Uint8Array([byte]));
    assert.deepEqual(await through(new DecompressionStream(format), ...pieces), text);
  }
});

test("corrupt, cut and trailing input are errors", async () => {
  const packed = await through(new CompressionStream("gzip"), text);
  await assert.rejects(through(new DecompressionStream("gzip"), new Uint8Array([1, 2, 3])), TypeError);
  await assert.rejects(through(new DecompressionStream("gzip"), packed.subarray(0, -5)), TypeError);
  await assert.rejects(through(new DecompressionStream("gzip"), packed, new Uint8Array([0])), TypeError);
  await assert.rejects(through(new CompressionStream("gzip"), "text"), TypeError);
  assert.throws(() => new CompressionStream("br"), TypeError);
});

test("node:zlib", async () => {
  const zlib = hooks.nodeModules["node:zlib"]();
  assert.equal(zlib.gunzipSync(zlib.gzipSync("abc")).toString(), "abc");
  assert.equal(zlib.unzipSync(zlib.deflateSync("abc")).toString(), "abc");
  assert.throws(() => zlib.inflateSync("nonsense"), { code: "Z_DATA_ERROR" });
  const packed = await new Promise((resolve, reject) => zlib.deflateRaw("abc", (error, result) => (error ? reject(error) : resolve(result))));
  assert.equal(zlib.inflateRawSync(packed).toString(), "abc");
  assert.equal(zlib.crc32("hello"), 0x3610a686);
});
