/**
 * By default the signal opens Node's inspector, through which every key in the process can be read. A listener takes its place,
 * also where Node was not started with --disable-sigusr1, and stays for as long as the process lives.
 *
 * @see https://nodejs.org/api/process.html#signal-events
 */
export function ignoreSigusr1() {
  process.on('SIGUSR1', () => undefined);
}
