import { DeadlineError } from './errors';

/** Settles as `work` does, or rejects with `E_DEADLINE` after `ms`. What `work` does later is ignored, errors too. */
export function withDeadline<T>(work: PromiseLike<T>, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new DeadlineError(`Redis gave no answer within ${ms} ms; whether the command was carried out is unknown`),
        ),
      ms,
    );
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
