/** The help of a command. */
export interface CommandUsage {
  /** Its command lines, without the program's name. */
  readonly lines: readonly string[];
  /** A short description for the list of all commands. */
  readonly summary: string;
  /** What it does, with its options. */
  readonly details: string;
}

/** The command line is wrong: a missing or unknown option, or a value that it does not accept. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

const times = `A TIME is a date (2024-01-01, its first moment in UTC) or a time of RFC 3339 (2024-01-01T09:30:00+02:00).`;
const besideServer = `The server may be running; where it is not, its embedded PostgreSQL is started for as long as this takes.`;

/** The commands, in the order of the list. */
export const usages = {
  start: {
    lines: ['[start]'],
    summary: 'serve until SIGTERM, SIGINT, SIGQUIT or SIGHUP (this is the default)',
    details: `Prints "listening on http://HOST:PORT" to the standard output, and logs to the standard error as JSON lines.
The first start makes the vault. It exits with 0 when it was stopped by a signal.`,
  },
  'admin-key': {
    lines: ['admin-key [--out FILE | --print]', 'admin-key --new [--out FILE | --print]'],
    summary: 'replace a lost or stolen admin key, or make one for COFFER_ADMIN_API_KEY',
    details: `Makes a new admin key and revokes the old one, with the sessions and the password of the first owner.
${besideServer}

  --out FILE  write the key into a new file
  --print     print it to the standard output
  --new       only make a key for the setting COFFER_ADMIN_API_KEY, and touch no vault

Without --out and --print, the key replaces admin.key in the data directory of the embedded PostgreSQL, and --new
prints it.`,
  },
  'audit-export': {
    lines: ['audit-export [--from TIME] [--to TIME]'],
    summary: 'print the audit trail as JSON lines',
    details: `Prints the events of all workspaces to the standard output.
${besideServer}

  --from TIME  events from this time on
  --to TIME    events before this time

${times}`,
  },
  'audit-prune': {
    lines: ['audit-prune --before TIME [--despite-rows]'],
    summary: 'delete old events of the audit trail',
    details: `Verifies the trail, then deletes the events before TIME from the beginning of each stream.
Connects as the user of COFFER_MIGRATE_DATABASE_URL where that is given, since only the owner of the tables may delete.
${besideServer}

  --before TIME   the first time that is kept
  --despite-rows  prune although rows differ from the trail, if the trail itself is intact

${times}`,
  },
  'audit-verify': {
    lines: ['audit-verify [--heads FILE [--continue]]'],
    summary: 'verify the audit trail, and the rows that it describes',
    details: `Shows progress and faults on the standard error, and prints the last event of each stream to the standard output, as a
line of JSON to be kept where the database's writers do not reach. It exits with 0 where everything is as it was
written, and with 1 where it is not.
${besideServer}

  --heads FILE  what an earlier run printed: these events must still be there
  --continue    skip the events before those of FILE, which that run verified; rows are verified all the same`,
  },
  'audit-acknowledge-loss': {
    lines: ['audit-acknowledge-loss'],
    summary: 'acknowledge that the database has lost events of the audit trail',
    details: `After a failover to a replica that lacked committed events, the server's log, /readyz and the metric
coffer_trail_lost_events name them, and the trail does not verify. This writes down, in the trail, that an operator
knows of it; then the trail verifies and names the loss, and can be pruned.
${besideServer}`,
  },
  keys: {
    lines: [
      'keys rotate-master [--to-key-file FILE | --to-password-file FILE | --to-command COMMAND]',
      'keys split --shares N --threshold K',
    ],
    summary: 'rotate the master key, or split it into shares',
    details: `rotate-master wraps the keys of the instance and of all workspaces by another master key, in one transaction: after a
crash, the vault opens with exactly one of the two. Without a target, where the key is master.key in the data directory,
a new key takes its place, and the old one is kept beside it as master.key.<fingerprint>; running servers take it over.
With a target, they are sealed until they are unsealed or restarted with the new key.
${besideServer}

  --to-key-file FILE       the key in FILE, which is made where it is missing
  --to-password-file FILE  the password in FILE, of at least 12 characters
  --to-command COMMAND     what a program prints: a path, or a JSON list of it and its arguments

split prints N shares of the master key, one a line, of which any K unseal a server that has no key. Earlier shares are
not accepted any more. Both are whole numbers from 2 to 255.`,
  },
  doctor: {
    lines: ['doctor [--all] [--heads FILE] [--json]'],
    summary: 'examine the configuration, the machine, the database, the keys and every row',
    details: `Changes nothing. Each finding is a line on the standard output: ok, warning, fault with what to do, or skipped. It exits
with 1 where there is a fault, else with 0.
${besideServer}

  --all         open every version of a secret, not only 1,000 of them
  --heads FILE  what audit-verify printed: these events must still be there
  --json        print one JSON object instead: {"healthy":true,"findings":[{"check":"…","state":"ok","message":"…"}]}`,
  },
  migrate: {
    lines: ['migrate'],
    summary: 'bring the schema of COFFER_DATABASE_URL to this release',
    details: `Connects as the user of COFFER_MIGRATE_DATABASE_URL where that is given. It makes neither keys nor an owner.
Only needed where the server's own user may not change the schema.`,
  },
  demo: {
    lines: ['demo'],
    summary: 'store, list and reveal credentials in a temporary Coffer, and show how',
    details: 'It needs no configuration, and leaves nothing behind.',
  },
  version: {
    lines: ['version', '--version'],
    summary: 'print the version',
    details: '',
  },
  help: {
    lines: ['help [COMMAND]', '[COMMAND] --help'],
    summary: 'print this, or the help of a command',
    details: '',
  },
} as const satisfies Readonly<Record<string, CommandUsage>>;

/** The name of a command. */
export type CommandName = keyof typeof usages;

const configuration =
  'Configuration comes from the environment and from .env in the working directory; see docs/configuration.md.';

/** The list of all commands. */
export function describeProgram(): string {
  const width = Math.max(...Object.keys(usages).map((name) => name.length));
  const rows = Object.entries(usages).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: coffer [COMMAND] [OPTIONS]\n\n${rows.join('\n')}\n\ncoffer COMMAND --help describes a command.\n${configuration}\n`;
}

/** The help text of one command. */
export function describeCommand(name: CommandName): string {
  const { details, lines, summary } = usages[name];
  const synopsis = lines.map((line) => `coffer ${line}`).join('\n       ');
  return `usage: ${synopsis}\n\n${summary}\n${details && `\n${details}\n`}\n${configuration}\n`;
}
