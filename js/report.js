/*
 * Reporting
 *
 * What happens to exceptions and rejections that nobody caught: an event on the global scope, and a
 * line in the log unless a listener prevented it.
 */

import { natives } from "./natives.js";
import { expose } from "./webidl.js";
import { ErrorEvent, PromiseRejectionEvent, setUncaughtReporter, hasListener, trusted } from "./events.js";
import { globalEvents } from "./global_events.js";
import { describeThrown } from "./stack.js";

let reporting = false; /* an exception in an error listener only goes to the log */

export function reportException(error) {
  if (!reporting && hasListener(globalEvents, "error")) {
    reporting = true;
    try {
      const event = new ErrorEvent("error", { cancelable: true, message: messageOf(error), error });
      if (!globalEvents.dispatchEvent(trusted(event))) return;
    } finally {
      reporting = false;
    }
  }
  natives.console_write("error", describeThrown(error));
}

function messageOf(error) {
  try {
    return typeof error === "object" && error !== null && "message" in error ? `${error.message}` : `${error}`;
  } catch {
    return "";
  }
}

setUncaughtReporter(reportException);

export function reportError(error) {
  if (arguments.length < 1)
    throw new TypeError("Failed to execute 'reportError' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Value'.");
  reportException(error);
}

expose("reportError", reportError);

export function unhandledRejection(promise, reason) {
  if (hasListener(globalEvents, "unhandledrejection")) {
    const event = new PromiseRejectionEvent("unhandledrejection", { cancelable: true, promise, reason });
    if (!globalEvents.dispatchEvent(trusted(event))) return;
  }
  natives.console_write("error", describeThrown(reason).replace(/^Uncaught /, "Uncaught (in promise) "));
}

export function rejectionHandled(promise, reason) {
  if (hasListener(globalEvents, "rejectionhandled"))
    globalEvents.dispatchEvent(trusted(new PromiseRejectionEvent("rejectionhandled", { promise, reason })));
}
