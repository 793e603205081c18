/* Errors keep name, message, cause and own properties. */

const copy = (value) => hooks.deserialize(hooks.serialize(value, "storage"));

test("the standard classes survive", () => {
  for (const Class of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
    const back = copy(new Class("why"));
    assert(back instanceof Class, Class.name);
    assert.equal(back.name, Class.name);
    assert.equal(back.message, "why");
  }
});

test("cause, stack and own properties survive", () => {
  const error = Object.assign(new Error("outer", { cause: new TypeError("inner") }), { code: "E_X", detail: { a: 1 } });
  const back = copy(error);
  assert.equal(back.cause.message, "inner");
  assert(back.cause instanceof TypeError);
  assert.equal(back.code, "E_X");
  assert.deepEqual(back.detail, { a: 1 });
  assert.equal(back.stack, error.stack);
  assert.deepEqual(Object.keys(back), ["stack", "cause", "code", "detail"]);
});

test("a class of the program becomes an Error with its name", () => {
  class Odd extends Error {
    name = "Odd";
  }
  const back = copy(new Odd("x"));
  assert.equal(back.name, "Odd");
  assert.equal(Object.getPrototypeOf(back), Error.prototype);
});

test("V8's own form of an error is read", () => {
  /* v8.serialize of new TypeError("boom", { cause: 5 }) with its stack replaced by "s" */
  const back = hooks.deserialize(Uint8Array.fromHex("ff0f72546d2204626f6f6d63490a7322017" + "32e"));
  assert(back instanceof TypeError);
  assert.equal(back.message, "boom");
  assert.equal(back.cause, 5);
  assert.equal(back.stack, "s");
});
