import { cpus, totalmem } from 'node:os';
import { judge, ratiosOf, type Figures, type GoalResult } from './goals.ts';
import { floorOf } from './options.ts';
import type { Lane } from './rounds.ts';
import { settledTurns, type Soak } from './soak.ts';
import type { StartTimes } from './start-times.ts';
import { spreadOf, type Spread } from './statistics.ts';
import type { Turn } from './turn.ts';

/** All figures of a run, as `--json` writes them. */
export interface Report {
  readonly machine: { readonly processors: number; readonly memoryGiB: number; readonly node: string };
  readonly rounds: number;
  readonly seconds: number;
  readonly lanes: readonly Lane[];
  readonly starts?: StartTimes;
  readonly soak?: Soak;
  readonly goals: readonly GoalResult[];
}

/** Judges the figures, and says on what they were measured. */
export function reportOf(figures: Figures, { rounds, seconds }: { readonly rounds: number; readonly seconds: number }) {
  const report: Report = {
    machine: {
      processors: cpus().length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      node: process.versions.node,
    },
    rounds,
    seconds,
    lanes: figures.lanes,
    ...(figures.starts && { starts: figures.starts }),
    ...(figures.soak && { soak: figures.soak }),
    goals: judge(figures),
  };
  return report;
}

/** The tables for people: medians, and what lies between the least and the most of the rounds. */
export function render(report: Report): string {
  const { processors, memoryGiB, node } = report.machine;
  const head =
    `${processors} processors, ${memoryGiB} GiB, Node ${node}; ${report.rounds} rounds, turns of ${report.seconds} s. ` +
    'Medians; in brackets the least and the most of the rounds.\n';
  const parts = [loadTable(report.lanes), startTable(report.starts), soakTable(report.soak), goalTable(report.goals)];
  return [head, ...parts.filter((part) => part !== '')].join('\n');
}

const loadHead = [
  'scenario',
  'connections',
  'requests/s',
  '/ floor',
  'p50 ms',
  'p99 ms',
  'CPU µs',
  'RSS MiB',
  'driver',
];

function loadTable(lanes: readonly Lane[]): string {
  return table(
    loadHead,
    lanes.map((lane) => {
      const floor = floorOf(lane.scenario);
      const beside = lanes.find(({ scenario, connections }) => scenario === floor && connections === lane.connections);
      const ratios = ratiosOf(lane, beside, ({ perSecond }) => perSecond);
      return [
        lane.scenario,
        String(lane.connections),
        shown(spread(lane, 'perSecond'), 0),
        ratios.length === 0 ? '' : shown(spreadOf(ratios), 2),
        median(lane, 'p50Ms', 2),
        median(lane, 'p99Ms', 2),
        median(lane, 'cpuMicrosPerRequest', 0),
        median(lane, 'residentMiB', 0),
        median(lane, 'driverShare', 2),
      ];
    }),
  );
}

function startTable(starts: StartTimes | undefined): string {
  if (!starts) return '';
  const names = { first: 'first, key file', second: 'second, key file', password: 'second, Argon2id' } as const;
  const rows = ([`first`, `second`, `password`] as const).map((kind) => {
    const resident = starts[kind].map(({ residentMiB }) => residentMiB).filter((value) => value !== null);
    return [
      names[kind],
      shown(spreadOf(starts[kind].map(({ seconds }) => seconds)), 2),
      resident.length === 0 ? '–' : shown(spreadOf(resident), 0),
    ];
  });
  return table(['start', 'seconds until ready', 'idle RSS MiB'], rows);
}

/** What changed from the beginning, when it was warm, to the end. */
function soakTable(soak: Soak | undefined): string {
  if (!soak) return '';
  const settled = settledTurns(soak);
  const part = Math.ceil(settled.length / 4);
  const parts = { first: settled.slice(0, part), last: settled.slice(-part) };
  const rows = Object.entries(parts).map(([name, turns]) => {
    const lane = { scenario: 'soak', server: 'Coffer', connections: soak.connections, turns };
    return [
      `${name} quarter`,
      shown(spread(lane, 'perSecond'), 0),
      median(lane, 'p50Ms', 2),
      median(lane, 'p99Ms', 2),
      shown(spread(lane, 'residentMiB'), 0),
    ];
  });
  return table([`soak, ${soak.connections} connections`, 'requests/s', 'p50 ms', 'p99 ms', 'RSS MiB'], rows);
}

function goalTable(goals: readonly GoalResult[]): string {
  const rows = goals.map(({ goal, comparison, limit, measured, isReached }) => {
    return [goal, `${comparison} ${limit}`, shown(measured, 2), isReached ? 'reached' : 'missed'];
  });
  return rows.length === 0 ? '' : table(['goal (32 connections)', 'limit', 'measured', ''], rows);
}

function spread({ turns }: Lane, figure: keyof Turn): Spread | undefined {
  const values = turns.map((turn) => turn[figure]).filter((value) => value !== null);
  return values.length === 0 ? undefined : spreadOf(values);
}

function median(lane: Lane, figure: keyof Turn, digits: number): string {
  return spread(lane, figure)?.median.toFixed(digits) ?? '–';
}

function shown(figure: Spread | undefined, digits: number): string {
  if (!figure) return '–';
  const [middle, least, most] = [figure.median, figure.least, figure.most].map((value) => value.toFixed(digits));
  return `${middle} (${least}–${most})`;
}

/** In Markdown, with columns of even width, so that it reads well in a terminal, too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, at) => Math.max(3, name.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |\n`;
  return line(head) + line(widths.map((width) => '-'.repeat(width))) + rows.map(line).join('');
}
