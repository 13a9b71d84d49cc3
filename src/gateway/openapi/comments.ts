/** A comment of a proto, taken apart. */
export interface SplitComment {
  /** What a field's comment begins with. */
  readonly behaviour: 'Required' | 'Optional' | 'Output only' | undefined;
  /** The rest of it. */
  readonly text: string;
}

/** Takes a comment apart: `Output only. UUID.` says that the field is output only, and that it is a UUID. */
export function splitComment(comment = ''): SplitComment {
  const behaviour = behaviours.find((word) => comment.startsWith(`${word}.`));
  return { behaviour, text: behaviour ? comment.slice(behaviour.length + 1).trim() : comment };
}

const behaviours = ['Required', 'Optional', 'Output only'] as const;
