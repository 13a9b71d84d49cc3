import type { Clock } from '../vault/ports.ts';

/** The wall clock of the machine. */
export class SystemClock implements Clock {
  now(): Date {
    return new Date();
  }
}
