/* Stacks look as V8 writes them, and are mapped to the project's files in logs. */

function outer() {
  return inner();
}
function inner() {
  return new TypeError("no\nway");
}

test("the first line has name and message, then the frames", () => {
  const [first, second, third, fourth] = outer().stack.split("\n");
  assert.equal(`${first}\n${second}`, "TypeError: no\nway");
  assert(/^    at inner \(.*v8_form\.test\.js:\d+:\d+\)$/.test(third), third);
  assert(/^    at outer \(.*v8_form\.test\.js:\d+:\d+\)$/.test(fourth), fourth);
});

test("classes of the program are dressed with the name they have when they are made", () => {
  class Mine extends Error {
    constructor(message) {
      super(message);
      this.name = "Mine";
    }
  }
  const error = new Mine("x");
  assert(error.stack.startsWith("Error: x\n    at "));
  assert(error instanceof Mine && error instanceof Error);
  assert.equal(Object.getPrototypeOf(error), Mine.prototype);
});

test("the constructors keep their shape", () => {
  assert.equal(Error.name, "Error");
  assert.equal(Error.length, 1);
  assert.equal(AggregateError.length, 2);
  assert.equal(Object.getPrototypeOf(TypeError), Error);
  assert.equal(new Error("x").constructor, Error);
  assert.equal(Error("x").message, "x");
  assert(RangeError("x") instanceof RangeError);
  assert.equal(new Error("x", { cause: 5 }).cause, 5);
  assert.deepEqual(new AggregateError([1], "x").errors, [1]);
  assert.equal(Object.getOwnPropertyDescriptor(new Error("x"), "stack").enumerable, false);
  assert.equal(new SuppressedError(1, 2, "m").suppressed, 2);
  let thrown;
  try {
    null.x;
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof TypeError);
  assert.equal(thrown.constructor, TypeError);
});

test("an error that the engine threw is printed in the same form", () => {
  let text;
  try {
    undefined.x;
  } catch (error) {
    text = hooks.formatError(error);
  }
  assert(/^TypeError: .*\n    at .*v8_form\.test\.js:\d+:\d+/.test(text), text);
});

test("captureStackTrace, stackTraceLimit and prepareStackTrace", () => {
  const holder = { name: "Held", message: "m" };
  Error.captureStackTrace(holder);
  assert(holder.stack.startsWith("Held: m\n    at "));
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  assert.equal(outer().stack.split("\n").length, 3);
  Error.stackTraceLimit = 0;
  assert.equal(outer().stack, "TypeError: no\nway");
  Error.stackTraceLimit = limit;
  Error.prepareStackTrace = (error, frames) => frames;
  const [frame] = outer().stack;
  Error.prepareStackTrace = undefined;
  assert.equal(frame.getFunctionName(), "inner");
  assert(frame.getFileName().endsWith("v8_form.test.js"));
  assert(frame.getLineNumber() > 0);
});

test("frames are mapped through a source map", () => {
  /* one line: column 0 of bundle.js is line 2, column 4 of src/app.ts */
  hooks.addSourceMap("bundle.js", JSON.stringify({ version: 3, sources: ["src/app.ts"], names: [], mappings: "AACI" }));
  const error = new Error("x");
  error.stack = "Error: x\n    at run (bundle.js:1:1)\n    at other.js:3:4";
  assert.equal(hooks.formatError(error), "Error: x\n    at run (src/app.ts:2:5)\n    at other.js:3:4");
  assert.equal(error.stack.includes("app.ts"), false);
});

test("causes follow, and anything can be thrown", () => {
  const error = new Error("a", { cause: new Error("b", { cause: "c" }) });
  const text = hooks.formatError(error);
  assert(text.includes("\n  [cause]: Error: b\n"));
  assert(text.endsWith("\n  [cause]: c"));
  assert.equal(hooks.describeThrown("text"), "Uncaught text");
  assert.equal(hooks.describeThrown(Object.create(null)), "Uncaught [object Object]");
});

test("an error has the own properties that V8 gives it", () => {
  const own = (error) => Object.getOwnPropertyNames(error).sort().join();
  class Mine extends TypeError {}
  assert.equal(own(new Error("m")), "message,stack");
  assert.equal(own(new Error()), "stack");
  assert.equal(own(new Mine("m", { cause: 1 })), "cause,message,stack");
  assert.equal(own(new DOMException("m")), "code,message,name,stack");
  assert.equal(own(structuredClone(new RangeError("m"))), "message,stack");
});
