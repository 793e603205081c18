/* The native decoders behind TextDecoder, by themselves. */

const bytes = (...list) => new Uint8Array(list);

function decode(name, input, fatal = false) {
  return natives.decoder_decode(natives.decoder_create(name, fatal, false), input, true);
}

/* In pieces of one byte: the result must not depend on where a stream is cut. */
function decodeSlowly(name, input, fatal = false) {
  const decoder = natives.decoder_create(name, fatal, false);
  let text = "";
  for (let i = 0; i < input.length; i++) {
    const part = natives.decoder_decode(decoder, input.subarray(i, i + 1), false);
    if (part === null) return null;
    text += part;
  }
  const rest = natives.decoder_decode(decoder, new Uint8Array(0), true);
  return rest === null ? null : text + rest;
}

test("labels are looked up as the standard says", () => {
  assert.equal(natives.encoding_name("Latin1"), "windows-1252");
  assert.equal(natives.encoding_name(" \tUTF8\n"), "utf-8");
  assert.equal(natives.encoding_name("x-sjis"), "shift_jis");
  assert.equal(natives.encoding_name("logical"), "iso-8859-8-i");
  assert.equal(natives.encoding_name("utf-16"), "utf-16le");
  assert.equal(natives.encoding_name("replacement"), null);
  assert.equal(natives.encoding_name("iso-2022-kr"), null);
  assert.equal(natives.encoding_name("utf-32"), null);
  assert.equal(natives.encoding_name("utf-8\0"), null);
  assert.equal(natives.encoding_name(""), null);
});

test("single bytes are decoded by their table", () => {
  assert.equal(decode("windows-1252", bytes(0x41, 0x80, 0x81, 0xe9)), "A\u20ac\u0081\u00e9");
  assert.equal(decode("koi8-r", bytes(0xd0, 0xd2, 0xc9)), "\u043f\u0440\u0438");
  assert.equal(decode("windows-1253", bytes(0xaa)), "\ufffd");
  assert.equal(decode("windows-1253", bytes(0xaa), true), null);
  assert.equal(decode("x-user-defined", bytes(0x7f, 0x80, 0xff)), "\x7f\uf780\uf7ff");
});

test("multi-byte encodings of Asia are decoded", () => {
  const cases = [
    ["shift_jis", bytes(0x93, 0xfa, 0x96, 0x7b, 0xb1, 0x5c, 0x7e), "\u65e5\u672c\uff71\\~"],
    ["euc-jp", bytes(0xc6, 0xfc, 0xcb, 0xdc, 0x8e, 0xb1), "\u65e5\u672c\uff71"],
    ["iso-2022-jp", bytes(0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42, 0x41), "\u65e5A"],
    ["gbk", bytes(0xc4, 0xe3, 0xba, 0xc3), "\u4f60\u597d"],
    ["gb18030", bytes(0x81, 0x30, 0x81, 0x30, 0x94, 0x39, 0xfc, 0x36), "\u0080\u{1f600}"],
    ["big5", bytes(0xa7, 0x41, 0xa6, 0x6e), "\u4f60\u597d"],
    ["euc-kr", bytes(0xc7, 0xd1, 0xb1, 0xdb), "\ud55c\uae00"],
  ];
  for (const [name, input, text] of cases) {
    assert.equal(decode(name, input), text, name);
    assert.equal(decodeSlowly(name, input), text, `${name} in pieces`);
  }
});

test("UTF-8 is the same in pieces as in one", () => {
  const cases = [
    [bytes(0xf0, 0x9f, 0x98, 0x80), "\u{1f600}"],
    [bytes(0xe2, 0x82), "\ufffd"],
    [bytes(0xe2, 0x82, 0x41), "\ufffdA"],
    [bytes(0xf0, 0x80, 0x80), "\ufffd\ufffd\ufffd"],
    [bytes(0xef, 0xbb, 0xbf, 0x41, 0xef, 0xbb, 0xbf), "A\ufeff"],
    [bytes(0xed, 0xa0, 0x80), "\ufffd\ufffd\ufffd"],
  ];
  for (const [input, text] of cases) {
    assert.equal(decode("utf-8", input), text);
    assert.equal(decodeSlowly("utf-8", input), text);
  }
  assert.equal(decode("utf-8", bytes(0x41, 0xff), true), null);
  assert.equal(decodeSlowly("utf-8", bytes(0x41, 0xe2, 0x82), true), null);
});

test("UTF-16 keeps pairs together and replaces halves", () => {
  const cases = [
    ["utf-16le", bytes(0x3d, 0xd8, 0x00, 0xde), "\u{1f600}"],
    ["utf-16be", bytes(0xd8, 0x3d, 0xde, 0x00), "\u{1f600}"],
    ["utf-16le", bytes(0xff, 0xfe, 0x41, 0x00), "A"],
    ["utf-16le", bytes(0x00, 0xd8, 0x41, 0x00), "\ufffdA"],
    ["utf-16le", bytes(0x00, 0xdc, 0x41, 0x00), "\ufffdA"],
    ["utf-16le", bytes(0x41, 0x00, 0x42), "A\ufffd"],
    ["utf-16le", bytes(0x00, 0xd8), "\ufffd"],
    ["utf-16le", bytes(0x00, 0xd8, 0x41), "\ufffd"],
  ];
  for (const [name, input, text] of cases) {
    assert.equal(decode(name, input), text);
    assert.equal(decodeSlowly(name, input), text);
  }
  assert.equal(decode("utf-16le", bytes(0x41), true), null);
});

test("a decoder is as new after an error and after the end", () => {
  const decoder = natives.decoder_create("utf-8", true, false);
  assert.equal(natives.decoder_decode(decoder, bytes(0xe2, 0x82), false), "");
  assert.equal(natives.decoder_decode(decoder, bytes(0x41), false), null);
  assert.equal(natives.decoder_decode(decoder, bytes(0xef, 0xbb, 0xbf, 0x41), true), "A");
  assert.equal(natives.decoder_decode(decoder, bytes(0xef, 0xbb, 0xbf, 0x42), true), "B");
  const keeping = natives.decoder_create("utf-8", false, true);
  assert.equal(natives.decoder_decode(keeping, bytes(0xef, 0xbb, 0xbf, 0x42), true), "\ufeffB");
});

test("natives for Buffer write and read at offsets", () => {
  const memory = new Uint8Array(8);
  assert.equal(natives.latin1_write("\u00e9a", memory, 1), true);
  assert.deepEqual(memory.subarray(0, 4), bytes(0, 0xe9, 0x61, 0));
  assert.equal(natives.latin1_write("\u0100", memory, 0), false);
  assert.throws(() => natives.latin1_write("abc", memory, 6), RangeError);
  natives.utf16le_write("\u4e00", memory, 6);
  assert.equal(natives.utf16le_decode(memory, 6), "\u4e00");
  assert.equal(natives.latin1_decode(memory, 1, 3), "\u00e9a");
  assert.equal(natives.latin1_encode("\u0100"), null);
  assert.deepEqual(natives.latin1_encode("\u00ff"), bytes(0xff));
});

test("UTF-8 is written as far as it fits", () => {
  const memory = new Uint8Array(4);
  assert.equal(natives.utf8_encode_into("a\u20acb", memory), 4);
  assert.equal(natives.utf8_encode_into("ab\u20ac", memory), 2);
  assert.equal(natives.utf8_length("a\u20ac\u{1f600}"), 8);
  assert.deepEqual(natives.utf8_encode("\ud800"), bytes(0xef, 0xbf, 0xbd));
  assert.equal(natives.utf8_decode(bytes(0xef, 0xbb, 0xbf, 0x41, 0x42), false, false, 0, 4), "A");
  assert.equal(natives.utf8_decode(bytes(0x41, 0xff), true, false), null);
});
