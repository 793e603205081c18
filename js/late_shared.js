/*
 * Files of the main script that late scripts import
 *
 * As functions: an object of all that a file exports would be made at each start. tools/embed.mjs writes
 * out what is in it, and it is made when a late script asks for the file.
 */

import { shareWithLate } from "./late.js";
import * as abort from "./abort.js";
import * as base from "./cf_base.js";
import * as blob from "./blob.js";
import * as body from "./body.js";
import * as compat from "./compat.js";
import * as console from "./console.js";
import * as crypto from "./crypto.js";
import * as cryptoKey from "./crypto_key.js";
import * as domException from "./dom_exception.js";
import * as encoding from "./encoding.js";
import * as errors from "./cf_errors.js";
import * as namespace from "./cf_namespace.js";
import * as rpc from "./cf_rpc.js";
import * as sockets from "./cf_sockets.js";
import * as events from "./events.js";
import * as fetch from "./fetch.js";
import * as globalEvents from "./global_events.js";
import * as headers from "./headers.js";
import * as inspect from "./inspect.js";
import * as late from "./late.js";
import * as nativesFile from "./natives.js";
import * as pairList from "./pair_list.js";
import * as request from "./request.js";
import * as response from "./response.js";
import * as seldom from "./seldom.js";
import * as serialize from "./serialize.js";
import * as stack from "./stack.js";
import * as streams from "./streams.js";
import * as timers from "./timers.js";
import * as url from "./url.js";
import * as webidl from "./webidl.js";

shareWithLate({
  abort: () => abort,
  blob: () => blob,
  body: () => body,
  cf_base: () => base,
  cf_errors: () => errors,
  cf_namespace: () => namespace,
  cf_rpc: () => rpc,
  cf_sockets: () => sockets,
  compat: () => compat,
  console: () => console,
  crypto: () => crypto,
  crypto_key: () => cryptoKey,
  dom_exception: () => domException,
  encoding: () => encoding,
  events: () => events,
  fetch: () => fetch,
  global_events: () => globalEvents,
  headers: () => headers,
  inspect: () => inspect,
  late: () => late,
  natives: () => nativesFile,
  pair_list: () => pairList,
  request: () => request,
  response: () => response,
  seldom: () => seldom,
  serialize: () => serialize,
  stack: () => stack,
  streams: () => streams,
  timers: () => timers,
  url: () => url,
  webidl: () => webidl,
});
