/* crypto.subtle: what comes out, and what is refused with which error. */

const bytes = (text) => new TextEncoder().encode(text);
const hex = (buffer) => new Uint8Array(buffer).toHex();
const { subtle } = crypto;

test("digests have their known values", async () => {
  assert.equal(hex(await subtle.digest("SHA-256", bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(hex(await subtle.digest({ name: "sha-1" }, bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert.equal(hex(await subtle.digest("MD5", bytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
  await assert.rejects(subtle.digest("foo", bytes("")), { name: "NotSupportedError" });
});

test("HMAC signs, verifies and travels as JWK", async () => {
  const key = await subtle.importKey("raw", bytes("key"), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
  const signature = await subtle.sign("HMAC", key, bytes("The quick brown fox jumps over the lazy dog"));
  assert.equal(hex(signature), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  assert.equal(await subtle.verify("HMAC", key, signature, bytes("The quick brown fox jumps over the lazy dog")), true);
  assert.equal(await subtle.verify("HMAC", key, signature, bytes("other")), false);
  const jwk = await subtle.exportKey("jwk", key);
  assert.deepEqual(jwk, { kty: "oct", k: "a2V5", alg: "HS256", key_ops: ["sign", "verify"], ext: true });
  const again = await subtle.importKey("jwk", jwk, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  assert.equal(await subtle.verify("HMAC", again, signature, bytes("The quick brown fox jumps over the lazy dog")), true);
  assert.deepEqual(again.algorithm, { name: "HMAC", hash: { name: "SHA-256" }, length: 24 });
});

test("the AES modes", async () => {
  for (const [name, parameters] of [
    ["AES-GCM", { iv: new Uint8Array(12), additionalData: bytes("more") }],
    ["AES-CBC", { iv: new Uint8Array(16) }],
    ["AES-CTR", { counter: new Uint8Array(16), length: 64 }],
  ]) {
    const key = await subtle.generateKey({ name, length: 256 }, true, ["encrypt", "decrypt"]);
    const sealed = await subtle.encrypt({ name, ...parameters }, key, bytes("secret"));
    assert.equal(new TextDecoder().decode(await subtle.decrypt({ name, ...parameters }, key, sealed)), "secret");
  }
  const key = await subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["decrypt"]);
  await assert.rejects(subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(30)), { name: "OperationError" });
  await assert.rejects(subtle.decrypt({ name: "AES-GCM" }, key, new Uint8Array(30)), TypeError);
});

test("deriving", async () => {
  const password = await subtle.importKey("raw", bytes("password"), "PBKDF2", false, ["deriveBits", "deriveKey"]);
  const parameters = { name: "PBKDF2", hash: "SHA-1", salt: bytes("salt"), iterations: 2 };
  assert.equal(hex(await subtle.deriveBits(parameters, password, 160)), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
  const key = await subtle.deriveKey(parameters, password, { name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  assert.equal((await subtle.exportKey("raw", key)).byteLength, 32);
  const secret = await subtle.importKey("raw", new Uint8Array(22).fill(0x0b), "HKDF", false, ["deriveBits"]);
  const okm = await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: Uint8Array.fromHex("000102030405060708090a0b0c"), info: Uint8Array.fromHex("f0f1f2f3f4f5f6f7f8f9") }, secret, 336);
  assert.equal(hex(okm), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
});

test("signatures of every kind", async () => {
  const kinds = [
    [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
    [{ name: "ECDSA", namedCurve: "P-384" }, { name: "ECDSA", hash: "SHA-384" }],
    [{ name: "Ed25519" }, "Ed25519"],
    [{ name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, "RSASSA-PKCS1-v1_5"],
    [{ name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
  ];
  for (const [make, use] of kinds) {
    const { publicKey, privateKey } = await subtle.generateKey(make, true, ["sign", "verify"]);
    const signature = await subtle.sign(use, privateKey, bytes("data"));
    const jwk = await subtle.exportKey("jwk", publicKey);
    const back = await subtle.importKey("jwk", jwk, make, true, ["verify"]);
    assert.equal(await subtle.verify(use, back, signature, bytes("data")), true, make.name);
    assert.equal(await subtle.verify(use, back, signature, bytes("Data")), false, make.name);
    const der = await subtle.exportKey("pkcs8", privateKey);
    const signer = await subtle.importKey("pkcs8", der, make, false, ["sign"]);
    assert.equal(signer.type, "private");
    await assert.rejects(subtle.sign(use, publicKey, bytes("x")), { name: "InvalidAccessError" });
  }
});

test("agreement and RSA-OAEP", async () => {
  for (const make of [{ name: "ECDH", namedCurve: "P-256" }, { name: "X25519" }]) {
    const a = await subtle.generateKey(make, false, ["deriveBits"]);
    const b = await subtle.generateKey(make, false, ["deriveBits"]);
    const left = await subtle.deriveBits({ name: make.name, public: b.publicKey }, a.privateKey, 256);
    const right = await subtle.deriveBits({ name: make.name, public: a.publicKey }, b.privateKey, 256);
    assert.equal(hex(left), hex(right));
  }
  const pair = await subtle.generateKey({ name: "RSA-OAEP", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-1" }, true, ["encrypt", "decrypt"]);
  const sealed = await subtle.encrypt("RSA-OAEP", pair.publicKey, bytes("hi"));
  assert.equal(new TextDecoder().decode(await subtle.decrypt("RSA-OAEP", pair.privateKey, sealed)), "hi");
});

test("wrapping", async () => {
  const wrapper = await subtle.generateKey({ name: "AES-KW", length: 128 }, false, ["wrapKey", "unwrapKey"]);
  const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  for (const format of ["raw", "jwk"]) {
    const wrapped = await subtle.wrapKey(format, key, wrapper, "AES-KW");
    const back = await subtle.unwrapKey(format, wrapped, wrapper, "AES-KW", "AES-GCM", true, ["encrypt"]);
    assert.equal(hex(await subtle.exportKey("raw", back)), hex(await subtle.exportKey("raw", key)));
  }
});

test("refusals", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  await assert.rejects(subtle.importKey("raw", bytes("k"), "foo", false, ["sign"]), { name: "NotSupportedError" });
  await assert.rejects(subtle.importKey("raw", bytes("k"), hmac, false, ["encrypt"]), { name: "SyntaxError" });
  await assert.rejects(subtle.importKey("raw", new Uint8Array(15), "AES-GCM", false, ["encrypt"]), { name: "DataError" });
  await assert.rejects(subtle.generateKey({ name: "AES-GCM", length: 256 }, true, []), { name: "SyntaxError" });
  const key = await subtle.generateKey(hmac, false, ["sign"]);
  await assert.rejects(subtle.exportKey("raw", key), { name: "InvalidAccessError", message: "Attempt to export non-extractable HMAC key." });
  await assert.rejects(subtle.verify("HMAC", key, bytes("a"), bytes("b")), { name: "InvalidAccessError" });
  await assert.rejects(subtle.sign("AES-GCM", key, bytes("b")), { name: "InvalidAccessError" });
});

test("getRandomValues, randomUUID and timingSafeEqual", () => {
  assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
  const view = new Uint32Array(4);
  assert.equal(crypto.getRandomValues(view), view);
  assert(view.some((n) => n !== 0));
  assert.throws(() => crypto.getRandomValues(new Float32Array(1)), { name: "TypeMismatchError" });
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65537)), { name: "QuotaExceededError" });
  assert.equal(subtle.timingSafeEqual(bytes("a"), bytes("a")), true);
  assert.equal(subtle.timingSafeEqual(bytes("a"), bytes("b")), false);
  assert.throws(() => subtle.timingSafeEqual(bytes("a"), bytes("bc")), { message: "Input buffers must have the same byte length." });
});

test("DigestStream", async () => {
  const stream = new crypto.DigestStream("SHA-256");
  await ReadableStream.from([bytes("a"), bytes("bc")]).pipeTo(stream);
  assert.equal(hex(await stream.digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(stream.bytesWritten, 3n);
});

test("node:crypto agrees", () => {
  const node = hooks.nodeModules["node:crypto"]();
  assert.equal(node.createHash("sha256").update("a").update("bc").digest("hex"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(node.createHmac("sha256", "key").update("The quick brown fox jumps over the lazy dog").digest("hex"), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  assert.equal(node.randomBytes(8).length, 8);
  const n = node.randomInt(5, 7);
  assert(n === 5 || n === 6);
  assert.equal(node.pbkdf2Sync("password", "salt", 1, 20, "sha1").toString("hex"), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
});
