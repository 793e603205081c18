#pragma once

/*
 * JavaScriptCore
 *
 * The one place that includes the engine's headers, and declares what its library exports without
 * installing a header for it (checked against 2.50; a missing symbol fails at link time). The
 * declarations are those of JSContextRefPrivate.h, JSBasePrivate.h and JSScriptRefPrivate.h.
 */

#include <JavaScriptCore/JavaScript.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct OpaqueJSScript *JSScriptRef;
typedef bool (*JSShouldTerminateCallback)(JSContextRef ctx, void *context);

/* One of the machine's own options, before anything else of it is used. */
int jsc_options_set_boolean(const char *option, int value);

/* The API lock, counted. While it is held microtasks wait; giving it up runs them. */
void JSLock(JSContextRef ctx);
void JSUnlock(JSContextRef ctx);

/* Ends scripts that use more processor time than `limit` seconds when the callback says so. */
void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double limit,
                                         JSShouldTerminateCallback callback, void *context);
void JSContextGroupClearExecutionTimeLimit(JSContextGroupRef group);

/* `function` is called with (promise, reason) after the microtasks have run. */
void JSGlobalContextSetUnhandledRejectionCallback(JSGlobalContextRef ctx, JSObjectRef function,
                                                  JSValueRef *exception);

void JSGlobalContextSetEvalEnabled(JSGlobalContextRef ctx, bool enabled, JSStringRef message);

/* Counts the heap, so it takes a while: heapSize, heapCapacity, extraMemorySize, objectCount… */
JSObjectRef JSGetMemoryUsageStatistics(JSContextRef ctx);

/* Tells the collector of memory that hangs on a wrapper. */
void JSReportExtraMemoryCost(JSContextRef ctx, size_t size);

void JSSynchronousGarbageCollectForDebugging(JSContextRef ctx);

/* Source text that is ASCII and never freed is not copied. NULL and a message if it cannot be
 * parsed. */
JSScriptRef JSScriptCreateReferencingImmortalASCIIText(JSContextGroupRef group, JSStringRef url,
                                                       int line, const char *source, size_t length,
                                                       JSStringRef *message, int *message_line);
JSScriptRef JSScriptCreateFromString(JSContextGroupRef group, JSStringRef url, int line,
                                     JSStringRef source, JSStringRef *message, int *message_line);
JSValueRef JSScriptEvaluate(JSContextRef ctx, JSScriptRef script, JSValueRef self,
                            JSValueRef *exception);
void JSScriptRelease(JSScriptRef script);

/* Makes the calling thread the one that the machine takes for the process's main thread, once.
 * Without one, the first full collection that a timer starts on any thread crashes: it asks for the
 * memory pressure, whose observer wants the main thread's run loop. */
void JSInitializeMainThread(void) __asm__("_ZN3WTF20initializeMainThreadEv");

/* Runs the microtasks now. A group is what C++ calls the VM. The lock is held. */
void JSContextGroupDrainMicrotasks(JSContextGroupRef group) __asm__(
    "_ZN3JSC2VM15drainMicrotasksEv");
