import { openFloorVault, type FloorVault } from './floor-vault.ts';

/** Listens on a free port of the loopback interface, and answers which. */
export type Listen = (vault: FloorVault) => Promise<number>;

/** Runs a floor as a process: the database is its first argument, and it lives as long as its standard input. */
export async function serveFloor(listen: Listen): Promise<void> {
  const url = process.argv[2];
  if (url === undefined) throw new Error('a floor needs the URL of an empty database');
  process.stdin.resume().once('end', () => process.exit(0));
  const port = await listen(await openFloorVault(url));
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
}
