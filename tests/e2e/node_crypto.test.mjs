/*
 * node:crypto in a Worker does what it does in Node: each case of fixtures/node_crypto/cases.js runs in both, and what one side
 * made by chance the other one checks.
 */

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, test } from "node:test";

import { cases, run } from "./fixtures/node_crypto/cases.js";
import { start, TARGET } from "./support/target.mjs";

let target;
before(async () => (target = await start("node_crypto")));
after(() => target.end());

const ask = (name, given) =>
    target.ask(`/?case=${encodeURIComponent(name)}`, given === undefined ? undefined : { method: "POST", body: JSON.stringify(given) });
const inNode = async (name, given) => JSON.parse(JSON.stringify(await run(name, crypto, given)));

/* workerd's errors mostly have no codes, and other classes; it does not even refuse all of this. */
const plain = (value) =>
    TARGET === "workerd" ? JSON.parse(JSON.stringify(value), (key, each) => (typeof each === "string" && /^\w*Error \w+/.test(each) ? "refused" : each)) : value;

/* What workerd does not have, with BoringSSL where Node has OpenSSL, or does in its own way. */
const NOT_IN_WORKERD = new Set([
    "digests",
    "more digests",
    "digests of any length",
    "half a byte",
    "hmac",
    "random refuses",
    "more ciphers",
    "gcm lengths",
    "chacha20-poly1305",
    "decipher as a stream",
    "cipher refuses",
    "cipher info",
    "cipher info with lengths",
    "secret keys",
    "private keys",
    "public keys",
    "exports refused",
    "keys of Web Crypto",
    "more new pairs",
    "pss signatures",
    "dh",
    "dh states",
    "ecdh on other curves",
    "certificate",
    "certificate usage",
    "certificate of old",
    "certificate refused",
    "spkac",
]);

for (const name of Object.keys(cases)) {
    if (/^(made|check|cloudflare):/.test(name)) continue;
    test(name, { skip: TARGET === "workerd" && NOT_IN_WORKERD.has(name) }, async () => assert.deepEqual(plain(await ask(name)), plain(await inNode(name))));
}

for (const what of ["signatures", "encryption"])
    /* workerd signs and checks PKCS #1 where PSS is asked for. */
    test(`${what} are understood on both sides`, { skip: TARGET === "workerd" && what === "signatures" }, async () => {
        const checked = await inNode(`check: ${what}`, await ask(`made: ${what}`));
        assert.ok(checked.every((each) => each === true), JSON.stringify(checked));
        assert.deepEqual(await ask(`check: ${what}`, await inNode(`made: ${what}`)), checked);
    });

test("keys that are not extractable are not exported, other than in Node", async () => {
    const refused = "TypeError undefined: Unable to export non-extractable key";
    assert.deepEqual(await ask("cloudflare: keys that stay where they are"), [
        refused,
        refused,
        refused,
        "InvalidAccessError 15: Cannot create an extractable CryptoKey from a non-extractable key.",
        false,
        91,
        { name: "AES-CBC", length: 256 },
    ]);
});

test("unknown encodings are refused, other than in Node", async () => {
    const refused = "TypeError ERR_UNKNOWN_ENCODING: Unknown encoding: nosuch";
    assert.deepEqual(await ask("cloudflare: unknown encodings"), [refused, refused]);
});
