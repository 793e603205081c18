/* structuredClone, and MessageChannel which uses it. */

test("values are copied deeply, cycles included", () => {
  const value = { a: [1, new Map([["k", new Set([2n])]])], d: new Date(5), e: new RangeError("x") };
  value.self = value;
  const copy = structuredClone(value);
  assert(copy !== value && copy.self === copy);
  assert.deepEqual(copy.a, value.a);
  assert(copy.e instanceof RangeError);
});

test("buffers are moved", () => {
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  const copy = structuredClone({ view: new Uint8Array(buffer, 1) }, { transfer: [buffer] });
  assert.equal(buffer.byteLength, 0);
  assert.deepEqual(copy.view, new Uint8Array([2, 3]));
  assert.equal(copy.view.buffer.byteLength, 3);
  assert.throws(() => structuredClone(1, { transfer: [{}] }), TypeError);
});

test("what cannot be cloned", () => {
  assert.throws(() => structuredClone(() => 1), { name: "DataCloneError", message: "() => 1 could not be cloned." });
  assert.throws(() => structuredClone(Symbol("q")), { message: "Symbol(q) could not be cloned." });
  assert.throws(() => structuredClone(Promise.resolve()), { message: "#<Promise> could not be cloned." });
  assert.throws(() => structuredClone(), TypeError);
});

test("platform objects that are values", async () => {
  const copy = structuredClone({ blob: new Blob(["a"]), error: new DOMException("m", "AbortError"), h: new Headers({ a: "b" }) });
  assert.equal(await copy.blob.text(), "a");
  assert(copy.error instanceof DOMException);
  assert.equal(copy.error.name, "AbortError");
  assert.equal(copy.h.get("a"), "b");
  assert.throws(() => structuredClone(new File(["b"], "n")), { message: 'Could not serialize object of type "File". This type does not support serialization.' });
});

test("a class instance becomes a plain object", () => {
  class A {
    x = 1;
  }
  const copy = structuredClone(new A());
  assert.deepEqual(copy, { x: 1 });
});

test("messages arrive in order, later, as copies", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  const sent = { n: 1 };
  port1.postMessage(sent);
  sent.n = 2;
  port1.postMessage("second");
  port2.onmessage = (event) => log.push(event.data);
  assert.deepEqual(log, []);
  await scheduler.wait(2);
  assert.deepEqual(log, [{ n: 1 }, "second"]);
});

test("a port can travel", async () => {
  const outer = new MessageChannel();
  const inner = new MessageChannel();
  const got = new Promise((resolve) => {
    outer.port2.onmessage = (event) => {
      event.ports[0].onmessage = (message) => resolve(message.data);
    };
  });
  outer.port1.postMessage("take", [inner.port2]);
  inner.port1.postMessage("through");
  assert.equal(await got, "through");
});
