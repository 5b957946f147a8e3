import { measured, oneOf, section, whole } from '../setting';

export const writeBehindSettings = section('Write-behind', {
  WRITE_BEHIND_MESSAGES_PER_SECOND: {
    schema: measured('messages/s', whole(50, 1, 2_000)),
    meaning:
      'Journal messages a process sends a second in steady load. Below it a write waits 2 ms for others to share its message; near it up to 20 ms.',
    danger: 'A storage queue takes about 2,000 a second from all processes together.',
  },
  WRITE_BEHIND_BUFFER_BYTES: {
    schema: measured('bytes', whole(16_777_216, 65_536)),
    meaning:
      'Bytes of writes a process holds while the journal is slower than its callers. Beyond it a write is refused at once (E_WRITE_REFUSED). Values on their way to a blob may take up as much again, and the largest value.',
  },
  WRITE_BEHIND_APPEND_TIMEOUT_MS: {
    schema: measured('ms', whole(5_000, 100, 120_000)),
    meaning:
      'How long a write may wait for the journal. After it, a write that was not sent is refused; one that was sent is unknown.',
  },
  WRITE_BEHIND_MAX_VALUE_BYTES: {
    schema: measured('bytes', whole(33_554_432, 1_024, 134_217_728)),
    meaning:
      'Largest value, in bytes of JSON. A value that does not fit a message is sent in a blob, which is kept at most 365 days.',
    danger: 'A flush holds such values in memory.',
  },
  WRITE_BEHIND_CLOCK_BOUND_SECONDS: {
    schema: measured('s', whole(300, 1, 86_400)),
    meaning: 'A journalled version further ahead of the clock than this becomes a dead letter with the reason `clock`.',
    danger: 'Shorter than the skew between your machines, it puts good writes aside.',
  },
  WRITE_BEHIND_RETRY_CAP_SECONDS: {
    schema: measured('s', whole(60, 1, 3_600)),
    meaning: 'Longest pause before writes that a store could not take for now are tried again. The first is 2 s.',
  },
  WRITE_BEHIND_UNKNOWN_ENTITY_HOURS: {
    schema: measured('hours', whole(24, 1, 720)),
    meaning:
      'How long writes of an entity (or in a message format) that this deployment does not know yet are kept in the journal before they become dead letters.',
  },
  WRITE_BEHIND_SOFT_MESSAGES: {
    schema: measured('messages', whole(5_000, 1)),
    meaning: 'Messages in the journal from which web processes warn, once, and count `journal_backlog|level=soft`.',
  },
  WRITE_BEHIND_HARD_MESSAGES: {
    schema: measured('messages', whole(100_000, 1)),
    meaning: 'Messages in the journal from which WRITE_BEHIND_WHEN_FULL applies.',
  },
  WRITE_BEHIND_SOFT_AGE_SECONDS: {
    schema: measured('s', whole(300, 1)),
    meaning: 'Age of the oldest waiting write from which web processes warn, once.',
  },
  WRITE_BEHIND_HARD_AGE_SECONDS: {
    schema: measured('s', whole(43_200, 1, 86_400)),
    meaning: 'Age of the oldest waiting write from which WRITE_BEHIND_WHEN_FULL applies.',
    danger: 'A waiting write stays in the cache for a day; an older one could be missed by readers.',
  },
  WRITE_BEHIND_WHEN_FULL: {
    schema: oneOf(['reject', 'write-through'], 'reject'),
    meaning:
      'What to do with writes beyond a hard limit: `reject` refuses them (E_WRITE_REFUSED), `write-through` saves each at once by the same fenced statement.',
    danger: '`write-through` puts every single write on a database that may be the reason for the backlog.',
  },
});
