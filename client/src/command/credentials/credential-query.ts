/** An id of a credential: a UUID or `CRD-…`. */
const idPattern = /^(CRD-[0-9A-F]{16}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Whether a reference to a credential is an id; otherwise it is a name. */
export function isCredentialId(reference: string): boolean {
  return idPattern.test(reference);
}

/** A text as a value of a filter. */
export function quoteForFilter(text: string): string {
  return `"${text.replaceAll(/[\\"*]/g, String.raw`\$&`)}"`;
}
