/* Which pages of other sites may use the chat, with the cookies of whoever looks at them. */

/* null: no browser, or our own page. */
export type Origin = string | null | "foreign";

export function allowedOrigin(request: Request, url: URL, allowed: string): Origin {
    const origin = request.headers.get("Origin");
    if (origin === null) return null;
    /* A proxy in front may speak TLS: only the host must be ours. */
    if (URL.canParse(origin) && new URL(origin).host === url.host) return null;
    return allowed.split(/\s+/).includes(origin) ? origin : "foreign";
}

export function preflight(origin: Origin): Response {
    const headers = new Headers({
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "86400",
    });
    return withCors(new Response(null, { status: 204, headers }), origin);
}

export function withCors(response: Response, origin: Origin): Response {
    if (origin === null || response.webSocket) return response;
    const answer = new Response(response.body, response);
    answer.headers.set("Access-Control-Allow-Origin", origin);
    answer.headers.set("Access-Control-Allow-Credentials", "true");
    answer.headers.append("Vary", "Origin");
    return answer;
}
