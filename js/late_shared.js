/*
 * Files of the main script that late scripts import
 */

import { shareWithLate } from "./late.js";
import * as abort from "./abort.js";
import * as base from "./cf_base.js";
import * as blob from "./blob.js";
import * as compat from "./compat.js";
import * as console from "./console.js";
import * as crypto from "./crypto.js";
import * as cryptoKey from "./crypto_key.js";
import * as domException from "./dom_exception.js";
import * as encoding from "./encoding.js";
import * as errors from "./cf_errors.js";
import * as sockets from "./cf_sockets.js";
import * as events from "./events.js";
import * as fetch from "./fetch.js";
import * as headers from "./headers.js";
import * as inspect from "./inspect.js";
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
  abort,
  blob,
  cf_base: base,
  cf_errors: errors,
  cf_sockets: sockets,
  compat,
  console,
  crypto,
  crypto_key: cryptoKey,
  dom_exception: domException,
  encoding,
  events,
  fetch,
  headers,
  inspect,
  natives: nativesFile,
  pair_list: pairList,
  request,
  response,
  seldom,
  serialize,
  stack,
  streams,
  timers,
  url,
  webidl,
});
