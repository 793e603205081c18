/*
 * Signing in: the cookie, and the way from it to an account
 *
 * The cookie is the account's name and a random token. The name leads to the object that knows the
 * tokens, so that no list of all sessions is needed, and no object that everybody must ask.
 */

import type { Env } from "./index";

export type User = { id: string; name: string };

const COOKIE = "chat_session";
const NAME = /^[A-Za-z][A-Za-z0-9_-]{1,31}$/;
const PASSWORD_LENGTH_MIN = 8;
const PASSWORD_LENGTH_MAX = 200;
const SESSION_SECONDS = 30 * 24 * 3600;

const idOf = (name: string) => name.toLowerCase();

function failure(status: number, error: string): Response {
    return Response.json({ error }, { status });
}

async function credentials(request: Request): Promise<{ name: string; password: string } | null> {
    /* Forms of foreign pages cannot send this type. */
    if (!request.headers.get("Content-Type")?.startsWith("application/json")) return null;
    const body = (await request.json().catch(() => null)) as Record<string, unknown> | null;
    if (typeof body?.name !== "string" || typeof body.password !== "string") return null;
    const { name, password } = body as { name: string; password: string };
    const isLong = password.length >= PASSWORD_LENGTH_MIN && password.length <= PASSWORD_LENGTH_MAX;
    return NAME.test(name) && isLong ? { name, password } : null;
}

function setCookie(request: Request, value: string, seconds: number): string {
    const secure = new URL(request.url).protocol === "https:" ? "; Secure" : "";
    return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}

function signedIn(request: Request, name: string, token: string): Response {
    const cookie = setCookie(request, `${name}.${token}`, SESSION_SECONDS);
    return Response.json({ name }, { headers: { "Set-Cookie": cookie, "Cache-Control": "no-store" } });
}

function readCookie(request: Request): { name: string; token: string } | null {
    for (const part of (request.headers.get("Cookie") ?? "").split(/[;,]\s*/)) {
        const [key, value = ""] = part.split("=", 2);
        if (key?.trim() !== COOKIE) continue;
        const [name = "", token = ""] = value.split(".", 2);
        if (NAME.test(name) && /^[A-Za-z0-9_-]{43}$/.test(token)) return { name, token };
    }
    return null;
}

export async function register(request: Request, env: Env): Promise<Response> {
    const given = await credentials(request);
    if (given === null)
        return failure(400, "A name of 2 to 32 letters and digits and a password of 8 or more, please");
    const token = await env.ACCOUNTS.getByName(idOf(given.name)).register(given.name, given.password);
    return token === null ? failure(409, "The name is taken") : signedIn(request, given.name, token);
}

export async function login(request: Request, env: Env): Promise<Response> {
    const given = await credentials(request);
    if (given === null) return failure(400, "A name and a password, please");
    const session = await env.ACCOUNTS.getByName(idOf(given.name)).login(given.password);
    if (session === "slow down") return failure(429, "Too many attempts");
    /* The same words for an unknown name: who has an account is nobody's business. */
    if (session === null) return failure(401, "Wrong name or password");
    return signedIn(request, session.name, session.token);
}

export async function logout(request: Request, env: Env): Promise<Response> {
    const cookie = readCookie(request);
    if (cookie !== null) await env.ACCOUNTS.getByName(idOf(cookie.name)).logout(cookie.token);
    return Response.json({}, { headers: { "Set-Cookie": setCookie(request, "", 0) } });
}

export async function userOf(request: Request, env: Env): Promise<User | null> {
    const cookie = readCookie(request);
    if (cookie === null) return null;
    const name = await env.ACCOUNTS.getByName(idOf(cookie.name)).nameOf(cookie.token);
    return name === null ? null : { id: idOf(name), name };
}
