/* A ledger is a list of numbers that can go back to what it was. Each new number comes with some bytes, so that history grows. */

import { DurableObject } from "cloudflare:workers";

const FILLED = 20;

export class Ledger extends DurableObject {
    constructor(ctx, env) {
        super(ctx, env);
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, filling BLOB)");
    }

    add(number) {
        const { sql, kv } = this.ctx.storage;
        sql.exec("INSERT INTO rows VALUES (?, randomblob(12000))", number);
        sql.exec("UPDATE rows SET filling = NULL WHERE number = ?", number - FILLED);
        kv.put("last", number);
        return number;
    }

    forget() {
        this.ctx.storage.sql.exec("DELETE FROM rows WHERE number IN (SELECT number FROM rows ORDER BY number LIMIT (SELECT count(*) / 2 FROM rows))");
        return true;
    }

    all() {
        const { sql, kv } = this.ctx.storage;
        return { numbers: [...sql.exec("SELECT number FROM rows ORDER BY number").raw()].flat(), last: kv.get("last") ?? 0 };
    }

    async fetch(request) {
        const [, , what, value] = new URL(request.url).pathname.split("/");
        if (what === "end") this.ctx.abort("the session is over");
        try {
            return Response.json(await this.answer(what, value));
        } catch (error) {
            return new Response(error.message, { status: 400 });
        }
    }

    answer(what, value) {
        const { storage } = this.ctx;
        switch (what) {
            case "add": return this.add(Number(value));
            case "forget": return this.forget();
            case "all": return this.all();
            case "mark": return storage.getCurrentBookmark();
            case "mark-now": return storage.getBookmarkForTime(Date.now());
            case "back": return storage.onNextSessionRestoreBookmark(value);
            default: throw new Error(`nobody knows ${what}`);
        }
    }
}

export default {
    fetch(request, env) {
        return env.LEDGERS.getByName(new URL(request.url).pathname.split("/")[1]).fetch(request);
    },
};
