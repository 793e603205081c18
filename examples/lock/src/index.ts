/*
 * Locks over HTTP.
 *
 *     GET    /api/locks/NAME                             who has it, who waits
 *     POST   /api/locks/NAME  {owner, leaseMs, waitMs}   acquire: 200 with a lease, 409 if it is held
 *     PUT    /api/locks/NAME  {token, leaseMs}           renew: 200, 409 if the lease has been lost
 *     DELETE /api/locks/NAME  {token}                    release: 200, 409 likewise
 *
 * Everything is checked here, before an object is woken.
 */

import { Lock } from "./lock";

export { Lock };

interface Env {
    LOCKS: DurableObjectNamespace<Lock>;
}

const PATH = /^\/api\/locks\/([A-Za-z0-9._:-]{1,128})$/;
const OWNER = /^[\x21-\x7e]{1,128}$/;
const LEASE_MS_MIN = 100;
const LEASE_MS_MAX = 10 * 60_000;
const LEASE_MS_DEFAULT = 30_000;
const WAIT_MS_MAX = 60_000;

class BadRequest extends Error {}

type Body = Record<string, unknown>;

async function readBody(request: Request): Promise<Body> {
    const value: unknown = await request.json().catch(() => null);
    if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new BadRequest("The body must be a JSON object");
    return value as Body;
}

function integer(body: Body, name: string, least: number, most: number, absent?: number): number {
    const value = body[name] ?? absent;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
        throw new BadRequest(`${name} must be an integer from ${least} to ${most}`);
    return value;
}

const lease = (body: Body) => integer(body, "leaseMs", LEASE_MS_MIN, LEASE_MS_MAX, LEASE_MS_DEFAULT);
const token = (body: Body) => integer(body, "token", 1, Number.MAX_SAFE_INTEGER);

function owner(body: Body): string {
    if (typeof body.owner !== "string" || !OWNER.test(body.owner))
        throw new BadRequest("owner must be 1 to 128 printable ASCII characters");
    return body.owner;
}

function granted<T extends { ok: boolean }>(result: T): Response {
    return Response.json(result, { status: result.ok ? 200 : 409 });
}

async function serve(request: Request, lock: DurableObjectStub<Lock>): Promise<Response> {
    switch (request.method) {
        case "GET":
            return Response.json(await lock.status());
        case "POST": {
            const body = await readBody(request);
            const wait = integer(body, "waitMs", 0, WAIT_MS_MAX, 0);
            return granted(await lock.acquire(owner(body), lease(body), wait));
        }
        case "PUT": {
            const body = await readBody(request);
            return granted(await lock.renew(token(body), lease(body)));
        }
        case "DELETE":
            return granted(await lock.release(token(await readBody(request))));
        default:
            return new Response(null, { status: 405, headers: { Allow: "GET, POST, PUT, DELETE" } });
    }
}

export default {
    async fetch(request, env): Promise<Response> {
        const name = PATH.exec(new URL(request.url).pathname)?.[1];
        if (name === undefined) return Response.json({ error: "Not found" }, { status: 404 });
        try {
            return await serve(request, env.LOCKS.getByName(name));
        } catch (error) {
            if (error instanceof BadRequest) return Response.json({ error: error.message }, { status: 400 });
            if ((error as { overloaded?: boolean }).overloaded)
                return Response.json({ error: "Overloaded" }, { status: 503 });
            throw error;
        }
    },
} satisfies ExportedHandler<Env>;
