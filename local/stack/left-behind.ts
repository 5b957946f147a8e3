import type { ServiceName } from './reachable';

export interface Ending {
  /** The setting that names each service of one's own; the others were started here and were in memory. */
  readonly own: ReadonlyMap<ServiceName, string>;
  /** Messages in each queue of the app; undefined if storage did not answer. */
  readonly waiting: ReadonlyMap<string, number> | undefined;
}

/** The last line: what is left where. */
export function leftBehind({ own, waiting }: Ending): string {
  const ours = (['Redis', 'storage', 'database'] as const).filter((service) => !own.has(service));
  const facts = [queued(own, waiting)];
  if (own.size > 0) {
    const names = [...own].map(([service, setting]) => `your ${service} (${setting})`);
    facts.push(`${capital(list(names))} ${own.size > 1 ? 'keep' : 'keeps'} what was written`);
  }
  if (ours.length > 0) facts.push(`${capital(list(ours))} ${ours.length > 1 ? 'were' : 'was'} in memory`);
  return `stopped: ${own.size > 0 ? '' : 'nothing is left. '}${facts.filter(Boolean).join('. ')}`;
}

/** What no job has taken up yet: accepted writes, refreshes and alerts. */
function queued(own: Ending['own'], waiting: Ending['waiting']): string {
  const setting = own.get('storage');
  if (waiting === undefined) {
    return setting
      ? `Your storage (${setting}) did not answer: accepted writes that are not saved yet wait in its queues`
      : 'Storage did not answer: accepted writes that were not saved yet are gone';
  }
  const queues = [...waiting].filter(([, count]) => count > 0);
  const count = queues.reduce((sum, [, messages]) => sum + messages, 0);
  if (count === 0) return '';
  const which = `${count === 1 ? '1 message' : `${count} messages`} (${queues.map(([name, n]) => `${name} ${n}`).join(', ')})`;
  return setting
    ? `In your storage, ${which} ${count === 1 ? 'waits' : 'wait'} for the next start`
    : `Gone with it: ${which} that no job had finished`;
}

const list = (names: readonly string[]) =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
