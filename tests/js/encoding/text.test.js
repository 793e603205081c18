/* TextEncoder, TextDecoder, their streams, atob and btoa. */

test("UTF-8 both ways, short and long", () => {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  for (const text of ["", "abc", "h\u00e9", "\u2603".repeat(50), "x".repeat(1000), "\u{1f600}", "a".repeat(23) + "\u00e9"])
    assert.equal(decoder.decode(encoder.encode(text)), text);
  assert.deepEqual(encoder.encode("\ud800"), new Uint8Array([0xef, 0xbf, 0xbd]));
  assert.deepEqual(encoder.encode(), new Uint8Array(0));
  assert.equal(encoder.encoding, "utf-8");
});

test("encodeInto says how much it took", () => {
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(5);
  assert.deepEqual(encoder.encodeInto("a\u2603\u{1f600}", bytes), { read: 2, written: 4 });
  assert.deepEqual(encoder.encodeInto("abc", bytes), { read: 3, written: 3 });
  assert.deepEqual(encoder.encodeInto("\u{1f600}", bytes), { read: 2, written: 4 });
});

test("a decoder keeps half a character", () => {
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(new Uint8Array([0xe2, 0x98]), { stream: true }), "");
  assert.equal(decoder.decode(new Uint8Array([0x83])), "\u2603");
  assert.equal(decoder.decode(new Uint8Array([0xe2])), "\ufffd");
});

test("fatal, labels and byte order marks", () => {
  assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])), { name: "TypeError", message: "Failed to decode input." });
  assert.throws(() => new TextDecoder("bogus"), { name: "RangeError", message: '"bogus" is not a valid encoding.' });
  assert.equal(new TextDecoder("latin1").encoding, "windows-1252");
  assert.equal(new TextDecoder("latin1").decode(new Uint8Array([0x80])), "\u20ac");
  const marked = new Uint8Array([0xef, 0xbb, 0xbf, 0x61]);
  assert.equal(new TextDecoder().decode(marked), "a");
  assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(marked), "\ufeffa");
  assert.throws(() => new TextDecoder().decode("text"), TypeError);
});

test("every kind of buffer is decoded", () => {
  const buffer = new Uint8Array([0, 97, 98, 0]).buffer;
  assert.equal(new TextDecoder().decode(new Uint8Array(buffer, 1, 2)), "ab");
  assert.equal(new TextDecoder().decode(new DataView(buffer, 1, 1)), "a");
  assert.equal(new TextDecoder().decode(buffer).length, 4);
});

test("streams join what was cut apart", async () => {
  const parts = ReadableStream.from(["a\ud83d", "\ude00b", "\ud83d"]);
  const chunks = [];
  for await (const chunk of parts.pipeThrough(new TextEncoderStream())) chunks.push(...chunk);
  const bytes = ReadableStream.from(chunks.map((byte) => new Uint8Array([byte])));
  let text = "";
  for await (const piece of bytes.pipeThrough(new TextDecoderStream())) text += piece;
  assert.equal(text, "a\u{1f600}b\ufffd");
});

test("base64", () => {
  assert.equal(btoa("h\u00e9"), "aOk=");
  assert.equal(atob("aOk="), "h\u00e9");
  assert.equal(atob(" aO k "), "h\u00e9");
  assert.throws(() => btoa("\u2603"), { name: "InvalidCharacterError", code: 5 });
  for (const bad of ["a", "a===", "ab=", "a\u2603==", "=="]) assert.throws(() => atob(bad), { name: "InvalidCharacterError" }, bad);
});
