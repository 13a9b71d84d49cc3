/** What a group queue is made of. */
export interface GroupQueueParts<Member> {
  /**
   * Works for the members of a group in their order; answers those that it leaves to the next group, which must be fewer. It
   * never rejects: what fails is told to whoever asked for it.
   */
  readonly work: (group: readonly Member[]) => Promise<readonly Member[]>;
  /** The most members of a group. */
  readonly groupMax: number;
}

/**
 * Lets calls share work, such as a commit or a query: one group is under way at a time, and what arrives meanwhile forms the
 * next one. What arrives while none is under way goes at once, alone.
 */
export class GroupQueue<Member> {
  readonly #parts: GroupQueueParts<Member>;
  #waiting: Member[] = [];
  #isUnderWay = false;

  constructor(parts: GroupQueueParts<Member>) {
    this.#parts = parts;
  }

  add(member: Member): void {
    this.#waiting.push(member);
    if (!this.#isUnderWay) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isUnderWay = true;
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting.splice(0, this.#parts.groupMax);
        const left = await this.#parts.work(group);
        this.#waiting = [...left, ...this.#waiting];
      }
    } finally {
      this.#isUnderWay = false;
    }
  }
}
