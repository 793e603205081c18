/*
 * Six rooms that count wrongly: the same requests as to examples/counter-room, the room's name
 * beginning with the name of what is wrong: POST /api/rooms/memory-1.
 */

import { DurableObject } from "cloudflare:workers";

interface Env {
    INACTIVITY_MS: number;
    SAMPLE_MS: number;
}

type Room = { count(): Promise<number>; look(): Promise<{ count: number; samples: unknown[] }> };

/* Right but for what the classes below change. */
class NaiveRoom extends DurableObject<Env> {
    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        this.prepare();
    }

    prepare(): void {
        this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS room (one INTEGER PRIMARY KEY, value INTEGER)");
    }

    async count(): Promise<number> {
        await this.ctx.storage.setAlarm(Date.now() + this.env.INACTIVITY_MS);
        return this.ctx.storage.sql
            .exec<{ value: number }>(
                "INSERT INTO room VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET value = value + 1 RETURNING value",
            )
            .one().value;
    }

    async look(): Promise<{ count: number; samples: unknown[] }> {
        const [row] = this.ctx.storage.sql.exec<{ value: number }>("SELECT value FROM room").toArray();
        return { count: row?.value ?? 0, samples: [] };
    }

    async alarm(): Promise<void> {
        await this.ctx.storage.deleteAll();
    }
}

/* 1. The count is a field. */
export class CountInMemory extends NaiveRoom {
    value = 0;

    async count(): Promise<number> {
        return ++this.value;
    }

    async look() {
        return { count: this.value, samples: [] };
    }
}

/* 2. The clean-up is a timer of the process. */
export class PurgeByTimeout extends NaiveRoom {
    timer: ReturnType<typeof setTimeout> | null = null;

    async count(): Promise<number> {
        const count = await super.count();
        await this.ctx.storage.deleteAlarm();
        clearTimeout(this.timer);
        this.timer = setTimeout(async () => {
            await this.ctx.storage.deleteAll();
            this.prepare();
        }, this.env.INACTIVITY_MS);
        return count;
    }
}

/* 3. The constructor waits for something, at every wake-up, and everybody waits with it. */
export class HeavyConstructor extends NaiveRoom {
    constructor(ctx: DurableObjectState, env: Env) {
        super(ctx, env);
        ctx.blockConcurrencyWhile(() => new Promise((resolve) => setTimeout(resolve, 2500)));
    }
}

/* 4. Read, do something else, write. */
export class ReadModifyWrite extends NaiveRoom {
    async count(): Promise<number> {
        const { count } = await this.look();
        await new Promise((resolve) => setTimeout(resolve, 50));
        this.ctx.storage.sql.exec("INSERT OR REPLACE INTO room VALUES (1, ?)", count + 1);
        return count + 1;
    }
}

/* 5. The tables are made by the constructor alone. */
export class SchemaOnce extends NaiveRoom {}

/* 6. Two purposes, one alarm: each sampling puts off the purge. */
export class OneAlarmForTwo extends NaiveRoom {
    async count(): Promise<number> {
        const count = await super.count();
        await this.ctx.storage.put("purgeAt", Date.now() + this.env.INACTIVITY_MS);
        await this.ctx.storage.setAlarm(Date.now() + this.env.SAMPLE_MS);
        return count;
    }

    async alarm(): Promise<void> {
        await this.ctx.storage.setAlarm(Date.now() + this.env.INACTIVITY_MS);
        await this.ctx.storage.setAlarm(Date.now() + this.env.SAMPLE_MS);
    }
}

const PATH = /^\/api\/rooms\/([a-z]+)-[a-z0-9-]+$/;

export default {
    async fetch(request: Request, env: Record<string, DurableObjectNamespace>): Promise<Response> {
        const url = new URL(request.url);
        const namespace = env[PATH.exec(url.pathname)?.[1]?.toUpperCase() ?? ""];
        if (namespace === undefined) return new Response(null, { status: 404 });
        const room = namespace.getByName(url.pathname) as unknown as Room;
        if (request.method === "POST") return Response.json({ count: await room.count() });
        return Response.json(await room.look());
    },
};
