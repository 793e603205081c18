/* Headless Chromium for the pages of the systems. */

import fs from "node:fs";

import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
];

export const noBrowser = fs.existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}`;

export function launch() {
    return noBrowser ? null : chromium.launch({ executablePath: CHROMIUM, args: QUIET });
}

/* A page in a browser of its own, and what went wrong in it. Connections that were cut are the
 * subject of some tests, and 401 is how a page learns that nobody is signed in. */
export async function open(browser, url) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
        if (message.type() === "error" && !/WebSocket|ERR_|401/.test(message.text())) errors.push(message.text());
    });
    await page.goto(url);
    return { page, errors, leave: () => context.close() };
}
