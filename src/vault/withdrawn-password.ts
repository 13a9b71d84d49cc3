/**
 * What stands in place of a password's hash that was withdrawn when an API key was replaced: no password matches it, and it
 * keeps the first set-up from being open again. It names the new key, so that no two withdrawals look alike.
 */
export function withdrawnPassword(apiKeyId: string): string {
  return `!${apiKeyId}`;
}

/** Tells whether a user can log in by what stands in the place of his password's hash. */
export function isPassword(passwordHash: string | null | undefined): passwordHash is string {
  return typeof passwordHash === 'string' && !passwordHash.startsWith('!');
}
