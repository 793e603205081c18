/*
 * Calling a session's object, and what to do when that fails
 *
 * An overloaded object is never asked again: that would be more of what it has too much of. When
 * the connection to it was lost, one more try is worth making, on a new stub, because the old one
 * goes on failing. Everything that is called here may safely be done twice.
 */

export class Overloaded extends Error {}

type Failure = { overloaded?: boolean; retryable?: boolean };

export async function callObject<Stub, T>(stub: () => Stub, call: (stub: Stub) => Promise<T>): Promise<T> {
    try {
        return await call(stub());
    } catch (error) {
        const { overloaded, retryable } = error as Failure;
        if (overloaded) throw new Overloaded("The session is overloaded");
        if (!retryable) throw error;
    }
    try {
        return await call(stub());
    } catch (error) {
        if ((error as Failure).overloaded) throw new Overloaded("The session is overloaded");
        throw error;
    }
}
