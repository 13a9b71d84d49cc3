/** The greatest sizes that the vault accepts; characters are Unicode code points. @see docs/limits.md */
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
  pageSize: 1_000,
  pageSizeDefault: 100,
  /** Of a list without pages, so much is in memory at a time. */
  listChunk: 500,
  /** What a dialect may document beyond `pageSize`. */
  pageSizeOfDialects: 10_000,
  /** Of the entries of a list in one answer: the clients of gRPC refuse messages of more than 4 MiB. */
  listBytes: 3_670_016,
  /** How many secrets one call may open to name their fields. */
  describedAtOnce: 20,
  requestBodyBytes: 1_048_576,
  /** Of objects and arrays in one another, in a request's JSON. */
  jsonDepth: 64,
  /** Commas, colons and opening brackets of a request's JSON; the largest secret and metadata together have fewer. */
  jsonMarks: 65_536,
} as const;
