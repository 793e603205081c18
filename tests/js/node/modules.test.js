/* node:* modules load and do what programs use them for. */

const load = (name) => hooks.nodeModules[`node:${name}`]();

test("every module loads", () => {
  for (const name of Object.keys(hooks.nodeModules)) {
    const module = hooks.nodeModules[name]();
    assert(module !== undefined && module !== null, name);
  }
});

test("Buffer reads and writes every encoding", () => {
  const { Buffer } = load("buffer");
  assert.equal(globalThis.Buffer, Buffer);
  const buffer = Buffer.from("h\u00e9llo");
  assert(Buffer.isBuffer(buffer) && buffer instanceof Uint8Array);
  assert.equal(buffer.length, 6);
  assert.equal(buffer.toString(), "h\u00e9llo");
  assert.equal(buffer.toString("hex"), "68c3a96c6c6f");
  assert.equal(buffer.toString("base64"), "aMOpbGxv");
  assert.equal(Buffer.from("aMOpbGxv", "base64").toString(), "h\u00e9llo");
  assert.equal(Buffer.from([255, 254, 253, 251]).toString("base64url"), "__79-w");
  assert.deepEqual([...Buffer.from("__79-w", "base64url")], [255, 254, 253, 251]);
  assert.deepEqual([...Buffer.from("_-8=", "base64")], [255, 239]);
  assert.equal(Buffer.from("68c3a9", "hex").toString("utf8"), "h\u00e9");
  assert.equal(buffer.toString("latin1", 1, 3), "\u00c3\u00a9");
  assert.equal(Buffer.concat([Buffer.from("a"), Buffer.from("b")]).toString(), "ab");
  assert.equal(Buffer.byteLength("\u2603"), 3);
  assert.equal(Buffer.alloc(3, "ab").toString(), "aba");
  assert.equal(buffer.subarray(0, 1).toString(), "h");
  assert.equal(buffer.readUInt16BE(0), 0x68c3);
  assert(Buffer.from("a").equals(Buffer.from("a")));
  assert.equal(hooks.inspect(Buffer.from("hi")), "<Buffer 68 69>");
  assert.equal(JSON.stringify(Buffer.from("a")), '{"type":"Buffer","data":[97]}');
});

test("events", async () => {
  const EventEmitter = load("events");
  assert.equal(EventEmitter.EventEmitter, EventEmitter);
  class Bus extends EventEmitter {}
  const bus = new Bus();
  const log = [];
  bus.on("x", (...args) => log.push(args));
  bus.once("x", () => log.push("once"));
  bus.emit("x", 1, 2);
  bus.emit("x", 3);
  assert.deepEqual(log, [[1, 2], "once", [3]]);
  assert.throws(() => bus.emit("error", new Error("boo")), /boo/);
  const next = EventEmitter.once(bus, "y");
  bus.emit("y", 5);
  assert.deepEqual(await next, [5]);
  const seen = [];
  setTimeout(() => {
    bus.emit("z", 1);
    bus.emit("z", 2);
  }, 1);
  for await (const [value] of EventEmitter.on(bus, "z")) if (seen.push(value) === 2) break;
  assert.deepEqual(seen, [1, 2]);
});

test("streams, and the ways to Web streams", async () => {
  const { Readable, Transform, Writable } = load("stream");
  const { pipeline } = load("stream/promises");
  const { text } = load("stream/consumers");
  const upper = new Transform({
    transform(chunk, encoding, callback) {
      callback(null, String(chunk).toUpperCase());
    },
  });
  const out = [];
  const sink = new Writable({
    write(chunk, encoding, callback) {
      out.push(String(chunk));
      callback();
    },
  });
  await pipeline(Readable.from(["a", "b"]), upper, sink);
  assert.equal(out.join(""), "AB");
  assert.equal(await text(Readable.fromWeb(new Blob(["web"]).stream())), "web");
  assert.equal(await new Response(Readable.toWeb(Readable.from([Buffer.from("node")], { objectMode: false }))).text(), "node");
});

test("streams take their turns as microtasks, and need no timer", async () => {
  const { Readable } = load("stream");
  const seen = [];
  const timer = new Promise((resolve) => setTimeout(resolve, 0)).then(() => seen.push("timer"));
  Readable.from(["a"]).on("data", (chunk) => seen.push(chunk)).on("end", () => seen.push("end"));
  await timer;
  assert.deepEqual(seen, ["a", "end", "timer"]);
});

test("path, url, querystring and os", () => {
  const path = load("path");
  assert.equal(path.join("/a", "../b", "c.txt"), "/b/c.txt");
  assert.equal(path.posix.extname("x.tar.gz"), ".gz");
  const url = load("url");
  assert.equal(url.fileURLToPath("file:///a%20b"), "/a b");
  assert.equal(url.pathToFileURL("/a b").href, "file:///a%20b");
  assert.equal(url.parse("http://u:p@h:8/p?q=1#f").port, "8");
  assert.equal(url.parse("/p?q=1", true).query.q, "1");
  assert.equal(url.resolve("http://h/a/b", "../c"), "http://h/c");
  const qs = load("querystring");
  assert.equal(qs.stringify({ a: ["1", "2"], b: "x y" }), "a=1&a=2&b=x%20y");
  assert.deepEqual({ ...qs.parse("a=1&a=2&b=x+y") }, { a: ["1", "2"], b: "x y" });
  assert.equal(load("os").EOL, "\n");
});

test("util", async () => {
  const util = load("util");
  assert.equal(util.format("%s=%d", "a", 1), "a=1");
  const later = util.promisify((value, callback) => setTimeout(() => callback(null, value + 1), 1));
  assert.equal(await later(1), 2);
  assert(util.isDeepStrictEqual({ a: [1, new Map([[1, { b: 2 }]])] }, { a: [1, new Map([[1, { b: 2 }]])] }));
  assert(!util.isDeepStrictEqual({ a: 1 }, { a: "1" }));
  assert(util.types.isDate(new Date()) && !util.types.isDate({}));
  assert(util.types.isUint8Array(new Uint8Array(1)) && util.types.isPromise(Promise.resolve()));
  function Old() {}
  util.inherits(Old, EventTarget);
  assert(Old.prototype instanceof EventTarget);
});

test("assert", () => {
  const nodeAssert = load("assert");
  nodeAssert(true);
  nodeAssert.deepStrictEqual({ a: [1] }, { a: [1] });
  assert.throws(() => nodeAssert.strictEqual(1, 2), { name: "AssertionError", code: "ERR_ASSERTION" });
  assert.throws(() => nodeAssert.deepEqual({ a: 1 }, { a: 2 }), { name: "AssertionError" });
  nodeAssert.throws(() => { throw new TypeError("x"); }, TypeError);
  nodeAssert.throws(() => { throw new TypeError("x"); }, { message: "x" });
  assert.throws(() => nodeAssert.throws(() => {}), { message: "Missing expected exception." });
});

test("process and timers", async () => {
  const process = load("process");
  assert.equal(globalThis.process, process);
  assert.equal(process.platform, "linux");
  process.env.A = "b";
  assert.equal(process.env.A, "b");
  assert.equal(global, globalThis);
  assert.equal(await new Promise((resolve) => process.nextTick(resolve, 5)), 5);
  assert.equal(await load("timers/promises").setTimeout(1, "x"), "x");
  assert.equal(typeof process.versions.node, "string");
  process.on("exit", () => {});
});

test("diagnostics_channel and string_decoder", () => {
  const { channel, subscribe } = load("diagnostics_channel");
  let got;
  subscribe("c", (message) => (got = message));
  channel("c").publish(5);
  assert.equal(got, 5);
  const { StringDecoder } = load("string_decoder");
  const decoder = new StringDecoder("utf8");
  assert.equal(decoder.write(new Uint8Array([0xe2, 0x98])) + decoder.write(new Uint8Array([0x83])), "\u2603");
  assert.equal(new StringDecoder("base64").write(Buffer.from("abcd")), "YWJj");
});

test("modules that do not work say so when they are called", () => {
  const fs = load("fs");
  class Socket extends load("net").Socket {}
  assert.equal(typeof Socket, "function");
  assert.throws(() => fs.readFileSync("/x"), { message: "[node] fs.readFileSync is not implemented", code: "ERR_METHOD_NOT_IMPLEMENTED" });
});
