/*
 * The Worker: who somebody is, and which room they are led to.
 *
 *     GET  /  /NAME                            the page, in the room NAME, or "lobby"
 *     GET  /api/chat?room=NAME&after=KEY       a WebSocket to the room; 426 without an Upgrade
 *     GET  /api/chat/messages?room=&before=&limit=    history, newest page first
 *     POST /api/auth/register  {name, password}       a new account; signed in by a cookie
 *     POST /api/auth/login     {name, password}
 *     POST /api/auth/logout
 *     GET  /api/auth/me                        {name}, or 401
 *
 * A room believes what the headers X-User-* say, because only this Worker sets them: those that a
 * client sends are taken away first.
 */

import { Account } from "./account";
import { allowedOrigin, preflight, withCors } from "./cors";
import page from "./page.html";
import { ChatRoom } from "./room";
import { login, logout, register, userOf, type User } from "./sessions";

export { Account, ChatRoom };

export interface Env {
    ROOMS: DurableObjectNamespace<ChatRoom>;
    ACCOUNTS: DurableObjectNamespace<Account>;
    ALLOWED_ORIGINS: string;
    HISTORY_MAX: number;
    PRUNE_MS: number;
}

const PAGE = /^\/(?:[a-z0-9][a-z0-9-]{0,63})?$/;
const ROOM = /^[a-z0-9][a-z0-9-]{0,63}$/;

const PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " +
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
};

function failure(status: number, error: string, headers: HeadersInit = {}): Response {
    return Response.json({ error }, { status, headers });
}

/* The request as a room may see it: who it is from is what we know, not what the client says. */
function identified(request: Request, user: User): Request {
    const headers = new Headers(request.headers);
    for (const name of [...headers.keys()]) if (name.startsWith("x-user-")) headers.delete(name);
    headers.delete("cookie");
    headers.set("X-User-Id", user.id);
    headers.set("X-User-Name", user.name);
    return new Request(request, { headers });
}

async function chat(request: Request, url: URL, env: Env): Promise<Response> {
    const isSocket = url.pathname === "/api/chat";
    if (request.method !== "GET") return failure(405, "Method not allowed", { Allow: "GET" });
    if (isSocket && request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
        return failure(426, "Expected Upgrade: websocket", { Upgrade: "websocket" });

    const name = url.searchParams.get("room") ?? "lobby";
    if (!ROOM.test(name)) return failure(400, "Invalid room name");
    const user = await userOf(request, env);
    if (user === null) return failure(401, "Sign in first");
    return env.ROOMS.getByName(name).fetch(identified(request, user));
}

async function route(request: Request, url: URL, env: Env): Promise<Response> {
    const { pathname } = url;
    if (pathname === "/api/chat" || pathname === "/api/chat/messages") return chat(request, url, env);
    if (pathname === "/api/auth/me") {
        const user = await userOf(request, env);
        return user === null ? failure(401, "Sign in first") : Response.json({ name: user.name });
    }

    const action = { "/api/auth/register": register, "/api/auth/login": login, "/api/auth/logout": logout }[pathname];
    if (action === undefined) return failure(404, "Not found");
    if (request.method !== "POST") return failure(405, "Method not allowed", { Allow: "POST" });
    return action(request, env);
}

async function serveApi(request: Request, url: URL, env: Env): Promise<Response> {
    /* Cookies come along with requests of any page, WebSockets included: what a foreign page
     * may do is decided here, not by the browser. */
    const origin = allowedOrigin(request, url, env.ALLOWED_ORIGINS);
    if (origin === "foreign") return failure(403, "This origin is not allowed");
    if (request.method === "OPTIONS") return preflight(origin);
    try {
        return withCors(await route(request, url, env), origin);
    } catch (error) {
        const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
        if (!overloaded && !retryable) throw error;
        /* The page comes back by itself, with a delay of its own choice. */
        return withCors(failure(503, "Try again later", { "Retry-After": "1" }), origin);
    }
}

export default {
    async fetch(request, env): Promise<Response> {
        const url = new URL(request.url);
        if (url.pathname.startsWith("/api/")) return serveApi(request, url, env);
        if (!PAGE.test(url.pathname)) return new Response("There is no such page.\n", { status: 404 });
        if (request.method !== "GET" && request.method !== "HEAD")
            return new Response("Only GET is served here.\n", { status: 405, headers: { Allow: "GET, HEAD" } });
        return new Response(page, { headers: PAGE_HEADERS });
    },
} satisfies ExportedHandler<Env>;
