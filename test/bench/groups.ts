import { get, httpScenario, pageSize, post, scenarios, secretTextOf, workspaces, type Scenario } from './scenarios.ts';
import { coffer, type Server } from './servers.ts';

/** A word of `--only` that stands for several scenarios, which no run has unless it is asked for them. */
export interface Group {
  readonly word: string;
  readonly scenarios: readonly Scenario[];
}

/** Coffer in some state, and how it is called. */
export interface Variation {
  /** What its scenarios' names begin with. */
  readonly label: string;
  readonly server: Server;
  /** Of a secret, in JSON; 200 unless given. */
  readonly secretBytes?: number;
  readonly actions: readonly ('create' | 'reveal' | 'list')[];
  /** The label of the one that it is compared with. */
  readonly besides?: string;
}

const few: Server = { name: '1k credentials', credentials: 1_000 };
const many: Server = { name: '100k credentials', credentials: 100_000 };
const all = ['create', 'reveal', 'list'] as const;
const some = ['create', 'reveal'] as const;

const scale: readonly Variation[] = [
  { label: '1k credentials', server: few, actions: all },
  { label: '100k credentials', server: many, actions: all, besides: '1k credentials' },
  {
    label: '1M credentials',
    server: { name: '1M credentials', credentials: 1_000_000 },
    actions: all,
    besides: '1k credentials',
  },
  {
    label: '1k workspaces',
    server: { name: '1k workspaces', credentials: 100_000, workspaces: 1_000 },
    actions: all,
    besides: '100k credentials',
  },
  {
    label: '10k workspaces',
    server: { name: '10k workspaces', credentials: 100_000, workspaces: 10_000 },
    actions: all,
    besides: '100k credentials',
  },
  { label: '4 KB', server: few, secretBytes: 4_096, actions: some, besides: '1k credentials' },
  { label: '64 KB', server: few, secretBytes: 65_536, actions: some, besides: '1k credentials' },
];

const processes: readonly Variation[] = [
  { label: '1 process', server: { name: '1 process' }, actions: some },
  { label: '2 processes', server: { name: '2 processes', processes: 2 }, actions: some, besides: '1 process' },
];

const metrics: readonly Variation[] = [
  { label: 'uncounted', server: { name: 'uncounted', program: 'without-metrics.ts' }, actions: some },
  { label: 'counted', server: { ...coffer, name: 'counted' }, actions: some, besides: 'uncounted' },
];

const traces: readonly Variation[] = [
  { label: 'untraced', server: { ...coffer, name: 'untraced' }, actions: some },
  { label: 'traced', server: { name: 'traced', program: 'with-traces.ts' }, actions: some, besides: 'untraced' },
];

const variations = { scale, processes, metrics, traces };

/** All groups. */
export const groups: readonly Group[] = Object.entries(variations).map(([word, members]) => {
  return { word, scenarios: members.flatMap(scenariosOf) };
});

/** Everything that can be measured by turns. */
export const allScenarios: readonly Scenario[] = [...scenarios, ...groups.flatMap((group) => group.scenarios)];

/** The scenario that one of a group is compared with. */
export const besides: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(variations)
    .flat()
    .flatMap(({ label, actions: names, besides: other }) => {
      return other === undefined ? [] : names.map((name) => [`${label} ${name}`, `${other} ${name}`]);
    }),
);

/** Native REST calls. Each needs the credentials that the first one makes, since the database is filled while they are made. */
export function scenariosOf({ label, server, secretBytes = 200, actions: names }: Variation): readonly Scenario[] {
  const secretText = secretTextOf(secretBytes);
  return names.map((action) => {
    return httpScenario({
      name: `${label} ${action}`,
      server,
      seededBy: `${label} create`,
      ...(action === 'reveal' && { revealed: secretText }),
      request: ({ target, name, id }) => {
        const credentials = `${workspaces}/${target.workspaceId}/credentials`;
        if (action === 'list') return get(`${credentials}?page_size=${pageSize}`);
        if (action === 'reveal') return post(`${credentials}/${id}:reveal`, '{}');
        const credential = `{"name":"${name}","provider":"openai","auth_type":"api_key"}`;
        return post(credentials, `{"credential":${credential},"secret":{"api_key":"${secretText}"}}`);
      },
    });
  });
}
