/** The parts of a group queue. */
export interface GroupQueueParts<Member> {
  /**
   * Processes the members of a group in order, and returns those that it defers to the next group, which must be fewer. It never
   * rejects: failures are reported to the callers of the members.
   */
  readonly work: (group: readonly Member[]) => Promise<readonly Member[]>;
  /** The most members of a group. */
  readonly groupMax: number;
}

/**
 * Lets calls share work, such as a commit or a query. One group is under way at a time, and calls that arrive meanwhile form the
 * next one. A call that finds the queue idle starts at once as a group of one.
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
