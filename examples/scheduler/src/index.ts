/*
 * Jobs over HTTP.
 *
 *     GET    /api/schedules/NAME                 all jobs, the next first
 *     PUT    /api/schedules/NAME/jobs/JOB        {cron | at | delayMs, inbox, payload?, attemptsMax?}
 *     GET    /api/schedules/NAME/jobs/JOB        one job
 *     DELETE /api/schedules/NAME/jobs/JOB
 *     GET    /api/schedules/NAME/history?job=    what was run, newest first
 *     GET    /api/cron?expression=&after=&count= when an expression is due
 *     GET    /api/inboxes/NAME                   what was delivered
 *     POST   /api/inboxes/NAME/fail {times}      refuse so many deliveries, to see retries
 */

import { CronError, nextAfter, parseCron } from "./cron";
import { Inbox } from "./inbox";
import { Scheduler, type Plan } from "./scheduler";

export { Inbox, Scheduler };

interface Env {
    SCHEDULERS: DurableObjectNamespace<Scheduler>;
    INBOXES: DurableObjectNamespace<Inbox>;
}

class BadRequest extends Error {}
class NotAllowed extends Error {}

const NAME = "([A-Za-z0-9._-]{1,64})";
const SCHEDULE = new RegExp(`^/api/schedules/${NAME}(?:/(history)|/jobs/${NAME})?$`);
const INBOX = new RegExp(`^/api/inboxes/${NAME}(/fail)?$`);
const PAYLOAD_LENGTH_MAX = 64 * 1024;
const DELAY_MS_MAX = 366 * 24 * 3600 * 1000;
const ATTEMPTS_MAX = 20;
const ATTEMPTS_DEFAULT = 5;

async function readBody(request: Request): Promise<Record<string, unknown>> {
    const value: unknown = await request.json().catch(() => null);
    if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new BadRequest("The body must be a JSON object");
    return value as Record<string, unknown>;
}

function integer(value: unknown, name: string, least: number, most: number): number {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
        throw new BadRequest(`${name} must be an integer from ${least} to ${most}`);
    return value;
}

function planOf(body: Record<string, unknown>): Plan {
    const { cron, at, delayMs, inbox, payload = null, attemptsMax = ATTEMPTS_DEFAULT } = body;
    if ([cron, at, delayMs].filter((value) => value !== undefined).length !== 1)
        throw new BadRequest("Exactly one of cron, at and delayMs says when");
    if (typeof inbox !== "string" || !new RegExp(`^${NAME}$`).test(inbox)) throw new BadRequest("Invalid inbox");
    const text = JSON.stringify(payload);
    if (text.length > PAYLOAD_LENGTH_MAX) throw new BadRequest("The payload is too big");

    const now = Date.now();
    const plan = { inbox, payload: text, attemptsMax: integer(attemptsMax, "attemptsMax", 1, ATTEMPTS_MAX) };
    if (cron === undefined) {
        const when = at !== undefined ? integer(at, "at", 1, now + DELAY_MS_MAX) : now + integer(delayMs, "delayMs", 0, DELAY_MS_MAX);
        return { ...plan, cron: null, at: when };
    }
    if (typeof cron !== "string" || cron.length > 200) throw new BadRequest("Invalid cron expression");
    const first = nextAfter(parseCron(cron), now);
    if (first === null) throw new BadRequest("The cron expression is never due");
    return { ...plan, cron, at: first };
}

async function serveSchedule(request: Request, url: URL, env: Env, match: RegExpExecArray): Promise<Response> {
    const [, name = "", history, job] = match;
    const scheduler = env.SCHEDULERS.getByName(name);
    const notFound = () => Response.json({ error: "Not found" }, { status: 404 });
    if (job === undefined) {
        if (request.method !== "GET") throw new NotAllowed();
        if (history !== undefined) return Response.json(await scheduler.history(url.searchParams.get("job")));
        return Response.json(await scheduler.list());
    }
    switch (request.method) {
        case "GET": {
            const found = await scheduler.job(job);
            return found === null ? notFound() : Response.json(found);
        }
        case "PUT":
            return Response.json(await scheduler.plan(job, planOf(await readBody(request))));
        case "DELETE":
            return (await scheduler.cancel(job)) ? new Response(null, { status: 204 }) : notFound();
        default:
            throw new NotAllowed();
    }
}

async function serveInbox(request: Request, env: Env, [, name = "", fail]: RegExpExecArray): Promise<Response> {
    const inbox = env.INBOXES.getByName(name);
    if (fail === undefined && request.method === "GET") return Response.json(await inbox.look());
    if (fail === undefined || request.method !== "POST") throw new NotAllowed();
    const { times } = await readBody(request);
    await inbox.fail(integer(times, "times", 0, 1000));
    return new Response(null, { status: 204 });
}

function serveCron(query: URLSearchParams): Response {
    const cron = parseCron(query.get("expression") ?? "");
    const count = integer(Number(query.get("count") ?? 5), "count", 1, 100);
    let at: number | null = integer(Number(query.get("after") ?? Date.now()), "after", 0, 8e15);
    const times: string[] = [];
    while (times.length < count && (at = nextAfter(cron, at)) !== null) times.push(new Date(at).toISOString());
    return Response.json({ times });
}

export default {
    async fetch(request, env): Promise<Response> {
        const url = new URL(request.url);
        try {
            const schedule = SCHEDULE.exec(url.pathname);
            if (schedule !== null) return await serveSchedule(request, url, env, schedule);
            const inbox = INBOX.exec(url.pathname);
            if (inbox !== null) return await serveInbox(request, env, inbox);
            if (url.pathname === "/api/cron") return serveCron(url.searchParams);
            return Response.json({ error: "Not found" }, { status: 404 });
        } catch (error) {
            if (error instanceof BadRequest || error instanceof CronError)
                return Response.json({ error: error.message }, { status: 400 });
            if (error instanceof NotAllowed) return new Response(null, { status: 405 });
            if ((error as { overloaded?: boolean }).overloaded)
                return Response.json({ error: "Overloaded" }, { status: 503 });
            throw error;
        }
    },
} satisfies ExportedHandler<Env>;
