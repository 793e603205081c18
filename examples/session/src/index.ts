/*
 * The Worker of the music sessions.
 *
 *     GET  /  /s/ID                    the page
 *     GET  /api/sessions               the newest sessions, from KV
 *     POST /api/sessions               {state?}: a new session
 *     GET  /api/sessions/ID            the session
 *     PUT  /api/sessions/ID            {state}: another state for it
 *     POST /api/sessions/ID/remix      a copy, with an id of its own
 *     POST /api/sessions/ID/publish    from now on nothing changes it
 *     GET  /api/sessions/ID/ws?name=&player=&after=   play along
 *     GET  /api/sessions/ID/debug
 *
 * No object is woken for an id that is malformed or unknown: KV knows all there are.
 */

import { callObject, Overloaded } from "./calls";
import page from "./page.html";
import { Session } from "./session";
import { repair, type State } from "./state";
import type { Snapshot } from "./storage";

export { Session };

interface Env {
    SESSIONS: DurableObjectNamespace<Session>;
    SNAPSHOTS: KVNamespace;
    SAVE_MS: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PATH = /^\/api\/sessions\/([^/]*)(?:\/(remix|publish|ws|debug))?$/;
const PAGE = /^\/(?:s\/[0-9a-f-]{36})?$/;
const BODY_LENGTH_MAX = 64 * 1024;
const LIST_MAX = 50;

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
    return new Response(error, { status, headers });
}

function object<T>(env: Env, id: string, call: (stub: DurableObjectStub<Session>) => Promise<T>): Promise<T> {
    return callObject(() => env.SESSIONS.get(env.SESSIONS.idFromName(id)), call);
}

/* The state in a body; undefined if there is none, null if it is no good. */
async function stateIn(request: Request): Promise<State | undefined | null> {
    const text = await request.text();
    if (text === "") return undefined;
    if (text.length > BODY_LENGTH_MAX) return null;
    try {
        const body = JSON.parse(text) as { state?: unknown } | null;
        if (body?.state === undefined) return body === null ? null : undefined;
        const { state, repairs } = repair({ version: 0, ...body.state });
        return repairs.length === 0 ? state : null;
    } catch {
        return null;
    }
}

function create(env: Env, state: State | undefined, remixedFrom: string | null): Promise<Snapshot> {
    return object(env, crypto.randomUUID(), (stub) => stub.create(state, remixedFrom) as Promise<Snapshot>);
}

async function list(env: Env): Promise<Response> {
    const { keys } = await env.SNAPSHOTS.list<object>({ limit: LIST_MAX });
    return Response.json({ sessions: keys.map(({ name, metadata }) => ({ id: name, ...metadata })) });
}

async function serveSessions(request: Request, env: Env): Promise<Response> {
    if (request.method === "GET") return list(env);
    if (request.method !== "POST") return failure(405, "Method not allowed", { Allow: "GET, POST" });
    const state = await stateIn(request);
    if (state === null) return failure(400, "Invalid session state");
    return Response.json(await create(env, state, null), { status: 201 });
}

async function put(request: Request, env: Env, id: string): Promise<Response> {
    const state = await stateIn(request);
    if (!state) return failure(400, "Invalid session state");
    const result = await object(env, id, (stub) => stub.replace(state) as Promise<Snapshot | "published">);
    return result === "published" ? failure(403, "Session is published") : Response.json(result);
}

async function serveSession(request: Request, env: Env, id: string, action: string | undefined): Promise<Response> {
    if (!UUID.test(id)) return failure(400, "Invalid session ID format");
    const stored = await env.SNAPSHOTS.get<Snapshot>(id, "json");
    if (stored === null) return failure(404, "Session not found");

    switch (`${request.method} ${action ?? ""}`) {
        case "GET ":
            /* What is published never changes: no need to wake anybody. */
            return Response.json(stored.published ? stored : await object(env, id, (stub) => stub.read()));
        case "PUT ":
            return put(request, env, id);
        case "POST remix": {
            const source = stored.published ? stored : await object(env, id, (stub) => stub.read() as Promise<Snapshot>);
            return Response.json(await create(env, source.state, id), { status: 201 });
        }
        case "POST publish":
            return Response.json(await object(env, id, (stub) => stub.publish()));
        case "GET debug":
            return Response.json(await object(env, id, (stub) => stub.debug()));
        case "GET ws":
            if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
                return failure(426, "Expected Upgrade: websocket", { Upgrade: "websocket" });
            return object(env, id, (stub) => stub.fetch(request));
        default:
            return failure(405, "Method not allowed");
    }
}

async function serveApi(request: Request, env: Env, pathname: string): Promise<Response> {
    try {
        if (pathname === "/api/sessions") return await serveSessions(request, env);
        const match = PATH.exec(pathname);
        if (match === null) return failure(404, "Not found");
        return await serveSession(request, env, match[1] ?? "", match[2]);
    } catch (error) {
        if (!(error instanceof Overloaded)) throw error;
        return failure(503, "Session overloaded", { "Retry-After": "5" });
    }
}

export default {
    async fetch(request, env): Promise<Response> {
        const { pathname } = new URL(request.url);
        if (pathname.startsWith("/api/")) return serveApi(request, env, pathname);
        if (!PAGE.test(pathname)) return failure(404, "There is no such page.\n");
        if (request.method !== "GET" && request.method !== "HEAD")
            return failure(405, "Only GET is served here.\n", { Allow: "GET, HEAD" });
        return new Response(page, { headers: PAGE_HEADERS });
    },
} satisfies ExportedHandler<Env>;
