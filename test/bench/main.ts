import { writeFile } from 'node:fs/promises';
import { sharedPostgres, stopSharedPostgres } from '../support/postgres.ts';
import { parseOptions, usage, type BenchOptions } from './options.ts';
import { render, reportOf, type Report } from './report.ts';
import { runRounds } from './rounds.ts';
import { measureSoak } from './soak.ts';
import { measureStarts } from './start-times.ts';

const idleMs = 3_000;

const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort(new Error('stopped')));
process.once('SIGTERM', () => stopping.abort(new Error('stopped')));

process.exitCode = await main(process.argv.slice(2));

/** Answers the exit code. A missed goal is no failure: a figure of a busy machine proves nothing. */
async function main(parameters: readonly string[]): Promise<number> {
  if (parameters.includes('--help')) return print(usage);
  try {
    const options = parseOptions(parameters);
    const report = await measure(options);
    if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    return print(render(report));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : 'it failed'}\n`);
    return 1;
  }
}

async function measure(options: BenchOptions): Promise<Report> {
  const { rounds, scenarios, soakSeconds, start } = options;
  const starts = start ? await measureStarts({ rounds, idleMs }) : undefined;
  try {
    const lanes = scenarios.length === 0 ? [] : await load(options);
    const soak = soakSeconds === 0 ? undefined : await endure(options);
    return reportOf({ lanes, starts, soak }, options);
  } finally {
    await stopSharedPostgres();
  }
}

async function load({ scenarios, connections, rounds, seconds, profileDir }: BenchOptions) {
  return runRounds({
    scenarios,
    connections,
    rounds,
    seconds,
    postgres: await sharedPostgres(),
    ...(profileDir !== undefined && { profileDir }),
    signal: stopping.signal,
    onTurn: printProgress,
  });
}

async function endure({ connections, soakSeconds }: BenchOptions) {
  return measureSoak({
    seconds: soakSeconds,
    connections: Math.max(...connections),
    postgres: await sharedPostgres(),
    signal: stopping.signal,
    onTurn: printProgress,
  });
}

function printProgress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
