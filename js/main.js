/*
 * The bundle's entry: the Web half, then Cloudflare's half, then everything onto globalThis.
 */

import { installGlobals } from "./web.js";
import { installCloudflare } from "./cf_main.js";

export * from "./web.js";
export * from "./cf_main.js";

installCloudflare(globalThis);
installGlobals();
