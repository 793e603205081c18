/* Names, flags and the small objects of the global scope. */

const NAMES =
  "fetch Request Response Headers FormData Blob File URL URLSearchParams URLPattern Body " +
  "ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController " +
  "ReadableByteStreamController WritableStream WritableStreamDefaultWriter WritableStreamDefaultController TransformStream " +
  "TransformStreamDefaultController ByteLengthQueuingStrategy CountQueuingStrategy CompressionStream DecompressionStream " +
  "TextEncoderStream TextDecoderStream IdentityTransformStream FixedLengthStream TextEncoder TextDecoder atob btoa " +
  "Event EventTarget CustomEvent ErrorEvent MessageEvent CloseEvent PromiseRejectionEvent ExtendableEvent FetchEvent ScheduledEvent " +
  "TailEvent TraceEvent AbortController AbortSignal MessageChannel MessagePort EventSource WebSocket WebSocketPair " +
  "WebSocketRequestResponsePair crypto Crypto SubtleCrypto CryptoKey setTimeout setInterval clearTimeout clearInterval " +
  "queueMicrotask scheduler console performance structuredClone reportError navigator DOMException self origin caches Cache " +
  "CacheStorage HTMLRewriter WebAssembly WeakRef FinalizationRegistry Cloudflare addEventListener removeEventListener dispatchEvent " +
  "setImmediate clearImmediate PerformanceObserver SuppressedError";

test("every name is there and hidden from enumeration", () => {
  for (const name of NAMES.split(" ")) {
    assert(name in globalThis, name);
    assert.equal(Object.getOwnPropertyDescriptor(globalThis, name).enumerable, false, name);
  }
  assert.deepEqual(Object.keys(globalThis).filter((name) => /^[A-Z]/.test(name)), []);
});

test("classes have their names and tags", () => {
  for (const name of NAMES.split(" ")) {
    const value = globalThis[name];
    if (typeof value !== "function" || !/^[A-Z]/.test(name)) continue;
    assert.equal(value.name, name);
    if (!["WeakRef", "FinalizationRegistry", "SuppressedError"].includes(name))
      assert.equal(value.prototype[Symbol.toStringTag], name);
  }
});

test("small objects", () => {
  assert.equal(navigator.userAgent, "Cloudflare-Workers");
  assert.equal(navigator.hardwareConcurrency, 1);
  assert.equal(origin, "null");
  assert.equal(self, globalThis);
  assert.equal(Object.prototype.toString.call(globalThis), "[object ServiceWorkerGlobalScope]");
  assert.equal(Cloudflare.compatibilityFlags.nodejs_compat, true);
  assert.equal(typeof Symbol.dispose, "symbol");
  assert.equal(typeof Symbol.asyncDispose, "symbol");
  for (const name of ["window", "document", "XMLHttpRequest", "localStorage", "importScripts"]) assert.equal(name in globalThis, false, name);
});

test("flags follow the date", () => {
  const old = hooks.computeFlags("2023-01-01");
  assert.equal(old.rpc, false);
  assert.equal(old.urlStandard, true);
  const flagged = hooks.computeFlags("2023-01-01", ["rpc", "url_original"]);
  assert.equal(flagged.rpc, true);
  assert.equal(flagged.urlStandard, false);
  assert.equal(hooks.computeFlags("2026-08-03").nodejsCompat, false);
  assert.equal(hooks.computeFlags("2026-08-04").nodejsCompat, true);
  assert.equal(hooks.computeFlags("2030-01-01").websocketAutoReplyToClose, true);
  assert.equal(hooks.computeFlags("2030-01-01", ["web_socket_manual_reply_to_close"]).websocketAutoReplyToClose, false);
  assert.equal(hooks.computeFlags("2024-09-23", ["nodejs_compat"]).nodejsCompatV2, true);
  assert.equal(hooks.computeFlags("2024-09-22", ["nodejs_compat"]).nodejsCompatV2, false);
});
