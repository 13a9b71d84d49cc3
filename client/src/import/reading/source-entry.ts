import type { JsonObject } from './json.ts';

/** Why a secret could not be read from its source. */
export const unreadableStates = ['wrong key', 'damaged', 'reference', 'empty'] as const;

/**
 * `wrong key`: encrypted under another key. `damaged`: not what the source writes. `reference`: the value is kept elsewhere.
 * `empty`: there is nothing to store.
 */
export type UnreadableState = (typeof unreadableStates)[number];

/** A secret of a source, or why it has none that can be stored. A reason never quotes a value. */
export type Opened =
  | { readonly state: 'opened'; readonly fields: JsonObject }
  | { readonly state: UnreadableState; readonly reason: string };

/** A credential of a source. */
export interface SourceEntry {
  /** Its id in the source, unique there; a name where the source has no ids. */
  readonly originalId: string;
  readonly name: string;
  readonly provider: string;
  readonly secret: Opened;
  /** The workspace or project of the source that has it, where the source has several. */
  readonly originalWorkspace?: string;
  readonly authType?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly expiresAt?: Date;
  /** Whether the source had deactivated it. */
  readonly isInactive?: boolean;
  /** What the user should know although it is stored, such as a field that is left out. */
  readonly note?: string;
}

/** What was read of a source. */
export interface SourceContents {
  readonly entries: readonly SourceEntry[];
  /** What is wrong with the source as a whole; the entries that could be read are there nevertheless. */
  readonly faults: readonly string[];
}

/** An entry whose secret was opened. */
export interface OpenedEntry extends SourceEntry {
  readonly secret: { readonly state: 'opened'; readonly fields: JsonObject };
}

/** Whether the secret of an entry was opened. */
export function isOpened(entry: SourceEntry): entry is OpenedEntry {
  return entry.secret.state === 'opened';
}

/** The result of opening a text: its fields, or that there are none. */
export function openedFields(fields: JsonObject): Opened {
  if (Object.keys(fields).length === 0) return { state: 'empty', reason: 'the secret has no fields' };
  return { state: 'opened', fields };
}
