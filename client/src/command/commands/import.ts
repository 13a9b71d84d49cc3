import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { errorCode, ImportError } from '../../import/reading/import-error.ts';
import type { KeyText, Source, SourceInput } from '../../import/reading/source-input.ts';
import { formatReport, isComplete, reportToJson } from '../../import/report.ts';
import { runImport, type ImportReport } from '../../import/run-import.ts';
import { sources } from '../../import/sources/index.ts';
import type { CommandContext } from '../context/context.ts';
import { CommandError, usageError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { Progress } from '../output/progress.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';

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
    .action((name: string, file: string | undefined, flags: ImportFlags) =>
      importSource(context, { name, file, flags }),
    );
}

interface ImportCall {
  readonly name: string;
  readonly file: string | undefined;
  readonly flags: ImportFlags;
}

async function importSource(context: CommandContext, { name, file, flags }: ImportCall): Promise<void> {
  const source = sources.find((each) => each.name === name);
  if (!source) throw usageError(`there are the sources ${sources.map((each) => each.name).join(', ')}`);
  checkFlags(source, file, flags);
  const report = await runOrExplain(context, { source, file, flags });
  context.output.print({ text: () => formatReport(report), json: () => reportToJson(report) }, flags);
  for (const remark of [...report.notices, ...report.faults]) context.output.note(`coffer: ${printable(remark)}`);
  if (report.failure) throw report.failure;
  context.exitCode = isComplete(report) ? exitCodes.success : exitCodes.error;
}

function checkFlags(source: Source, file: string | undefined, flags: ImportFlags): void {
  const isFile = source.name === 'dotenv' || source.name === 'json';
  const hasKey = flags.keyFile !== undefined || flags.passwordStdin === true;
  if (flags.apply && flags.dryRun) throw usageError('--dry-run and --apply exclude each other');
  if (flags.keyFile !== undefined && flags.passwordStdin) {
    throw usageError('--key-file and --password-stdin exclude each other');
  }
  if (file !== undefined && flags.database !== undefined) throw usageError('a file and --database exclude each other');
  if (file !== undefined && !isFile)
    throw usageError(`${source.name} takes --database or --data-dir instead of a file`);
  if (isFile && hasKey) throw usageError(`${source.name} needs no key`);
  if (flags.name !== undefined && !isFile) throw usageError('--name is for dotenv and json');
}

interface SourceCall {
  readonly source: Source;
  readonly file: string | undefined;
  readonly flags: ImportFlags;
}

/** @throws CommandError in place of the errors of an import, with the exit code */
async function runOrExplain(context: CommandContext, { source, file, flags }: SourceCall): Promise<ImportReport> {
  using progress = new Progress(context.output);
  try {
    return await runImport({
      source,
      input: await inputOf(context, file, flags),
      access: await context.openSession(flags),
      isApplied: flags.apply === true,
      isVerified: flags.verify === true,
      ...(flags.sourceWorkspace !== undefined && { sourceWorkspace: flags.sourceWorkspace }),
      onProgress: (done, total) => progress.show(`${done} of ${total} stored`),
    });
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    throw error.isUsage ? usageError(error.message) : new CommandError(exitCodes.error, error.message);
  }
}

async function inputOf(context: CommandContext, file: string | undefined, flags: ImportFlags): Promise<SourceInput> {
  const key = await readKey(context, flags);
  return {
    environment: context.environment,
    homeDirectory: homedir(),
    readStandardInput: () => readAll(context),
    ...(file !== undefined && { file }),
    ...(flags.database !== undefined && { database: flags.database }),
    ...(flags.dataDir !== undefined && { dataDirectory: flags.dataDir }),
    ...(flags.table !== undefined && { table: flags.table }),
    ...(flags.name !== undefined && { credentialName: flags.name }),
    ...(key && { key }),
  };
}

/** The key that the user gives, untrimmed: white space may belong to it. */
async function readKey(context: CommandContext, { keyFile, passwordStdin }: ImportFlags): Promise<KeyText | undefined> {
  if (passwordStdin) return { text: await readPassword(context), origin: 'the standard input' };
  if (keyFile === undefined) return undefined;
  try {
    return { text: await readFile(keyFile, 'utf8'), origin: keyFile };
  } catch (error) {
    throw usageError(`${keyFile} cannot be read: ${errorCode(error) ?? 'unknown error'}`);
  }
}

/** The whole standard input; a terminal gets a prompt that does not show what is typed. */
async function readPassword(context: CommandContext): Promise<string> {
  if (!context.stdin.isTTY) return (await readAll(context)).toString('utf8');
  const { askSecret } = await import('../terminal/prompts.ts');
  return askSecret('Key or password of the source', context.terminal);
}

async function readAll({ stdin }: CommandContext): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
