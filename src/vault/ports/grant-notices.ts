/** What was changed: an API key, a session, a user or his memberships, a workspace; or anything, where that is not known. */
export type GrantChange =
  { readonly kind: 'api_key' | 'session' | 'user' | 'workspace'; readonly id: string } | { readonly kind: 'any' };

/** Tells of changes of what grants something, whoever makes them. */
export interface GrantNotices {
  /**
   * Whether all changes have been told that were made up to 0.9 s ago. Where it answers no, what was found before
   * proves nothing.
   */
  isCurrent(): boolean;
  /**
   * @param told must not throw
   * @returns what ends the subscription
   */
  subscribe(told: (change: GrantChange) => void): () => void;
}
