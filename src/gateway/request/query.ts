/** The most parameters that a query may have. */
export const parametersMax = 1_000;

/** A query, read no further than a request may go. */
export interface BoundedQuery {
  readonly query: URLSearchParams;
  /** Whether it has more than 1,000 parameters: the first of them are what was read. */
  readonly isQueryCut: boolean;
}

/** Reads a query, the text behind the question mark. */
export function readQueryText(text: string): BoundedQuery {
  const end = endOfParameters(text);
  return { query: new URLSearchParams(text.slice(0, end)), isQueryCut: end < text.length };
}

/** Where the parameters end that may be read. */
function endOfParameters(text: string): number {
  // Each takes a character at least, and another one that separates it from the next.
  if (text.length < 2 * parametersMax) return text.length;
  let count = 0;
  for (let at = 0; at < text.length;) {
    const separator = text.indexOf('&', at);
    const end = separator === -1 ? text.length : separator;
    if (end > at) count += 1;
    if (count > parametersMax) return at;
    at = end + 1;
  }
  return text.length;
}
