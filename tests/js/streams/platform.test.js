/* What the platform adds to the standard's streams. */

const bytes = (...list) => new Uint8Array(list);

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(...chunk);
  return chunks;
}

test("IdentityTransformStream passes bytes and strings, one chunk ahead at most", async () => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const log = [];
  const first = writer.write(bytes(1, 2)).then(() => log.push("written"));
  await scheduler.wait(2);
  assert.deepEqual(log, []);
  const reader = readable.getReader();
  assert.deepEqual((await reader.read()).value, bytes(1, 2));
  await first;
  writer.write("abc");
  assert.deepEqual((await reader.read()).value, bytes(97, 98, 99));
  writer.close();
  assert.equal((await reader.read()).done, true);
});

test("IdentityTransformStream can be read into a buffer", async () => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  writer.write(bytes(1, 2, 3, 4, 5));
  writer.close();
  const reader = readable.getReader({ mode: "byob" });
  assert.deepEqual((await reader.read(new Uint8Array(3))).value, bytes(1, 2, 3));
  assert.deepEqual((await reader.read(new Uint8Array(3))).value, bytes(4, 5));
  assert.equal((await reader.read(new Uint8Array(3))).done, true);
});

test("IdentityTransformStream refuses other chunks, and carries aborts and cancels", async () => {
  const wrong = new IdentityTransformStream();
  const reading = wrong.readable.getReader().read();
  await assert.rejects(wrong.writable.getWriter().write(5), TypeError);
  await assert.rejects(reading, TypeError);
  const aborted = new IdentityTransformStream();
  const waiting = aborted.readable.getReader().read();
  aborted.writable.abort(new Error("why"));
  await assert.rejects(waiting, /why/);
  const cancelled = new IdentityTransformStream();
  const writing = cancelled.writable.getWriter().write(bytes(1));
  cancelled.readable.cancel(new Error("enough"));
  await assert.rejects(writing, /enough/);
});

test("FixedLengthStream counts", async () => {
  const exact = new FixedLengthStream(3);
  new Response(exact.readable);
  const other = new FixedLengthStream(3);
  const writer = other.writable.getWriter();
  writer.write(bytes(1, 2, 3));
  writer.close();
  assert.deepEqual(await collect(other.readable), [1, 2, 3]);
  const over = new FixedLengthStream(1);
  over.readable.getReader().read().catch(() => {});
  await assert.rejects(over.writable.getWriter().write(bytes(1, 2)), /too many bytes through a FixedLengthStream/);
  const under = new FixedLengthStream(2);
  under.readable.getReader().read().catch(() => {});
  await assert.rejects(under.writable.getWriter().close(), /did not see all expected bytes before close/);
});

test("the length of a FixedLengthStream reaches C", () => {
  const { readable } = new FixedLengthStream(7);
  const sent = hooks.responseToNative(new Response(readable));
  assert.equal(sent[3], 2);
  assert.equal(sent[4], readable);
  assert.equal(sent[7], 7);
});

test("ReadableStream.from, tee and pipes", async () => {
  const [a, b] = ReadableStream.from([bytes(1), bytes(2)]).tee();
  assert.deepEqual(await collect(a), [1, 2]);
  assert.deepEqual(await collect(b), [1, 2]);
  const doubled = new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk.map((n) => n * 2)) });
  assert.deepEqual(await collect(ReadableStream.from([bytes(1), bytes(2)]).pipeThrough(doubled)), [2, 4]);
  assert.equal(Object.prototype.toString.call(a), "[object ReadableStream]");
  assert.equal(ReadableStream.name, "ReadableStream");
  assert.equal(TransformStreamDefaultController.name, "TransformStreamDefaultController");
});

test("the stream classes can be extended", async () => {
  class Upper extends TransformStream {
    constructor() {
      super({ transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()) });
    }
  }
  const out = [];
  for await (const chunk of ReadableStream.from(["a", "b"]).pipeThrough(new Upper())) out.push(chunk);
  assert.deepEqual(out, ["A", "B"]);
});
