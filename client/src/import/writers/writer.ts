import type { JsonObject } from '../reading/json.ts';
import type { OpenedEntry } from '../reading/source-entry.ts';
import type { DialectAnswer, DialectCalls } from '../vault/dialect-calls.ts';
import type { CreateResult, CreateScope } from '../vault/create-once.ts';

/** What a writer works with. */
export interface WriterContext extends CreateScope {
  readonly calls: DialectCalls;
}

/** Stores the entries of a source, by the dialect that its users have. */
export interface Writer {
  /** Whether the ids of the source become those of the credentials. */
  readonly keepsIds: boolean;
  /** Whether two credentials of the source may have one name. */
  readonly sharesNames: boolean;
  /** Whether the dialect reaches only the caller's default workspace. */
  readonly needsDefaultWorkspace: boolean;
  /** Stores an entry, and returns the id of the credential. Labels are set where the dialect can. */
  create(entry: OpenedEntry, labels: Readonly<Record<string, string>>): Promise<CreatedCredential>;
  /** Starts reading back; what it returns compares one credential with what the dialect shows of it. */
  startReading(): Promise<DialectReader>;
}

/** A credential that was stored. */
export interface CreatedCredential {
  readonly id: string;
  readonly isLabelled: boolean;
}

/** Compares an entry with what a dialect shows; returns what differs. */
export type DialectReader = (entry: OpenedEntry, credentialId: string) => Promise<string | undefined>;

/** A text member of a response. */
export function memberOf(body: unknown, name: string): string {
  const value =
    typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : '';
  return typeof value === 'string' ? value : '';
}

/** The credential that a dialect returns as an object with its id. */
export function createdOf({ body, isReplayed }: DialectAnswer): CreateResult {
  return { id: memberOf(body, 'id'), isReplayed };
}

/** The members of an object that are present, without those that are undefined. */
export function present(members: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
