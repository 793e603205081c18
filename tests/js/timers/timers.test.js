/* setTimeout and its family. */

test("arguments, order and clearing", async () => {
  const log = [];
  setTimeout((a, b) => log.push(a, b), 0, 1, 2);
  const never = setTimeout(() => log.push("never"), 1);
  clearTimeout(never);
  clearTimeout(undefined);
  clearTimeout(123456);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(log, [1, 2]);
});

test("intervals go on until cleared, also by number", async () => {
  let count = 0;
  await new Promise((resolve) => {
    const id = setInterval(() => {
      if (++count === 3) {
        clearInterval(Number(id));
        resolve();
      }
    }, 1);
  });
  await scheduler.wait(5);
  assert.equal(count, 3);
});

test("strings are refused", () => {
  assert.throws(() => setTimeout("x"), {
    name: "TypeError",
    message: "The \"callback\" argument must be of type function. Received type string ('x')",
  });
});

test("Node's timer objects", async () => {
  let runs = 0;
  const timer = setTimeout(() => runs++, 1);
  assert.equal(timer.constructor.name, "Timeout");
  assert.equal(timer.hasRef(), true);
  assert.equal(timer.unref(), timer);
  assert.equal(timer.hasRef(), false);
  assert(Number(timer) > 0);
  await scheduler.wait(3);
  timer.refresh();
  await scheduler.wait(3);
  assert.equal(runs, 2);
  await new Promise((resolve) => setImmediate(resolve));
});

test("microtasks run before timers, and their exceptions are reported", async () => {
  const log = [];
  const onError = (event) => {
    event.preventDefault();
    log.push(event.message);
  };
  addEventListener("error", onError);
  setTimeout(() => log.push("timer"), 0);
  queueMicrotask(() => {
    throw new Error("boo");
  });
  queueMicrotask(() => log.push("microtask"));
  await scheduler.wait(3);
  removeEventListener("error", onError);
  assert.deepEqual(log, ["boo", "microtask", "timer"]);
  assert.throws(() => queueMicrotask(5), TypeError);
});
