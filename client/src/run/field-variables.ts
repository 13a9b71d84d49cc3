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

function upperSnakeCase(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
}
