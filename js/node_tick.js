/*
 * process.nextTick() of the readable-stream package
 *
 * Its own uses a timer for all streams at once, which would belong to the request or object that was
 * the first to need it, and would be lost with it.
 */

export default {
  nextTick(callback, ...args) {
    queueMicrotask(() => callback(...args));
  },
};
