/* EventTarget without a tree. */

const heard = (target, type, init) => {
  const log = [];
  target.addEventListener(type, (event) => log.push(event.type), init);
  return log;
};

test("listeners run in order, once each", () => {
  const target = new EventTarget();
  const log = [];
  const listener = () => log.push("a");
  target.addEventListener("x", listener);
  target.addEventListener("x", listener);
  target.addEventListener("x", { handleEvent: (event) => log.push(event.type) });
  assert.equal(target.dispatchEvent(new Event("x")), true);
  assert.deepEqual(log, ["a", "x"]);
  target.removeEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  assert.deepEqual(log, ["a", "x", "x"]);
});

test("once, signal and null", () => {
  const target = new EventTarget();
  const controller = new AbortController();
  const once = heard(target, "x", { once: true });
  const until = heard(target, "x", { signal: controller.signal });
  target.addEventListener("x", null);
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  assert.deepEqual(once, ["x"]);
  assert.deepEqual(until, ["x"]);
});

test("a listener added or removed meanwhile", () => {
  const target = new EventTarget();
  const log = [];
  const third = () => log.push(3);
  target.addEventListener("x", () => {
    log.push(1);
    target.removeEventListener("x", third);
    target.addEventListener("x", () => log.push(4));
  });
  target.addEventListener("x", () => log.push(2));
  target.addEventListener("x", third);
  target.dispatchEvent(new Event("x"));
  assert.deepEqual(log, [1, 2]);
});

test("cancelling and stopping", () => {
  const target = new EventTarget();
  target.addEventListener("x", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  const never = heard(target, "x");
  assert.equal(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  assert.equal(target.dispatchEvent(new Event("x")), true);
  assert.deepEqual(never, []);
  const passive = new EventTarget();
  passive.addEventListener("x", (event) => event.preventDefault(), { passive: true });
  assert.equal(passive.dispatchEvent(new Event("x", { cancelable: true })), true);
});

test("an exception goes to the global error event, and the others run", () => {
  const target = new EventTarget();
  const log = [];
  const onError = (event) => {
    event.preventDefault();
    log.push(event.message, event.error.message);
  };
  addEventListener("error", onError);
  target.addEventListener("x", () => {
    throw new Error("boo");
  });
  target.addEventListener("x", () => log.push("second"));
  target.dispatchEvent(new Event("x"));
  removeEventListener("error", onError);
  assert.deepEqual(log, ["boo", "boo", "second"]);
});

test("on-properties are listeners too", () => {
  const target = new EventTarget();
  let seen = 0;
  target.onx = () => seen++;
  target.dispatchEvent(new Event("x"));
  assert.equal(seen, 1);
});

test("an event knows where it is", () => {
  const target = new EventTarget();
  const event = new CustomEvent("x", { detail: 5 });
  let during;
  target.addEventListener("x", (e) => {
    during = [e.eventPhase, e.currentTarget === target, e.composedPath().length];
    assert.throws(() => target.dispatchEvent(e), { name: "InvalidStateError" });
  });
  target.dispatchEvent(event);
  assert.deepEqual(during, [2, true, 1]);
  assert.equal(event.detail, 5);
  assert.equal(event.target, target);
  assert.equal(event.eventPhase, 0);
  assert.equal(event.isTrusted, false);
  assert.throws(() => target.dispatchEvent({ type: "x" }), TypeError);
});

test("classes can be extended at load", () => {
  class Bus extends EventTarget {}
  class Told extends Event {
    constructor(what) {
      super("told");
      this.what = what;
    }
  }
  const bus = new Bus();
  let what;
  bus.addEventListener("told", (event) => (what = event.what));
  bus.dispatchEvent(new Told("this"));
  assert.equal(what, "this");
});

test("the event classes carry their members", () => {
  const close = new CloseEvent("close", { code: 1001, reason: "away", wasClean: true });
  assert.deepEqual([close.code, close.reason, close.wasClean], [1001, "away", true]);
  const message = new MessageEvent("message", { data: "x", origin: "o" });
  assert.deepEqual([message.data, message.origin, message.lastEventId], ["x", "o", ""]);
  const error = new ErrorEvent("error", { message: "m", error: 1, lineno: 3 });
  assert.deepEqual([error.message, error.error, error.lineno], ["m", 1, 3]);
});
