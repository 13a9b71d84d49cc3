/** A credential as the model knows it. */
export interface ModelCredential {
  readonly name: string;
  readonly provider: string;
  readonly isActive: boolean;
  readonly isExpired: boolean;
  readonly isDeleted: boolean;
  readonly isPurged: boolean;
  /** Rises with every change of the metadata, the state, the deletion or the versions; the etag. */
  readonly revision: number;
  readonly currentVersion: number;
  /** The content of each version by its number; null if it was destroyed. */
  readonly versions: Readonly<Record<number, SecretContent | null>>;
}

/** The secrets of the model. */
export const secretContents = ['first', 'second', 'wider'] as const;
export type SecretContent = (typeof secretContents)[number];

/** The fields of each secret. */
export const secretFields: Readonly<Record<SecretContent, Readonly<Record<string, string>>>> = {
  first: { key: 'one' },
  second: { key: 'two' },
  wider: { key: 'one', more: 'three' },
};

/** What a workspace contains. */
export interface ModelState {
  /** By their ids. */
  readonly credentials: Readonly<Record<string, ModelCredential>>;
  /** The successful requests that had an id, by caller and id. */
  readonly requests: Readonly<Record<string, AnsweredRequest>>;
}

export const emptyState: ModelState = { credentials: {}, requests: {} };

/** A request with its answer, which a repetition gets again. */
export interface AnsweredRequest {
  readonly request: string;
  readonly answer: ModelAnswer;
  readonly createdId: string | undefined;
}

/** The callers of the model. A key with a scope has the credentials of one provider. */
export const callers = {
  VIEWER: { rank: 0, mayReveal: false, provider: undefined },
  RUNTIME: { rank: 1, mayReveal: true, provider: undefined },
  WRITER: { rank: 2, mayReveal: false, provider: undefined },
  EDITOR: { rank: 2, mayReveal: true, provider: undefined },
  SCOPED: { rank: 2, mayReveal: true, provider: 'within' },
  ADMIN: { rank: 3, mayReveal: true, provider: undefined },
} as const;
export type CallerName = keyof typeof callers;

/** What a call asks for. */
export interface ModelCall {
  readonly caller: CallerName;
  readonly operation: Operation;
  /** The credential; an id that nothing has stands for none. */
  readonly id: string;
  readonly etag?: string;
  /** Only of calls that change something. */
  readonly requestId?: string;
  readonly version: number;
  readonly otherVersion: number;
  readonly content: SecretContent;
  readonly name: string;
  readonly provider: string;
  readonly showDeleted: boolean;
}

/** The operations, with the least role that may perform each. */
export const operations = {
  get: { rank: 0, reveals: false, takesEtag: false },
  listVersions: { rank: 0, reveals: false, takesEtag: false },
  reveal: { rank: 1, reveals: true, takesEtag: false },
  compare: { rank: 1, reveals: true, takesEtag: false },
  create: { rank: 2, reveals: false, takesEtag: false },
  previewUpdate: { rank: 2, reveals: false, takesEtag: true },
  update: { rank: 2, reveals: false, takesEtag: true },
  expire: { rank: 2, reveals: false, takesEtag: true },
  unexpire: { rank: 2, reveals: false, takesEtag: true },
  activate: { rank: 2, reveals: false, takesEtag: true },
  deactivate: { rank: 2, reveals: false, takesEtag: true },
  delete: { rank: 2, reveals: false, takesEtag: true },
  undelete: { rank: 2, reveals: false, takesEtag: true },
  addVersion: { rank: 2, reveals: false, takesEtag: true },
  restore: { rank: 2, reveals: false, takesEtag: true },
  destroy: { rank: 3, reveals: false, takesEtag: true },
  purge: { rank: 3, reveals: false, takesEtag: true },
} as const satisfies Record<string, { readonly rank: number; readonly reveals: boolean; readonly takesEtag: boolean }>;
export type Operation = keyof typeof operations;

/** What a caller sees of an answer. */
export interface ModelAnswer {
  /** `ok`, or the reason of the refusal. */
  readonly outcome: string;
  /** The current etag of a stale call. */
  readonly etag?: string;
  readonly credential?: ShownCredential;
  readonly secret?: Readonly<Record<string, string>>;
  readonly version?: number;
  /** Each version with its state. */
  readonly versions?: Readonly<Record<number, string>>;
  /** Each field with its change. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** The members of a credential that the model predicts. */
export interface ShownCredential {
  readonly name: string;
  readonly provider: string;
  readonly state: string;
  readonly etag: string;
  readonly currentVersion: number;
}
