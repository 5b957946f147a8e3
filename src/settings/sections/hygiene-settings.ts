import { flag, list, measured, oneOf, section, share, textOr, timeZone, whole } from '../setting';

export const hygieneSettings = section('Hygiene', {
  SWEEP_SESSIONS_MINUTES: {
    schema: measured('min', whole(60, 0, 43_200)),
    meaning: 'Time from the start of one sessions sweep to the start of the next; 0 turns it off.',
    danger: 'Sweeps start when SWEEP_SCHEDULE fires, so not more often than that.',
  },
  SWEEP_CENSUS_MINUTES: {
    schema: measured('min', whole(1_440, 0, 43_200)),
    meaning: 'The same for the census; 0 turns it off.',
    danger: 'Its history holds the last 366 runs: a year of daily ones.',
  },
  SWEEP_RECLAIM_MINUTES: {
    schema: measured('min', whole(360, 0, 43_200)),
    meaning: 'The same for the reclaiming of invalidated entries; 0 turns it off.',
  },
  SWEEP_DUTY: {
    schema: share(0.1, 0.001, 1),
    meaning:
      'Largest share of a Redis server’s time that a sweep may take. It takes less while others use more than half.',
    danger: 'At 1 a sweep runs at full speed, and a reader may wait for one batch (about 0.5 ms).',
  },
  SWEEP_SLICE_SECONDS: {
    schema: measured('s', whole(60, 1, 1_800)),
    meaning: 'How long one invocation works on a shard before it hands over to the next.',
    danger: 'Keep it well below `functionTimeout` of host.json.',
  },
  SWEEP_PAUSE_SECONDS: {
    schema: measured('s', whole(300, 1, 86_400)),
    meaning: 'How long a sweep pauses after evictions, latency, a failover or an outage have stopped it.',
  },
  SWEEP_MAX_HOURS: {
    schema: measured('h', whole(24, 1, 720)),
    meaning: 'A sweep that takes longer ends unfinished, and reports it.',
  },
  SWEEP_STOP_EVICTIONS_PER_SECOND: {
    schema: measured('1/s', whole(100, 0)),
    meaning: 'Evictions a second on a server, whatever the cause, above which a sweep pauses there.',
  },
  SWEEP_STOP_LATENCY_MS: {
    schema: measured('ms', whole(100, 1, 60_000)),
    meaning: 'If a server takes longer than this to answer twice in a row, a sweep pauses there.',
  },
  SWEEP_QUIET_HOURS: {
    schema: measured('HH:MM-HH:MM, by the clock of SWEEP_TIME_ZONE', list('ranges HH:MM-HH:MM')),
    meaning: 'Hours in which no sweep runs, such as `07:00-09:30,22:00-01:00`; a started sweep continues afterwards.',
  },
  SWEEP_TIME_ZONE: {
    schema: timeZone('UTC'),
    meaning: 'Time zone of SWEEP_QUIET_HOURS. Its own, because the functions host knows UTC only.',
  },
  SWEEP_PAGES: {
    schema: oneOf(['auto', 'script', 'commands'], 'auto'),
    meaning:
      'How a batch of keys is handled: `script`, one Lua call; `commands`, pipelined single-key commands. `auto` finds out.',
    danger: '`script` behind a proxy that spreads SCAN over several shards covers one of them only.',
  },
  SWEEP_SESSION_PREFIX: {
    schema: textOr('sess:', 'a key prefix'),
    meaning: 'The beginning of the sessions’ keys: the `prefix` of the web app’s session store.',
  },
  SWEEP_SESSION_SECONDS: {
    schema: measured('s', whole(86_400, 1)),
    meaning: 'Life of a session without a TTL whose record does not say how long it may idle.',
  },
  SWEEP_SESSION_LONGEST_SECONDS: {
    schema: measured('s', whole(604_800, 1)),
    meaning: 'A longer TTL of a session is cut to this: the `absoluteTtl` of the web app’s session store.',
    danger: 'Shorter than the store’s own, it logs users out early.',
  },
  SWEEP_INSPECT_EVERY: {
    schema: whole(64, 0),
    meaning: 'Every n-th session record is checked for damage and size; 0 checks none.',
    danger: 'At 1 every record is read completely, which halves the speed of a sweep.',
  },
  SWEEP_LARGE_SESSION_BYTES: {
    schema: measured('bytes', whole(65_536, 1)),
    meaning: 'A session record above this is reported as oversized.',
  },
  SWEEP_DRY_RUN: { schema: flag(false), meaning: 'Planned sweeps report what they would do, and change nothing.' },
});
