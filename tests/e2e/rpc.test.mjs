/*
 * Calls of remote methods
 *
 * What each case of fixtures/rpc gives: a value, or an error with the properties it arrives with. What is handed out over RPC
 * (functions, targets, streams) has tables of its own, and tests of how long it lives.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { copyProject, IDLE_ARGS, IDLE_MS, onlyDormouse, onlyInMemory, sleep, start, TARGET, until } from "./support/target.mjs";

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

/* The same for what is handed out. */
const STUB_VALUES = {
    "a function is called back": 42,
    "a function that promises": 7,
    "a function in a structure": 5,
    "a function in a set": 4,
    "a function that gives a function": 9,
    "a function as result": 42,
    "a function's this is itself": "function",
    "a class is a function": "function",
    "many calls of one function": 19900,
    "calls back arrive in order": "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19",
    "calls back run at the same time": [0,1,2],
    "a stub's looks": ["function","[object JsRpcStub]",true,false,0,"function","function","undefined","function",true],
    "a target's stub's looks": ["function","[object JsRpcStub]",true,false,0,"function","function","undefined","function",true],
    "a promise's and a property's looks": ["function",true,"[object JsRpcProperty]","function",true,"[object JsRpcPromise]",0,"function",true,"RpcStub","RpcProperty","RpcPromise"],
    "stubs as JSON": [
        ['{"name":"json","id":{"name":"json"}}', '{"thing":{"name":"json","id":{"name":"json"}},"list":[{"name":"json","id":{"name":"json"}}]}', '{"name":"json"}'],
        ...new Array(2).fill(["{}", '{"thing":{},"list":[{}]}', "{}"]),
        ...new Array(5).fill([null, '{"list":[null]}', null]),
    ],
    "JSON makes no call": 0,
    "a method toJSON is called": [{ json: "elsewhere" }, { json: "elsewhere", argument: 5 }, "function"],
    "stubs as text": ["DurableObject", "Fetcher", "LoopbackServiceStub", "JsRpcStub", "JsRpcProperty", "JsRpcPromise"].map((name) => new Array(3).fill(`[object ${name}]`).join(" ")),
    "stubs are awaited": [true, true, true, false, false, "undefined"],
    "what is put on a promise stays there": [1, 2, "function", "function", true, true, true],
    "stubs in the log": null,
    "a target counts": [1,6,6],
    "a target may have a method fetch": "no handler here",
    "a target that returns itself": [false,2],
    "a target as argument": 3,
    "one target twice is one stub": [true,1],
    "functions and targets in a result": ["n,twice,counter,keys",8,1],
    "a call of what a call will give": 3,
    "a call of what comes later": 4,
    "a call of the function that a call will give": 3,
    "a property of what a call will give": 0,
    "a call through a structure that will come": 2,
    "a method of a structure that will come": "n,twice,counter,keys",
    "a chain of calls": 2,
    "a promise can be awaited and gone through": [1,2,true],
    "calls of what will come leave when it is there": ["made","a","b","1","2"],
    "a getter's target": 4,
    "a path of properties": [2,5,6],
    "paths up to 65 names": ["function","TypeError: RPC pipelined property path is too deep (max 64)."],
    "an error of a function where it was called": ["RangeError","called back",true,true,9,null],
    "an error of the platform's where it was called": ["TypeError","The RPC receiver does not implement the method \"missing\".",false,true,null,null],
    "a copy is not": 2,
    "an argument is released": 1,
    "an argument that is kept is not": [0,1],
    "a result is released": 1,
    "every structure can be disposed of": [true,false,"function","function"],
    "a result's own disposer": [["label"],0,1],
    "its copy works": 1,
    "a stub that is passed on": [false,1,2],
    "a stub that is returned belongs to the caller": ["given","Error: RPC stub used after being disposed."],
    "an argument's dup()": 1,
    "a stub made here": [2,2,2,1,5,2,1],
    "what cannot be a stub": ["TypeError: Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.","TypeError: Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.","TypeError: Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.","TypeError: Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.","TypeError: RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.","TypeError: RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.","TypeError: RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.","TypeError: RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives."],
    "what cannot be made": ["TypeError: Failed to construct 'JsRpcStub': Please use the 'new' operator, this object constructor cannot be called as a function.","TypeError: Illegal constructor","TypeError: Illegal constructor"],
    "a stub made here is passed on": [2,2],
    "an object calls a function of another's": 3,
    "an object keeps a target of another's": [1,0,1],
    "a function of a critical section": 2,
    "a call back into a reset": "Error: cut short",
    "a service's stub": ["ServiceStub","[object Fetcher]","function",0,"hello from a service","fetched a service"],
    "an entrypoint's stub": ["ServiceStub","[object Fetcher]","function",0,"hello from an argument","fetched an entrypoint"],
    "an entrypoint's stub as result": ["ServiceStub","function","hello from a result",["ServiceStub","[object Fetcher]","function",0,"hello from a result","fetched an entrypoint"]],
    "a service's stub as result": ["ServiceStub","function","hello from a third"],
    "a stream is read elsewhere": "streamed",
    "a stream made here is read elsewhere": "123",
    "a stream of strings": "text",
    "a stream of buffers": "ab",
    "a stream is locked when it was sent": [true,"x"],
    "a stream as result": "a blob's",
    "a pulled stream as result": "part 1 part 2 part 3 ",
    "a stream's own buffers": [97,32],
    "two streams": ["a","b"],
    "one stream twice": true,
    "a stream is cancelled": ["cancelled"],
    "a stream waits for its reader": [true,8388608],
    "a megabyte through a stream": 1048576,
    "a sink is written elsewhere": ["written","abcdef"],
    "a sink of bytes is written elsewhere": ["written","abctext"],
    "a sink made here": ["ArrayBuffer 3","ArrayBuffer 2","closed"],
    "a sink that is aborted": ["Error: WritableStream received over RPC was disconnected because the remote execution context has ended."],
    "a request": ["Request","PUT","http://a/b",[["content-type","text/plain;charset=UTF-8"],["x","y"]],"put","follow"],
    "a request without a body": ["Request","GET","http://a/b",[],"","follow"],
    "a request as result": ["POST",[["content-type","text/plain;charset=UTF-8"],["q","1"]],"sent"],
    "a response": ["Response",404,"",[["content-type","text/plain;charset=UTF-8"],["z","w"]],"found"],
    "a response without a body": ["Response",204,"",[],""],
    "a response as result": [201,"Made",[["a","b"],["content-type","text/plain;charset=UTF-8"],["more","1"]],"made","made","function"],
    "a long response": 500000,
    "a response is used when it was sent": true,
    "headers as result": [[["a","1, 2"],["set-cookie","x"],["set-cookie","y"]],["x","y"]],
    "a blob": ["Blob",4,"text/x","blob"],
    "a DOMException": [true,"AbortError","why"],
};

const STUB_ERRORS = {
    "a target's field": [`TypeError: The RPC receiver does not implement the method "own".`, THROWN],
    "a target's missing method": [`TypeError: The RPC receiver does not implement the method "missing".`, THROWN],
    "a target's method throws": ["RangeError: counted too far", { ...THROWN, code: 4 }],
    "a target's getter is called": [`TypeError: "value" is not a function.`, THROWN],
    "a target is called": [`TypeError: "(this)" is not a function.`, THROWN],
    "a property of a function": [`TypeError: The RPC receiver does not implement the method "missing".`, THROWN],
    "a path that is not there": [`TypeError: The RPC receiver does not implement the method "missing".`, REMOTE],
    "a path through a number": [`TypeError: The RPC receiver does not implement the method "n".`, REMOTE],
    "a path to what is no function": [`TypeError: "tree.a.b.n" is not a function.`, REMOTE],
    "a structure's value is called": [`TypeError: "a.b" is not a function.`, THROWN],
    "an error of a function": ["RangeError: called back", { ...THROWN, code: 9 }],
    "arguments are over with the call": ["Error: RPC stub used after being disposed.", THROWN],
    "a structure releases what is in it": ["Error: RPC stub used after being disposed.", NONE],
    "a stub that was disposed of": ["Error: RPC stub used after being disposed.", NONE],
    "a promise that was disposed of": ["Error: RPC promise used after being disposed.", NONE],
    "a promise's result is disposed of with it": ["Error: RPC stub used after being disposed.", NONE],
    "an argument's dup() of another kind": ["DataCloneError: Couldn't create a stub for the RcpTarget because it has a dup() method which did not return another RpcTarget. Either remove the dup() method or make sure it returns an RpcTarget.", NONE],
    "a stub is cloned": ["DataCloneError: #<RpcStub> could not be cloned.", NONE],
    "a target is cloned": ["DataCloneError: Remote RPC references can only be serialized for RPC.", NONE],
    "a stub is stored": ["DataCloneError: RpcStub cannot be serialized in this context.", REMOTE],
    "a target is stored": ["DataCloneError: Remote RPC references can only be serialized for RPC.", REMOTE],
    "a promise of RPC is passed": [`DataCloneError: Could not serialize object of type "RpcPromise". This type does not support serialization.`, NONE],
    "a property of RPC is passed": [`DataCloneError: Could not serialize object of type "RpcProperty". This type does not support serialization.`, NONE],
    "a promise is passed": ["DataCloneError: #<Promise> could not be cloned.", NONE],
    "a generator is passed": ["DataCloneError: [object Generator] could not be cloned.", NONE],
    "a target of an object that was reset": ["Error: The execution context which hosts this callback is no longer running.", NONE],
    "a loopback is passed": [`DataCloneError: Could not serialize object of type "LoopbackServiceStub". This type does not support serialization.`, NONE],
    "a namespace is passed": [`DataCloneError: Could not serialize object of type "DurableObjectNamespace". This type does not support serialization.`, NONE],
    "an id is passed": [`DataCloneError: Could not serialize object of type "DurableObjectId". This type does not support serialization.`, NONE],
    "a large argument": ["Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 34603020 bytes.", NONE],
    "a large result": ["Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 34603015 bytes.", REMOTE],
    "a stream of something else": ["Error: ReadableStream received over RPC disconnected prematurely.", THROWN],
    "a stream that breaks": ["Error: ReadableStream received over RPC disconnected prematurely.", THROWN],
    "a stream that is locked": ["TypeError: The ReadableStream has been locked to a reader.", NONE],
    "a breaking stream as result": ["Error: ReadableStream received over RPC disconnected prematurely.", NONE],
    "a sink that throws": ["RangeError: no more", THROWN],
    "a sink that is locked": ["TypeError: This WritableStream is currently locked to a writer.", NONE],
    "a response that was used": ["TypeError: The ReadableStream has been locked to a reader.", NONE],
    "a file": [`DataCloneError: Could not serialize object of type "File". This type does not support serialization.`, NONE],
    "a form": [`DataCloneError: Could not serialize object of type "FormData". This type does not support serialization.`, NONE],
    "a URL": [`DataCloneError: Could not serialize object of type "URL". This type does not support serialization.`, NONE],
    "a WebSocket": [`DataCloneError: Could not serialize object of type "WebSocket". This type does not support serialization.`, NONE],
    "a response with a WebSocket": [`DataCloneError: Could not serialize object of type "WebSocket". This type does not support serialization.`, NONE],
    "an AbortSignal": ["DataCloneError: AbortSignal serialization is not enabled.", NONE],
};

/* Cases in which an object remembers what it was given. */
const IN_MEMORY = new Set([
    "arguments are over with the call",
    "a copy is not",
    "an argument that is kept is not",
    "a stub that is returned belongs to the caller",
    "an object keeps a target of another's",
]);

/* Calls with a callback and a target in it; 100,000 take minutes. */
const CHURN = Number(process.env.DORMOUSE_RPC_CHURN ?? 4000);

describe("remote methods", () => {
    let target;
    before(async () => (target = await start("rpc")));
    after(() => target.end());

    const run = (name) => target.ask(`/${encodeURIComponent(name)}`);

    const options = (name) => ({ skip: IN_MEMORY.has(name) && onlyInMemory("fields are lost") });

    for (const [name, value] of Object.entries({ ...VALUES, ...STUB_VALUES })) test(name, options(name), async () => assert.deepEqual(await run(name), { value }));
    for (const [name, [error, own]] of Object.entries({ ...ERRORS, ...STUB_ERRORS })) test(name, options(name), async () => assert.deepEqual(await run(name), { error, own }));

    test("the log shows what they are", async () => {
        await target.ask("/stubs%20in%20the%20log");
        assert.match(target.stdout, /^RpcStub {} RpcProperty {} RpcPromise {}$/m);
    });

    test("every case is tested", async () => {
        const cases = await target.ask("/");
        assert.deepEqual(cases.sort(), [VALUES, ERRORS, STUB_VALUES, STUB_ERRORS].flatMap(Object.keys).sort());
    });
});

/* Steps of fixtures/rpc, each a request of its own, with one object. */
const stepper = (target, object) => async (name, more = {}) => {
    const { value, error } = await target.ask(`/${encodeURIComponent(name)}?${new URLSearchParams({ object, ...more })}`);
    assert.equal(error, undefined);
    return value;
};

describe("what is handed out", () => {
    let target;
    before(async () => (target = await start("rpc", { args: TARGET === "dormouse" ? IDLE_ARGS : [] })));
    after(() => target.end());

    test("a request's function is gone with the request", { skip: onlyInMemory("the object forgets it") }, async () => {
        const step = stepper(target, "outlived");
        await step("keep a function of this request");
        let said;
        await until(async () => Array.isArray((said = await step("call it in another"))), { what: "the object to be told" });
        assert.deepEqual(said, ["The execution context which hosts this callback is no longer running.", []]);
    });

    test("a request that ends cuts its functions short", { skip: onlyInMemory("the log is lost") }, async () => {
        const step = stepper(target, "cut");
        await step("let it be called for too long");
        let heard;
        await until(async () => (heard = await step("what the object heard")).length > 0, { what: "the object to be told" });
        assert.deepEqual(heard, ["The execution context responding to this call was canceled."]);
    });

    test("a call of what will come is made though nobody waits", { skip: onlyDormouse("calls end with their request") || onlyInMemory("the log is lost") }, async () => {
        const step = stepper(target, "unawaited");
        await step("call what will come, and do not wait");
        let heard = [];
        await until(async () => (heard = await step("what the object heard")).length === 2, { what: "both calls" }).catch(() => {});
        assert.deepEqual(heard, ["made", "noted"]);
    });

    test("who writes a stream that somebody reads stays, and may go when nobody does", async () => {
        const step = stepper(target, "speaker");
        assert.equal(await step("hear what is said late", { idle: IDLE_MS }), "late");
        await sleep(IDLE_MS);
        assert.equal(await step("still has a listener"), false);
    });

    test("who has handed something out stays", { skip: onlyInMemory("the keeper forgets it") }, async () => {
        const step = stepper(target, "lender");
        await step("give a target to a peer");
        assert.equal(await step("count what the peer has"), 1);
        for (let waited = 0; waited < IDLE_MS; waited += 1000) {
            await sleep(1000);
            await step("count what the peer has"); /* the keeper is busy, the lender is not */
        }
        assert.ok((await step("count what the peer has")) > 2, "it is another instance's");
    });

    test("nothing is left of many calls", { timeout: 600_000 }, async () => {
        const step = stepper(target, "churn");
        const memory = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${target.process.pid}/status`, "utf8"))[1]) / 1024;
        const rounds = Math.max(2, CHURN / 2000);
        const seen = [];
        for (let round = 1; round <= rounds; round++) {
            const [here, there] = await step("churn", { count: 2000 });
            assert.ok(Math.abs(here - 2000) <= 1, `${here} functions were let go of`);
            assert.ok(there >= 2000 * round - 1, "targets that were let go of");
            seen.push(memory());
        }
        if (TARGET === "dormouse" && rounds >= 10) assert.ok(seen.at(-1) < seen[Math.floor(rounds / 3)] + 24, `memory grows: ${seen.map(Math.round)} MB`);
    });
});

describe("before rpc_params_dup_stubs", () => {
    let target;
    before(async () => {
        const home = copyProject("rpc");
        const file = path.join(home, "project/wrangler.jsonc");
        fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("2026-07-01", "2025-12-01"));
        target = await start("rpc", { home });
    });
    after(() => target.end());

    test("an argument that is a stub goes over to the callee", async () =>
        assert.deepEqual(await target.ask(`/${encodeURIComponent("a stub that is passed on")}`), { error: "Error: RPC stub used after being disposed.", own: {} }));
});
