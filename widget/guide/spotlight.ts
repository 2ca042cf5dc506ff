// An element of the visitor's page that lights up, with the name of who shows it.

import type { Anchor } from './anchor.ts';
import { type Drawn, type Layer, put } from './layer.ts';

const litFor = 4_000; // ms
const around = 5; // px from the element to the light's outer edge

export class Spotlight implements Drawn {
  readonly element = document.createElement('div');
  readonly #name = document.createElement('span');
  #anchor: Anchor | null = null;
  #until = 0;

  constructor(private readonly layer: Layer) {
    this.element.className = 'lit';
    this.element.dataset.colour = '0';
    this.#name.className = 'who-points';
    this.element.append(this.#name);
  }

  light(anchor: Anchor, name: string): void {
    this.#anchor = anchor;
    this.#until = performance.now() + litFor;
    this.#name.textContent = name;
    this.layer.add(this);
  }

  place(now: number, x: number, y: number): boolean {
    const anchor = this.#anchor;
    if (!anchor || anchor.gone || now > this.#until) return false;
    const box = anchor.box();
    if (!box) this.element.style.visibility = 'hidden';
    if (!box) return true;
    put(this.element, box.left - around - x, box.top - around - y);
    this.element.style.width = `${box.width + 2 * around}px`;
    this.element.style.height = `${box.height + 2 * around}px`;
    return true;
  }

  clear(): void {
    this.layer.remove(this);
  }
}
