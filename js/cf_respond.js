/*
 * A handler's Response on its way to C
 */

import { natives } from "./natives.js";
import { pumpStreamToPipe } from "./pipe.js";
import { isResponse, responseToNative } from "./response.js";
import { takeForResponse } from "./cf_websocket.js";

const BODY_STREAM = 2;

/** Hand over `response` as the answer to `event`; fail(event, error) if it is none. */
export function respond(event, response, fail) {
  try {
    if (!isResponse(response)) throw new TypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.");
    responseToNative(response, (status, reason, block, kind, body, socket, encodeBody, length) => {
      const statusText = reason === "" ? undefined : reason; // which takes no conversion
      const headers = block === "" ? undefined : block;
      const box = socket === null || socket === undefined ? null : takeForResponse(socket);
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
