import type { SharedPostgres } from '../support/postgres.ts';
import type { Caller } from './caller.ts';
import { checkAnswer, type Scenario, type Target } from './scenarios.ts';
import type { Server } from './servers.ts';
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
  /** Its name. */
  readonly server: string;
  readonly connections: number;
  readonly turns: readonly Turn[];
}

/** The credentials that are asked for. */
type IdsByWorkspace = ReadonlyMap<string, readonly string[]>;

interface OpenLane {
  readonly scenario: Scenario;
  readonly target: RunningTarget;
  readonly ids: IdsByWorkspace;
  readonly connections: number;
  readonly turns: Turn[];
}

const seedCount = 256;
// Between them, the database is filled, so that they lie among the others.
const seedBatches = 16;

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
    return { scenario: scenario.name, server: scenario.server.name, connections, turns };
  });
}

async function startTargets({ scenarios, postgres, profileDir }: RoundOptions, opening: AsyncDisposableStack) {
  const targets = new Map<Server, RunningTarget>();
  for (const { server } of scenarios) {
    if (targets.has(server)) continue;
    const target = await startTarget(server, postgres, profileDir);
    opening.defer(() => target.stop());
    targets.set(server, target);
  }
  return targets;
}

async function prepareLanes(parts: {
  readonly options: RoundOptions;
  readonly targets: ReadonlyMap<Server, RunningTarget>;
  readonly count: Counter;
}): Promise<readonly OpenLane[]> {
  const { options, targets, count } = parts;
  const idsBySeed = new Map<string, IdsByWorkspace>();
  const lanes: OpenLane[] = [];
  for (const connections of options.connections) {
    for (const scenario of options.scenarios) {
      const target = targets.get(scenario.server);
      if (!target) throw new Error(`${scenario.server.name} does not run`);
      const ids = await idsFor({ scenario, target, idsBySeed, options, count });
      lanes.push({ scenario, target, ids, connections, turns: [] });
    }
  }
  return lanes;
}

async function idsFor(parts: {
  readonly scenario: Scenario;
  readonly target: RunningTarget;
  readonly idsBySeed: Map<string, IdsByWorkspace>;
  readonly options: RoundOptions;
  readonly count: Counter;
}): Promise<IdsByWorkspace> {
  const { scenario, target, idsBySeed, options } = parts;
  const { seededBy } = scenario;
  if (seededBy === undefined) return new Map();
  const known = idsBySeed.get(seededBy);
  if (known) return known;
  const seed = options.scenarios.find(({ name }) => name === seededBy);
  if (!seed) throw new Error(`${scenario.name} needs ${seededBy}`);
  options.onTurn?.(`preparing ${scenario.server.name}`);
  const ids = new Map(target.homes.map(({ workspaceId }) => [workspaceId, new Array<string>()]));
  for (let batch = 0; batch < seedBatches; batch++) {
    for (const home of target.homes) {
      const count = Math.ceil(seedCount / seedBatches / target.homes.length);
      ids.get(home.workspaceId)?.push(...(await makeSeeds({ seed, home, count, numbers: parts.count })));
    }
    await target.fill(1 / seedBatches);
    options.signal?.throwIfAborted();
  }
  idsBySeed.set(seededBy, ids);
  return ids;
}

/** Makes credentials through one connection, and answers their ids. */
export async function makeSeeds(parts: {
  readonly seed: Scenario;
  readonly home: Target;
  readonly count: number;
  readonly numbers: Counter;
}): Promise<readonly string[]> {
  const caller = await parts.seed.open(parts.home, []);
  const ids: string[] = [];
  while (ids.length < parts.count) ids.push(parts.seed.idOf(await caller.call(parts.numbers())));
  caller.close();
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
    const home = target.targets[opened % target.targets.length];
    if (!home) throw new Error(`${scenario.server.name} has no address`);
    const caller = await scenario.open(home, ids.get(home.workspaceId) ?? []);
    callers.push(open.adopt(caller, (one) => one.close()));
  }
  const answers = await Promise.all(callers.map((caller) => caller.call(count())));
  for (const answer of answers) checkAnswer(scenario, answer);
  return await takeTurn({ callers, server: target, milliseconds, count });
}
