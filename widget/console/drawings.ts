// What is drawn on the pages of visitors: shown here at once, and there as soon
// as the visitor allows it.

import { newId } from '../wire/frame.ts';
import type { Draw, Session } from '../wire/payload.ts';

/** Where the drawings on one page are shown to the agent. */
export interface Sheet {
  draw(drawing: Draw): void;
  remove(id: string): void;
}

/** Is told the code of the error. */
export type Refused = (code: string) => void;

interface Waiting {
  drawing: Draw;
  refused: Refused;
}

const waitingMost = 32; // drawings of one session, as many as stay on a page (edge/draw.go); the oldest goes

export class Drawings {
  readonly #sheets = new Map<string, Sheet>(); // by session
  readonly #waiting = new Map<string, readonly Waiting[]>();

  /** send asks the edge; lost tells the agent that what they drew was not shown. */
  constructor(
    private readonly send: (drawing: Draw, refused: Refused) => void,
    private readonly lost: (session: string) => void,
  ) {}

  lay(session: string, sheet: Sheet): void {
    this.#sheets.set(session, sheet);
  }

  lift(session: string): void {
    this.#sheets.delete(session);
  }

  /** Shows what somebody else has drawn. */
  show(drawing: Draw): void {
    this.#sheets.get(drawing.session)?.draw(drawing);
  }

  /** Draws on a visitor's page and here, or takes all drawings away. */
  draw({ id: session, granted }: Session, draw: Omit<Draw, 'id' | 'session'>, refused: Refused): void {
    const drawing = { ...draw, session, id: newId() };
    if (drawing.shape === 'clear') this.#waiting.delete(session);
    this.show(drawing);
    if (granted?.includes('draw') || drawing.shape === 'clear') this.#send(drawing, refused);
    else {
      const before = this.#waiting.get(session) ?? [];
      this.#waiting.set(session, [...before.slice(1 - waitingMost), { drawing, refused }]);
    }
  }

  /** The visitor may have answered: what waited for that is shown, or lost. */
  settle({ id, granted, refused, state }: Session): void {
    if (state !== 'active' || refused?.includes('draw')) this.lose(id);
    if (!granted?.includes('draw')) return;
    for (const { drawing, refused } of this.#take(id)) {
      this.#sheets.get(id)?.remove(drawing.id); // faded meanwhile, perhaps
      this.show(drawing);
      this.#send(drawing, refused);
    }
  }

  /** The page that it was drawn on is gone: its nodes have the numbers of other elements. */
  lose(session: string): void {
    const waiting = this.#take(session);
    for (const { drawing } of waiting) this.#sheets.get(session)?.remove(drawing.id);
    if (waiting.length) this.lost(session);
  }

  #take(session: string): readonly Waiting[] {
    const waiting = this.#waiting.get(session) ?? [];
    this.#waiting.delete(session);
    return waiting;
  }

  #send(drawing: Draw, refused: Refused): void {
    this.send(drawing, (code) => {
      this.#sheets.get(drawing.session)?.remove(drawing.id);
      refused(code);
    });
  }
}
