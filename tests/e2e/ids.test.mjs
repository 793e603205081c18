/* Namespaces, ids and stubs, and the errors that come through a stub. */

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { after, before, test } from "node:test";

import { onlyDormouse, start } from "./support/target.mjs";

let target;
before(async () => (target = await start("ids")));
after(() => target.end());

const wrongType = (method, on, n, type) => `Failed to execute '${method}' on '${on}': parameter ${n} is not of type '${type}'.`;
const messages = (outcomes) => outcomes.map(({ error }) => error && `${error.name}: ${error.message}`);

/* How the id of a name is made (platform rule 2.2): the data of a project can move between runtimes because of it. */
function expectedId(uniqueKey, name) {
    const key = createHash("sha256").update(uniqueKey).digest();
    const first = createHmac("sha256", key).update(name).digest().subarray(0, 16);
    const second = createHmac("sha256", key).update(first).digest().subarray(0, 16);
    return Buffer.concat([first, second]).toString("hex");
}

test("the id of a name is always the same, and derived as on workerd", async () => {
    const id = await target.ask("/from-name");
    assert.equal(id.text, expectedId("ids-Thing", "a name"));
    assert.equal(id.empty, expectedId("ids-Thing", ""));
    assert.equal(id.otherClass, expectedId("ids-Other", "a name"));
    assert.equal(id.name, "a name");
    assert.equal(id.again, true);
    assert.equal(id.different, false);
    assert.equal(id.sameClass, true, "two bindings of one class are one namespace");
    assert.deepEqual(id.keys.sort(), ["jurisdiction", "name"]);
    assert.equal(id.json, '{"name":"a name"}');
});

test("a name is made a string; a missing one is refused", async () => {
    const [missing, undef, five, nul, symbol] = await target.ask("/from-name-misused");
    assert.equal(missing.error.name, "TypeError");
    assert.equal(missing.error.message, wrongType("idFromName", "DurableObjectNamespace", 1, "string"));
    assert.deepEqual([undef.value, five.value, nul.value], ["undefined", "5", "null"]);
    assert.equal(symbol.error.name, "TypeError");
});

test("unique ids are unique and have no name", async () => {
    const { texts, names } = await target.ask("/unique");
    assert.equal(new Set(texts).size, 100);
    assert.ok(texts.every((text) => /^[0-9a-f]{64}$/.test(text)));
    assert.equal(names, 0);
});

test("an id survives being a string, in either case", async () => {
    assert.deepEqual(await target.ask("/from-string"), { equal: true, text: true, name: null, unique: { value: 64 } });
});

test("a string that is no id of this namespace is refused", async () => {
    const digits = "TypeError: Invalid Durable Object ID: must be 64 hex digits";
    const foreign = "TypeError: Durable Object ID is not valid for this namespace.";
    assert.deepEqual(messages(await target.ask("/from-string-misused")), [
        digits,
        digits,
        digits,
        foreign,
        foreign,
        `TypeError: ${wrongType("idFromString", "DurableObjectNamespace", 1, "string")}`,
    ]);
});

test("equals takes an id", async () => {
    const { error } = await target.ask("/equals-misused");
    assert.equal(error.message, wrongType("equals", "DurableObjectId", 1, "DurableObjectId"));
});

test("get takes an id and options it knows", async () => {
    const outcomes = await target.ask("/get-misused");
    const noId = `TypeError: ${wrongType("get", "DurableObjectNamespace", 1, "DurableObjectId")}`;
    assert.deepEqual(messages(outcomes.slice(0, 4)), [
        noId,
        noId,
        "RangeError: unknown routingMode: anywhere",
        `TypeError: ${wrongType("getByName", "DurableObjectNamespace", 1, "string")}`,
    ]);
    assert.deepEqual(outcomes[4], { value: 2 });
    assert.deepEqual(outcomes.slice(5, 7), [{ value: "x" }, { value: "x" }]);
    assert.deepEqual(messages(outcomes.slice(7, 11)), [
        `TypeError: ${wrongType("getByName", "DurableObjectNamespace", 2, "GetDurableObjectOptions")}`,
        "TypeError: Cannot convert a Symbol value to a string",
        "RangeError: unknown routingMode: null",
        "TypeError: Incorrect type for the 'version' field on 'GetDurableObjectOptions': the provided value is not of type 'VersionOptions'.",
    ]);
    assert.deepEqual(outcomes[11], { value: true });
    assert.deepEqual(messages(outcomes.slice(12)), [
        `TypeError: ${wrongType("newUniqueId", "DurableObjectNamespace", 1, "NewUniqueIdOptions")}`,
        "TypeError: Cannot convert a Symbol value to a string",
    ]);
});

test("jurisdictions are refused as workerd refuses them, and null means none", async () => {
    const [sub, unique, none, made] = await target.ask("/jurisdiction");
    assert.match(sub.error.message, /^Jurisdiction restrictions are not implemented/);
    assert.match(unique.error.message, /^Jurisdiction restrictions are not implemented/);
    assert.deepEqual(none, { value: true });
    assert.deepEqual(made, { value: [64, 64, 64, 64] });
});

test("an id cannot be cloned", async () => {
    const { error } = await target.ask("/clone-id");
    assert.equal(error.name, "DataCloneError");
    assert.equal(error.message, 'Could not serialize object of type "DurableObjectId". This type does not support serialization.');
});

test("namespaces, stubs and ids have the platform's names and shapes", async () => {
    const kinds = await target.ask("/kinds");
    assert.deepEqual(kinds.namespace, ["DurableObjectNamespace", "[object DurableObjectNamespace]", []]);
    assert.deepEqual(kinds.stub, ["DurableObject", ["id", "name"], "x", "x", "undefined"]);
    assert.deepEqual(kinds.id, ["DurableObjectId", "[object DurableObjectId]"]);
    assert.deepEqual(messages(kinds.illegal), ["TypeError: Illegal constructor", "TypeError: Illegal constructor"]);
});

test("a stub takes properties of its user, but its own are read only", async () => {
    const [mine, name] = await target.ask("/own-properties");
    assert.equal(mine, 5);
    assert.notEqual(name.value, "changed");
});

test("an object knows the name it was reached by, up to 1024 bytes", async () => {
    const inside = await target.ask("/inside-name");
    assert.equal(inside.byName.name, "inside");
    assert.equal(inside.byName.id, expectedId("ids-Thing", "inside"));
    assert.equal(inside.getByName.name, "inside");
    assert.equal(inside.unique.name, null);
    assert.equal(inside.fromString.name, null);
    assert.equal(inside.longest, true);
    assert.equal(inside.tooLong, null);
});

test("stub.fetch takes what fetch takes", async () => {
    const seen = await target.ask("/fetch-seen");
    assert.equal(seen.text.url, "http://object/at/THINGS/x/seen?q=1");
    assert.equal(seen.text.method, "GET");
    assert.deepEqual(seen.text.headers, []);
    assert.equal(seen.text.redirect, "manual");
    assert.equal(seen.url.url, "http://object/at/THINGS/x/seen");
    assert.deepEqual([seen.init.method, seen.init.body], ["POST", "the body"]);
    assert.deepEqual(seen.init.headers.filter(([name]) => !name.startsWith("content-")), [["host", "given.test"], ["x-own", "1"]]);
    assert.deepEqual([seen.request.method, seen.request.body], ["PUT", "in a request"]);
    assert.deepEqual([seen.both.method, seen.both.headers], ["DELETE", [["x-a", "b"]]]);
});

test("an object's answer has the words of its status", async () => {
    assert.deepEqual(await target.ask("/reasons"), [
        "OK", "No Content", "Successful", "Not Modified", "Redirection", "Not Found", "I'm a teapot", "Client Error",
        "Internal Server Error", "Server Error", "Own Words",
    ]);
});

test("stub.fetch refuses what fetch refuses", async () => {
    assert.deepEqual(messages(await target.ask("/fetch-misused")), [
        "TypeError: Invalid URL: /relative",
        `TypeError: ${wrongType("fetch", "Fetcher", 1, "Request or string")}`,
        "TypeError: Request with a GET or HEAD method cannot have a body.",
        "TypeError: Fetch API cannot load: ftp://object/",
    ]);
});

test("a redirect from an object is followed to the same object", async () => {
    assert.deepEqual(await target.ask("/redirected"), [200, "x", 302, "http://object/at/THINGS/x/id"]);
});

test("bodies stream into an object and out of it", async () => {
    assert.deepEqual(await target.ask("/streamed"), ["one", "two", true]);
});

test("an error comes through a stub with its type, message and properties", async () => {
    const plain = await target.ask("/thrown?what=error");
    assert.deepEqual([plain.constructor, plain.name, plain.message], ["Error", "Error", "a plain error"]);
    assert.equal(plain.remote, true);
    assert.equal(plain.durableObjectReset, undefined);

    const range = await target.ask("/thrown?what=range");
    assert.deepEqual([range.constructor, range.message], ["RangeError", "out of range"]);

    const own = await target.ask("/thrown?what=own");
    assert.deepEqual([own.constructor, own.message], ["Error", "of a class"]);
    assert.equal(own.name, "Own");

    const more = await target.ask("/thrown?what=type");
    assert.deepEqual([more.constructor, more.message, more.code, more.extra], ["TypeError", "with more", "E_MORE", { list: [1] }]);

    const dom = await target.ask("/thrown?what=dom");
    assert.deepEqual([dom.constructor, dom.name, dom.message, dom.code], ["DOMException", "AbortError", "of the DOM", 20]);

    for (const [what, message] of [["text", "only text"], ["null", "null"]]) {
        const other = await target.ask(`/thrown?what=${what}`);
        assert.deepEqual([other.constructor, other.message, other.remote], ["Error", message, true]);
    }
});

test("whatever is thrown, somebody hears of it", async () => {
    for (const [what, told] of Object.entries(await target.ask("/resisting"))) assert.deepEqual(told, [true, true, true], what);
    for (const what of ["property", "message", "stack", "conversion", "revoked", "proxy"]) {
        const response = await target.fetch(`/resists?what=${what}`);
        assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error"], what);
    }
    assert.equal((await target.ask("/from-name")).name, "a name");
});

test("a method's error has its own properties, then those of the platform", async () => {
    const { aggregate, object, caused, named } = await target.ask("/thrown-keys");
    assert.deepEqual(aggregate, ["AggregateError", "AggregateError", "several", ["errors", "code", "durableObjectId", "remote"], "undefined", ["RangeError: one", "2"], true]);
    assert.deepEqual(object, ["Object", null, null, ["reason", "durableObjectId", "remote"], "undefined", null, true]);
    assert.deepEqual(caused, ["Error", "Error", "effect", ["cause", "durableObjectId", "remote"], "TypeError: cause", null, true]);
    assert.deepEqual(named, ["Error", "Own", "of a class", ["name", "durableObjectId", "remote"], "undefined", null, true]);
});

test("a name is never cut short", { skip: onlyDormouse("tells the object such a name") }, async () => {
    const [outside, inside, { error }] = await target.ask("/nul");
    assert.deepEqual([outside, inside], ["a\0b", null]);
    assert.equal(error.message, 'The RPC receiver does not implement the method "inside\0".');
});

test("the stack of the object's side stays there", async () => {
    const { stack } = await target.ask("/thrown?what=error");
    assert.doesNotMatch(stack, /throws/);
});

test("an object that answers with something else is an error for the caller", async () => {
    const { error } = await target.ask("/not-a-response");
    assert.equal(error.name, "TypeError");
    assert.equal(error.message, "Incorrect type for Promise: the Promise did not resolve to 'Response'.");
    assert.equal(error.remote, true);
});

test("a class without fetch says so", async () => {
    const { error } = await target.ask("/no-fetch");
    assert.equal(error.message, "Handler does not export a fetch() function.");
    assert.equal(error.remote, true);
});

test("an abort reaches everybody who waits, and the stub stays broken; a new one works", async () => {
    const { waiting, again, fresh } = await target.ask("/aborted?name=to+abort");
    for (const { error } of waiting) {
        assert.equal(error.message, "the reason");
        assert.equal(error.durableObjectReset, true);
        assert.equal(error.remote, true);
    }
    for (const { error } of again) {
        assert.equal(error.message, "the reason");
        assert.equal(error.durableObjectReset, true);
    }
    assert.equal(fresh, 200);
});

test("calls of one stub are delivered in the order they were made", async () => {
    assert.deepEqual(await target.ask("/in-order?name=ordered"), Array.from({ length: 100 }, (_, n) => n));
});

test("two hundred objects at once are two hundred objects", async () => {
    assert.equal(await target.ask("/many-objects"), true);
});
