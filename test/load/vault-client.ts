/** Why a call was refused, whatever the protocol calls it. */
export const refusalCodes = ['not_found', 'name_taken', 'etag_stale', 'permission_denied', 'unavailable'] as const;

export type RefusalCode = (typeof refusalCodes)[number];

/** A refusal that a model may explain; what else goes wrong is thrown as it is, and fails the test. */
export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(protocol: string, code: RefusalCode) {
    super(`${protocol}: ${code}`);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** What a credential is created with. */
export interface Draft {
  readonly name: string;
  /** The one field of its secret, `payload`. */
  readonly value: string;
}

/** What is told of a credential without its secret. */
export interface Described {
  readonly id: string;
  readonly description: string;
  /** Empty where the protocol has none. */
  readonly etag: string;
}

/** A change; Scale changes the secret alone, all others the description alone. */
export interface Change {
  readonly text: string;
  readonly etag?: string;
}

/** One caller, who speaks one protocol. Each method throws `Refusal`. */
export interface VaultClient {
  readonly protocol: string;
  /** Whether a change is one of the secret. */
  readonly changesSecrets: boolean;
  create(draft: Draft): Promise<Described>;
  describe(id: string): Promise<Described>;
  change(id: string, change: Change): Promise<Described>;
  reveal(id: string): Promise<string>;
  remove(id: string, etag?: string): Promise<void>;
  close(): void;
}

/** Makes a client of one server; a token per caller. */
export type Connect = (origin: string, token: string) => VaultClient;
