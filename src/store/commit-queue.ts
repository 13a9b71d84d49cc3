/**
 * Lets writes share commits: one group is under way at a time, and what arrives meanwhile forms the next one. What arrives
 * while none is under way goes at once, alone.
 */
export class CommitQueue<Write> {
  readonly #commit: (group: readonly Write[]) => Promise<readonly Write[]>;
  readonly #groupMax: number;
  #waiting: Write[] = [];
  #isUnderWay = false;

  /**
   * @param commit carries out the writes of a group in their order; answers those that it leaves to the next group, which
   *   must be fewer. It never rejects: what fails is told to whoever asked for it.
   * @param groupMax the most writes of a group
   */
  constructor({ commit, groupMax }: Pick<CommitQueueParts<Write>, 'commit' | 'groupMax'>) {
    this.#commit = commit;
    this.#groupMax = groupMax;
  }

  add(write: Write): void {
    this.#waiting.push(write);
    if (!this.#isUnderWay) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isUnderWay = true;
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting.splice(0, this.#groupMax);
        const left = await this.#commit(group);
        this.#waiting = [...left, ...this.#waiting];
      }
    } finally {
      this.#isUnderWay = false;
    }
  }
}

/** What a commit queue is made of. */
export interface CommitQueueParts<Write> {
  readonly commit: (group: readonly Write[]) => Promise<readonly Write[]>;
  readonly groupMax: number;
}
