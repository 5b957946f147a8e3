/** Settles as `work` does; after `ms` it rejects with the error that `late` makes, and `work` is ignored, errors too. */
export function withTimeout<T>(work: PromiseLike<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** Resolves once `work` has settled, either way, and after `ms` at the latest. */
export const settledWithin = (work: Promise<unknown>, ms: number): Promise<void> =>
  withTimeout(work.then(nothing, nothing), ms, () => new Error()).catch(nothing);

function nothing(): void {}
