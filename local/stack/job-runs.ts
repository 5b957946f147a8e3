import type { JobRun } from './job-line';

/** The runs of jobs as they are reported, for a caller that waits for one. */
export class JobRuns {
  readonly all: JobRun[] = [];
  #waiting: (() => void)[] = [];

  add(run: JobRun): void {
    this.all.push(run);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first run from the `from`-th on that `matches`; undefined once `timeoutMs` are over. */
  async next(matches: (run: JobRun) => boolean, from: number, timeoutMs: number): Promise<JobRun | undefined> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const found = this.all.slice(from).find(matches);
      const left = end - Date.now();
      if (found || left <= 0) return found;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
