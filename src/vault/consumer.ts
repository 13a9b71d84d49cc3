/** A caller that used the secret of a credential. */
export interface Consumer {
  readonly kind: 'user' | 'api_key';
  /** The id of the user or of the API key. */
  readonly id: string;
  /** The name at the time of the use. */
  readonly name: string;
  readonly lastUsedAt: Date;
}

/** The most consumers of a credential that are kept: those that used it last. */
export const consumersMax = 10;
