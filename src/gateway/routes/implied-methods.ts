/**
 * Adds `HEAD` where there is `GET`: a path that has the one has the other.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.1
 */
export function withHead(methods: readonly string[]): readonly string[] {
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].toSorted();
}

/** The method whose routes answer a request: `HEAD` is answered as `GET` is, but for the body. */
export function answeringMethod(httpMethod: string): string {
  return httpMethod === 'HEAD' ? 'GET' : httpMethod;
}
