import { oneOf, section, whole } from './setting';

export const writeBehindSettings = section('Write-behind', {
  WRITE_BEHIND_MESSAGES_PER_SECOND: {
    schema: whole(50, 1, 2_000),
    meaning:
      'Journal messages a process sends a second in steady load. Below it a write waits 2 ms for others to share its message; near it up to 20 ms.',
    unit: 'messages/s',
    danger: 'A storage queue takes about 2,000 a second from all processes together.',
  },
  WRITE_BEHIND_BUFFER_BYTES: {
    schema: whole(16_777_216, 65_536),
    meaning:
      'Bytes of writes a process holds while the journal is slower than its callers. Beyond it a write is refused at once (E_WRITE_REFUSED). Values on their way to a blob may take up as much again, and the largest value.',
    unit: 'bytes',
  },
  WRITE_BEHIND_APPEND_TIMEOUT_MS: {
    schema: whole(5_000, 100, 120_000),
    meaning:
      'How long a write may wait for the journal. After it, a write that was not sent is refused; one that was sent is unknown.',
    unit: 'ms',
  },
  WRITE_BEHIND_MAX_VALUE_BYTES: {
    schema: whole(33_554_432, 1_024, 134_217_728),
    meaning:
      'Largest value, in bytes of JSON. A value that does not fit a message is sent in a blob, which is kept at most 365 days.',
    unit: 'bytes',
    danger: 'A flush holds such values in memory.',
  },
  WRITE_BEHIND_CLOCK_BOUND_SECONDS: {
    schema: whole(300, 1, 86_400),
    meaning: 'A journalled version further ahead of the clock than this becomes a dead letter with the reason `clock`.',
    unit: 's',
    danger: 'Shorter than the skew between your machines, it puts good writes aside.',
  },
  WRITE_BEHIND_RETRY_CAP_SECONDS: {
    schema: whole(60, 1, 3_600),
    meaning: 'Longest pause before writes that a store could not take for now are tried again. The first is 2 s.',
    unit: 's',
  },
  WRITE_BEHIND_UNKNOWN_ENTITY_HOURS: {
    schema: whole(24, 1, 720),
    meaning:
      'How long writes of an entity (or in a message format) that this deployment does not know yet are kept in the journal before they become dead letters.',
    unit: 'hours',
  },
  WRITE_BEHIND_SOFT_MESSAGES: {
    schema: whole(5_000, 1),
    meaning: 'Messages in the journal from which web processes warn, once, and count `journal_backlog|level=soft`.',
    unit: 'messages',
  },
  WRITE_BEHIND_HARD_MESSAGES: {
    schema: whole(100_000, 1),
    meaning: 'Messages in the journal from which WRITE_BEHIND_WHEN_FULL applies.',
    unit: 'messages',
  },
  WRITE_BEHIND_SOFT_AGE_SECONDS: {
    schema: whole(300, 1),
    meaning: 'Age of the oldest waiting write from which web processes warn, once.',
    unit: 's',
  },
  WRITE_BEHIND_HARD_AGE_SECONDS: {
    schema: whole(43_200, 1, 86_400),
    meaning: 'Age of the oldest waiting write from which WRITE_BEHIND_WHEN_FULL applies.',
    unit: 's',
    danger: 'A waiting write stays in the cache for a day; an older one could be missed by readers.',
  },
  WRITE_BEHIND_WHEN_FULL: {
    schema: oneOf(['reject', 'write-through'], 'reject'),
    meaning:
      'What to do with writes beyond a hard limit: `reject` refuses them (E_WRITE_REFUSED), `write-through` saves each at once by the same fenced statement.',
    danger: '`write-through` puts every single write on a database that may be the reason for the backlog.',
  },
});
