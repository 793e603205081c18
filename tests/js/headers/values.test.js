/* Headers as a multi-map of clean values. */

test("names are case-insensitive, values joined with a comma", () => {
  const headers = new Headers([["b", "1"], ["A", "2"], ["B", "3"]]);
  assert.equal(headers.get("B"), "1, 3");
  assert.equal(headers.has("a"), true);
  assert.equal(headers.get("nothing"), null);
});

test("iteration is sorted, in lower case, with Set-Cookie apart", () => {
  const headers = new Headers([["x", "1"], ["Set-Cookie", "a"], ["A", "2"], ["set-cookie", "b"]]);
  assert.deepEqual([...headers], [["a", "2"], ["set-cookie", "a"], ["set-cookie", "b"], ["x", "1"]]);
  assert.deepEqual([...headers.keys()], ["a", "set-cookie", "set-cookie", "x"]);
  assert.deepEqual(headers.getSetCookie(), ["a", "b"]);
  assert.deepEqual(headers.getAll("Set-Cookie"), ["a", "b"]);
  assert.throws(() => headers.getAll("x"), /getAll\(\) can only be used with the header name "Set-Cookie"/);
});

test("values lose surrounding whitespace", () => {
  assert.equal(new Headers({ a: " \t b c \r\n" }).get("a"), "b c");
});

test("what would break a message is refused", () => {
  assert.throws(() => new Headers({ "a b": "c" }), { name: "TypeError", message: "Invalid header name." });
  assert.throws(() => new Headers({ "": "c" }), { message: "Invalid header name." });
  for (const bad of ["c\nd", "c\rd", "c\0d"])
    assert.throws(() => new Headers({ a: bad }), { name: "TypeError", message: "Invalid header value." });
  assert.throws(() => new Headers([["a"]]), /exactly two elements/);
  assert.throws(() => new Headers(5), TypeError);
});

test("set replaces and keeps one value, delete forgets", () => {
  const headers = new Headers([["a", "1"], ["a", "2"]]);
  headers.set("A", "3");
  assert.equal(headers.get("a"), "3");
  headers.delete("a");
  assert.equal(headers.has("a"), false);
});

test("a copy does not follow its source", () => {
  const source = new Headers({ a: "1" });
  const copy = new Headers(source);
  copy.append("a", "2");
  assert.equal(source.get("a"), "1");
});

test("the methods look as Web IDL says", () => {
  assert.equal(Object.prototype.toString.call(new Headers()), "[object Headers]");
  assert.equal(Headers.name, "Headers");
  assert.equal(Object.getOwnPropertyDescriptor(Headers.prototype, "get").enumerable, true);
  assert.equal(Object.getOwnPropertyDescriptor(globalThis, "Headers").enumerable, false);
  assert.throws(() => Headers(), TypeError);
  assert.throws(() => Headers.prototype.get.call({}, "a"), TypeError);
  assert.throws(() => new Headers().get(), { message: "Failed to execute 'get' on 'Headers': parameter 1 is not of type 'string'." });
});
