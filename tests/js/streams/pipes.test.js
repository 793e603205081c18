/* Native pipes, played here by an array: C is asked for no more than is read. */

function fakePipe(chunks, { slow = false, fail = null } = {}) {
  const pipe = { reads: 0, cancelled: undefined, written: [], closed: false, aborted: undefined };
  pipe.read = () => {
    pipe.reads++;
    if (chunks.length === 0 && fail !== null) return Promise.reject(fail);
    const next = chunks.length === 0 ? null : chunks.shift();
    return slow ? scheduler.wait(1).then(() => next) : next;
  };
  return pipe;
}

natives.pipe_read = (pipe) => pipe.read();
natives.pipe_cancel = (pipe, reason) => {
  pipe.cancelled = reason ?? true;
};
natives.pipe_write = (pipe, bytes) => {
  if (pipe.refuse) return Promise.reject(new Error("gone"));
  pipe.written.push(...new Uint8Array(bytes));
  return pipe.full ? scheduler.wait(1).then(() => true) : true;
};
natives.pipe_close = (pipe) => {
  pipe.closed = true;
};
natives.pipe_abort = (pipe, reason) => {
  pipe.aborted = reason;
};

const bytes = (...list) => new Uint8Array(list);

test("a body is read from its pipe without a stream", async () => {
  for (const slow of [false, true]) {
    const request = hooks.requestFromNative("POST", "http://x/", "", fakePipe([bytes(104), bytes(), bytes(105)], { slow }));
    assert.equal(await request.text(), "hi");
    assert.equal(request.bodyUsed, true);
  }
});

test("a pipe's failure is the body's", async () => {
  const pipe = fakePipe([bytes(1)], { fail: new Error("Network connection lost.") });
  await assert.rejects(hooks.requestFromNative("POST", "http://x/", "", pipe).text(), /connection lost/);
});

test("a stream reads its pipe no faster than it is read", async () => {
  const pipe = fakePipe([bytes(1), bytes(2), bytes(3)]);
  const request = hooks.requestFromNative("POST", "http://x/", "", pipe);
  const reader = request.body.getReader();
  await scheduler.wait(2);
  assert.equal(pipe.reads, 0);
  assert.deepEqual((await reader.read()).value, bytes(1));
  await scheduler.wait(2);
  assert.equal(pipe.reads, 1);
  await reader.cancel("enough");
  assert.equal(pipe.cancelled, "enough");
});

test("an untouched pipe is handed on as it is", () => {
  const pipe = fakePipe([]);
  const request = hooks.requestFromNative("POST", "http://x/", "", pipe);
  const sent = hooks.responseToNative(new Response(request.body));
  assert.equal(sent[3], 3);
  assert.equal(sent[4], pipe);
});

test("a pipe that was read from is handed on as a stream", async () => {
  const pipe = fakePipe([bytes(1), bytes(2)]);
  const stream = hooks.readableStreamFromPipe(pipe);
  const reader = stream.getReader();
  await reader.read();
  reader.releaseLock();
  assert.throws(() => new Response(stream), /disturbed/);
  const out = fakePipe([]);
  await hooks.pumpStreamToPipe(stream, out);
  assert.deepEqual(out.written, [2]);
  assert.equal(out.closed, true);
});

test("pumping waits for room and ends with close", async () => {
  const out = Object.assign(fakePipe([]), { full: true });
  await hooks.pumpStreamToPipe(ReadableStream.from([bytes(1, 2), bytes(3)]), out);
  assert.deepEqual(out.written, [1, 2, 3]);
  assert.equal(out.closed, true);
});

test("a failing stream aborts the pipe, a refusing pipe cancels the stream", async () => {
  const failing = new ReadableStream({
    pull() {
      throw new Error("broken");
    },
  });
  const out = fakePipe([]);
  await hooks.pumpStreamToPipe(failing, out);
  assert.equal(out.aborted.message, "broken");
  assert.equal(out.closed, false);
  let cancelled;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(bytes(1)),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  await hooks.pumpStreamToPipe(endless, Object.assign(fakePipe([]), { refuse: true }));
  assert.equal(cancelled.message, "gone");
  const wrong = fakePipe([]);
  await hooks.pumpStreamToPipe(ReadableStream.from(["text"]), wrong);
  assert.equal(wrong.aborted.message, "This ReadableStream did not return bytes.");
});

test("a writable stream writes into its pipe", async () => {
  const out = Object.assign(fakePipe([]), { full: true });
  await ReadableStream.from([bytes(1), bytes(2)]).pipeTo(hooks.writableStreamToPipe(out));
  assert.deepEqual(out.written, [1, 2]);
  assert.equal(out.closed, true);
});

test("a body that is cloned is read once from its pipe", async () => {
  const pipe = fakePipe([bytes(104), bytes(105)]);
  const request = hooks.requestFromNative("POST", "http://x/", "", pipe);
  const clone = request.clone();
  assert.deepEqual(await Promise.all([request.text(), clone.text()]), ["hi", "hi"]);
  assert.equal(pipe.reads, 3);
});
