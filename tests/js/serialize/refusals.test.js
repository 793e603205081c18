/* What has no serialised form, and how that is said. */

const cloneError = (message) => ({ name: "DataCloneError", message });

test("functions, symbols and objects with hidden state are refused", () => {
  const refused = [
    [() => 1, "() => 1 could not be cloned."],
    [Symbol("q"), "Symbol(q) could not be cloned."],
    [Promise.resolve(), "#<Promise> could not be cloned."],
    [new WeakMap(), "#<WeakMap> could not be cloned."],
    [(function () { return arguments; })(1), "#<Object> could not be cloned."],
  ];
  for (const [value, message] of refused) {
    assert.throws(() => hooks.serialize(value, "storage"), cloneError(message));
    assert.throws(() => hooks.serialize({ inside: value }, "storage"), cloneError(message));
  }
});

class Point {
  x = 1;
  #hidden = 2;
  get sum() {
    return this.x + this.#hidden;
  }
}

test("storage takes an instance of a class as a plain object", () => {
  const back = hooks.deserialize(hooks.serialize(new Point(), "storage"));
  assert.deepEqual(back, { x: 1 });
});

test("a call refuses an instance of a class", () => {
  const message = 'Could not serialize object of type "Point". This type does not support serialization.';
  assert.throws(() => hooks.serialize([new Point()], "rpc"), cloneError(message));
});

test("platform objects that are no values are refused, as are messages with a body", () => {
  const words = (name) => `Could not serialize object of type "${name}". This type does not support serialization.`;
  for (const value of [new FormData(), new URL("https://a/"), new File([], "n"), new AbortController()])
    assert.throws(() => hooks.serialize(value, "storage"), cloneError(words(value.constructor.name)));
  assert.throws(() => hooks.serialize([new Response("body")], "storage"), cloneError("ReadableStream can only be serialized for RPC."));
});

test("a detached buffer is refused", () => {
  const buffer = new ArrayBuffer(4);
  buffer.transfer();
  assert.throws(() => hooks.serialize(buffer, "storage"), cloneError("An ArrayBuffer is detached and could not be cloned."));
});

test("a host object is claimed by number and given back", () => {
  class Stub {}
  const stub = new Stub();
  const bytes = hooks.serialize([stub, stub, 1], "rpc", (object) => (object === stub ? 7 : -1));
  const [first, second] = hooks.deserialize(bytes, (number) => ({ number }));
  assert.equal(first.number, 7);
  assert.equal(first, second);
});

test("a getter may serialise something else meanwhile", () => {
  const value = {
    before: 1,
    get inner() {
      return hooks.serialize({ other: [1, 2] }, "storage").length;
    },
    after: 2,
  };
  const back = hooks.deserialize(hooks.serialize(value, "storage"));
  assert.equal(back.before, 1);
  assert.equal(back.after, 2);
  assert.equal(back.inner, hooks.serialize({ other: [1, 2] }, "storage").length);
});
