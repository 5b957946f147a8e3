import { createHash } from 'node:crypto';
import uplotScript from 'uplot/dist/uPlot.iife.min.js';
import uplotStyle from 'uplot/dist/uPlot.min.css';
import style from './page.css';
import template from './page.html';
import script from './page.script.html';

/**
 * The page in one piece: its style, its script and the chart library are in it, and its policy lets the browser load
 * nothing else.
 */
export function renderPage(cache: string): string {
  const code = script.replace(/^\s*<script>\n?/, '').replace(/<\/script>\s*$/, '');
  const scripts = [uplotScript, code];
  const hashes = scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  const policy =
    `default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; ` +
    `form-action 'none'; script-src ${hashes.join(' ')}`;
  const parts: Readonly<Record<string, string>> = {
    policy,
    style: `<style>${uplotStyle}\n${style}</style>`,
    scripts: scripts.map((text) => `<script>${text}</script>`).join('\n'),
    cache: escaped(cache),
  };
  return template.replace(
    /\{\{(\w+)\}\}|<!--(\w+)-->/g,
    (_, value?: string, block?: string) => parts[value ?? block ?? ''] ?? '',
  );
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
