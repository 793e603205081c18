/* The natives behind CompressionStream, DecompressionStream and node:zlib, by themselves. */

const FORMATS = ["gzip", "deflate", "deflate-raw"];
const EMPTY = new Uint8Array(0);
const text = natives.utf8_encode("hello ".repeat(5000) + "\u00e9");

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function pack(format, data, level) {
  const box = natives.zlib_create(format, true, level);
  return join([natives.zlib_write(box, data, false), natives.zlib_write(box, EMPTY, true)]);
}

test("what goes in comes out again, in any pieces", () => {
  for (const format of FORMATS) {
    const packed = pack(format, text);
    assert(packed.length < 400);
    for (const size of [1, 7, packed.length]) {
      const box = natives.zlib_create(format, false);
      const parts = [];
      for (let at = 0; at < packed.length; at += size) parts.push(natives.zlib_write(box, packed.subarray(at, at + size), false));
      parts.push(natives.zlib_write(box, EMPTY, true));
      assert.deepEqual(join(parts), text, `${format} by ${size}`);
    }
  }
});

test("nothing at all can be compressed", () => {
  for (const format of FORMATS) {
    const box = natives.zlib_create(format, false);
    assert.equal(natives.zlib_write(box, pack(format, EMPTY), true).length, 0);
  }
});

test("levels change the size", () => {
  assert(pack("gzip", text, 0).length > text.length);
  assert(pack("gzip", text, 9).length <= pack("gzip", text, 1).length);
  assert.throws(() => natives.zlib_create("gzip", true, 10), RangeError);
  assert.throws(() => natives.zlib_create("brotli", true), TypeError);
});

test("corrupt, cut off and too long input is refused, and ends the stream", () => {
  for (const format of FORMATS) {
    const packed = pack(format, text);
    const cut = natives.zlib_create(format, false);
    natives.zlib_write(cut, packed.subarray(0, packed.length - 1), false);
    assert.throws(() => natives.zlib_write(cut, EMPTY, true), TypeError, "cut off");
    assert.throws(() => natives.zlib_write(cut, packed.subarray(packed.length - 1), true), TypeError, "over");
    const long = natives.zlib_create(format, false);
    assert.throws(() => natives.zlib_write(long, join([packed, new Uint8Array(1)]), false), TypeError, "too long");
    const later = natives.zlib_create(format, false);
    natives.zlib_write(later, packed, false);
    assert.throws(() => natives.zlib_write(later, new Uint8Array(1), false), TypeError, "too long, later");
    const bad = natives.zlib_create(format, false);
    assert.throws(() => natives.zlib_write(bad, new Uint8Array(100).fill(255), true), TypeError, "corrupt");
  }
});

test("a small piece that would fill the memory is refused", () => {
  const box = natives.zlib_create("deflate-raw", true, 9);
  const parts = [];
  const zeros = new Uint8Array(1 << 24);
  for (let i = 0; i < 9; i++) parts.push(natives.zlib_write(box, zeros, false));
  parts.push(natives.zlib_write(box, EMPTY, true));
  const bomb = join(parts);
  assert(bomb.length < 300000);
  assert.throws(() => natives.zlib_write(natives.zlib_create("deflate-raw", false), bomb, true), RangeError);
});
