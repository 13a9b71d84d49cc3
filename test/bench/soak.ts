import type { SharedPostgres } from '../support/postgres.ts';
import type { Caller } from './caller.ts';
import { makeSeeds } from './rounds.ts';
import { scenarios, type Scenario } from './scenarios.ts';
import { coffer } from './servers.ts';
import { startTarget } from './targets.ts';
import { takeTurn, type Counter, type Turn } from './turn.ts';

/** What load that lasts has measured: the same turn again and again, without a pause. */
export interface Soak {
  readonly sliceSeconds: number;
  readonly connections: number;
  readonly turns: readonly Turn[];
}

const slices = 120;
const seedCount = 256;
/** Of four connections, what each asks for. */
const mixture = ['REST create', 'REST reveal', 'REST describe', 'REST reveal'];

/** Loads one Coffer with creates, reveals and descriptions. */
export async function measureSoak(parts: {
  readonly seconds: number;
  readonly connections: number;
  readonly postgres: SharedPostgres;
  readonly signal?: AbortSignal;
  readonly onTurn?: (text: string) => void;
}): Promise<Soak> {
  await using opening = new AsyncDisposableStack();
  const { connections, postgres, seconds, signal, onTurn } = parts;
  const target = await startTarget(coffer, postgres);
  opening.defer(() => target.stop());
  let number = 0;
  const count: Counter = () => number++;
  const [home] = target.homes;
  if (!home) throw new Error('Coffer has no address');
  const ids = await makeSeeds({ seed: scenarioNamed('REST create'), home, count: seedCount, numbers: count });
  const callers: Caller[] = [];
  for (let opened = 0; opened < connections; opened++) {
    const scenario = scenarioNamed(mixture[opened % mixture.length] ?? '');
    callers.push(opening.adopt(await scenario.open(home, ids), (caller) => caller.close()));
  }
  const sliceSeconds = seconds / slices;
  const turns: Turn[] = [];
  for (let slice = 1; slice <= slices; slice++) {
    signal?.throwIfAborted();
    if (slice % 10 === 0) onTurn?.(`soak: ${Math.round(slice * sliceSeconds)} of ${seconds} s`);
    turns.push(await takeTurn({ callers, server: target, milliseconds: sliceSeconds * 1_000, count }));
  }
  return { sliceSeconds, connections, turns };
}

/** The turns after the first fifth, in which the server warms up. */
export function settledTurns({ turns }: Soak): readonly Turn[] {
  return turns.slice(Math.floor(turns.length / 5));
}

/** By how much the resident memory of the settled turns rises in a minute, in MiB: the slope of the line that fits best. */
export function driftOf(soak: Soak): number | undefined {
  const points = settledTurns(soak).flatMap(({ residentMiB }, at) => {
    return residentMiB === null ? [] : [{ minutes: (at * soak.sliceSeconds) / 60, residentMiB }];
  });
  if (points.length < 2) return undefined;
  const meanMinutes = mean(points.map(({ minutes }) => minutes));
  const meanMiB = mean(points.map(({ residentMiB }) => residentMiB));
  const together = points.map(({ minutes, residentMiB }) => (minutes - meanMinutes) * (residentMiB - meanMiB));
  return mean(together) / mean(points.map(({ minutes }) => (minutes - meanMinutes) ** 2));
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}
