/*
 * The Cloudflare half: what C calls, beside the Web half's hooks (web.js)
 */

import "./cf_websocket.js";

export { construct, fetchWorker, loadWorker } from "./cf_worker.js";
export { deliverAlarm, deliverCall, deliverClose, deliverError, deliverFetch, deliverMessage, wrapSocket } from "./cf_object.js";
export { socketEvents } from "./cf_websocket.js";
export { receiveError, sendError } from "./cf_errors.js";
export { resetFrame } from "./cf_async_hooks.js";

export function installCloudflare() {}
