import { geteuid, platform } from 'node:process';
import { userInfo } from 'node:os';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { runCommand } from './run-command.ts';

/** An account of the operating system that PostgreSQL runs under in the place of root. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

// `nobody` is shared with other daemons, so it comes last.
const candidates = ['postgres', '_postgres', 'nobody'] as const;

/** The user id that this process acts as. */
export function ownUserId(): number {
  if (geteuid === undefined) {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      `The embedded PostgreSQL does not run on ${platform}: set COFFER_DATABASE_URL`,
    );
  }
  return geteuid();
}

/**
 * The account to run PostgreSQL under: undefined when we are an ordinary user, since then it is our own. As root it is
 * the one that already owns the cluster, else the first candidate that exists: a package that later brings a `postgres`
 * account must not lock out the cluster that `nobody` made.
 */
export async function chooseAccount(clusterOwnerId: number | undefined): Promise<Account | undefined> {
  if (ownUserId() !== 0) return requireOwnName();
  const accounts = (await Promise.all(candidates.map(findAccount))).filter((account) => account !== undefined);
  const account = accounts.find(({ uid }) => uid === clusterOwnerId) ?? accounts[0];
  if (account !== undefined) return account;
  throw new EmbeddedPostgresError(
    'no_account',
    `PostgreSQL refuses to run as root, and none of the accounts ${candidates.join(', ')} exists: ` +
      'add one, start Coffer as an ordinary user, or set COFFER_DATABASE_URL',
  );
}

async function findAccount(name: string): Promise<Account | undefined> {
  const [user, group] = await Promise.all([runCommand('id', ['-u', name]), runCommand('id', ['-g', name])]);
  const uid = Number.parseInt(user.output, 10);
  const gid = Number.parseInt(group.output, 10);
  const usable = user.succeeded && group.succeeded && uid > 0 && gid > 0;
  return usable ? { name, uid, gid } : undefined;
}

function requireOwnName(): undefined {
  try {
    userInfo();
  } catch (error) {
    throw new EmbeddedPostgresError(
      'no_account',
      `User id ${ownUserId()} has no name on this machine, and PostgreSQL needs one: ` +
        'start Coffer as a user of /etc/passwd, or set COFFER_DATABASE_URL',
      error,
    );
  }
}
