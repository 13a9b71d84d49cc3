/** A field of a credential that becomes a variable. */
export interface NamedField {
  readonly credential: string;
  readonly field: string;
}

/**
 * The variable of a field: the field in upper snake case, with the name of the credential before it where there are
 * several credentials. What no variable can contain becomes `_`.
 */
export function variableOf({ credential, field }: NamedField, { withCredential }: { withCredential: boolean }): string {
  const words = withCredential ? [credential, field] : [field];
  const name = words.map(upperSnakeCase).join('_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

/**
 * A name in upper snake case: `apiKey`, `api-key` and `api_key` are `API_KEY`. What is no letter or digit of ASCII becomes one
 * underscore.
 */
export function upperSnakeCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')
    .toUpperCase();
}
