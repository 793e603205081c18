/*
 * Calls of remote methods
 *
 * What each case of fixtures/rpc gives: a value, or an error with the properties it arrives with.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { start } from "./support/target.mjs";

const REMOTE = { remote: true };
const THROWN = { remote: true, durableObjectId: "its own" };
const RESET = { durableObjectReset: true };
const NONE = {};

/* Case, then its value. */
const VALUES = {
    "several arguments": 6,
    "an inherited method": "from the base class",
    "a getter": 7,
    "a getter that promises": [1, 2, 3],
    "nothing": "undefined",
    "no argument is undefined": "[object Undefined]",
    "a Map of a Set": [1, "two"],
    "a Date": 5,
    "a RegExp": "/a+/gi",
    "a BigInt": "1180591620717411303424",
    "an ArrayBuffer": [1, 2],
    "a typed array": "1.5,0",
    "an Error": [true, "a value"],
    "a cycle": true,
    "undefined in an object": ["a", "b"],
    "a large value": 1048576,
    "then": "undefined",
    "a property of what is promised": "down here",
    "a deeper one": 1,
    "catch": "caught rejected",
    "finally": ["over"],
    "calls arrive in order": "1,2,3,4,5",
    "answers come when they are ready": [1, 60],
    "a call and a fetch": "Handler does not export a fetch() function.1",
};

/* Case, then what is thrown, and its properties. */
const ERRORS = {
    "an application's class as argument": [`DataCloneError: Could not serialize object of type "Application". This type does not support serialization.`, NONE],
    "an application's class as result": [`DataCloneError: Could not serialize object of type "Application". This type does not support serialization.`, REMOTE],
    "a symbol": ["DataCloneError: Symbol(mine) could not be cloned.", NONE],
    "a method that is not there": [`TypeError: The RPC receiver does not implement the method "missing".`, REMOTE],
    "a field": [`TypeError: The RPC receiver does not implement the method "own".`, REMOTE],
    "a field that is called": [`TypeError: The RPC receiver does not implement the method "own".`, REMOTE],
    "a getter that is called": [`TypeError: "getter" is not a function.`, REMOTE],
    "alarm": ["TypeError: 'alarm' is a reserved method and cannot be called over RPC.", REMOTE],
    "webSocketMessage": ["TypeError: 'webSocketMessage' is a reserved method and cannot be called over RPC.", REMOTE],
    "a class without methods": [`TypeError: The RPC receiver does not implement the method "anything".`, REMOTE],
    "a class that does not extend DurableObject": ["TypeError: The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".", REMOTE],
    "an error with properties": ["RangeError: thrown", { ...THROWN, code: 5, detail: { a: [1] } }],
    "a thrown string": ["Error: only words", REMOTE],
    "a rejection": ["TypeError: rejected", THROWN],
    "abort": ["Error: out of the blue", RESET],
    "a constructor that throws": ["RangeError: cannot be made", RESET],
    "a section that throws": ["SyntaxError: in the section", RESET],
    "an error that comes through another object": ["RangeError: thrown", { ...THROWN, code: 5, detail: { a: [1] } }],
    "a property that is not there": [`TypeError: The RPC receiver does not implement the method "none".`, THROWN],
    "a property of nothing": [`TypeError: The RPC receiver does not implement the method "deep".`, THROWN],
    "a property of a number": [`TypeError: The RPC receiver does not implement the method "deep".`, THROWN],
    "a property of a string": [`TypeError: The RPC receiver does not implement the method "text".`, THROWN],
    "a method of a string": [`TypeError: The RPC receiver does not implement the method "text".`, THROWN],
    "a method that a value does not have": [`TypeError: The RPC receiver does not implement the method "none".`, THROWN],
    "a value that is called": [`TypeError: "deep" is not a function.`, THROWN],
    "a property of what fails": ["RangeError: thrown", { ...THROWN, code: 5, detail: { a: [1] } }],
};

describe("remote methods", () => {
    let target;
    before(async () => (target = await start("rpc")));
    after(() => target.end());

    const run = (name) => target.ask(`/${encodeURIComponent(name)}`);

    for (const [name, value] of Object.entries(VALUES)) test(name, async () => assert.deepEqual(await run(name), { value }));
    for (const [name, [error, own]] of Object.entries(ERRORS)) test(name, async () => assert.deepEqual(await run(name), { error, own }));

    test("every case is tested", async () => {
        const cases = await target.ask("/");
        assert.deepEqual(cases.sort(), [...Object.keys(VALUES), ...Object.keys(ERRORS)].sort());
    });
});
