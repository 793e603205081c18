#pragma once

/*
 * Crash
 *
 * What a process that dies of a fault says before it goes: the signal, the thread and the calls it
 * was in, as places in files that addr2line knows. A core file says more, but there seldom is one,
 * and a fault that comes once in a thousand starts does not come again when one is wanted.
 *
 * The JavaScript machine has handlers of its own for some of these signals. It takes what is meant
 * for it and hands on the rest, provided that ours were there first.
 */

/* Before the first machine is made. Where somebody handles a signal already, it stays as it is. */
void crash_install(void);
