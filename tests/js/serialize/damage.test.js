/* Bytes that are nearly right: each is refused as the platform refuses it, or is some value that can be written again. */

const ROUNDS = 30000;

/* xorshift: the same bytes on every run. */
let state = 0x2545f491;
function below(bound) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

function seeds() {
  const loop = { list: [1, , 2.5, "two"] };
  loop.self = loop;
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
  const error = new TypeError("wrong", { cause: new RangeError("inner") });
  return [
    loop,
    [1, 2, 3],
    [0.5, 1],
    new Map([["a", new Set([1, "ü", "☃"])]]),
    { date: new Date(5), regexp: /a/gi, big: -(2n ** 70n), boxed: [Object(1), Object("s"), Object(true), Object(1n)] },
    { buffer, view: new Uint16Array(buffer, 2, 2), data: new DataView(buffer, 1), grows: new ArrayBuffer(2, { maxByteLength: 4 }) },
    { error, more: Object.assign(new Error("e"), { code: 1 }) },
    Object.assign([1], { 5000: 1, name: "x" }),
    [new Headers({ Accept: "a", "X-Own": "☃" }), new Blob(["text"], { type: "a/b" }), new DOMException("said", "AbortError")],
    { request: new Request("https://a/", { method: "PUT", headers: { a: "b" }, cf: { n: 1 } }), response: new Response(null, { status: 404 }) },
  ].map((value) => hooks.serialize(value, "storage"));
}

function damage(seed) {
  const bytes = new Uint8Array(below(8) === 0 ? below(seed.length) + 1 : seed.length);
  bytes.set(seed.subarray(0, bytes.length));
  for (let n = below(4) + 1; n > 0; n--) {
    const at = 2 + below(Math.max(1, bytes.length - 2));
    if (at < bytes.length) bytes[at] = below(3) === 0 ? below(256) : bytes[at] ^ (1 << below(8));
  }
  return bytes;
}

test("damaged bytes are refused with DataCloneError, or are a value", () => {
  const all = seeds();
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = damage(all[below(all.length)]);
    let value;
    try {
      value = hooks.deserialize(bytes);
    } catch (error) {
      if (error.name !== "DataCloneError") throw new Error(`${bytes.toHex()}: ${error.name}: ${error.message}`);
      refused++;
      continue;
    }
    try {
      hooks.serialize(value, "storage");
    } catch (error) {
      throw new Error(`${bytes.toHex()} cannot be written again: ${error.name}: ${error.message}`);
    }
  }
  assert.ok(refused > ROUNDS / 10 && refused < ROUNDS);
});
