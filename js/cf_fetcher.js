/*
 * get(), put() and delete() of a stub (platform.md §2.3.3)
 *
 * What stubs had beside fetch() before 2024-03-26, when these names became free for remote methods.
 */

const BAD_TYPE = 'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".';
const PUT_TYPES =
  "JsReadableStream or string or BufferSource or Blob or FormData or URLSearchParams or URLSearchParams or JsUrlSearchParams or AsyncGenerator";

function missing(method, n, type) {
  return new TypeError(`Failed to execute '${method}' on 'Fetcher': parameter ${n} is not of type '${type}'.`);
}

function checkOk(method, { ok, status, statusText }) {
  if (!ok) throw new Error(`HTTP ${method} request failed: ${status} ${statusText}`);
}

/** The three, for a stub with this fetch(). */
export const fetcherHelpers = (fetch) => ({
  async get(...args) {
    if (args.length === 0) throw missing("get", 1, "string");
    const type = args[1] === undefined ? "text" : String(args[1]);
    const response = await fetch(args[0]);
    if (response.status === 404 || response.status === 410) return null;
    checkOk("GET", response);
    if (type === "stream") return response.body;
    if (type !== "text" && type !== "json" && type !== "arrayBuffer") throw new TypeError(BAD_TYPE);
    return response[type]();
  },

  async put(...args) {
    if (args.length === 0) throw missing("put", 1, "string");
    if (args[1] === undefined || args[1] === null) throw missing("put", 2, PUT_TYPES);
    checkOk("PUT", await fetch(args[0], { method: "PUT", body: args[1] }));
  },

  async delete(...args) {
    if (args.length === 0) throw missing("delete", 1, "string");
    checkOk("DELETE", await fetch(args[0], { method: "DELETE" }));
  },
});
