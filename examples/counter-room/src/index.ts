/*
 * Counted rooms.
 *
 *     POST /api/rooms/NAME       one more message: {count}
 *     GET  /api/rooms/NAME       {count, samples}, which is no activity
 *     GET  /api/rooms/NAME/ws    a WebSocket: each message counts, each change is told to all
 */

import { CounterRoom } from "./room";

export { CounterRoom };

interface Env {
    ROOMS: DurableObjectNamespace<CounterRoom>;
}

const PATH = /^\/api\/rooms\/([a-z0-9][a-z0-9-]{0,63})(\/ws)?$/;

export default {
    async fetch(request, env): Promise<Response> {
        const [, name, socket] = PATH.exec(new URL(request.url).pathname) ?? [];
        if (name === undefined) return Response.json({ error: "Not found" }, { status: 404 });

        const room = env.ROOMS.getByName(name);
        if (socket !== undefined) {
            if (request.headers.get("Upgrade")?.toLowerCase() === "websocket") return room.fetch(request);
            return new Response("This address speaks WebSocket.\n", { status: 426, headers: { Upgrade: "websocket" } });
        }
        if (request.method === "POST") return Response.json({ count: await room.count() });
        if (request.method === "GET") return Response.json(await room.look());
        return new Response(null, { status: 405, headers: { Allow: "GET, POST" } });
    },
} satisfies ExportedHandler<Env>;
