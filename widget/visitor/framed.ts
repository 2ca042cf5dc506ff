// A page inside a frame, of a page of the same site: it shows itself when that
// page is shared. Loaded in frames only.
import type { Call, Order } from './frames.ts';
import { type Capture, siteOptions } from './share.ts';
import type { Shell } from './shell.ts';

declare const CAPTURE_MODULE: string; // its file's name, by build.mjs

let stop = (): void => {}; // ends showing
let attended = false;

/**
 * Waits to be asked. The page that asks gets to read what is not masked of this one, where browsers else keep origins
 * apart: so this one names the origins that may (data-shown-in), and the site has to list them.
 */
export function attend(shell: Shell): void {
  if (attended) return;
  attended = true;
  const { settings } = shell;
  const { shownIn = '' } = document.querySelector<HTMLElement>('script[data-site][data-shown-in]')?.dataset ?? {};
  if (!shownIn) return;
  const named = shownIn.split(/\s+/);
  const may = (origin: string): boolean =>
    named.includes(origin) && (shell.welcome?.site?.origins?.includes(origin) ?? false);
  addEventListener('message', ({ data, origin, source }) => {
    const { kohe, site } = Object(data) as { kohe?: Call; site?: string };
    if (source !== parent || kohe !== 'show' || site !== settings.site || !may(origin) || !shell.resting) return;
    void show(shell, origin);
  });
  addEventListener('pageshow', ({ persisted }) => persisted && call('here', settings.site, '*'));
  call('here', settings.site, '*');
}

function call(kohe: Call, site: string, origin: string, ports: MessagePort[] = []): void {
  parent.postMessage({ kohe, site }, origin, ports);
}

async function show({ settings, welcome, frame }: Shell, origin: string): Promise<void> {
  stop();
  const { port1: port, port2 } = new MessageChannel();
  let on = true;
  let capture: Capture | undefined;
  const gone = (): void => {
    port.postMessage('gone');
    stop();
  };
  stop = () => {
    on = false;
    removeEventListener('pagehide', gone);
    capture?.stop();
    port.close();
    frame.style.display = '';
    stop = () => {};
  };
  frame.style.display = 'none'; // the page around it has the chat
  addEventListener('pagehide', gone);
  port.onmessage = ({ data }: MessageEvent<Order>) => {
    if (data === 'snapshot') capture?.snapshot();
    else stop();
  };
  call('shown', settings.site, origin, [port2]);
  const loaded = (await import(`${settings.node}/kohe/a/${CAPTURE_MODULE}`)) as Capture;
  if (!on) return;
  capture = loaded;
  loaded.start((message) => port.postMessage(message, [message.buffer]), {
    ...siteOptions(welcome?.site),
    onPointer: (pointer) => port.postMessage({ pointer }),
  });
}
