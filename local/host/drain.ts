/** What runs at the moment, so that a stop can wait for it and name what it cuts. */
export class WorkUnderWay {
  readonly #names = new Map<Promise<unknown>, string>();

  add<T>(name: string, work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#names.delete(tracked));
    this.#names.set(tracked, name);
    return tracked;
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }

  async ended(): Promise<void> {
    while (this.#names.size > 0) await Promise.allSettled(this.#names.keys());
  }
}

/** Whether `work` ended within so long. Its failure is its own. */
export async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
