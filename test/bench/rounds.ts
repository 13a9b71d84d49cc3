import type { SharedPostgres } from '../support/postgres.ts';
import type { Caller } from './caller.ts';
import { checkAnswer, serverNames, type Scenario, type ServerName } from './scenarios.ts';
import { startTarget, type RunningTarget } from './targets.ts';
import { takeTurn, type Counter, type Turn } from './turn.ts';

/** What is run, and how long. */
export interface RoundOptions {
  readonly scenarios: readonly Scenario[];
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly postgres: SharedPostgres;
  /** Where Coffer's CPU profile is written when it stops. */
  readonly profileDir?: string;
  readonly signal?: AbortSignal;
  /** Told before each turn. */
  readonly onTurn?: (text: string) => void;
}

/** All turns of one scenario at one number of connections, in the order of the rounds. */
export interface Lane {
  readonly scenario: string;
  readonly server: ServerName;
  readonly connections: number;
  readonly turns: readonly Turn[];
}

interface OpenLane {
  readonly scenario: Scenario;
  readonly target: RunningTarget;
  readonly ids: readonly string[];
  readonly connections: number;
  readonly turns: Turn[];
}

const seedCount = 256;

/**
 * Starts the servers, each in a process of its own, and drives them in turn from this one. A round is one turn of every
 * lane; every second round goes backwards, so that no lane always follows the same other. A round before the first warms
 * up, and is not counted.
 */
export async function runRounds(options: RoundOptions): Promise<readonly Lane[]> {
  await using opening = new AsyncDisposableStack();
  let number = 0;
  const count: Counter = () => number++;
  const targets = await startTargets(options, opening);
  const lanes = await prepareLanes({ options, targets, count });
  await playRound(lanes, { options, count, keep: false });
  for (let round = 0; round < options.rounds; round++) {
    options.onTurn?.(`round ${round + 1} of ${options.rounds}`);
    await playRound(round % 2 === 0 ? lanes : lanes.toReversed(), { options, count, keep: true });
  }
  return lanes.map(({ scenario, connections, turns }) => {
    return { scenario: scenario.name, server: scenario.server, connections, turns };
  });
}

async function startTargets({ scenarios, postgres, profileDir }: RoundOptions, opening: AsyncDisposableStack) {
  const targets = new Map<ServerName, RunningTarget>();
  for (const name of serverNames) {
    if (!scenarios.some(({ server }) => server === name)) continue;
    const target = await startTarget(name, postgres, profileDir);
    opening.defer(() => target.process.stop());
    targets.set(name, target);
  }
  return targets;
}

async function prepareLanes(parts: {
  readonly options: RoundOptions;
  readonly targets: ReadonlyMap<ServerName, RunningTarget>;
  readonly count: Counter;
}): Promise<readonly OpenLane[]> {
  const { options, targets, count } = parts;
  const idsBySeed = new Map<string, readonly string[]>();
  const lanes: OpenLane[] = [];
  for (const connections of options.connections) {
    for (const scenario of options.scenarios) {
      const target = targets.get(scenario.server);
      if (!target) throw new Error(`${scenario.server} does not run`);
      const ids = await idsFor({ scenario, target, idsBySeed, options, count });
      lanes.push({ scenario, target, ids, connections, turns: [] });
    }
  }
  return lanes;
}

async function idsFor(parts: {
  readonly scenario: Scenario;
  readonly target: RunningTarget;
  readonly idsBySeed: Map<string, readonly string[]>;
  readonly options: RoundOptions;
  readonly count: Counter;
}): Promise<readonly string[]> {
  const { scenario, target, idsBySeed, options, count } = parts;
  const { seededBy } = scenario;
  if (seededBy === undefined) return [];
  const known = idsBySeed.get(seededBy);
  if (known) return known;
  const seed = options.scenarios.find(({ name }) => name === seededBy);
  if (!seed) throw new Error(`${scenario.name} needs ${seededBy}`);
  const caller = await seed.open(target, []);
  const ids: string[] = [];
  for (let made = 0; made < seedCount; made++) ids.push(seed.idOf(await caller.call(count())));
  caller.close();
  idsBySeed.set(seededBy, ids);
  return ids;
}

async function playRound(
  lanes: readonly OpenLane[],
  { options, count, keep }: { readonly options: RoundOptions; readonly count: Counter; readonly keep: boolean },
): Promise<void> {
  for (const lane of lanes) {
    options.signal?.throwIfAborted();
    const turn = await playTurn(lane, { milliseconds: options.seconds * 1000, count });
    if (keep) lane.turns.push(turn);
  }
}

/** On connections of its own, since a server may close those that rest. Each has made a call, which is checked, before the turn begins. */
async function playTurn(
  { scenario, target, ids, connections }: OpenLane,
  { milliseconds, count }: { readonly milliseconds: number; readonly count: Counter },
): Promise<Turn> {
  using open = new DisposableStack();
  const callers: Caller[] = [];
  for (let opened = 0; opened < connections; opened++) {
    callers.push(open.adopt(await scenario.open(target, ids), (caller) => caller.close()));
  }
  const answers = await Promise.all(callers.map((caller) => caller.call(count())));
  for (const answer of answers) checkAnswer(scenario, answer);
  return await takeTurn({ callers, server: target.process, milliseconds, count });
}
