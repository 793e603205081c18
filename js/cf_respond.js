/*
 * A handler's Response on its way to C
 */

import { natives } from "./natives.js";
import { pumpStreamToPipe } from "./pipe.js";
import { isResponse, responseToNative } from "./response.js";
import { takeForResponse } from "./cf_websocket.js";

const BODY_STREAM = 2;
const NO_UPGRADE = 'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".';

function boxFor(socket, request) {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") throw new TypeError(NO_UPGRADE);
  return takeForResponse(socket);
}

/** Hand over `response` as the answer to `event`, which `request` came with; fail(event, error) if it is none. */
export function respond(event, response, request, fail) {
  try {
    if (!isResponse(response)) throw new TypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.");
    responseToNative(response, (status, reason, block, kind, body, socket, encodeBody, length) => {
      const statusText = reason === "" ? undefined : reason; // which takes no conversion
      const headers = block === "" ? undefined : block;
      const box = socket === null || socket === undefined ? null : boxFor(socket, request);
      if (kind === BODY_STREAM) {
        const pipe = natives.pipe_create();
        natives.event_respond(event, status, statusText, headers, kind, pipe, box, length);
        pumpStreamToPipe(body, pipe);
      } else natives.event_respond(event, status, statusText, headers, kind, body, box, length);
    });
  } catch (error) {
    fail(event, error);
  }
}
