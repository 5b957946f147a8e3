import { metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { errorCode } from '../../errors';

/** Without an SDK in the process all of this does nothing, and costs next to it. */
const SCOPE = 'cache-steward';

/** The only attributes there are: bounded, and never a key or a value. */
export const ATTRIBUTE_ENTITY = 'cache.entity';
export const ATTRIBUTE_KEYS = 'cache.keys';
export const ATTRIBUTE_ERROR = 'error.type';

/** A span around a call of a source. Throws what `work` threw. */
export async function inLoadSpan<T>(entity: string, keys: number, work: () => Promise<T>): Promise<T> {
  const attributes = { [ATTRIBUTE_ENTITY]: entity, [ATTRIBUTE_KEYS]: keys };
  return trace.getTracer(SCOPE).startActiveSpan('cache.load', { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      // The message of a loader's error may hold anything: only its code goes out.
      span.setAttribute(ATTRIBUTE_ERROR, errorCode(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** One observable counter a name: asked for when the SDK collects, so that a hit pays nothing for it. Answers how to end it. */
export function observe(
  counters: readonly string[],
  totals: (counter: string) => Iterable<readonly [entity: string, total: number]>,
): () => void {
  const meter = metrics.getMeter(SCOPE);
  const ends = counters.map((counter) => {
    const instrument = meter.createObservableCounter(counter.replace(/^cache_/, 'cache.'));
    const callback = (result: { observe(value: number, attributes: Record<string, string>): void }) => {
      for (const [entity, total] of totals(counter)) result.observe(total, { [ATTRIBUTE_ENTITY]: entity });
    };
    instrument.addCallback(callback);
    return () => instrument.removeCallback(callback);
  });
  return () => {
    for (const end of ends) end();
  };
}
