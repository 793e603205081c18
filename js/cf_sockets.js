/*
 * cloudflare:sockets
 *
 * Few Workers open TCP connections, so what they are made of stands in a script of its own,
 * cf_sockets_late.js.
 */

import { lateScript } from "./late.js";

export const sockets = lateScript("cf_sockets");
