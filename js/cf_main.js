/*
 * The Cloudflare half: what C calls, beside the Web half's hooks (web.js)
 */

import { natives } from "./natives.js";
import { setWebSocketSupport } from "./response.js";
import { describeThrown } from "./stack.js";
import { installWebAssembly } from "./cf_webassembly.js";
import { isWebSocket, wrapLoose } from "./cf_websocket.js";

export { construct, fetchWorker, finishWorker, loadWorker, serveCall, serveFetch } from "./cf_worker.js";
export { deliverAlarm, deliverCall, deliverClose, deliverError, deliverFetch, deliverMessage, releaseTarget, wrapSocket } from "./cf_object.js";
export { socketEvents } from "./cf_websocket.js";
export { receiveError, sendError } from "./cf_errors.js";
export { resetFrame } from "./cf_async_hooks.js";

/* waitUntil(): the context goes on until the promise settles; a rejection is only logged. */
natives.wait_until = (promise) => {
  const hold = natives.hold_begin();
  promise.then(
    () => natives.hold_end(hold),
    (error) => {
      natives.console_write("error", describeThrown(error).replace(/^Uncaught /, "Uncaught (in waitUntil) "));
      natives.hold_end(hold);
    },
  );
};

setWebSocketSupport({ isWebSocket, wrap: wrapLoose });

export function installCloudflare() {
  installWebAssembly();
}
