import { parseArgs } from 'node:util';
import { scenarios, type Scenario } from './scenarios.ts';

/** What the command line asks for. */
export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
  readonly scenarios: readonly Scenario[];
  /** Whether starts are measured as well. */
  readonly start: boolean;
  readonly jsonFile: string | undefined;
  readonly profileDir: string | undefined;
}

/** The usage, for `--help` and mistakes. */
export const usage = `usage: npm run bench -- [options]

  --rounds N         how often each scenario has its turn (5)
  --seconds N        how long a turn takes (2)
  --connections LIST numbers of connections (1,32)
  --only LIST        scenarios whose names contain one of these words, whatever the case, with the floors that they are
                     compared with; "start" stands for the time to start
  --json FILE        writes all figures of all rounds
  --profile DIR      writes a CPU profile of Coffer

It needs what npm ci brings, and two processors to itself.
`;

/** @throws Error with what is wrong */
export function parseOptions(parameters: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...parameters],
    options: { rounds: text, seconds: text, connections: text, only: text, json: text, profile: text },
  });
  const words = values.only?.split(',').map((word) => word.trim().toLowerCase());
  const chosen = choose(words);
  const start = words?.includes('start') ?? true;
  if (chosen.length === 0 && !start) throw new Error('--only chooses nothing');
  return {
    rounds: within('--rounds', values.rounds ?? '5', { least: 1, most: 1_000 }),
    seconds: within('--seconds', values.seconds ?? '2', { least: 0.05, most: 600 }),
    connections: (values.connections ?? '1,32').split(',').map((part) => {
      return within('--connections', part, { least: 1, most: 500 });
    }),
    scenarios: chosen,
    start,
    jsonFile: values.json,
    profileDir: values.profile,
  };
}

/** The scenarios that a word is in, those that seed them, and the floors that they are compared with. */
export function choose(words: readonly string[] | undefined): readonly Scenario[] {
  if (!words) return scenarios;
  const load = words.filter((word) => word !== 'start' && word !== '');
  const named = scenarios.filter(({ name }) => load.some((word) => name.toLowerCase().includes(word)));
  const wanted = new Set(named.flatMap(({ name }) => [name, floorOf(name)]));
  for (const { name, seededBy } of scenarios) if (wanted.has(name)) wanted.add(seededBy);
  return scenarios.filter(({ name }) => wanted.has(name));
}

/** The floor's scenario that one of Coffer's is compared with; none where it is the floor, or there is none. */
export function floorOf(scenario: string): string | undefined {
  return floors[scenario];
}

const floors: Readonly<Record<string, string>> = {
  'REST create': 'F1 create',
  'REST reveal': 'F1 read',
  'REST describe': 'F1 read',
  'REST list': 'F1 read',
  'Scale create': 'F1 create',
  'Scale reveal': 'F1 read',
  'MiniFlow create': 'F1 create',
  'MiniFlow reveal': 'F1 read',
  'Connect create': 'F2 create',
  'Connect reveal': 'F2 reveal',
  'gRPC create': 'F3 create',
  'gRPC reveal': 'F3 reveal',
};

function within(name: string, text: string, { least, most }: { readonly least: number; readonly most: number }) {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new Error(`${name} must be a number from ${least} to ${most}`);
}
