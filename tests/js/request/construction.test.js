/* new Request() and the Request that C makes. */

test("defaults", () => {
  const request = new Request("http://x/a#f");
  assert.equal(request.method, "GET");
  assert.equal(request.url, "http://x/a#f");
  assert.equal(request.redirect, "follow");
  assert.equal(request.body, null);
  assert.equal(request.signal.aborted, false);
});

test("members that the platform does not have are refused as it refuses them", () => {
  const refused = [
    ["/x", undefined, "Invalid URL: /x"],
    ["http://x", { body: "a" }, "Request with a GET or HEAD method cannot have a body."],
    ["http://x", { method: "a b" }, "Invalid HTTP method string: a b"],
    ["http://x", { cache: "reload" }, "Unsupported cache mode: reload"],
  ];
  for (const [url, init, message] of refused) assert.throws(() => new Request(url, init), { name: "TypeError", message });
  assert.throws(() => new Request("http://x", { redirect: "error" }), /Invalid redirect value/);
  assert.throws(() => new Request("http://x", { signal: {} }), /not of type 'AbortSignal'/);
  assert.throws(() => new Request("http://x", { integrity: "a" }), /integrity checking is not implemented/);
});

test("methods are upper-cased", () => {
  assert.equal(new Request("http://x", { method: "patch" }).method, "PATCH");
});

test("a Request takes over the body of another", async () => {
  const source = new Request("http://x", { method: "POST", body: "a", headers: { a: "b" } });
  const copy = new Request(source, { headers: { c: "d" } });
  assert.equal(await copy.text(), "a");
  assert.equal(source.bodyUsed, true);
  assert.deepEqual([...copy.headers], [["c", "d"]]);
  assert.throws(() => new Request(source), /Cannot reconstruct a Request with a used body/);
  assert.equal(await new Request(source, { body: "z" }).text(), "z");
});

test("a failed construction leaves its source alone", async () => {
  const source = new Request("http://x", { method: "POST", body: "a" });
  assert.throws(() => new Request(source, { method: "GET", body: "b" }), TypeError);
  assert.equal(source.bodyUsed, false);
  assert.equal(await source.text(), "a");
});

test("a clone can be read beside its source", async () => {
  const request = new Request("http://x", { method: "POST", body: "abc" });
  const clone = request.clone();
  assert.equal(await request.text(), "abc");
  assert.equal(await clone.text(), "abc");
  assert.throws(() => request.clone(), TypeError);
});

test("a clone of a streamed body can be read beside its source", async () => {
  const body = new Blob(["abc"]).stream();
  const request = new Request("http://x", { method: "POST", body });
  assert(request.body === body);
  const clone = request.clone();
  assert.equal(await clone.text(), "abc");
  assert.equal(await request.text(), "abc");
});

test("an incoming request is parsed when it is looked at", () => {
  const request = hooks.requestFromNative("GET", "http://example.com/a?b=c", "Host\nexample.com\nX-A\n1\nx-a\n2", null, { colo: "X" });
  assert.equal(request.url, "http://example.com/a?b=c");
  assert.equal(request.headers.get("x-a"), "1, 2");
  assert.equal(request.headers.get("host"), "example.com");
  assert.equal(request.cf.colo, "X");
  assert.equal(request.redirect, "manual");
  assert.throws(() => request.headers.set("a", "b"), /Can't modify immutable headers/);
  const copy = new Request(request);
  copy.headers.set("a", "b");
  assert.equal(copy.headers.get("a"), "b");
});

test("an upgrade can be forwarded with its headers copied", () => {
  const request = hooks.requestFromNative("GET", "http://h/ws", "Upgrade\nwebsocket\nSec-WebSocket-Key\nabc", null);
  const forward = new Request("http://other/x", { method: request.method, headers: request.headers });
  forward.headers.set("x-user", "me");
  hooks.requestToNative(forward, (method, url, headers, kind) => {
    assert.equal(url, "http://other/x");
    assert.equal(kind, 0);
    assert.equal(headers, "Upgrade\nwebsocket\nSec-WebSocket-Key\nabc\nx-user\nme");
  });
});

test("a subclass is a Request too", () => {
  class Mine extends Request {
    get extra() {
      return `${this.method}!`;
    }
  }
  const mine = new Mine("http://x");
  assert.equal(mine.extra, "GET!");
  assert.equal(hooks.isRequest(mine), true);
  assert.equal(hooks.isRequest(Object.create(Request.prototype)), false);
});
