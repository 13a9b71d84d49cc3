/** A command line that says too little, too much, or something that is none of the command's options. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
