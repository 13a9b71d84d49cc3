import { TrailDamagedError } from '../audit/chain-verifier.ts';
import { ConfigError } from '../config/config.ts';
import { EmbeddedPostgresError } from '../embedded/errors.ts';
import { KeyringDamagedError, KeyringMissingError, WrongMasterKeyError } from '../encryption/open-keyring.ts';
import { ExposedInspectorError } from './exposed-inspector.ts';
import { KeyFileError } from './keys/key-file.ts';
import { MasterKeyUnavailableError } from './keys/master-key-origin.ts';
import { ListenError } from './listen.ts';
import { OwnerMissingError, WrongKeySettingError } from './instance-checks.ts';
import { DatabaseFailure } from '../store/postgres/connect/database-failure.ts';
import { NotMemberError } from '../store/schema/app-role.ts';
import { DatabaseUnreachableError } from '../store/postgres/connect/await-database.ts';
import { SharedSessionsError } from '../store/postgres/connect/session-checks.ts';
import { DatabaseTlsError } from '../store/postgres/connect/tls-options.ts';
import {
  NoVaultError,
  SchemaTooNewError,
  SchemaTooOldError,
  UnchainedTrailError,
} from '../store/schema/schema-check.ts';
import { VaultError } from '../vault/errors.ts';

/** Errors whose message has the problem and the remedy. Other errors are printed with their stack. */
const forOperators = [
  ConfigError,
  DatabaseUnreachableError,
  DatabaseTlsError,
  EmbeddedPostgresError,
  ExposedInspectorError,
  KeyFileError,
  KeyringDamagedError,
  KeyringMissingError,
  ListenError,
  MasterKeyUnavailableError,
  NoVaultError,
  SchemaTooNewError,
  SchemaTooOldError,
  SharedSessionsError,
  NotMemberError,
  OwnerMissingError,
  TrailDamagedError,
  UnchainedTrailError,
  WrongKeySettingError,
  WrongMasterKeyError,
];

/** Explanations of database errors for an operator, by SQLSTATE. @see https://www.postgresql.org/docs/18/errcodes-appendix.html */
const bySqlState: Readonly<Record<string, string>> = {
  '28000': 'the user of COFFER_DATABASE_URL is unknown to the database, or may not log in',
  '28P01': 'the password in COFFER_DATABASE_URL is wrong',
  '3D000': 'the database that COFFER_DATABASE_URL names does not exist',
  '42501':
    'the user of the database lacks a right that this needs, such as CREATE on the schema public: the commands migrate ' +
    'and audit-prune work as the owner of the tables where COFFER_MIGRATE_DATABASE_URL names that user',
  '53100': "the database's disk is full",
};

/** Explains to an operator why a command failed: in a sentence where they can fix it, otherwise with the stack. */
export function explainError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isForOperators(error)) return error.message;
  if (error instanceof DatabaseFailure) return bySqlState[error.sqlState] ?? error.message;
  if (error instanceof VaultError) return withCause(error);
  return error.stack ?? error.message;
}

function isForOperators(error: Error): boolean {
  return forOperators.some((type) => error instanceof type);
}

/** The messages of the core are for callers; an operator also needs their cause. */
function withCause({ cause, message }: VaultError): string {
  if (cause instanceof Error && isForOperators(cause)) return cause.message;
  if (cause instanceof DatabaseFailure) return `${message}: ${bySqlState[cause.sqlState] ?? cause.message}`;
  return cause instanceof Error && 'code' in cause ? `${message} (${String(cause.code)})` : message;
}
