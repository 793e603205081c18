/*
 * A rate limiter.
 *
 *     POST /api/limits/NAME   takes one request out of NAME's window: 200, or 429 with Retry-After
 *     GET  /api/limits/NAME   the same answer without taking anything
 *
 * A name is whatever is limited: an account, an address, a token. Each has an object of its own, so
 * that one busy name slows down nobody else.
 */

import { Limiter, type Decision } from "./limiter";

export { Limiter };

interface Env {
    LIMITERS: DurableObjectNamespace<Limiter>;
}

const PATH = /^\/api\/limits\/([A-Za-z0-9._:@-]{1,128})$/;

function answer(decision: Decision): Response {
    const seconds = Math.max(1, Math.ceil(decision.retryMs / 1000));
    const headers = new Headers({
        "Cache-Control": "no-store",
        "RateLimit-Limit": String(decision.limit),
        "RateLimit-Remaining": String(decision.remaining),
    });
    if (decision.allowed) return Response.json(decision, { headers });
    headers.set("Retry-After", String(seconds));
    return Response.json(decision, { status: 429, headers });
}

export default {
    async fetch(request, env): Promise<Response> {
        /* Refused here, a malformed name costs no object. */
        const name = PATH.exec(new URL(request.url).pathname)?.[1];
        if (name === undefined) return Response.json({ error: "Not found" }, { status: 404 });

        const limiter = env.LIMITERS.getByName(name);
        try {
            if (request.method === "POST") return answer(await limiter.take());
            if (request.method === "GET") return answer(await limiter.peek());
        } catch (error) {
            /* More load is the last thing that an overloaded object needs: no retry. */
            if (!(error as { overloaded?: boolean }).overloaded) throw error;
            return Response.json({ error: "Overloaded" }, { status: 503 });
        }
        return new Response(null, { status: 405, headers: { Allow: "GET, POST" } });
    },
} satisfies ExportedHandler<Env>;
