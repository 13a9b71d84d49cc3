import { parseArgs } from 'node:util';
import { allScenarios, besides, groups } from './groups.ts';
import { scenarios, type Scenario } from './scenarios.ts';

/** What the command line asks for. */
export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
  readonly scenarios: readonly Scenario[];
  /** Whether starts are measured as well. */
  readonly start: boolean;
  /** How long the memory under load is watched; 0 where it is not. */
  readonly soakSeconds: number;
  readonly jsonFile: string | undefined;
  readonly profileDir: string | undefined;
}

/** The usage, for `--help` and mistakes. */
export const usage = `usage: npm run bench -- [options]

  --rounds N         how often each scenario has its turn (5)
  --seconds N        how long a turn takes (2)
  --connections LIST numbers of connections (1,32; of the groups below and of soak, 32)
  --only LIST        scenarios whose names contain one of these words, whatever the case, with what they are compared
                     with; some words stand for more:
                       start      the time to start, and memory at rest
                       scale      1k, 100k, 1M credentials, with searches among them; 1, 1k, 10k workspaces;
                                  secrets of 200 B, 4 KB, 64 KB
                       processes  1 and 2 processes over one database
                       metrics    with and without the counting for /metrics
                       traces     without and with an SDK that records spans
                       soak       memory under load that lasts
                     Without it, everything but scale, processes, metrics, traces and soak is measured. "scale create" and
                     "scale reveal" are those of the API that is called Scale.
  --soak-seconds N   how long soak lasts (600)
  --json FILE        writes all figures of all rounds
  --profile DIR      writes a CPU profile of Coffer
  --help             prints this

It needs what npm ci brings, two processors to itself, and for scale 4 GB of disk in the temporary directory.
`;

/** @throws Error with what is wrong */
export function parseOptions(parameters: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      rounds: text,
      seconds: text,
      connections: text,
      only: text,
      json: text,
      profile: text,
      'soak-seconds': text,
    },
  });
  const words = values.only?.split(',').map((word) => word.trim().toLowerCase());
  const chosen = choose(words);
  const start = words?.includes('start') ?? true;
  const soaks = words?.includes('soak') ?? false;
  if (chosen.length === 0 && !start && !soaks) throw new Error('--only chooses nothing');
  const isOrdinary = words === undefined || chosen.some((scenario) => scenarios.includes(scenario));
  return {
    rounds: within('--rounds', values.rounds ?? '5', { least: 1, most: 1_000 }),
    seconds: within('--seconds', values.seconds ?? '2', { least: 0.05, most: 600 }),
    connections: (values.connections ?? (isOrdinary ? '1,32' : '32')).split(',').map((part) => {
      return within('--connections', part, { least: 1, most: 500 });
    }),
    scenarios: chosen,
    start,
    soakSeconds: soaks ? within('--soak-seconds', values['soak-seconds'] ?? '600', { least: 1, most: 604_800 }) : 0,
    jsonFile: values.json,
    profileDir: values.profile,
  };
}

/** The scenarios that a word is in or stands for, those that seed them, and those that they are compared with. */
export function choose(words: readonly string[] | undefined): readonly Scenario[] {
  if (!words) return scenarios;
  const named = words.flatMap((word) => {
    const group = groups.find((one) => one.word === word);
    if (group) return group.scenarios;
    return word === '' || word === 'start' || word === 'soak' ? [] : scenariosWith(word);
  });
  const wanted = new Set(named.flatMap(({ name }) => [name, floorOf(name)]));
  for (const { name, seededBy } of allScenarios) if (wanted.has(name)) wanted.add(seededBy);
  return allScenarios.filter(({ name }) => wanted.has(name));
}

/** Of a group only those that begin with the word: nobody who asks for "create" means a million credentials. */
function scenariosWith(word: string): readonly Scenario[] {
  const names = scenarios.filter(({ name }) => name.toLowerCase().includes(word));
  const ofGroups = groups.flatMap((group) => group.scenarios);
  return [...names, ...ofGroups.filter(({ name }) => name.toLowerCase().startsWith(word))];
}

/** The scenario that one is compared with, a floor's or one of its group; none where it is the floor, or there is none. */
export function floorOf(scenario: string): string | undefined {
  return floors[scenario] ?? besides[scenario];
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
