/* What a process that dies of a fault says before it goes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { TARGET, start } from "./support/target.mjs";

const only = { skip: TARGET === "workerd" };

for (const [signal, number] of [["SIGABRT", 6], ["SIGSEGV", 11]])
    test(`${signal} is told of, with the calls it came in, and is still what ended the process`, only, async (t) => {
        const target = await start("objects");
        t.after(() => target.end());
        target.stopping = true;
        target.process.kill(signal);
        const result = await target.exited;
        if (signal === "SIGSEGV" && target.stderr.includes("Sanitizer")) return; // it tells of it itself
        assert.equal(result.signal, signal, target.stderr);
        assert.match(target.stderr, new RegExp(`^fatal: signal ${number} at 0x[0-9a-f]+ in the thread .+; it was in$`, "m"));
        assert.match(target.stderr, /^\S*dormouse\(\+0x[0-9a-f]+\)\[0x[0-9a-f]+\]$/m);
    });
