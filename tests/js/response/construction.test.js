/* new Response() and its static makers. */

test("defaults", () => {
  const response = new Response();
  assert.equal(response.status, 200);
  assert.equal(response.statusText, "");
  assert.equal(response.ok, true);
  assert.equal(response.type, "default");
  assert.equal(response.url, "");
  assert.equal(response.webSocket, null);
  assert.equal(response.body, null);
});

test("statuses out of range are refused", () => {
  const message = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";
  for (const status of [99, 101, 199, 600]) assert.throws(() => new Response(null, { status }), { name: "RangeError", message });
  assert.equal(new Response(null, { status: "201" }).status, 201);
});

test("a null-body status has no body", () => {
  for (const status of [204, 205, 304]) {
    assert.equal(new Response(null, { status }).body, null);
    assert.throws(() => new Response("x", { status }), {
      name: "TypeError",
      message: "Response with null body status (101, 204, 205, or 304) cannot have a body.",
    });
  }
});

test("a response is rebuilt from another's parts", async () => {
  const first = new Response("abc", { status: 201, statusText: "Made", headers: { a: "b" } });
  const second = new Response(first.body, first);
  second.headers.set("c", "d");
  assert.equal(second.status, 201);
  assert.equal(second.statusText, "Made");
  assert.equal(first.headers.get("c"), null);
  assert.equal(await second.text(), "abc");
  const third = new Response(null, { status: 204, headers: second.headers });
  assert.equal(third.headers.get("a"), "b");
});

test("json, redirect and error", async () => {
  const json = Response.json({ a: 1 }, { status: 201 });
  assert.equal(json.headers.get("content-type"), "application/json");
  assert.deepEqual(await json.json(), { a: 1 });
  assert.equal(Response.json(1, { headers: { "content-type": "x/y" } }).headers.get("content-type"), "x/y");
  const redirect = Response.redirect("http://x/y z", 307);
  assert.equal(redirect.status, 307);
  assert.equal(redirect.headers.get("location"), "http://x/y%20z");
  assert.throws(() => redirect.headers.set("a", "b"), /immutable/);
  assert.throws(() => Response.redirect("/rel"), { message: "Unable to parse URL: /rel" });
  assert.throws(() => Response.redirect("http://x", 200), RangeError);
  assert.equal(Response.error().type, "error");
});

test("only a WebSocket makes a 101", () => {
  assert.throws(() => new Response(null, { status: 101, webSocket: {} }), /not of type 'WebSocket'/);
  assert.throws(() => new Response(null, { encodeBody: "x" }), { message: "encodeBody: unexpected value: x" });
});

test("C gets the parts without a stream", () => {
  const sent = hooks.responseToNative(new Response("hello", { status: 201, headers: { "X-A": "1" } }));
  assert.deepEqual(sent, [201, "", "X-A\n1\nContent-Type\ntext/plain;charset=UTF-8", 4, "hello", null, "automatic", undefined]);
  const bare = hooks.responseToNative(new Response("hello"));
  assert.equal(bare[2], "Content-Type\ntext/plain;charset=UTF-8");
  assert.throws(() => hooks.responseToNative({}), TypeError);
});

test("a used response cannot be sent", async () => {
  const response = new Response("a");
  await response.text();
  assert.throws(() => hooks.responseToNative(response), /Body has already been used/);
});

test("an answer from C is immutable and has its address", async () => {
  const response = hooks.responseFromNative(404, "Not Found", "a\nb", new Uint8Array([97]), "http://x/y");
  assert.equal(response.status, 404);
  assert.equal(response.ok, false);
  assert.equal(response.url, "http://x/y");
  assert.equal(response.headers.get("a"), "b");
  assert.throws(() => response.headers.append("a", "c"), /immutable/);
  const copy = response.clone();
  assert.equal(await response.text(), "a");
  assert.equal(await copy.text(), "a");
});

test("iterables of bytes are bodies", async () => {
  async function* parts() {
    yield new Uint8Array([97]);
    yield new Uint8Array([98]);
  }
  assert.equal(await new Response(parts()).text(), "ab");
});
