/* URLSearchParams by itself. */

test("decoding", () => {
  const params = new URLSearchParams("?a=%20+%C3%A9&b&=c&%zz=%2&d==");
  assert.deepEqual([...params], [["a", "  \u00e9"], ["b", ""], ["", "c"], ["%zz", "%2"], ["d", "="]]);
});

test("encoding", () => {
  const params = new URLSearchParams({ a: "x y&=+%", "\u2603": "*-._~" });
  assert.equal(params.toString(), "a=x+y%26%3D%2B%25&%E2%98%83=*-._%7E");
});

test("changing", () => {
  const params = new URLSearchParams("a=1&b=2&a=3");
  assert.equal(params.size, 3);
  assert.deepEqual(params.getAll("a"), ["1", "3"]);
  params.set("a", "9");
  assert.equal(params.toString(), "a=9&b=2");
  params.append("a", "8");
  params.sort();
  assert.equal(params.toString(), "a=9&a=8&b=2");
  assert.equal(params.has("a", "8"), true);
  params.delete("a", "9");
  assert.equal(params.toString(), "a=8&b=2");
});

test("from pairs, other params and nonsense", () => {
  assert.equal(new URLSearchParams([["a", "b"], ["a", "c"]]).toString(), "a=b&a=c");
  assert.equal(new URLSearchParams(new URLSearchParams("x=1")).toString(), "x=1");
  assert.throws(() => new URLSearchParams([["a"]]), { message: "Invalid URL search params sequence." });
});

test("URLPattern", () => {
  const pattern = new URLPattern({ pathname: "/rooms/:room/*" });
  assert.equal(pattern.exec("https://h/rooms/42/x/y").pathname.groups.room, "42");
  assert.equal(pattern.test("https://h/other"), false);
});
