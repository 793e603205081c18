/* What the log shows. */

const { inspect, formatLog } = hooks;

test("primitives and containers", () => {
  const shown = [
    [-0, "-0"],
    [10n, "10n"],
    ["it's", `"it's"`],
    [[1, , "a"], "[ 1, <1 empty item>, 'a' ]"],
    [{ a: { b: { c: {} } } }, "{ a: { b: { c: {} } } }"],
    [{ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }"],
    [{ "a-b": 1, [Symbol("s")]: 2 }, "{ 'a-b': 1, [Symbol(s)]: 2 }"],
    [new Map([[{ a: 1 }, "b"]]), "Map(1) { { a: 1 } => 'b' }"],
    [new Set([1, "a"]), "Set(2) { 1, 'a' }"],
    [Object.create(null), "[Object: null prototype] {}"],
    [new (class Foo { x = 1; })(), "Foo { x: 1 }"],
    [new (class Bar extends Map {})(), "Bar(0) [Map] {}"],
    [class A extends Map {}, "[class A extends Map]"],
    [function f() {}, "[Function: f]"],
    [async () => {}, "[AsyncFunction (anonymous)]"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [/x/g, "/x/g"],
    [new Uint8Array(3), "Uint8Array(3) [ 0, 0, 0 ]"],
    [new ArrayBuffer(2), "ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }"],
    [Object("s"), "[String: 's']"],
    [{ get a() { return 1; }, set b(v) {} }, "{ a: [Getter], b: [Setter] }"],
  ];
  for (const [value, text] of shown) assert.equal(inspect(value), text);
});

test("cycles", () => {
  const o = { name: "x" };
  o.self = o;
  assert.equal(inspect(o), "<ref *1> { name: 'x', self: [Circular *1] }");
});

test("long things break into lines and columns", () => {
  const rows = inspect({ first: "x".repeat(30), second: "y".repeat(30), third: "z".repeat(30) });
  assert.equal(rows, `{\n  first: '${"x".repeat(30)}',\n  second: '${"y".repeat(30)}',\n  third: '${"z".repeat(30)}'\n}`);
  assert.equal(inspect(Array.from({ length: 120 }, (_, i) => i)).split("\n").length, 12);
  assert(inspect(new Array(200).fill("a")).includes("... 100 more items"));
});

test("errors show stack, cause and properties", () => {
  const error = Object.assign(new TypeError("no", { cause: new Error("why") }), { code: "E" });
  const text = inspect(error);
  assert(text.startsWith("TypeError: no\n    at "), text);
  assert(text.includes("code: 'E'"));
  assert(text.includes("[cause]: Error: why\n      at "));
});

test("platform objects show what they are", () => {
  assert.equal(inspect(new Headers({ a: "b" })), "Headers(1) { 'a' => 'b' }");
  assert.equal(inspect(new URLSearchParams("a=b")), "URLSearchParams(1) { 'a' => 'b' }");
  assert.equal(inspect(new Blob(["a"])), "Blob { size: 1, type: '' }");
  assert(inspect(new Request("http://x")).startsWith("Request {\n  method: 'GET',\n  url: 'http://x/'"));
  assert(inspect(new Response("a").body).startsWith("ReadableStream { locked: false"));
});

test("an object may say how it is shown", () => {
  assert.equal(inspect({ [Symbol.for("nodejs.util.inspect.custom")]: (depth) => `me ${depth}` }), "me 2");
});

test("printf", () => {
  assert.equal(formatLog(["%s %d %i %f %j %o|%O %c%%", "a", 1.5, 1.5, "1.5", { a: 1 }, [1], { b: 2 }, "css", "rest"]),
    'a 1.5 1 1.5 {"a":1} [ 1, [length]: 1 ]|{ b: 2 } % rest');
  assert.equal(formatLog(["100%", "a"]), "100% a");
  assert.equal(formatLog(["%s"]), "%s");
  assert.equal(formatLog([{ a: 1 }, "b", "c"]), "{ a: 1 } b c");
  assert.equal(formatLog([]), "");
});

test("groups, counts and tables", () => {
  const lines = [];
  const write = natives.console_write;
  natives.console_write = (level, text) => lines.push(`${level}: ${text}`);
  try {
    console.group("g");
    console.warn("in\nner");
    console.groupEnd();
    console.count();
    console.count();
    console.assert(false, "a%s", "b");
    console.assert(true);
    console.table([{ a: 1, b: "x" }]);
    console.dir({ a: { b: 1 } }, { depth: 0 });
    console.trace("here");
  } finally {
    natives.console_write = write;
  }
  assert.deepEqual(lines.slice(0, 5), ["log: g", "warn:   in\n  ner", "log: default: 1", "log: default: 2", "error: Assertion failed: ab"]);
  assert.equal(lines[5], "log: ┌─────────┬───┬─────┐\n│ (index) │ a │ b   │\n├─────────┼───┼─────┤\n│ 0       │ 1 │ 'x' │\n└─────────┴───┴─────┘");
  assert.equal(lines[6], "log: { a: [Object] }");
  assert(lines[7].startsWith("error: Trace: here\n    at "));
});
