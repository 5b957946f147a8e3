import { createHash } from 'node:crypto';
import uplotScript from 'uplot/dist/uPlot.iife.min.js';
import uplotStyle from 'uplot/dist/uPlot.min.css';
import style from './page.css';
import template from './page.html';
import script from './page.script.html';

/**
 * The page in one file: it contains its style, its script and the chart library, and its policy forbids the browser to
 * load anything else.
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
    cache: escapeHtml(cache),
  };
  return template.replace(
    /\{\{(\w+)\}\}|<!--(\w+)-->/g,
    (_, value?: string, block?: string) => parts[value ?? block ?? ''] ?? '',
  );
}

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The header that the page sends with every change. A form on another site cannot send it. */
export const ACTION_HEADER = 'x-steward-action';

/**
 * True if a request that changes state comes from the page itself. A browser states the origin of a request, and asks the
 * server before it sends a custom header to another site. Tools send neither origin nor site, but must send the header.
 */
export function isSameSite(headers: { get(name: string): string | null }, ownOrigin: string): boolean {
  if (headers.get(ACTION_HEADER) === null) return false;
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin') return false;
  const origin = headers.get('origin');
  return origin === null || origin === ownOrigin;
}
