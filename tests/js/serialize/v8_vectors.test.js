/* Values against the bytes that V8 writes for them (format version 15), both ways. What integers are depends on how V8 was
 * built: here, as in workerd, those of 31 bits. */

const vectors = [
  ["undefined", () => (undefined), "ff0f5f"],
  ["null", () => (null), "ff0f30"],
  ["true", () => (true), "ff0f54"],
  ["false", () => (false), "ff0f46"],
  ["zero", () => (0), "ff0f4900"],
  ["minus zero", () => (-0), "ff0f4e0000000000000080"],
  ["one", () => (1), "ff0f4902"],
  ["minus one", () => (-1), "ff0f4901"],
  ["the largest integer", () => (1073741823), "ff0f49feffffff07"],
  ["the smallest integer", () => (-1073741824), "ff0f49ffffffff07"],
  ["the largest int32", () => (2147483647), "ff0f4e0000c0ffffffdf41"],
  ["the smallest int32", () => (-2147483648), "ff0f4e000000000000e0c1"],
  ["an integer of 32 bits among others", () => ([1, 1073741824]), "ff0f41024e000000000000f03f4e000000000000d041240002"],
  ["an empty key", () => ({ "": 3 }), "ff0f6f220049067b01"],
  ["the first integer that is no int32", () => (2147483648), "ff0f4e000000000000e041"],
  ["a fraction", () => (1.5), "ff0f4e000000000000f83f"],
  ["NaN", () => (NaN), "ff0f4e000000000000f87f"],
  ["infinity", () => (Infinity), "ff0f4e000000000000f07f"],
  ["0n", () => (0n), "ff0f5a00"],
  ["-1n", () => (-1n), "ff0f5a110100000000000000"],
  ["2n ** 64n", () => (2n ** 64n), "ff0f5a2000000000000000000100000000000000"],
  ["a long negative BigInt", () => (-(2n ** 200n) + 12345n), "ff0f5a41c7cfffffffffffffffffffffffffffffffffffffffffffffff00000000000000"],
  ["the empty string", () => (""), "ff0f2200"],
  ["ASCII", () => ("abc"), "ff0f2203616263"],
  ["Latin-1", () => ("h\u00e9"), "ff0f220268e9"],
  ["two-byte text", () => ("\u2603"), "ff0f63020326"],
  ["two-byte text that needs padding", () => ("a\u2603b"), "ff0f6306610003266200"],
  ["long ASCII", () => ("x".repeat(200)), "ff0f22c8017878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878"],
  ["long two-byte text", () => ("\u2603".repeat(100)), "ff0f0063c8010326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326032603260326"],
  ["an emoji", () => ("\u{1f600}"), "ff0f63043dd800de"],
  ["a lone surrogate", () => ("\ud800"), "ff0f630200d8"],
  ["a date", () => (new Date(12345)), "ff0f4400000000801cc840"],
  ["an invalid date", () => (new Date(NaN)), "ff0f44000000000000f87f"],
  ["a regular expression", () => (/a\/b/gimsuy), "ff0f522204615c2f623f"],
  ["a regular expression with d and v", () => (/x/dv), "ff0f522201788003"],
  ["Object(true)", () => (Object(true)), "ff0f79"],
  ["Object(1.5)", () => (Object(1.5)), "ff0f6e000000000000f83f"],
  ["Object(\"hi\")", () => (Object("hi")), "ff0f7322026869"],
  ["Object(5n)", () => (Object(5n)), "ff0f7a100500000000000000"],
  ["a map", () => (new Map([[1, { a: 1 }], ["k", new Set([1, "a"])]])), "ff0f3b49026f22016149027b0122016b2749022201612c023a04"],
  ["a set", () => (new Set([1, { q: 2 }])), "ff0f2749026f22017149047b012c02"],
  ["an empty array", () => ([]), "ff0f4100240000"],
  ["small integers", () => ([1, 2, 3]), "ff0f4103490249044906240003"],
  ["doubles", () => ([1.5, 2, -0]), "ff0f41034e000000000000f83f4e00000000000000404e0000000000000080240003"],
  ["a mixed array", () => ([1, "a", null, undefined, { x: [] }]), "ff0f41054902220161305f6f22017841002400007b01240005"],
  ["an array with a property", () => (Object.assign([1, 2], { foo: "bar" })), "ff0f4102490249042203666f6f2203626172240102"],
  ["a hole", () => ([1, , 3]), "ff0f61034900490249044906400203"],
  ["a sparse array", () => ((() => { const a = []; a[1000] = 1; return a; })()), "ff0f61e90749d00f49024001e907"],
  ["a cycle", () => ((() => { const o = { a: 1 }; o.self = o; return o; })()), "ff0f6f2201614902220473656c665e007b02"],
  ["a shared object", () => ((() => { const s = { x: 1 }; return [s, s]; })()), "ff0f41026f22017849027b015e01240002"],
  ["a buffer", () => (new Uint8Array([1, 2, 3]).buffer), "ff0f4203010203"],
  ["a view", () => (new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)), "ff0f4204010203045642010200"],
  ["two views of one buffer", () => ((() => { const b = new ArrayBuffer(8); return [new Uint8Array(b), new DataView(b, 1, 3), b]; })()), "ff0f41034208000000000000000056420008005e01563f0103005e01240003"],
  ["a Float64Array", () => (new Float64Array([1, 2.5])), "ff0f4210000000000000f03f00000000000004405646001000"],
  ["a BigInt64Array", () => (new BigInt64Array([5n])), "ff0f420805000000000000005671000800"],
  ["a clamped array", () => (new Uint8ClampedArray([300])), "ff0f4201ff5643000100"],
  ["an empty view", () => (new Uint16Array(0)), "ff0f42005657000000"],
  ["a resizable buffer", () => (new ArrayBuffer(2, { maxByteLength: 4 })), "ff0f7e02040000"],
  ["a view that tracks its buffer", () => (new Uint8Array(new ArrayBuffer(2, { maxByteLength: 4 }))), "ff0f7e020400005642000003"],
  ["a fixed view of a resizable buffer", () => (new Uint8Array(new ArrayBuffer(4, { maxByteLength: 8 }), 1, 2)), "ff0f7e0408000000005642010202"],
];

for (const [name, make, hex] of vectors) {
  test(`${name} is written as V8 writes it`, () => {
    assert.equal(hooks.serialize(make(), "storage").toHex(), hex);
  });
  test(`${name} is read back`, () => {
    assert.deepEqual(hooks.deserialize(Uint8Array.fromHex(hex)), make());
  });
}

test("version 13 has no flags behind a view", () => {
  const view = hooks.deserialize(Uint8Array.fromHex("ff0d4203010203564201" + "02"));
  assert.deepEqual(view, new Uint8Array([2, 3]));
});

test("bytes without a header are taken for version 13", () => {
  assert.equal(hooks.deserialize(Uint8Array.fromHex("220568656c6c6f")), "hello");
});

test("a newer version is refused", () => {
  assert.throws(() => hooks.deserialize(Uint8Array.fromHex("ff1030")), { name: "DataCloneError" });
});

test("bytes that end too early are refused, wherever they end", () => {
  const bytes = hooks.serialize({ a: [1, "text", { b: new Uint8Array(4) }], m: new Map([[1, 2]]) }, "storage");
  for (let end = 2; end < bytes.length; end++)
    assert.throws(() => hooks.deserialize(bytes.slice(0, end)), { name: "DataCloneError" });
});
