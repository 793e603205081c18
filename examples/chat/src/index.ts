/*
 * The Worker: serves the page and leads each socket to its room.
 *
 *     GET /             the page, in the room "lobby"
 *     GET /NAME         the page, in the room NAME
 *     GET /NAME/socket  a WebSocket to the room
 *
 * The name of a room is its address: the same name always reaches the same object.
 */

import page from "./page.html";
import { ChatRoom } from "./room";

export { ChatRoom };

interface Env {
    ROOMS: DurableObjectNamespace<ChatRoom>;
}

const PATH = /^\/(?:([a-z0-9][a-z0-9-]{0,63})(\/socket)?)?$/;

const PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " +
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
};

export default {
    async fetch(request, env): Promise<Response> {
        const match = PATH.exec(new URL(request.url).pathname);
        if (!match) return new Response("There is no such page.\n", { status: 404 });

        if (request.method !== "GET" && request.method !== "HEAD")
            return new Response("Only GET is served here.\n", { status: 405, headers: { Allow: "GET, HEAD" } });

        const [, room = "lobby", socket] = match;
        if (!socket) return new Response(page, { headers: PAGE_HEADERS });

        if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
            return new Response("This address speaks WebSocket.\n", { status: 426, headers: { Upgrade: "websocket" } });
        return env.ROOMS.getByName(room).fetch(request);
    },
} satisfies ExportedHandler<Env>;
