import { section } from './setting';
import { whole } from './setting-kinds';

export const refreshAheadSettings = section('Refresh-ahead', {
  REFRESH_BUDGET_PER_MINUTE: {
    schema: whole(3_000, 1, 1_000_000),
    meaning: 'Refreshes the planner claims a minute, of all entities together. Beyond it the coldest wait or expire.',
    unit: 'refreshes/min',
    expected: 'a whole number from 1 to 1000000',
    danger: 'This is load on your sources.',
  },
  REFRESH_MAX_KEYS: {
    schema: whole(10_000, 1, 1_000_000),
    meaning: 'Keys that may wait for a refresh at once; the coldest beyond it are forgotten and simply expire.',
    unit: 'keys',
    expected: 'a whole number from 1 to 1000000',
  },
  REFRESH_QUEUE_LATENCY_SECONDS: {
    schema: whole(90, 1, 3_600),
    meaning:
      'What a refresh by way of the planner and its queue usually takes. An entry with less life left is refreshed in the process that read it.',
    unit: 's',
    expected: 'a whole number from 1 to 3600',
  },
  REFRESH_VISIBILITY_SECONDS: {
    schema: whole(180, 10, 3_600),
    meaning: 'A claimed refresh that was not reported done within this is claimed again.',
    unit: 's',
    expected: 'a whole number from 10 to 3600',
  },
  REFRESH_DEMAND_FLUSH_MS: {
    schema: whole(1_000, 50, 60_000),
    meaning: 'How often a process tells Redis which keys it read past their refresh point, and how hot they are.',
    unit: 'ms',
    expected: 'a whole number from 50 to 60000',
  },
});
