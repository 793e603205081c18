/*
 * The scheduled handler, and the cron triggers that run it
 *
 * A project with `triggers.crons` has one more object, of the class "%cron": its alarm is the clock.
 * So the time of the next run is kept with everything else, one that was missed while nothing ran is
 * made up for once, and it does not matter how many threads there are. The handler runs in that
 * object's event; runs never overlap, and what comes due during one is skipped. What fails is
 * repeated after 2, 4, 8 … seconds, six times at most, and never delays the next run.
 */

import { natives } from "./natives.js";
import { DurableObject } from "./cf_base.js";
import { ScheduledEvent, trusted } from "./events.js";
import { globalEvents } from "./global_events.js";
import { describeThrown } from "./stack.js";
import { finishClass, INTERNAL } from "./webidl.js";
import { isDue, nextTime, parseCron } from "./cron.js";

const RETRIES_MAX = 6;
const BACKOFF_MS = 2000;

const NO_HANDLER =
  "Received a ScheduledEvent but we lack a handler for ScheduledEvents (a.k.a. Cron Triggers). Did you remember to export a scheduled() function?";

/* ---- a run of the handler ---- */

class ScheduledController {
  #noRetry = false;

  constructor(guard, scheduledTime, cron) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    Object.defineProperty(this, "cron", { value: cron, enumerable: true, configurable: true });
    Object.defineProperty(this, "scheduledTime", { value: scheduledTime, enumerable: true, configurable: true });
  }

  noRetry() {
    this.#noRetry = true;
  }

  static wantsNoRetry(controller) {
    return controller.#noRetry;
  }
}
const { wantsNoRetry } = ScheduledController;
delete ScheduledController.wantsNoRetry;
finishClass(ScheduledController);

/* addEventListener("scheduled", …) of the old syntax. */
function dispatch(controller) {
  const { scheduledTime, cron } = controller;
  globalEvents.dispatchEvent(trusted(new ScheduledEvent("scheduled", { scheduledTime, cron, noRetry: () => controller.noRetry() })));
}

/** Resolves to { outcome, noRetry } when the handler and all it gave to waitUntil() are over. */
export async function runScheduled(handlers, cron, scheduledTime, env, ctx) {
  const controller = new ScheduledController(INTERNAL, scheduledTime, cron);
  const waits = [];
  let outcome = "ok";
  Object.defineProperty(ctx, "waitUntil", { value: (promise) => void waits.push(promise) });
  try {
    if (handlers === undefined) dispatch(controller);
    else if (handlers.scheduled !== undefined) await handlers.scheduled(controller, env, ctx);
    else {
      natives.console_write("warn", NO_HANDLER);
      controller.noRetry();
    }
  } catch (error) {
    natives.console_write("error", describeThrown(error));
    outcome = "exception";
  }
  for (let i = 0; i < waits.length; i++) {
    try {
      await waits[i];
    } catch (error) {
      natives.console_write("error", describeThrown(error).replace(/^Uncaught /, "Uncaught (in waitUntil) "));
      outcome = "exception";
    }
  }
  return { outcome, noRetry: wantsNoRetry(controller) };
}

/** wrangler's URL for running the handler by hand; undefined when `url` is another. */
export function answerTrigger(url, run) {
  if (!/^\/cdn-cgi\/(?:handler|local)\/scheduled$/.test(url.pathname)) return undefined;
  const time = url.searchParams.get("time");
  const scheduledTime = time ? parseInt(time, 10) : Date.now();
  return run(url.searchParams.get("cron") ?? "", scheduledTime).then((result) => {
    const status = result.outcome === "ok" ? 200 : 500;
    return url.searchParams.get("format") === "json" ? Response.json(result, { status }) : new Response(result.outcome, { status });
  });
}

/* ---- the schedule ---- */

function earliest(crons, after) {
  const times = crons.map((cron) => nextTime(cron, after)).filter((time) => time !== null);
  return times.length > 0 ? Math.min(...times) : null;
}

/** The class; `run` is async (text, scheduledTime) → whether it need not be repeated. */
export function makeSchedule(texts, run) {
  const crons = [...new Set(texts)].map(parseCron);

  /* Keeps under "next" {time, due, retry}: `due` names what is repeated, null: it is a run's own time. */
  return class Schedule extends DurableObject {
    /* Plan the next run, unless what is planned comes first or was missed. */
    async fetch() {
      const planned = await this.ctx.storage.getAlarm();
      const time = earliest(crons, Date.now());
      if (planned === null || planned > time) this.#plan({ time, due: null, retry: 0 });
      return new Response(null, { status: 204 });
    }

    #plan(next) {
      this.ctx.storage.kv.put("next", next);
      this.ctx.storage.setAlarm(next.time);
    }

    async alarm() {
      const { time, due, retry } = this.ctx.storage.kv.get("next");
      const texts = due === null ? crons.filter((cron) => isDue(cron, time)).map((cron) => cron.text) : due.texts;
      const scheduled = due === null ? time : due.scheduled;
      const ended = await Promise.all(texts.map((text) => run(text, scheduled)));
      const failed = texts.filter((_text, i) => !ended[i]);
      const now = Date.now();
      const next = earliest(crons, Math.max(now, time));
      const again = now + BACKOFF_MS * 2 ** retry;
      if (failed.length > 0 && retry < RETRIES_MAX && again < next) this.#plan({ time: again, due: { texts: failed, scheduled }, retry: retry + 1 });
      else this.#plan({ time: next, due: null, retry: 0 });
    }
  };
}
