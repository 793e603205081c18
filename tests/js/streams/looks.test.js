/* Streams as other code looks at them: what they are made of is nobody's property. */

test("a stream has no properties of its own", () => {
  const all = [
    new ReadableStream(),
    new Blob(["a"]).stream(),
    new WritableStream(),
    new TransformStream(),
    new IdentityTransformStream(),
    new CompressionStream("gzip"),
    new TextDecoderStream(),
    new crypto.DigestStream("MD5"),
    new ReadableStream().getReader(),
    new WritableStream().getWriter(),
    new CountQueuingStrategy({ highWaterMark: 1 }),
    new ReadableStream().values(),
  ];
  for (const each of all) {
    const name = Object.prototype.toString.call(each);
    assert.deepEqual(Object.getOwnPropertyNames(each), [], name);
    assert.equal(JSON.stringify(each), "{}", name);
    assert.deepEqual(Object.keys({ ...each }), [], name);
  }
  for (const name in new ReadableStream()) assert(!name.startsWith("_"), name);
});

test("what transforms is a TransformStream", () => {
  for (const stream of [new CompressionStream("gzip"), new DecompressionStream("gzip"), new TextEncoderStream(), new TextDecoderStream(), new IdentityTransformStream()])
    assert(stream instanceof TransformStream, stream.constructor.name);
});

test("functions are called by their names", () => {
  for (const name of ["queueMicrotask", "structuredClone", "fetch", "setTimeout", "addEventListener", "atob", "reportError"]) assert.equal(globalThis[name].name, name);
});
