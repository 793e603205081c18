/*
 * Static assets
 *
 * The files of the project in front of its Worker (platform.md §6.3): who answers a request, and the
 * answer of a file. The files are read natively (api/assets_natives.c); which one it is
 * is cf_assets_route.js.
 */

import { natives, requireContext } from "./natives.js";
import { compat } from "./compat.js";
import { Headers } from "./headers.js";
import { sendRequest } from "./fetch.js";
import { newRequest, requestFromNative } from "./request.js";
import { responseFromNative } from "./response.js";
import { finishClass, INTERNAL } from "./webidl.js";
import { compileFirst, routeAsset } from "./cf_assets_route.js";
import { applyHeaders, parseHeaders, parseRedirects, redirect } from "./cf_assets_rules.js";
import { typeOfAsset } from "./cf_assets_types.js";

/* From here on a browser that navigates is answered by the assets even where they have to make do. */
const NAVIGATION_DATE = "2025-04-01";
const CACHE_CONTROL = "public, max-age=0, must-revalidate";

function headerBlock(headers) {
  return [...headers].flat().join("\n");
}

/* If-None-Match against an entity tag: the platform looks for this one only, in no list and for no "*". */
function isKnown(request, etag) {
  const given = request.headers.get("if-none-match");
  return given === etag || given === `W/${etag}`;
}

export class Assets {
  #files = new Map(); // name → {index, etag}
  #options;
  #first;
  #headers;
  #redirects;

  /** `settings` is what config_assets.js made of the project's `assets`. */
  constructor({ html, notFound, workerFirst }) {
    this.#options = { html, notFound };
    this.#first = Array.isArray(workerFirst) ? compileFirst(workerFirst) : workerFirst;
    const list = natives.asset_list();
    for (let i = 0; i < list.length; i += 2) this.#files.set(list[i], { index: i / 2, etag: `"${list[i + 1]}"` });
    const [headers, redirects, say] = natives.asset_rules();
    this.#headers = parseHeaders(headers);
    this.#redirects = parseRedirects(redirects);
    if (!say) return;
    for (const words of this.#headers.warnings) natives.console_write("warn", `_headers: ${words}`);
    for (const words of this.#redirects.warnings) natives.console_write("warn", `_redirects: ${words}`);
  }

  #route(path, options) {
    return routeAsset(path, options, (name) => this.#files.has(name));
  }

  /* Whether the assets have an answer that is not a makeshift, or the client is a browser that navigates. */
  #canAnswer(request, url) {
    const moved = redirect(this.#redirects, url);
    if (moved !== undefined) return true;
    const navigates = request.headers.get("sec-fetch-mode") === "navigate" && compat.date >= NAVIGATION_DATE;
    const options = navigates || typeof this.#first === "function" ? this.#options : { ...this.#options, notFound: "none" };
    return this.#route(url.pathname, options) !== undefined;
  }

  /** The answer to a request from outside, or undefined: it is the Worker's. */
  respond(request, hasWorker) {
    const url = new URL(request.url);
    if (hasWorker) {
      const who = typeof this.#first === "function" ? this.#first(url.pathname) : this.#first ? "worker" : undefined;
      if (who === "worker" || (who === undefined && !this.#canAnswer(request, url))) return undefined;
    }
    return responseFromNative(...this.#serve(request, url));
  }

  /** One hop of env.ASSETS.fetch(): see sendRequest(). */
  async hop(job) {
    job.url = job.url.replace(/#.*/, "");
    const request = requestFromNative(job.method, job.url, job.block, null);
    const [status, reason, block, body, , socket, , length] = this.#serve(request, new URL(job.url));
    return [status, reason, block, body, socket, length];
  }

  /* The arguments of responseFromNative(). */

  #serve(request, asked) {
    let url = asked;
    const headers = new Headers();
    const finish = (status, body) => {
      applyHeaders(this.#headers, asked, headers);
      return this.#answer(request, status, headers, body);
    };
    const moved = redirect(this.#redirects, url);
    if (moved?.location !== undefined) {
      headers.set("location", moved.location);
      return finish(moved.status, null);
    }
    if (moved?.rewrite !== undefined) url = moved.rewrite;
    const found = this.#route(url.pathname, this.#options);
    if (found === undefined) return finish(404, null);
    if (request.method !== "GET" && request.method !== "HEAD") return finish(405, null);
    if (found.location !== undefined) {
      headers.set("location", found.location + url.search);
      return finish(307, null);
    }
    return this.#file(request, found, headers, finish);
  }

  #file(request, { name, status }, headers, finish) {
    const { index, etag } = this.#files.get(name);
    const type = typeOfAsset(name);
    headers.set("etag", etag);
    if (type !== undefined) headers.set("content-type", type);
    if (!request.headers.has("authorization") && !request.headers.has("range")) headers.set("cache-control", CACHE_CONTROL);
    if (isKnown(request, etag) && natives.asset_unchanged(index)) return finish(304, null);
    const body = natives.asset_body(index);
    if (body === null) {
      for (const field of ["etag", "content-type", "cache-control"]) headers.delete(field);
      return finish(404, null);
    }
    return finish(status, body);
  }

  #answer(request, status, headers, body) {
    const [content, length] = Array.isArray(body) ? body : [body, undefined];
    return [status, "", headerBlock(headers), content, request.url, null, undefined, length];
  }
}

let hopOf;

class Fetcher {
  #assets;

  constructor(guard, assets) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#assets = assets;
  }

  async fetch(input, init) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'.");
    requireContext();
    return sendRequest(newRequest(input, init), hopOf(this));
  }

  connect() {
    throw new Error("connect() to static assets is not supported.");
  }

  static {
    hopOf = (fetcher) => (job) => fetcher.#assets().hop(job);
  }
}
finishClass(Fetcher);

/** env.ASSETS; `assets()` is there by the time it is used. */
export function makeAssetsBinding(assets) {
  return new Fetcher(INTERNAL, assets);
}
