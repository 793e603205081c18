/*
 * fetch
 *
 * One hop is C's business; redirects, data: URLs and aborting are done here.
 */

import { natives, requireContext } from "./natives.js";
import { compat } from "./compat.js";
import { expose } from "./webidl.js";
import { URL, parseUrl } from "./url.js";
import { encodeUtf8 } from "./encoding.js";
import { Headers } from "./headers.js";
import { newRequest, requestToNative } from "./request.js";
import { Response, responseFromNative } from "./response.js";
import { innerOf } from "./body.js";
import { onAbort } from "./abort.js";
import { pumpStreamToPipe } from "./pipe.js";
import { BODY_NONE, BODY_BYTES, BODY_PIPE, BODY_STRING } from "./streams.js";

const REDIRECTS_MAX = 20;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

const ONE_TIME_BODY =
  "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect " +
  "requiring the body to be retransmitted. To avoid this error in the future, construct this request from a " +
  "buffer-like body initializer.";

let nextId = 1;

/** What goes out: { bytes }, which can be sent again after a redirect, { pipe, length } or { stream, length }. */
function contentOf(kind, data, length) {
  if (kind === BODY_NONE) return null;
  if (kind === BODY_STRING) return { bytes: encodeUtf8(data) };
  if (kind === BODY_BYTES) return { bytes: data };
  return kind === BODY_PIPE ? { pipe: data, length } : { stream: data, length };
}

/** send(body) with what a content is for C: null, bytes or a pipe. Streams are pumped from here on. */
export function sendContent(content, send) {
  if (content === null) return send(null);
  if (content.bytes !== undefined) return send(content.bytes);
  if (content.sent) throw new TypeError(ONE_TIME_BODY);
  content.sent = true;
  if (content.pipe !== undefined) return send(content.pipe);
  const pipe = natives.pipe_create();
  const answer = send(pipe);
  pumpStreamToPipe(content.stream, pipe);
  return answer;
}

/* A request without an answer: what the platform says, and why, if it was the connection's fault. */
function networkLost(parcel) {
  if (!Array.isArray(parcel)) throw parcel;
  throw Object.assign(new Error("Network connection lost.", { cause: new Error(parcel[0]) }), { retryable: true });
}

/** One request over the network, without redirects: promise of what fetch_start gives. */
function networkHop(job) {
  const { method, url, block, content, cf } = job;
  job.id = nextId++;
  job.failed = networkLost;
  return sendContent(content, (body) => natives.fetch_start(job.id, method, url, block, body, { cf, contentLength: content?.length }));
}

function headersWithout(block, names) {
  return pairs(block)
    .filter(([name]) => !names.includes(name.toLowerCase()))
    .flat()
    .join("\n");
}

/** Turn the job towards the Location of a redirect; false if there is none. */
function followRedirect(job, status, block) {
  const location = new Headers(pairs(block)).get("location");
  if (location === null) return false;
  const url = parseUrl(location, job.url);
  if (url === null) throw new TypeError(`Invalid redirect URL: ${location}`);
  if (!/^https?:/.test(url)) throw new TypeError(`Redirect to a URL that is not http or https: ${url}`);
  const dropped = [];
  const becomesGet =
    ((status === 301 || status === 302) && job.method === "POST") ||
    (status === 303 && job.method !== "GET" && job.method !== "HEAD");
  if (becomesGet) {
    job.method = "GET";
    job.content = null;
    dropped.push("content-encoding", "content-language", "content-location", "content-type", "content-length", "transfer-encoding");
  }
  if (compat.flags.stripAuthorizationOnRedirect && new URL(url).origin !== new URL(job.url).origin)
    dropped.push("authorization");
  if (dropped.length > 0) job.block = headersWithout(job.block, dropped);
  job.url = url;
  return true;
}

function pairs(block) {
  const fields = block === "" ? [] : typeof block === "string" ? block.split("\n") : block;
  const list = [];
  for (let i = 0; i + 1 < fields.length; i += 2) list.push([fields[i], fields[i + 1]]);
  return list;
}

/* Chained and not awaited: nearly every job is one hop, and each promise less is felt. */
function run(job, redirects) {
  return job.hop(job).then(([status, statusText, block, body, webSocket, length]) => {
    if (job.redirect === "follow" && REDIRECT_STATUS.has(status) && !webSocket) {
      const next = { ...job };
      if (followRedirect(next, status, block)) {
        if (redirects >= REDIRECTS_MAX) throw new TypeError(`Too many redirects. ${job.url}`);
        discard(body);
        Object.assign(job, next);
        return run(job, redirects + 1);
      }
    }
    const response = responseFromNative(status, statusText, block, body, job.url, webSocket, undefined, length);
    innerOf(response).redirected = redirects > 0;
    return response;
  }, job.failed);
}

function discard(body) {
  if (body !== null && body !== undefined && !(body instanceof ArrayBuffer) && !(body instanceof Uint8Array))
    natives.pipe_cancel(body, undefined);
}

/** Reject as soon as the signal aborts, and tell C. */
function abortable(job, signal, answer) {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, (reason) => {
      natives.fetch_abort(job.id);
      reject(reason);
    });
    answer.then(resolve, reject).finally(release);
  });
}

function fetchData(url) {
  const comma = url.indexOf(",");
  if (comma < 0) throw new TypeError(`Invalid data: URL: ${url}`);
  const hash = url.indexOf("#");
  const meta = url.slice("data:".length, comma);
  const base64 = /;\s*base64\s*$/i.test(meta);
  const type = (base64 ? meta.replace(/;\s*base64\s*$/i, "") : meta).trim();
  const text = decodeURIComponentBytes(url.slice(comma + 1, hash < 0 ? undefined : hash));
  let bytes = text;
  if (base64) bytes = Uint8Array.fromBase64(natives.latin1_decode(text));
  const full = type === "" ? "text/plain;charset=US-ASCII" : type.startsWith(";") ? `text/plain${type}` : type;
  return new Response(bytes, { headers: { "Content-Type": full } });
}

/** Percent-decoding to bytes, leaving broken escapes alone. */
function decodeURIComponentBytes(text) {
  const bytes = encodeUtf8(text);
  let end = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i];
    if (byte === 0x25 && i + 2 < bytes.length) {
      const pair = String.fromCharCode(bytes[i + 1], bytes[i + 2]);
      if (/^[0-9a-fA-F]{2}$/.test(pair)) {
        byte = Number.parseInt(pair, 16);
        i += 2;
      }
    }
    bytes[end++] = byte;
  }
  return bytes.subarray(0, end);
}

/**
 * Send a Request and follow its redirects. hop(job) sends one and promises [status, statusText, HEADERS,
 * body, webSocket, length of a streamed body if it is known].
 */
export function sendRequest(request, hop) {
  const { signal } = innerOf(request);
  signal?.throwIfAborted();
  if (!/^https?:/.test(request.url)) throw new TypeError(`Fetch API cannot load: ${request.url}`);
  return requestToNative(request, (method, url, block, kind, body, redirect, cf, _, length) => {
    const job = { hop, failed: undefined, id: 0, method, url, block, content: contentOf(kind, body, length), redirect, cf };
    const answer = run(job, 0);
    return signal === null ? answer : abortable(job, signal, answer);
  });
}

/** Fetch a Request over the network. */
export async function startFetch(request) {
  if (request.url.startsWith("data:")) return fetchData(request.url);
  return sendRequest(request, networkHop);
}

/* Whoever sends requests elsewhere than to the network replaces this. */
let handler = startFetch;
export function setFetchHandler(replacement) {
  handler = replacement;
}

export function fetch(input, init) {
  try {
    requireContext();
    const request = newRequest(input, init);
    const { fetcher } = request;
    if (fetcher !== null && typeof fetcher?.fetch === "function") return fetcher.fetch(request);
    return Promise.resolve(handler(request));
  } catch (error) {
    return Promise.reject(error);
  }
}

expose("fetch", fetch);
