import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  CofferError,
  NotFoundError,
  PermissionDeniedError,
  UnauthenticatedError,
  UnavailableError,
} from '../errors/errors.ts';
import { ImportError, usageError, errorCode } from '../import/reading/import-error.ts';
import type { KeyText, Source, SourceInput } from '../import/reading/source-input.ts';
import { formatReport, isComplete, printable, reportToJson } from '../import/report.ts';
import { runImport, type ImportReport } from '../import/run-import.ts';
import { sources } from '../import/sources/index.ts';
import type { VaultAccess } from '../import/vault/vault-access.ts';
import type { CommandContext } from './context/context.ts';
import { exitCodes } from './errors/exit-codes.ts';
import type { SharedOptions } from './settings/settings.ts';

const progressEvery = 25;

interface ImportFlags extends SharedOptions {
  readonly apply?: boolean;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly database?: string;
  readonly dataDir?: string;
  readonly keyFile?: string;
  readonly passwordStdin?: boolean;
  readonly table?: string;
  readonly name?: string;
  readonly sourceWorkspace?: string;
}

/** Adds `coffer import`. */
export function register(program: Command, context: CommandContext): void {
  const list = sources.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n');
  program
    .command('import')
    .description('store the secrets of another program or file')
    .argument('<source>', sources.map(({ name }) => name).join(', '))
    .argument('[file]', 'the file of dotenv or json; - for the standard input')
    .option('--dry-run', 'only show what would be stored; the default')
    .option('--apply', 'store what could be opened')
    .option('--verify', 'read back what the vault has, and compare')
    .option('--database <file|url>', 'an sqlite file, or the URL of a PostgreSQL database')
    .option('--data-dir <folder>', 'the folder in which the program keeps its data')
    .option('--key-file <file>', 'a file with the key or password of the source')
    .option('--password-stdin', 'read the key or password of the source from the standard input')
    .option('--table <name>', 'the table, where it has another name or several fit')
    .option('--name <name>', 'make one credential of all values of a file')
    .option('--source-workspace <id>', 'only the credentials of one workspace or project of the source')
    .addHelpText('after', `\nSources:\n${list}`)
    .action((source: string, file: string | undefined, flags: ImportFlags) =>
      importSource(context, source, file, flags),
    );
}

async function importSource(
  context: CommandContext,
  name: string,
  file: string | undefined,
  flags: ImportFlags,
): Promise<void> {
  try {
    const source = sources.find((each) => each.name === name);
    if (!source) throw usageError(`${name} is no source; there are ${sources.map((each) => each.name).join(', ')}`);
    const report = await run(context, source, file, flags);
    const text = flags.json ? `${JSON.stringify(reportToJson(report), null, 2)}\n` : formatReport(report);
    process.stdout.write(text);
    for (const remark of [...report.notices, ...report.faults]) complain(remark);
    if (report.failure) complain(`stopped: ${report.failure.message}`);
    context.exitCode = report.failure ? exitCodeOf(report.failure) : exitCodeOfReport(report);
  } catch (error) {
    if (!(error instanceof ImportError) && !(error instanceof CofferError)) throw error;
    complain(error.message);
    context.exitCode = exitCodeOf(error);
  }
}

async function run(
  context: CommandContext,
  source: Source,
  file: string | undefined,
  flags: ImportFlags,
): Promise<ImportReport> {
  if (flags.apply && flags.dryRun) throw usageError('--dry-run and --apply exclude each other');
  if (file !== undefined && flags.database !== undefined) throw usageError('a file and --database exclude each other');
  const isFile = source.name === 'dotenv' || source.name === 'json';
  if (file !== undefined && !isFile)
    throw usageError(`${source.name} takes --database or --data-dir instead of a file`);
  if (isFile && (flags.keyFile !== undefined || flags.passwordStdin)) throw usageError(`${source.name} needs no key`);
  if (flags.name !== undefined && !isFile) throw usageError('--name is for dotenv and json');
  return runImport({
    source,
    input: await inputOf(file, flags),
    access: await openVault(context, flags),
    isApplied: flags.apply === true,
    isVerified: flags.verify === true,
    ...(flags.sourceWorkspace !== undefined && { sourceWorkspace: flags.sourceWorkspace }),
    onProgress: showProgress,
  });
}

async function inputOf(file: string | undefined, flags: ImportFlags): Promise<SourceInput> {
  const key = await readKey(flags);
  return {
    environment: process.env,
    homeDirectory: homedir(),
    readStandardInput: readAll,
    ...(file !== undefined && { file }),
    ...(flags.database !== undefined && { database: flags.database }),
    ...(flags.dataDir !== undefined && { dataDirectory: flags.dataDir }),
    ...(flags.table !== undefined && { table: flags.table }),
    ...(flags.name !== undefined && { credentialName: flags.name }),
    ...(key && { key }),
  };
}

/** The key that the user gives, untrimmed: white space may belong to it. */
async function readKey({ keyFile, passwordStdin }: ImportFlags): Promise<KeyText | undefined> {
  if (keyFile !== undefined && passwordStdin) throw usageError('--key-file and --password-stdin exclude each other');
  if (passwordStdin) return { text: await readPassword(), origin: 'the standard input' };
  if (keyFile === undefined) return undefined;
  try {
    return { text: await readFile(keyFile, 'utf8'), origin: keyFile };
  } catch (error) {
    throw usageError(`cannot read ${keyFile}: ${errorCode(error) ?? 'unknown error'}`);
  }
}

/** The whole standard input; a terminal gets a prompt that does not show what is typed. */
async function readPassword(): Promise<string> {
  if (!process.stdin.isTTY) return (await readAll()).toString('utf8');
  const { isCancel, password } = await import('@clack/prompts');
  const typed = await password({ message: 'Key or password of the source', output: process.stderr });
  if (isCancel(typed)) throw usageError('no key was given');
  return typed;
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function openVault(context: CommandContext, flags: SharedOptions): Promise<VaultAccess> {
  const { coffer, url, token } = await context.openSession(flags);
  return { coffer, url, token };
}

function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY || (done % progressEvery !== 0 && done !== total)) return;
  process.stderr.write(`\r${done} of ${total} stored${done === total ? '\n' : ''}`);
}

function complain(text: string): void {
  process.stderr.write(`coffer: ${printable(text)}\n`);
}

function exitCodeOfReport(report: ImportReport): number {
  return isComplete(report) ? exitCodes.success : exitCodes.error;
}

function exitCodeOf(error: ImportError | CofferError): number {
  if (error instanceof ImportError) return error.isUsage ? exitCodes.usage : exitCodes.error;
  if (error instanceof NotFoundError) return exitCodes.absent;
  if (error instanceof PermissionDeniedError || error instanceof UnauthenticatedError) return exitCodes.denied;
  return error instanceof UnavailableError ? exitCodes.unavailable : exitCodes.error;
}
