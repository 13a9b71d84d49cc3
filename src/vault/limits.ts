/** The greatest sizes that the vault accepts. Characters are Unicode code points. @see docs/limits.md */
export const limits = {
  nameCharacters: 255,
  descriptionCharacters: 1_000,
  shortTextCharacters: 255,
  tags: 64,
  tagCharacters: 63,
  labels: 64,
  labelCharacters: 63,
  metadataBytes: 16_384,
  secretBytes: 65_536,
  /** The versions of a credential, including destroyed ones. */
  versions: 1_000,
  pageSize: 1_000,
  pageSizeDefault: 100,
  /** Credentials in memory at a time, for a list without pages. */
  listChunk: 500,
  /** The page size that a dialect may permit beyond `pageSize`. */
  pageSizeOfDialects: 10_000,
  /** All entries of a list in one response: gRPC clients reject messages of more than 4 MiB. */
  listBytes: 3_670_016,
  /** The items of a batch. */
  batchItems: 1_000,
  /** Secrets that one call may open to list the names of their fields. */
  describedAtOnce: 20,
  requestBodyBytes: 1_048_576,
  /** The nesting of objects and arrays in a request's JSON. */
  jsonDepth: 64,
  /** Commas, colons and opening brackets in a request's JSON: more than the largest secret and metadata have. */
  jsonMarks: 65_536,
} as const;
