const patterns = {
  base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/,
  base64url: /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?$/,
} as const;

/** Decodes base64 strictly: undefined for other characters or an incomplete group, which Buffer would skip silently. */
export function decodeBase64(text: string, alphabet: keyof typeof patterns = 'base64'): Buffer | undefined {
  return patterns[alphabet].test(text) ? Buffer.from(text, alphabet) : undefined;
}
