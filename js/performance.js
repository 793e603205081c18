/*
 * Performance
 *
 * A monotonic clock from C, and the user timing entries that libraries expect. Marks and measures are
 * kept up to a bound, the oldest leave first.
 */

import { natives } from "./natives.js";
import { finishClass, inspectors, requireArguments, toDOMString, isObject, INTERNAL } from "./webidl.js";
import { EventTarget } from "./events.js";
import { DOMException } from "./dom_exception.js";
import { cloneWithTransfer } from "./structured_clone.js";

const ENTRIES_MAX = 1000;

export class PerformanceEntry {
  #fields;
  constructor(token, fields) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#fields = fields;
  }
  get name() {
    return this.#fields.name;
  }
  get entryType() {
    return this.#fields.entryType;
  }
  get startTime() {
    return this.#fields.startTime;
  }
  get duration() {
    return this.#fields.duration;
  }
  toJSON() {
    const { name, entryType, startTime, duration } = this;
    return { name, entryType, startTime, duration };
  }
}

function detailOf(options) {
  return options?.detail === undefined || options.detail === null ? null : cloneWithTransfer(options.detail, []).value;
}

export class PerformanceMark extends PerformanceEntry {
  #detail;
  constructor(name, options) {
    if (arguments.length < 1) requireArguments(0, 1, "constructor", "PerformanceMark");
    const startTime = options?.startTime === undefined ? natives.now_ms() : Number(options.startTime);
    if (startTime < 0) throw new TypeError("'startTime' must not be negative.");
    super(INTERNAL, { name: toDOMString(name), entryType: "mark", startTime, duration: 0 });
    this.#detail = detailOf(options);
  }
  get detail() {
    return this.#detail;
  }
  toJSON() {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

export class PerformanceMeasure extends PerformanceEntry {
  #detail;
  constructor(token, fields, detail) {
    super(token, fields);
    this.#detail = detail;
  }
  get detail() {
    return this.#detail;
  }
  toJSON() {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

export class PerformanceResourceTiming extends PerformanceEntry {}

let entries = [];
const observers = new Set();

function addEntry(entry) {
  entries.push(entry);
  if (entries.length > ENTRIES_MAX) entries.shift();
  for (const observer of observers) observer.note(entry);
}

const inOrder = (list) => [...list].sort((a, b) => a.startTime - b.startTime);

function select(list, name, type) {
  return inOrder(
    list.filter(
      (entry) => (name === undefined || entry.name === name) && (type === undefined || entry.entryType === type),
    ),
  );
}

function timeOf(mark) {
  if (typeof mark === "number") return mark;
  const name = toDOMString(mark);
  const found = entries.findLast((entry) => entry.entryType === "mark" && entry.name === name);
  if (found === undefined)
    throw new DOMException(`The mark '${name}' does not exist.`, "SyntaxError");
  return found.startTime;
}

export class Performance extends EventTarget {
  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    super();
  }
  get timeOrigin() {
    return natives.time_origin;
  }
  now() {
    return natives.now_ms();
  }
  mark(name, options) {
    const entry = new PerformanceMark(name, options);
    addEntry(entry);
    return entry;
  }
  measure(name, from, to) {
    if (arguments.length < 1) requireArguments(0, 1, "measure", "Performance");
    const options = isObject(from) ? from : { start: from, end: to };
    let end;
    if (options.end !== undefined) end = timeOf(options.end);
    else if (options.start !== undefined && options.duration !== undefined) end = timeOf(options.start) + options.duration;
    else end = natives.now_ms();
    let start = 0;
    if (options.start !== undefined) start = timeOf(options.start);
    else if (options.duration !== undefined) start = end - options.duration;
    const fields = { name: toDOMString(name), entryType: "measure", startTime: start, duration: end - start };
    const entry = new PerformanceMeasure(INTERNAL, fields, detailOf(options));
    addEntry(entry);
    return entry;
  }
  clearMarks(name) {
    entries = entries.filter((entry) => entry.entryType !== "mark" || (name !== undefined && entry.name !== name));
  }
  clearMeasures(name) {
    entries = entries.filter((entry) => entry.entryType !== "measure" || (name !== undefined && entry.name !== name));
  }
  clearResourceTimings() {}
  setResourceTimingBufferSize() {}
  getEntries() {
    return inOrder(entries);
  }
  getEntriesByName(name, type) {
    return select(entries, toDOMString(name), type);
  }
  getEntriesByType(type) {
    return select(entries, undefined, toDOMString(type));
  }
  timerify(callback) {
    return callback;
  }
  eventLoopUtilization() {
    return { idle: 0, active: 0, utilization: 0 };
  }
  toJSON() {
    return { timeOrigin: this.timeOrigin };
  }
}

export class PerformanceObserverEntryList {
  #list;
  constructor(token, list) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#list = list;
  }
  getEntries() {
    return inOrder(this.#list);
  }
  getEntriesByType(type) {
    return select(this.#list, undefined, type);
  }
  getEntriesByName(name, type) {
    return select(this.#list, name, type);
  }
}

export class PerformanceObserver {
  #callback;
  #types = new Set();
  #pending = [];
  #record = { note: (entry) => this.#note(entry) };

  static get supportedEntryTypes() {
    return Object.freeze(["mark", "measure"]);
  }
  constructor(callback) {
    if (typeof callback !== "function")
      throw new TypeError("Failed to construct 'PerformanceObserver': constructor parameter 1 is not of type 'Function'.");
    this.#callback = callback;
  }
  observe(options = {}) {
    if (options.entryTypes !== undefined) this.#types = new Set(options.entryTypes);
    else if (options.type !== undefined) this.#types.add(options.type);
    else throw new TypeError("observe() needs 'entryTypes' or 'type'.");
    observers.add(this.#record);
    if (options.buffered) for (const entry of entries) this.#note(entry);
  }
  disconnect() {
    observers.delete(this.#record);
    this.#pending = [];
    this.#types.clear();
  }
  takeRecords() {
    const records = this.#pending;
    this.#pending = [];
    return records;
  }
  #note(entry) {
    if (!this.#types.has(entry.entryType)) return;
    this.#pending.push(entry);
    if (this.#pending.length === 1)
      queueMicrotask(() => {
        const records = this.takeRecords();
        if (records.length > 0) this.#callback(new PerformanceObserverEntryList(INTERNAL, records), this);
      });
  }
}

for (const constructor of [
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceResourceTiming,
  PerformanceObserver,
  PerformanceObserverEntryList,
])
  finishClass(constructor);

inspectors.set(PerformanceEntry, (entry) => entry.toJSON());
inspectors.set(Performance, (each) => ({ timeOrigin: each.timeOrigin }));

export const performance = new Performance(INTERNAL);
