/**
 * Loaded into a process of Coffer by `--import`, with parameters in its URL: reports each step of a rotation of keys on the file
 * descriptor 3, a line before it is taken, and sends the process a signal at one of them. The steps are what the process does to
 * key files and to rows of keys; Coffer itself has no code for this.
 */
import { writeSync } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { Client } from 'pg';
import { interruptionIn, type Interruption } from './interruption.ts';

const reportTo = 3;
const interruption = interruptionIn(import.meta.url);
const taken = new Map<string, number>();

interceptFiles();
interceptStatements();

/** Reports a step, and sends the signal where it is to come before the step. @returns the name of the step */
function begin(what: string): string {
  const count = (taken.get(what) ?? 0) + 1;
  taken.set(what, count);
  const step = count === 1 ? what : `${what} (${count})`;
  writeSync(reportTo, `${step}\n`);
  interrupt(step, 'before');
  return step;
}

function interrupt(step: string, moment: Interruption['moment']): void {
  if (interruption.step === step && interruption.moment === moment) process.kill(process.pid, interruption.signal);
}

/** Key files are only those in the data directory: the programs and the data of PostgreSQL have other names. */
const keyFiles: readonly (readonly [RegExp, string])[] = [
  [/^\.[0-9a-f-]{36}\.key$/, 'scratch file'],
  [/^master\.key$/, 'master.key'],
  [/^master\.key\.[0-9a-f]{16}$/, 'master.key.FINGERPRINT'],
];

function keyFileOf(path: unknown): string | undefined {
  return typeof path === 'string' ? keyFiles.find(([pattern]) => pattern.test(basename(path)))?.[1] : undefined;
}

function interceptFiles(): void {
  const { link, open, rename, unlink } = files;
  let directory: string | undefined;
  Object.assign(files, {
    async open(path: string, ...others: [flags?: string | number, mode?: number]) {
      const file = keyFileOf(path);
      if (file === 'scratch file') directory = dirname(path);
      const what = file ?? (path === directory ? 'data directory' : undefined);
      if (file !== undefined) begin(`create ${file}`);
      const handle = await open(path, ...others);
      if (what === undefined) return handle;
      const sync = handle.sync.bind(handle);
      const writeFile = handle.writeFile.bind(handle);
      return Object.assign(handle, {
        async sync() {
          begin(`sync ${what}`);
          await sync();
        },
        async writeFile(text: string) {
          begin(`write ${what}`);
          await writeFile(text);
        },
      });
    },
    async link(from: string, to: string) {
      if (keyFileOf(to) !== undefined) begin(`link ${keyFileOf(from)} to ${keyFileOf(to)}`);
      await link(from, to);
    },
    async rename(from: string, to: string) {
      if (keyFileOf(to) !== undefined) begin(`rename ${keyFileOf(from)} to ${keyFileOf(to)}`);
      await rename(from, to);
    },
    async unlink(path: string) {
      const file = keyFileOf(path);
      if (file !== undefined) begin(`remove ${file}`);
      await unlink(path);
    },
  });
  syncBuiltinESMExports();
}

interface SentStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** What makes a transaction one of a rotation; from this statement on, each of its round trips is a step. */
const beginnings = new RegExp(interruption.beginsWith, 'i');

function interceptStatements(): void {
  const rotating = new WeakSet<object>();
  const query: Client['query'] = Reflect.get(Client.prototype, 'query');
  Object.assign(Client.prototype, {
    query(this: Client, ...parameters: readonly unknown[]): unknown {
      const statements = statementsOf(parameters[0]);
      if (statements.some((statement) => beginnings.test(describe(statement)))) rotating.add(this);
      if (!rotating.has(this)) return Reflect.apply(query, this, parameters);
      if (statements.some(({ text }) => /^(commit|rollback)$/i.test(text))) rotating.delete(this);
      const step = begin(statements.map(shorten).join('; '));
      const answer: unknown = Reflect.apply(query, this, parameters);
      interrupt(step, 'after sending');
      return answer;
    },
  });
}

/** The statements of a round trip: those of a batch, or the only one. */
function statementsOf(sent: unknown): readonly SentStatement[] {
  if (typeof sent === 'string') return [{ text: sent }];
  if (typeof sent !== 'object' || sent === null) return [];
  if ('statements' in sent && Array.isArray(sent.statements)) return sent.statements.filter(isStatement);
  return isStatement(sent) ? [sent] : [];
}

function isStatement(value: unknown): value is SentStatement {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string';
}

/** With its numbers, which distinguish one advisory lock from another. */
function describe({ text, values = [] }: SentStatement): string {
  return `${text.replaceAll(/\s+/g, ' ').trim()} ${values.filter((value) => typeof value === 'number').join(',')}`;
}

const shortenings: readonly (readonly [RegExp, string])[] = [
  [/^select .*?(pg_\w+|set_config)\(.*$/i, '$1'],
  [/^with .*\binsert into "?(\w+)"?.*$/i, 'insert into $1'],
  [/^(insert into|update|delete from) "?(\w+)"?.*$/i, '$1 $2'],
  [
    /^select .*? from "?(?:public"?\.)?"?(\w+)"?.*?( for update| for share)?( of .*)?( skip locked)?$/i,
    'select from $1$2',
  ],
];

/** The kind of a statement and its table. */
function shorten({ text }: SentStatement): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const [pattern, replacement] = shortenings.find(([known]) => known.test(line)) ?? [/^(.{0,40}).*$/, '$1'];
  return line.replace(pattern, replacement).toLowerCase();
}
