/* AbortController, AbortSignal and what waits for them. */

test("abort gives the reason once", () => {
  const controller = new AbortController();
  let count = 0;
  controller.signal.onabort = () => count++;
  controller.abort();
  controller.abort("again");
  assert.equal(count, 1);
  assert.equal(controller.signal.reason.name, "AbortError");
  assert.equal(controller.signal.reason.message, "The operation was aborted");
  assert.equal(controller.signal.reason.code, 20);
  assert.throws(() => controller.signal.throwIfAborted(), { name: "AbortError" });
  assert.throws(() => new AbortSignal(), { message: "Illegal constructor" });
});

test("a reason of one's own", () => {
  assert.equal(AbortSignal.abort("mine").reason, "mine");
});

test("timeout", async () => {
  const signal = AbortSignal.timeout(5);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  assert.equal(signal.reason.name, "TimeoutError");
  assert.equal(signal.reason.message, "The operation was aborted due to timeout");
});

test("any follows the first, through other anys", () => {
  const a = new AbortController();
  const b = new AbortController();
  const inner = AbortSignal.any([a.signal]);
  const outer = AbortSignal.any([inner, b.signal]);
  const log = [];
  inner.addEventListener("abort", () => log.push("inner"));
  outer.addEventListener("abort", () => log.push("outer"));
  a.abort(1);
  b.abort(2);
  assert.deepEqual(log, ["inner", "outer"]);
  assert.equal(outer.reason, 1);
  assert.equal(AbortSignal.any([b.signal, a.signal]).reason, 2);
  assert.equal(AbortSignal.any([]).aborted, false);
  assert.throws(() => AbortSignal.any([{}]), TypeError);
});

test("a wait ends early", async () => {
  const controller = new AbortController();
  const waiting = scheduler.wait(100000, { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  await assert.rejects(scheduler.wait(1, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await scheduler.wait(1);
});

test("DOMException", () => {
  const error = new DOMException("m", "DataCloneError");
  assert.deepEqual([error.name, error.message, error.code], ["DataCloneError", "m", 25]);
  assert(error instanceof Error);
  assert.equal(DOMException.DATA_CLONE_ERR, 25);
  assert.equal(error.DATA_CLONE_ERR, 25);
  assert(error.stack.startsWith("DataCloneError: m\n    at "));
  assert.equal(Object.prototype.toString.call(error), "[object DOMException]");
});
