import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { parseObject, textOf } from '../support/json.ts';
import { sharedPostgres } from '../support/postgres.ts';
import { judge } from './goals.ts';
import { scenariosOf, searches } from './groups.ts';
import { choose, parseOptions } from './options.ts';
import { render, reportOf, type Report } from './report.ts';
import { runRounds, type Lane } from './rounds.ts';
import { checkAnswer, scenarios, type Scenario } from './scenarios.ts';
import { driftOf, measureSoak } from './soak.ts';
import { quantile, spreadOf } from './statistics.ts';
import { cofferProgram, nodeEnvironment, nodeFlags } from './targets.ts';
import type { Turn } from './turn.ts';

describe('the benchmark', () => {
  describe('a short run', () => {
    let report: Report;

    before(async () => {
      const options = { rounds: 1, seconds: 0.05 };
      const lanes = await runRounds({ ...options, scenarios, connections: [2], postgres: await sharedPostgres() });
      report = reportOf({ lanes, starts: undefined }, options);
    });

    it('has a turn of every scenario in every round', () => {
      expect(report.lanes.map(({ scenario }) => scenario)).to.deep.equal(scenarios.map(({ name }) => name));
      expect(report.lanes.map(({ turns }) => turns.length)).to.deep.equal(scenarios.map(() => 1));
    });

    it('measures requests, latencies and the use of the processor in each', () => {
      for (const turn of report.lanes.flatMap(({ turns }) => turns)) {
        expect(turn.requests).to.be.at.least(2);
        expect(turn.perSecond).to.be.greaterThan(0);
        expect(turn.p99Ms).to.be.at.least(turn.p50Ms);
        expect(turn).to.have.all.keys([
          'requests',
          'perSecond',
          'p50Ms',
          'p99Ms',
          'cpuMicrosPerRequest',
          'residentMiB',
          'driverShare',
        ]);
      }
    });

    it('is written as JSON that holds no token and no secret', () => {
      const text = JSON.stringify(report);
      expect(JSON.parse(text)).to.deep.equal(report);
      expect(text).not.to.match(/cof_|sk-/);
    });

    it('shows each scenario in the table', () => {
      const text = render(report);
      for (const { name } of scenarios) expect(text).to.include(`| ${name} `);
    });
  });

  describe('a short run of what a run has only when asked', () => {
    const server = { name: 'crowded', credentials: 100, workspaces: 20, processes: 2 };
    const crowded = scenariosOf({ label: 'crowded', server, actions: ['create', 'reveal', 'list', ...searches] });
    let report: Report;

    before(async () => {
      const options = { rounds: 1, seconds: 0.05 };
      const postgres = await sharedPostgres();
      const uncounted = choose(['metrics']).filter(({ name }) => name.startsWith('uncounted'));
      const traced = choose(['traces']).filter(({ name }) => name.startsWith('traced'));
      const others = [...crowded, ...uncounted, ...traced];
      const lanes = await runRounds({ ...options, scenarios: others, connections: [4], postgres });
      const soak = await measureSoak({ seconds: 0.2, connections: 4, postgres });
      report = reportOf({ lanes, starts: undefined, soak }, options);
    });

    it('calls two processes whose database holds much else', () => {
      const ofCrowded = ['create', 'reveal', 'list', ...searches].map((action) => `crowded ${action}`);
      const names = [...ofCrowded, 'uncounted create', 'uncounted reveal'];
      expect(report.lanes.map(({ scenario }) => scenario)).to.deep.equal([...names, 'traced create', 'traced reveal']);
      for (const turn of report.lanes.flatMap(({ turns }) => turns)) expect(turn.requests).to.be.at.least(4);
    });

    it('watches the memory', () => {
      expect(report.goals.map(({ goal }) => goal)).to.include('its drift, MiB a minute');
      expect(render(report)).to.include('| last quarter');
    });
  });

  it('reports by how much memory rises', () => {
    const turns = Array.from({ length: 100 }, (_, at) => ({ ...turnOf(1), residentMiB: 100 + at / 10 }));
    expect(driftOf({ sliceSeconds: 6, connections: 1, turns })).to.be.closeTo(1, 1e-9);
    expect(driftOf({ sliceSeconds: 6, connections: 1, turns: turns.map(() => turnOf(1)) })).to.equal(undefined);
  });

  it('has a goal for each thing that is to stay steady, and measures it where it is asked to', () => {
    const lanes = choose(['scale']).map(({ name }) => lane(name, [100]));
    const goals = judge({ lanes, starts: undefined }).map(({ goal }) => goal);
    expect(goals).to.have.length(8 + searches.length);
    expect(goals).to.include.members([
      '1M credentials reveal / 1k credentials reveal',
      '10k workspaces list / 100k credentials list',
      '4 KB create / 1k credentials create',
    ]);
  });

  it('takes a group only by its word or by how a name of it begins', () => {
    expect(choose(['create']).map(({ name }) => name)).not.to.include('1M credentials create');
    expect(choose(['1m credentials list']).map(({ name }) => name)).to.deep.equal([
      '1k credentials create',
      '1k credentials list',
      '1M credentials create',
      '1M credentials list',
    ]);
  });

  it('asks a group at 32 connections, by default', () => {
    expect(parseOptions(['--only', 'processes']).connections).to.deep.equal([32]);
    expect(parseOptions(['--only', 'scale', '--connections', '4']).connections).to.deep.equal([4]);
    expect(parseOptions(['--only', 'soak', '--soak-seconds', '5'])).to.deep.include({ scenarios: [], soakSeconds: 5 });
    expect(parseOptions([])).to.deep.include({ connections: [1, 32], soakSeconds: 0 });
  });

  it('runs Node as npm start does', async () => {
    const { scripts } = parseObject(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    const arenas = nodeEnvironment.MALLOC_ARENA_MAX;
    const command = `MALLOC_ARENA_MAX=\${MALLOC_ARENA_MAX:-${arenas}} exec node $flags ${relative(resolve(import.meta.dirname, '../..'), cofferProgram)}`;
    expect(textOf(scripts, 'start')).to.include(`flags='${nodeFlags.join(' ')}'; ${command}`);
  });

  it('compares the rounds of Coffer and its floor one by one', () => {
    const lanes = [lane('REST create', [100, 300, 200]), lane('F1 create', [200, 200, 200])];
    const [create] = judge({ lanes, starts: undefined });
    expect(create).to.deep.include({ limit: 1, isReached: true, measured: { median: 1, least: 0.5, most: 1.5 } });
  });

  it('reports a missed goal', () => {
    const lanes = [lane('REST reveal', [70]), lane('F1 read', [100])];
    expect(judge({ lanes, starts: undefined })[0]).to.deep.include({ limit: 0.75, isReached: false });
  });

  it('judges only what was measured', () => {
    expect(judge({ lanes: [lane('REST create', [100])], starts: undefined }).map(({ goal }) => goal)).to.deep.equal([
      'REST create / Flowise, as measured once',
    ]);
  });

  it('takes the floors and the seeds along with the scenarios that it is asked for', () => {
    expect(choose(['rest reveal']).map(({ name }) => name)).to.deep.equal([
      'F1 create',
      'REST create',
      'F1 read',
      'REST reveal',
    ]);
  });

  it('measures nothing but starts where only these are asked for', () => {
    expect(parseOptions(['--only', 'start'])).to.deep.include({ scenarios: [], start: true });
  });

  for (const parameters of [
    ['--rounds', '0'],
    ['--seconds', 'x'],
    ['--connections', ''],
    ['--only', 'nothing'],
  ]) {
    it(`refuses ${parameters.join(' ')}`, () => {
      expect(() => parseOptions(parameters)).to.throw(parameters[0] ?? '');
    });
  }

  it('refuses an answer that lacks the secret that it should hold', () => {
    expect(() => checkAnswer(scenarioNamed('REST reveal'), Buffer.from('{}'))).to.throw('lacks the secret');
    expect(() => checkAnswer(scenarioNamed('REST describe'), Buffer.from('{}'))).not.to.throw();
  });

  it('takes quantiles between two values where they fall there', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).to.equal(2.5);
    expect(quantile([7], 0.99)).to.equal(7);
    expect(spreadOf([3, 1, 2])).to.deep.equal({ median: 2, least: 1, most: 3 });
  });
});

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

function lane(scenario: string, rates: readonly number[]): Lane {
  return { scenario, server: 'Coffer', connections: 32, turns: rates.map(turnOf) };
}

function turnOf(perSecond: number): Turn {
  const unknown = { cpuMicrosPerRequest: null, residentMiB: null };
  return { requests: 1, perSecond, p50Ms: Number.NaN, p99Ms: Number.NaN, driverShare: 0, ...unknown };
}
