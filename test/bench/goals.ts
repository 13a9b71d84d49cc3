import { searches } from './groups.ts';
import type { Lane } from './rounds.ts';
import { driftOf, settledTurns, type Soak } from './soak.ts';
import type { StartTime, StartTimes } from './start-times.ts';
import { spreadOf, type Spread } from './statistics.ts';
import type { Turn } from './turn.ts';

/** How a run stands to one goal. */
export interface GoalResult {
  readonly goal: string;
  readonly comparison: 'at least' | 'at most';
  readonly limit: number;
  readonly measured: Spread;
  /** By the median. */
  readonly isReached: boolean;
}

interface Goal {
  readonly goal: string;
  readonly comparison: GoalResult['comparison'];
  readonly limit: number;
  /** One value a round; none where it was not measured. */
  readonly values: (figures: Figures) => readonly number[];
}

/** What a run measured. */
export interface Figures {
  readonly lanes: readonly Lane[];
  readonly starts: StartTimes | undefined;
  readonly soak?: Soak | undefined;
}

// The goals are about this many connections.
const connections = 32;

// The faster of two measurements of Flowise 3.1.4 with an API key, requests a second on a machine of this kind.
const flowisePerSecond = 26;

const perSecond = ({ perSecond: value }: Turn) => value;
/** What is to stay the same, however much there is: the more of it, the names of the scenarios, and the goals. */
const limitsOfSearches = Object.fromEntries(searches.map((action) => [action, 0.85]));
const steady = [
  {
    more: '1M credentials',
    less: '1k credentials',
    limits: { create: 0.9, reveal: 0.95, list: 0.85, ...limitsOfSearches },
  },
  { more: '10k workspaces', less: '100k credentials', limits: { create: 0.9, reveal: 0.95, list: 0.85 } },
  { more: '4 KB', less: '1k credentials', limits: { create: 0.8, reveal: 0.8 } },
];

const p99Ms = ({ p99Ms: value }: Turn) => value;

const goals: readonly Goal[] = [
  atLeast('REST create / F1 create', 1, ratio('REST create', 'F1 create', perSecond)),
  atLeast('REST reveal / F1 read', 0.75, ratio('REST reveal', 'F1 read', perSecond)),
  atLeast('Connect create / F2 create', 0.85, ratio('Connect create', 'F2 create', perSecond)),
  atLeast('Connect reveal / F2 reveal', 0.85, ratio('Connect reveal', 'F2 reveal', perSecond)),
  atLeast('gRPC reveal / F3 reveal', 0.8, ratio('gRPC reveal', 'F3 reveal', perSecond)),
  atMost('p99 of REST create / F1 create', 2, ratio('REST create', 'F1 create', p99Ms)),
  atMost('p99 of REST reveal / F1 read', 2, ratio('REST reveal', 'F1 read', p99Ms)),
  atLeast('REST create / Flowise, as measured once', 100, of('REST create', fractionOfFlowise)),
  atLeast('REST reveal / Flowise, as measured once', 150, of('REST reveal', fractionOfFlowise)),
  atMost(
    'ready on existing data, key file, seconds',
    1,
    started('second', ({ seconds }) => seconds),
  ),
  atMost(
    'ready on existing data, Argon2id, seconds',
    2,
    started('password', ({ seconds }) => seconds),
  ),
  atMost(
    'memory when idle, MiB',
    130,
    started('second', ({ residentMiB }) => residentMiB),
  ),
  atMost('memory after the load, MiB', 350, residentAtTheEnd),
  ...steady.flatMap(({ more, less, limits }) => {
    return Object.entries(limits).map(([action, limit]) => {
      const [ours, other] = [`${more} ${action}`, `${less} ${action}`];
      return atLeast(`${ours} / ${other}`, limit, ratio(ours, other, perSecond));
    });
  }),
  atMost('memory under load that lasts, MiB', 350, ({ soak }) => {
    return soak ? settledTurns(soak).flatMap(({ residentMiB }) => residentMiB ?? []) : [];
  }),
  atMost('its drift, MiB a minute', 1, ({ soak }) => [soak && driftOf(soak)].filter((value) => value !== undefined)),
];

/** Those goals that the run has figures for. */
export function judge(figures: Figures): readonly GoalResult[] {
  return goals.flatMap(({ goal, comparison, limit, values }) => {
    const measurements = values(figures);
    if (measurements.length === 0) return [];
    const measured = spreadOf(measurements);
    const isReached = comparison === 'at least' ? measured.median >= limit : measured.median <= limit;
    return [{ goal, comparison, limit, measured, isReached }];
  });
}

/** The ratios of two scenarios' turns, round by round; none where one was not run. */
export function ratiosOf(ours: Lane | undefined, floor: Lane | undefined, figure: (turn: Turn) => number) {
  if (!ours || !floor) return [];
  return ours.turns.flatMap((turn, round) => {
    const other = floor.turns[round];
    return other ? [figure(turn) / figure(other)] : [];
  });
}

function atLeast(goal: string, limit: number, values: Goal['values']): Goal {
  return { goal, comparison: 'at least', limit, values };
}

function atMost(goal: string, limit: number, values: Goal['values']): Goal {
  return { goal, comparison: 'at most', limit, values };
}

function ratio(ours: string, floor: string, figure: (turn: Turn) => number): Goal['values'] {
  return ({ lanes }) => ratiosOf(laneOf(lanes, ours), laneOf(lanes, floor), figure);
}

function of(scenario: string, figure: (turn: Turn) => number): Goal['values'] {
  return ({ lanes }) => laneOf(lanes, scenario)?.turns.map(figure) ?? [];
}

function started(kind: keyof StartTimes, figure: (start: StartTime) => number | null): Goal['values'] {
  return ({ starts }) => (starts?.[kind] ?? []).map(figure).filter((value) => value !== null);
}

function fractionOfFlowise(turn: Turn): number {
  return turn.perSecond / flowisePerSecond;
}

function residentAtTheEnd({ lanes }: Figures): readonly number[] {
  const ends = lanes.filter(({ server }) => server === 'Coffer').map(({ turns }) => turns.at(-1)?.residentMiB ?? null);
  const known = ends.filter((value) => value !== null);
  return known.length === 0 ? [] : [Math.max(...known)];
}

function laneOf(lanes: readonly Lane[], scenario: string): Lane | undefined {
  return lanes.find((lane) => lane.scenario === scenario && lane.connections === connections);
}
