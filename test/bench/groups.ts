import { parseObject, textOf } from '../support/json.ts';
import { searched, searchedLabel } from './fill-database.ts';
import {
  get,
  httpScenario,
  pageSize,
  post,
  scenarios,
  secretTextOf,
  workspaces,
  type Call,
  type Scenario,
} from './scenarios.ts';
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
  readonly actions: readonly (keyof typeof actions)[];
  /** The label of the one that it is compared with. */
  readonly besides?: string;
}

const few: Server = { name: '1k credentials', credentials: 1_000 };
const many: Server = { name: '100k credentials', credentials: 100_000 };
const all = ['create', 'reveal', 'list'] as const;
const some = ['create', 'reveal'] as const;

/** A page of what is searched for, by a filter in which `SHARE` stands for it. */
function search(filter: string, share: keyof typeof searched, orderBy = ''): Action {
  return ({ credentials }) => {
    const text = encodeURIComponent(filter.replace('SHARE', searched[share]));
    return get(`${credentials}?page_size=${pageSize}&filter=${text}&order_by=${orderBy}`);
  };
}

interface Place {
  /** The path of the workspace's credentials. */
  readonly credentials: string;
  readonly name: string;
  readonly id: string;
  readonly secretText: string;
}

type Action = (place: Place) => Call;

/** The calls by their names in those of scenarios. */
const actions = {
  create: ({ credentials, name, secretText }: Place) => {
    const credential = `{"name":"${name}","provider":"openai","auth_type":"api_key"}`;
    return post(credentials, `{"credential":${credential},"secret":{"api_key":"${secretText}"}}`);
  },
  reveal: ({ credentials, id }: Place) => post(`${credentials}/${id}:reveal`, '{}'),
  list: ({ credentials }: Place) => get(`${credentials}?page_size=${pageSize}`),
  get: ({ credentials, id }: Place) => get(`${credentials}/${id}`),
  /** The place has the name instead of the id; see `namedInstead`. */
  resolve: ({ credentials, id }: Place) =>
    post(credentials.replace(/credentials$/, 'secrets:resolve'), JSON.stringify({ name: id })),
  'provider 1 %': search('provider = "SHARE"', 'percent'),
  'provider 3 rows': search('provider = "SHARE"', 'three'),
  'subject 1 %': search('subject = "SHARE"', 'percent'),
  'subject 3 rows': search('subject = "SHARE"', 'three'),
  'tag 1 %': search('tags:"SHARE"', 'percent'),
  'tag 3 rows': search('tags:"SHARE"', 'three'),
  'label 1 %': search(`labels.${searchedLabel} = "SHARE"`, 'percent'),
  'label 3 rows': search(`labels.${searchedLabel} = "SHARE"`, 'three'),
  'prefix 1 %': search('name = "SHARE*"', 'percent', 'name'),
  'prefix 3 rows': search('name = "SHARE*"', 'three', 'name'),
} as const satisfies Record<string, Action>;

/** What finds credentials among many. */
export const searches = [
  'get',
  'resolve',
  'provider 1 %',
  'provider 3 rows',
  'subject 1 %',
  'subject 3 rows',
  'tag 1 %',
  'tag 3 rows',
  'label 1 %',
  'label 3 rows',
  'prefix 1 %',
  'prefix 3 rows',
] as const satisfies (keyof typeof actions)[];

const scale: readonly Variation[] = [
  { label: '1k credentials', server: few, actions: [...all, ...searches] },
  { label: '100k credentials', server: many, actions: [...all, ...searches], besides: '1k credentials' },
  {
    label: '1M credentials',
    server: { name: '1M credentials', credentials: 1_000_000 },
    actions: [...all, ...searches],
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
    const scenario = httpScenario({
      name: `${label} ${action}`,
      server,
      seededBy: `${label} create`,
      ...((action === 'reveal' || action === 'resolve') && { revealed: secretText }),
      request: ({ target, name, id }) => {
        const credentials = `${workspaces}/${target.workspaceId}/credentials`;
        return actions[action]({ credentials, name, id, secretText });
      },
    });
    return action === 'resolve' ? namedInstead(scenario) : scenario;
  });
}

const namesMax = 16;

/** Looks up the names of some credentials before the turn, and passes them in place of ids. */
function namedInstead(scenario: Scenario): Scenario {
  return {
    ...scenario,
    open: async (target, ids) => {
      const { origin, token = '', workspaceId } = target;
      const names = ids.slice(0, namesMax).map(async (id) => {
        const path = `${workspaces}/${workspaceId}/credentials/${id}`;
        const answer = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
        return textOf(parseObject(await answer.text())['credential'], 'name');
      });
      return scenario.open(target, await Promise.all(names));
    },
  };
}
