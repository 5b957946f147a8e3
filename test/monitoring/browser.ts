import { type Browser, chromium } from 'playwright-core';
import { findProgram } from '../../local/servers';

/** The system's Chromium, or the distribution's unpacked into `.cache/`; undefined where neither can be had. */
export async function openBrowser(): Promise<Browser | undefined> {
  const program = await findProgram({
    names: ['chromium', 'chromium-browser', 'google-chrome', 'chrome'],
    packages: [{ names: ['chromium'], path: 'usr/lib/chromium/chromium' }],
  });
  if (!program) return undefined;
  return chromium
    .launch({
      executablePath: program.path,
      env: { ...process.env, ...program.env } as Record<string, string>,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    })
    .catch(() => undefined);
}
