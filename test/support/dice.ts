/** Numbers that only look random: the same ones for the same seed. */
export interface Dice {
  /** A whole number of at least 0, below the given one. */
  below(end: number): number;
  pick<T>(choices: readonly T[]): T;
  /** Characters of one byte each, fewer than the given number. */
  bytes(lengthMax: number): string;
}

/** Mulberry32, a generator of 32 bits. */
export function createDice(seed: number): Dice {
  let state = seed;
  const below = (end: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  };
  return {
    below,
    pick: (choices) => {
      const chosen = choices[below(choices.length)];
      if (chosen === undefined) throw new Error('there is no choice');
      return chosen;
    },
    bytes: (lengthMax) => Array.from({ length: below(lengthMax) }, () => String.fromCharCode(below(256))).join(''),
  };
}
