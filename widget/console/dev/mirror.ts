// Stands in for the mirror: draws a page of the demo shop whatever it is sent.

import type { Mirror, MirrorOptions } from '../edge.ts';

const sheet = `
  .shop { width: 1280px; height: 900px; transform-origin: 0 0; font: 16px/1.5 sans-serif; background: #fff; color: #222; }
  header { display: flex; gap: 32px; padding: 24px 64px; background: #22313f; color: #fff; }
  main { padding: 40px 64px; max-width: 760px; }
  h2 { font-size: 32px; margin: 0 0 24px; }
  p { margin: 0 0 4px; }
  .box { border: 1px solid #99a; border-radius: 6px; padding: 10px 14px; margin: 0 0 20px; }
  .wrong { border-color: #c0392b; }
  .error { color: #b02a1c; margin-bottom: 20px; }
  .go { display: inline-block; background: #b5461b; color: #fff; border-radius: 6px; padding: 12px 28px; }
`;

export function openScriptedMirror(container: HTMLElement, { onMove }: MirrorOptions): Mirror {
  const host = document.createElement('div');
  const root = host.attachShadow({ mode: 'open' });
  const styles = new CSSStyleSheet();
  styles.replaceSync(sheet);
  root.adoptedStyleSheets = [styles];
  host.setAttribute('inert', '');
  container.append(host);
  const add = (parent: Node, name: string, text = '', className = '') => {
    const element = document.createElement(name);
    element.textContent = text;
    element.className = className;
    parent.appendChild(element);
    return element;
  };
  const shop = document.createElement('div');
  shop.className = 'shop';
  root.append(shop);
  const fit = new ResizeObserver(() => {
    shop.style.transform = `scale(${container.clientWidth / shop.offsetWidth})`;
  });
  fit.observe(container);
  return {
    apply: async () => {
      shop.replaceChildren();
      const top = add(shop, 'header');
      for (const text of ['Demo shop', 'Cars', 'Loan', 'Test drive', 'Basket']) add(top, 'span', text);
      const main = add(shop, 'main');
      add(main, 'h2', 'Car loan');
      add(main, 'p', 'Name');
      add(main, 'div', 'Mari', 'box');
      add(main, 'p', 'Monthly income, euros');
      add(main, 'div', '1 850,50', 'box wrong');
      add(main, 'p', 'Please enter whole euros.', 'error');
      add(main, 'p', 'Personal code');
      add(main, 'div', '•••••••••••', 'box');
      add(main, 'span', 'Calculate', 'go');
      onMove();
    },
    pointer: () => undefined,
    reach: () => undefined,
    at: () => null,
    around: () => null,
    anchor: () => null,
    follow: () => undefined,
    scrollAt: () => false,
    scrollTo: () => undefined,
    overview: () => ({ height: 2400, shown: 900, visitor: 300, agent: 300 }),
    viewport: () => ({ width: 1280, height: 900, bar: 15, zoom: 100, ratio: 100, answers: 24 }),
    setName: () => undefined,
    view: () => shop as HTMLElement as HTMLIFrameElement, // what is asked of it here a box has too
    close: () => {
      fit.disconnect();
      host.remove();
    },
  };
}
