import { invalidArgument } from '../errors.ts';
import { nilUuid, parseId } from '../ids.ts';

/** What is searched for: a value, or its hash. */
export interface LeakQuery {
  readonly value?: string | undefined;
  /** Of the value's UTF-8 bytes, as lower-case hex. */
  readonly sha256?: string | undefined;
  /** Whether only to find the credentials. */
  readonly validateOnly: boolean;
  /** Of an earlier report; empty to search from the beginning. */
  readonly pageToken: string;
}

/** Where a search continues: after a credential of a workspace. Both are in the order of their ids. */
export interface LeakPosition {
  readonly workspaceId: string;
  readonly after: string;
}

/** Shorter values are so common, and so easy to guess, that they are never matched. */
const valueBytesMin = 12;

/**
 * The comparison with a field of a secret.
 *
 * @throws VaultError `invalid_argument` unless exactly one of value and hash is given, for a short value and for a malformed hash
 */
export function matcherOf({ value, sha256 }: LeakQuery, hash: (text: string) => string): (field: string) => boolean {
  if ((value === undefined) === (sha256 === undefined))
    throw invalidArgument('value', 'or sha256 is required, not both');
  if (value !== undefined && Buffer.byteLength(value) < valueBytesMin) {
    throw invalidArgument('value', `must be at least ${valueBytesMin} bytes`);
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalidArgument('sha256', 'must be 64 lower-case hex digits');
  }
  if (value !== undefined) return (field) => field === value;
  return (field) => Buffer.byteLength(field) >= valueBytesMin && hash(field) === sha256;
}

/** The token of a position. */
export function formatLeakToken({ workspaceId, after }: LeakPosition): string {
  return Buffer.from(`${workspaceId} ${after}`).toString('base64url');
}

/** @throws VaultError `invalid_argument` for a text that is not a token */
export function parseLeakToken(token: string): LeakPosition | undefined {
  if (token === '') return undefined;
  const [workspaceId = '', after = '', ...rest] = Buffer.from(token, 'base64url').toString().split(' ');
  if (rest.length > 0 || !isId(workspaceId) || !isId(after)) {
    throw invalidArgument('page_token', 'must be the token of an earlier report');
  }
  return { workspaceId, after };
}

function isId(text: string): boolean {
  return text === nilUuid || parseId(text) === text;
}
