/*
 * The Web half: every class and function of the platform that is not Cloudflare's own, and the hooks
 * through which C hands messages in and takes them out.
 */

import "./early.js";
import "./encoding.js";
import "./events.js";
import "./abort.js";
import "./console.js";
import "./timers.js";
import "./navigator.js";
import "./streams.js";
import "./crypto.js";
import "./seldom.js";
import "./node_globals.js";
import "./late_shared.js";
import { exposed, exposeLate, LateGlobal } from "./webidl.js";
import { lateScript } from "./late.js";

export { compat, computeFlags } from "./compat.js";
export { requestFromNative, requestToNative, newRequest, isRequest } from "./request.js";
export { responseFromNative, responseToNative, isResponse, setWebSocketSupport } from "./response.js";
export { readableStreamFromPipe } from "./streams.js";
export { pumpStreamToPipe, writableStreamToPipe } from "./pipe.js";
export { serialize, deserialize } from "./serialize.js";
export { addSourceMap, formatError, formatStack, describeThrown } from "./stack.js";
export { inspect, formatLog } from "./inspect.js";
export { reportException, unhandledRejection, rejectionHandled } from "./report.js";
export { globalEvents } from "./global_events.js";
export { FetchEvent, ScheduledEvent, ExtendableEvent } from "./events.js";
export { setFetchHandler } from "./fetch.js";
export { nodeModules } from "./node_modules.js";

exposeLate("URLPattern", lateScript("urlpattern"));
exposeLate("HTMLRewriter", lateScript("html_rewriter"));

/** Put everything exposed since the last time on globalThis. */
export function installGlobals() {
  for (const [name, value] of exposed)
    Object.defineProperty(
      globalThis,
      name,
      value instanceof LateGlobal ? value.describe(name) : { value, writable: true, enumerable: false, configurable: true },
    );
  exposed.clear();
}

installGlobals();
