/*
 * Durable Objects from C's side
 *
 * C constructs an instance, hands it events and is told how each ended, through the functions
 * exported here. A record is what C keeps of an instance.
 */

import { natives } from "./natives.js";
import { requestFromNative } from "./request.js";
import { describeThrown } from "./stack.js";
import { INTERNAL } from "./webidl.js";
import { respond } from "./cf_respond.js";
import { METHOD, receiveError, sendError } from "./cf_errors.js";
import { DurableObjectState } from "./cf_state.js";
import { MethodThrew, releaseTarget, rpc } from "./cf_rpc.js";
import { forgetSocket, replyToClose, wrapHibernatable } from "./cf_websocket.js";

const HANDLERS = ["fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"];
const NO_FETCH = "Handler does not export a fetch() function.";
const NO_ALARM = "Your Durable Object class must have an alarm() handler in order to call setAlarm()";
const NO_ALARM_WARNING = "Attempted to run a scheduled alarm without a handler, did you remember to export an alarm() function?";

export function constructObject(actor, handle, hex, name, sqlite, env, exports) {
  const record = { instance: undefined, kind: actor.kind, live: new Set(), handlers: undefined };
  const ctx = new DurableObjectState(INTERNAL, handle, hex, name, sqlite, record.live, exports, () => {
    if (record.handlers !== undefined && record.handlers.alarm === undefined) throw new TypeError(NO_ALARM);
  });
  const instance = new actor.constructor(ctx, env);
  record.instance = instance;
  record.handlers = {};
  for (const handler of HANDLERS) {
    const value = instance[handler];
    record.handlers[handler] = typeof value === "function" ? value : undefined;
  }
  return record;
}

function logThrown(error) {
  natives.console_write("error", describeThrown(error));
}

function fail(event, error, more = 0) {
  sendError(error, (...parts) => natives.event_fail(event, ...parts), more);
}

/* Run a handler and tell C when it is over; what it throws also goes to the log. */
function settle(event, run, done) {
  let result;
  try {
    result = run();
  } catch (error) {
    logThrown(error);
    fail(event, error);
    return;
  }
  if (typeof result?.then === "function") {
    Promise.resolve(result).then(done, (error) => {
      logThrown(error);
      fail(event, error);
    });
  } else done(result);
}

export function deliverFetch(record, event, method, url, headers, body, cf) {
  const handler = record.handlers.fetch;
  if (handler === undefined) {
    fail(event, new Error(NO_FETCH));
    return;
  }
  const request = requestFromNative(method, url, headers, body, cf);
  settle(
    event,
    () => handler.call(record.instance, request),
    (response) => respond(event, response, request, fail),
  );
}

/**
 * A call of the object, or of `target`, which it or a request's context (no record then) handed out.
 * Errors from an object's targets name the object, whoever threw them.
 */
export function deliverCall(record, event, name, args, boxes, target) {
  const give = (bytes, out) => natives.event_value(event, bytes, out);
  const failed = (error) => {
    const [thrown, byMethod] = MethodThrew.unwrap(error);
    fail(event, thrown, record !== undefined && (byMethod || target !== undefined) ? METHOD : 0);
  };
  try {
    const answer = target === undefined ? rpc().answerCall(record.instance, record.kind, name, args, boxes, give) : rpc().answerTarget(target, args, boxes, give);
    answer.catch(failed);
  } catch (error) {
    failed(error);
  }
}

export { releaseTarget };

class AlarmInvocationInfo {
  constructor(scheduledTime, retryCount) {
    this.scheduledTime = scheduledTime;
    this.retryCount = retryCount;
    this.isRetry = retryCount > 0;
  }
}

export function deliverAlarm(record, event, scheduledTime, retryCount) {
  const handler = record.handlers.alarm;
  if (handler === undefined) {
    natives.console_write("warn", NO_ALARM_WARNING);
    natives.event_done(event);
    return;
  }
  const info = new AlarmInvocationInfo(scheduledTime, retryCount);
  settle(
    event,
    () => handler.call(record.instance, info),
    () => natives.event_done(event),
  );
}

export function wrapSocket(record, box) {
  return wrapHibernatable(record.live, box);
}

export function deliverMessage(record, event, socket, data) {
  const handler = record.handlers.webSocketMessage;
  if (handler === undefined) {
    natives.event_done(event);
    return;
  }
  settle(
    event,
    () => handler.call(record.instance, socket, data),
    () => natives.event_done(event),
  );
}

/* A handler that is the last to see a socket. */
function gone(record, event, socket, run, reply) {
  const done = () => {
    reply?.();
    forgetSocket(record.live, socket);
    natives.event_done(event);
  };
  const failed = (error) => {
    logThrown(error);
    reply?.();
    forgetSocket(record.live, socket);
    fail(event, error);
  };
  let result;
  try {
    result = run();
  } catch (error) {
    failed(error);
    return;
  }
  if (typeof result?.then === "function") Promise.resolve(result).then(done, failed);
  else done();
}

export function deliverClose(record, event, socket, code, reason, wasClean) {
  const handler = record.handlers.webSocketClose;
  gone(record, event, socket, () => handler?.call(record.instance, socket, code, reason, wasClean), wasClean ? () => replyToClose(socket, code, reason) : undefined);
}

export function deliverError(record, event, socket, name, message, flags, value) {
  const handler = record.handlers.webSocketError;
  gone(record, event, socket, () => handler?.call(record.instance, socket, receiveError(name, message, flags, value)));
}
