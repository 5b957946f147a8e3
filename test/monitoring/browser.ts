import { type Browser, chromium } from 'playwright-core';
import { findProgram } from '../../local/servers';

/** The system's Chromium, or the distribution's unpacked into `.cache/`; undefined if neither is available. */
export async function openBrowser(): Promise<Browser | undefined> {
  const program = await findProgram({
    names: ['chromium', 'chromium-browser', 'google-chrome', 'chrome'],
    packages: [{ names: ['chromium'], path: 'usr/lib/chromium/chromium' }],
  });
  if (!program) return undefined;
  const folders = (program.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);
  // Some libraries keep their private halves in a folder of their own.
  const libraries = [...folders, ...folders.map((folder) => `${folder}/pulseaudio`)].join(':');
  return chromium
    .launch({
      executablePath: program.path,
      env: { ...process.env, ...(libraries ? { LD_LIBRARY_PATH: libraries } : {}) } as Record<string, string>,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    })
    .catch((error: unknown) => {
      console.warn(String(error).slice(0, 600));
      return undefined;
    });
}
