import { Command } from 'commander';
import { registerSecrets } from '../../src/cli/commands/secrets-command';
import { createKeyVaultSecrets, type SecretSource, type SessionSecret } from '../../src/sessions';
import { signingOrder } from '../../src/sessions/secrets/session-secrets';
import { type Rig, startRig } from './rig';
import { Browser, browserWith, startSite } from './site';
import { startVault, type VaultDouble } from './vault-double';

describe('the secret in Key Vault', () => {
  let vault: VaultDouble;
  beforeEach(async () => {
    vault = await startVault();
  });
  afterEach(() => vault.close());

  const open = (options: { vaultUrl: string; name: string; kept: number }) =>
    createKeyVaultSecrets({
      ...options,
      credential: { getToken: async () => ({ token: 'test-token', expiresOnTimestamp: Date.now() + 3_600_000 }) },
      client: {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: vault.ca },
        retryOptions: { maxRetries: 0 },
      },
    });
  const source = () => open({ vaultUrl: vault.url, name: 'session-secret', kept: 3 });
  const command = async (...args: string[]) => {
    const [lines, codes]: [string[], number[]] = [[], []];
    const env = { KEY_VAULT_URL: vault.url };
    const io = { out: lines.push.bind(lines), err: lines.push.bind(lines), env, isTerminal: false };
    const program = new Command().exitOverride();
    registerSecrets(program, { ...io, exit: (code: number) => void codes.push(code) } as never, open);
    await program.parseAsync(['node', 'cache-steward', 'secrets', ...args]);
    return { lines, codes };
  };

  test('is made once by init, and init never changes one that is there', async () => {
    expect(await source().read()).toEqual([]);
    expect((await command('init')).lines).toEqual(['session-secret: created']);
    expect((await command('init')).lines).toEqual(['session-secret: the secret already exists; nothing was changed']);
    expect(vault.versions.map(({ value }) => value)).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
  });

  test('is rotated by a new version, the newest first, and the oldest go out of force', async () => {
    await command('init');
    for (let n = 0; n < 4; n += 1) await command('rotate');
    expect(vault.versions.map(({ enabled }) => enabled)).toEqual([false, false, true, true, true]);
    const values = vault.versions.map(({ value }) => value);
    expect(new Set(values).size).toBe(5);
    expect((await source().read()).map(({ value }) => value)).toEqual([values[4], values[3], values[2]]);
    expect(vault.requests).toContain('PATCH /secrets/session-secret/<version>');
  });

  test('never appears in what a command prints', async () => {
    const { lines } = await command('init');
    const rotated = await command('rotate');
    expect(rotated.lines).toEqual(['session-secret: rotated; 0 older versions disabled']);
    for (const { value } of vault.versions) expect(lines.concat(rotated.lines).join('\n')).not.toContain(value);
  });

  test('needs the vault’s URL', async () => {
    const [lines, codes]: [string[], number[]] = [[], []];
    const program = new Command();
    const io = { out: () => {}, err: (line: string) => void lines.push(line), env: {}, isTerminal: false };
    registerSecrets(program, { ...io, exit: (code) => void codes.push(code) });
    await program.parseAsync(['node', 'cache-steward', 'secrets', 'init']);
    expect([lines, codes]).toEqual([
      ['KEY_VAULT_URL is not set. Set it to the https URL of the Key Vault that holds the secret.'],
      [2],
    ]);
  });
});

test('a fresh secret verifies at once and signs when every process has had the time to read it', () => {
  const at = (ms: number, value: string): SessionSecret => ({ value, createdAt: new Date(ms) });
  const [old, fresh] = [at(1_000, 'old'), at(9_500, 'fresh')];
  expect(signingOrder([fresh, old], 10_000, 1_000)).toEqual(['old', 'fresh']);
  expect(signingOrder([fresh, old], 10_500, 1_000)).toEqual(['fresh', 'old']);
  expect(signingOrder([fresh], 9_500, 1_000)).toEqual(['fresh']);
  expect(signingOrder([fresh, at(9_400, 'older')], 9_600, 1_000)).toEqual(['older', 'fresh']);
  expect(signingOrder([], 0, 1)).toEqual([]);
});

describe('rotation over HTTP', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('standalone');
  });
  afterAll(() => rig.close());

  test('logs nobody out, on servers that read it earlier or later', async () => {
    const aged = (...values: string[]) => values.map((value, n) => ({ value, createdAt: new Date(1e12 - n) }));
    const versions = { now: aged('one') };
    const reads = { count: 0 };
    const source: SecretSource = {
      read: async () => {
        reads.count += 1;
        if (reads.count === 4) throw new Error('the vault is down');
        return versions.now;
      },
    };
    const late = await startSite({ redis: rig.redis, prefix: 'sess:rotation:', secrets: ['one'] });
    const early = await startSite({
      redis: rig.redis,
      prefix: 'sess:rotation:',
      secrets: source,
      secretsEverySeconds: 0.02,
    });
    const until = async (count: number) => {
      while (reads.count < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    try {
      const browser = new Browser(early);
      await browser.post('/login?user=ann');
      const old = browser.cookie;
      versions.now = [{ value: 'two', createdAt: new Date(Date.now() + 3_600_000) }, ...aged('one')];
      await until(reads.count + 2);
      // Young: it signs nothing yet, so the other server understands what this one sends.
      expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
      expect((await browserWith(late, browser.cookie).get('/me')).body).toEqual({ userId: 'ann' });
      versions.now = aged('two', 'one');
      await until(reads.count + 3);
      expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
      expect(browser.cookie).not.toBe(old); // rolled on with the new secret
      expect((await browserWith(early, old).get('/me')).body).toEqual({ userId: 'ann' });
      versions.now = aged('two');
      await until(reads.count + 2);
      expect((await browserWith(early, old).get('/me')).body).toEqual({});
      expect((await browser.get('/me')).body).toEqual({ userId: 'ann' });
    } finally {
      await early.close();
      await late.close();
    }
  });

  test('an app without any secret doesn’t start', async () => {
    const started = startSite({ redis: rig.redis, secrets: { read: async () => [] } });
    await expect(started).rejects.toMatchObject({ code: 'E_SESSION_OPTIONS' });
  });
});
