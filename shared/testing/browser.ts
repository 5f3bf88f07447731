/** Chromium as tests use it. What runs inside a page is given as text or as a script file: it knows nothing of Node. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const path = '/usr/bin/chromium';

/** False where the tests of a browser are left out. */
export const hasBrowser = existsSync(path);

/** Headless, silent, allowed to play by itself, and without the calls home of a browser that somebody owns. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: path,
    args: [
      ...[
        '--no-sandbox',
        '--autoplay-policy=no-user-gesture-required',
        '--mute-audio',
        '--disable-gpu',
        '--disable-quic',
      ],
      ...['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });

if (!hasBrowser) console.warn(`nothing is tried in a browser: ${path} is not there (apt-get install chromium)`);
