import type { TokenSource } from './transport/coffer-transport.ts';

/** How a client reaches Coffer. */
export interface CofferOptions {
  /** The address, such as `https://coffer.example.com`, with a path where a proxy serves Coffer below one. */
  readonly url: string;
  /** An API key, a session token or an access token. Without one, a client certificate can authenticate the caller. */
  readonly token?: TokenSource | undefined;
  /** The UUID of the workspace, its `WSP-…` id, or `default` (which it is if absent): the caller's default workspace. */
  readonly workspace?: string | undefined;
  /** The deadline of each call, all of its attempts included. 10,000 if absent. */
  readonly timeoutMs?: number | undefined;
}
