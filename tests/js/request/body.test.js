/* Reading a body, once. */

const post = (body, headers) => new Request("http://x", { method: "POST", body, headers });
const USED = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";

test("a body is read in every form", async () => {
  assert.equal(await post("h\u00e9").text(), "h\u00e9");
  assert.deepEqual(await post('{"a":1}').json(), { a: 1 });
  assert.deepEqual(new Uint8Array(await post("ab").arrayBuffer()), new Uint8Array([97, 98]));
  assert.deepEqual(await post("ab").bytes(), new Uint8Array([97, 98]));
  const blob = await post("ab", { "content-type": "x/y" }).blob();
  assert.equal(blob.type, "x/y");
  assert.equal(await blob.text(), "ab");
});

test("a body is read once", async () => {
  const request = post("a");
  await request.text();
  assert.equal(request.bodyUsed, true);
  await assert.rejects(request.text(), { name: "TypeError", message: USED });
  await assert.rejects(request.json(), { message: USED });
});

test("looking at body does not use it", async () => {
  const request = post("abc");
  assert(request.body instanceof ReadableStream);
  assert.equal(request.body, request.body);
  assert.equal(request.bodyUsed, false);
  assert.equal(await request.text(), "abc");
  assert.equal(request.body.locked, true);
});

test("a locked body cannot be read another way", async () => {
  const request = post("abc");
  request.body.getReader();
  await assert.rejects(request.text(), { message: "This ReadableStream is currently locked to a reader." });
});

test("the buffer given is copied", async () => {
  const bytes = new Uint8Array([1, 2]);
  const request = post(bytes);
  bytes[0] = 9;
  assert.deepEqual(await request.bytes(), new Uint8Array([1, 2]));
});

test("content types follow from the body", () => {
  assert.equal(post("a").headers.get("content-type"), "text/plain;charset=UTF-8");
  assert.equal(post(new URLSearchParams("a=b")).headers.get("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
  assert(post(new FormData()).headers.get("content-type").startsWith("multipart/form-data; boundary="));
  assert.equal(post(new Blob(["a"], { type: "x/y" })).headers.get("content-type"), "x/y");
  assert.equal(post(new Uint8Array(1)).headers.get("content-type"), null);
  assert.equal(post("a", { "content-type": "q/r" }).headers.get("content-type"), "q/r");
});

test("a stream of something else than bytes is refused", async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue("text");
      controller.close();
    },
  });
  await assert.rejects(post(stream).text(), { name: "TypeError", message: "This ReadableStream did not return bytes." });
});

test("a stream that was read from is no body", async () => {
  const first = post("a");
  await first.text();
  assert.throws(() => post(first.body), /disturbed/);
  const second = post("a");
  second.body.getReader();
  assert.throws(() => post(second.body), /locked to a reader, and cannot be used as a body/);
});

test("an untouched body goes from one message to another as it is", async () => {
  const response = new Response(post("abc").body);
  hooks.responseToNative(response, (status, text, headers, kind, body) => {
    assert.equal(kind, 4);
    assert.equal(body, "abc");
  });
  assert.equal(response.bodyUsed, true);
});

test("a byte order mark is dropped from text", async () => {
  assert.equal(await post(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).text(), "a");
  assert.equal(await post("\ufeffa").text(), "a");
});

test("broken JSON is a SyntaxError", async () => {
  await assert.rejects(post("{").json(), SyntaxError);
});
