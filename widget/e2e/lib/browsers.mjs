// Real browsers: Chromium by playwright-core, Firefox by puppeteer-core.
import { chromium } from 'playwright-core';

/** `options` are Playwright's, beside the usual ones; `args` come after the usual ones. */
export function launchChromium({ args = [], ...options } = {}) {
  return chromium.launch({
    ...options,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      ...args,
    ],
  });
}
