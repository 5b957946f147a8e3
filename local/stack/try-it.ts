import { dirname, relative } from 'node:path';
import { cacheDir, projectRoot } from '../servers/paths';

/** Commands worth typing, and what each is for. */
const COMMANDS = [
  ['doctor', 'is everything there that the app needs?'],
  ['sweep census', 'who fills Redis: keys and bytes by prefix'],
  ['metrics', 'the newest sample; the first one comes with the next full minute'],
] as const;

/**
 * What a person needs to use the command line against this stack, ready to be copied. `settings` are those of what was
 * started here: what is the person's own stays unsaid, it may hold a password, and is in their environment anyway.
 */
export function tryItLines(settings: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...COMMANDS.map(([command]) => command.length));
  return [
    'To use the command line, open a second terminal in this folder and paste:',
    '',
    // The Node on PATH may be too old: then ours was fetched.
    ...(process.execPath.startsWith(cacheDir)
      ? [`  export PATH="$PWD/${relative(projectRoot, dirname(process.execPath))}:$PATH"`]
      : []),
    ...Object.entries(settings).map(([name, value]) => `  export ${name}='${value}'`),
    ...COMMANDS.map(([command, purpose]) => `  node dist/cli.js ${command.padEnd(width)}  # ${purpose}`),
    '',
  ];
}
