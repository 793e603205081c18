/* Takes a program, has its object run it turn by turn, and answers what became of each step. */

import { DurableObject } from "cloudflare:workers";

import { describe } from "./describe.js";
import { runTurn } from "./interpret.js";

export class Subject extends DurableObject {
    kept = new Map(); // cursors and iterators that later steps go on with
    said = []; // of the turn that runs, or ran last

    async fetch(request) {
        if (new URL(request.url).pathname === "/last") return Response.json(this.said);
        this.said = [];
        const { steps, throws } = await request.json();
        await runTurn({ ctx: this.ctx, env: this.env, kept: this.kept }, steps, this.said);
        if (throws) throw new Error("the turn ends so");
        return Response.json(this.said);
    }

    alarm() {}
}

/* Without SQLite on Cloudflare, so with other limits. */
export class Legacy extends Subject {}

/* One event of the object; the stub is made anew after an error, for a broken one stays so. */
async function runOneTurn(namespace, name, turn) {
    const ask = (path, init) => namespace.getByName(name).fetch("http://subject" + path, init);
    try {
        const response = await ask("/", { method: "POST", body: JSON.stringify(turn) });
        return { said: await response.json() };
    } catch (error) {
        const result = { failed: describe(error) };
        if (turn.throws) result.said = await (await ask("/last")).json();
        return result;
    }
}

export default {
    async fetch(request, env) {
        const { binding, name, turns } = await request.json();
        const results = [];
        for (const turn of turns) results.push(await runOneTurn(env[binding], name, turn));
        return Response.json(results);
    },
};
