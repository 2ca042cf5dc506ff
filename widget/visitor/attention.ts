// How a new message is noticed when nobody looks at the chat: a count on the
// button, the tab's title, and a soft sound. Nothing of it requires hearing.

/** Pause between the two titles, ms. */
const blink = 1600;

export interface TitleOwner {
  borrowTitle(title: string | null): void;
}

/** Lets the tab's title alternate with the news, until it is seen. */
export class TitleNews {
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly owner: TitleOwner,
    private readonly still = matchMedia('(prefers-reduced-motion: reduce)'),
  ) {}

  show(news: string | null): void {
    clearInterval(this.timer);
    this.owner.borrowTitle(news);
    if (news === null || this.still.matches) return;
    let on = true;
    this.timer = setInterval(() => {
      on = !on;
      this.owner.borrowTitle(on ? news : null);
    }, blink);
  }
}

/** The two notes of a new message: hertz and seconds after the start. */
const notes = [
  [660, 0],
  [880, 0.11],
] as const;
const loud = 0.06;
const fade = 0.32; // s

export class Chime {
  private context: AudioContext | null = null;

  /** Browsers allow sound only after a click or a key; called on one. */
  allow(): void {
    this.context ??= typeof AudioContext === 'function' ? new AudioContext() : null;
    void this.context?.resume().catch(() => {});
  }

  play(): void {
    if (navigator.userActivation?.hasBeenActive) this.allow();
    const { context } = this;
    if (context?.state !== 'running') return;
    for (const [hertz, after] of notes) {
      const at = context.currentTime + after;
      const tone = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(loud, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0005, at + fade);
      tone.connect(gain).connect(context.destination);
      tone.start(at);
      tone.stop(at + fade);
    }
  }
}
