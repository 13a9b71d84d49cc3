import type { Filter } from '../search/filter.ts';
import type { SortKey } from '../search/order.ts';
import type { Position } from '../search/position.ts';
import type { Credential } from './credential.ts';

/** What is counted. */
export interface MatchCount {
  readonly workspaceId: string;
  /** Everything if undefined. It includes the scope of the caller's key. */
  readonly filter: Filter | undefined;
  readonly deletedToo?: boolean;
  /** The time at which states are determined. */
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** A page of a search. */
export interface SearchRequest extends MatchCount {
  /** At least one key. */
  readonly order: readonly SortKey[];
  /** Where the page begins; the start of the list if undefined. */
  readonly after: Position | undefined;
  /** The most credentials, from 1. */
  readonly size: number;
}

export interface SearchPage {
  /** May be fewer than requested, and none, even if more follow. */
  readonly credentials: readonly Credential[];
  /** Where the next page begins; undefined at the end of the list. */
  readonly next: Position | undefined;
}
