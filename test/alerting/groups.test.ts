import type { AlertInstance, AlertState } from '../../src/alerting/evaluate/alert-state';
import { emptyState } from '../../src/alerting/evaluate/alert-state';
import { type AlertGroup, endedGroup, groupsOf, type LastNotification } from '../../src/alerting/notify/alert-groups';
import { isNotificationDue } from '../../src/alerting/notify/notification-due';
import { MINUTE } from '../../src/clock';

const times = { groupIntervalMs: 5 * MINUTE, repeatMs: 240 * MINUTE };
const instance = (
  alert: string,
  state: AlertInstance['state'],
  labels: Record<string, string> = {},
): AlertInstance => ({
  rule: alert,
  labels: { alert, cache: 'c', severity: 'warning', ...labels },
  ...{ state, activeAt: 0, value: 1, summary: '', runbook: '' },
});
const stateOf = (...instances: AlertInstance[]): AlertState => ({
  ...emptyState,
  alerts: Object.fromEntries(instances.map((it, index) => [String(index), it])),
});
const group = (firing: string[], resolved: string[] = [], muted = 0): AlertGroup => {
  const members = (ids: string[]) => ids.map((id) => ({ id, instance: instance('A', 'firing') }));
  return { key: 'k', labels: {}, firing: members(firing), resolved: members(resolved), muted };
};
const last = (over: Partial<LastNotification>): LastNotification => ({
  labels: {},
  firing: [],
  resolved: [],
  at: MINUTE,
  failures: 0,
  notBefore: 0,
  ...over,
});

test.each([
  ['never notified: pending once something fires', group(['a']), undefined, 1, true],
  ['never notified: a group that only resolved is not sent', group([], ['a']), undefined, 1, false],
  ['unchanged: nothing is pending', group(['a']), last({ firing: ['a'] }), 30, false],
  ['unchanged for longer than the repeat: pending again', group(['a']), last({ firing: ['a'] }), 242, true],
  ['a new one waits for the group’s interval', group(['a', 'b']), last({ firing: ['a'] }), 5, false],
  ['a new one is pending at the group’s interval', group(['a', 'b']), last({ firing: ['a'] }), 6, true],
  ['one of two resolved is pending', group(['a'], ['b']), last({ firing: ['a', 'b'] }), 6, true],
  ['all resolved is pending', group([], ['a']), last({ firing: ['a'] }), 6, true],
  ['all resolved is sent once', group([], ['a']), last({ resolved: ['a'] }), 300, false],
  ['fired and resolved between two messages is not sent', group([], ['a', 'b']), last({ resolved: ['a'] }), 6, false],
  ['it fires again after it was reported as resolved: at once', group(['a']), last({ resolved: ['a'] }), 2, true],
  ['a muted group is neither pending nor resolved', group([], [], 1), last({ firing: ['a'] }), 300, false],
  [
    'a receiver that failed is left alone until its pause is over',
    group(['a']),
    last({ at: 0, notBefore: 9 * MINUTE }),
    8,
    false,
  ],
  ['and tried after it', group(['a']), last({ at: 0, notBefore: 9 * MINUTE }), 9, true],
  [
    'the end of a group without alerts is still pending',
    endedGroup('k', last({ firing: ['a'] })),
    last({ firing: ['a'] }),
    60,
    true,
  ],
] as [string, AlertGroup, LastNotification | undefined, number, boolean][])(
  '%s',
  (_, given, before, minute, expected) => {
    expect(isNotificationDue(given, before, times, minute * MINUTE)).toBe(expected);
  },
);

test('a group holds what agrees in its labels; what is pending is in none', () => {
  const state = stateOf(
    instance('A', 'firing', { node: '1' }),
    instance('A', 'inactive', { node: '2' }),
    instance('A', 'pending', { node: '3' }),
    instance('B', 'firing'),
  );
  const groups = [...groupsOf(state, [], ['alert', 'cache']).values()];
  expect(groups.map(({ labels, firing, resolved }) => [labels.alert, firing.length, resolved.length])).toEqual([
    ['A', 1, 1],
    ['B', 1, 0],
  ]);
});

test('RedisDown mutes the rest of its cache, itself never, and another cache not', () => {
  const state = stateOf(
    instance('RedisDown', 'firing', { node: '1' }),
    instance('RedisDown', 'firing', { node: '2' }),
    instance('MemoryHigh', 'firing'),
    instance('MemoryHigh', 'firing', { cache: 'other' }),
  );
  const groups = [
    ...groupsOf(state, [{ source: { alert: 'RedisDown' }, equal: ['cache'] }], ['alert', 'cache']).values(),
  ];
  expect(groups.map(({ labels, firing, muted }) => [labels.alert, labels.cache, firing.length, muted])).toEqual([
    ['RedisDown', 'c', 2, 0],
    ['MemoryHigh', 'c', 0, 1],
    ['MemoryHigh', 'other', 1, 0],
  ]);
});

test('a source that is only pending, or has resolved, mutes nothing', () => {
  const rules = [{ source: { alert: 'RedisDown' }, equal: ['cache'] }];
  for (const state of ['pending', 'inactive'] as const) {
    const groups = groupsOf(stateOf(instance('RedisDown', state), instance('A', 'firing')), rules, ['alert']);
    expect([...groups.values()].find(({ labels }) => labels.alert === 'A')?.firing).toHaveLength(1);
  }
});
